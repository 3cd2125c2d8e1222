"""Names of topics in the tables."""

import numpy as np
import pytest

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import suggest_names
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import (
    differential_terms,
    dominant_topics,
    representative_documents,
    summary,
    topic_info,
    topic_words,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(100, 30, 3, random_state=0)[0]
    X[0] = 0
    model = TorchPoissonNMF(3, topic_names=["space", None, "pets"], random_state=0)
    return X, model.fit(X)


def test_tables(fitted):
    X, model = fitted
    info = topic_info(model, X).set_index("Topic")["Name"]
    assert info[0] == "space"
    assert info[2] == "pets"
    assert info[1].startswith("1_")
    assert topic_words(model).columns.tolist() == ["space", 1, "pets"]
    names = {0: "space", 1: "1", 2: "pets", -1: ""}
    for table in dominant_topics(model, X), differential_terms(model, X):
        assert table["Name"].tolist() == table["Topic"].map(names).tolist()
    text = summary(model, X)
    assert "  space: " in text
    assert "  pets: " in text


def test_namers_get_terms_and_documents(fitted):
    X, model = fitted
    seen = []

    def namer(terms, documents):
        seen.append((terms, documents))
        return "same\n name"

    texts = [f"text {i}" for i in range(X.shape[0])]
    names = suggest_names(model, namer, X, texts, n_terms=4, n_documents=2)
    assert names == ["same name", "same name (2)", "same name (3)"]
    typical = representative_documents(model, X, texts, n_documents=2)
    for k, (terms, documents) in enumerate(seen):
        best = model.components_[k].argsort()[::-1][:4]
        assert terms == [str(j) for j in best]
        assert documents == typical["Text"][typical["Topic"] == k].tolist()
        assert len(documents) == 2


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"namer": "gpt"}, TypeError, "must be a function"),
        ({"namer": lambda terms, documents: 3}, TypeError, "must return a str"),
        ({"X": np.ones((2, 30))}, ValueError, "both X and texts"),
        ({"X": np.ones((2, 30)), "texts": ["a"]}, ValueError, "1 items, but X has 2"),
    ],
)
def test_mistakes_are_named(fitted, options, kind, message):
    with pytest.raises(kind, match=message):
        suggest_names(fitted[1], **{"namer": lambda terms, documents: "a", **options})
