"""Tables about fitted models."""

import sys
import warnings

import numpy as np
import pandas
import pytest
import torch
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.inspection import (
    differential_terms,
    dominant_topics,
    summary,
    top_terms,
    topic_info,
    topic_words,
)
from sklearn_topics.metrics import coherence

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4


@pytest.fixture(
    scope="module", params=[TorchPoissonNMF, LatentDirichletAllocation, NMF]
)
def pipe(request):
    return make_pipeline(CountVectorizer(), request.param(2, random_state=0)).fit(TEXTS)


def test_terms_of_two_subjects(pipe):
    found = {frozenset(term for term, _ in row[:2]) for row in top_terms(pipe)}
    assert found == {frozenset(["cat", "dog"]), frozenset(["sun", "moon"])}


def test_weights_are_probabilities_in_falling_order(pipe):
    for row, topic in zip(top_terms(pipe), topic_words(pipe).T.to_numpy(), strict=True):
        weights = [weight for _, weight in row]
        assert sum(weights) == pytest.approx(1)
        assert weights == sorted(topic[topic > 0], reverse=True)


TOPICS = np.array([[6, 3, 1, 0], [6, 0, 2, 2]]) / 10
NAMES = ["the", "cat", "sun", "moon"]


def test_lift_by_its_formula():
    (first, second) = top_terms(TOPICS, NAMES, by="lift", topic_shares=[3, 1])
    overall = 0.75 * TOPICS[0] + 0.25 * TOPICS[1]
    assert first[0] == ("cat", pytest.approx(0.3 / overall[1]))
    assert second[0] == ("moon", pytest.approx(0.2 / overall[3]))


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_relevance_by_its_formula(weight):
    first, _ = top_terms(TOPICS, NAMES, by="relevance", relevance_weight=weight)
    found = dict(first)
    lift = TOPICS[0] / TOPICS.mean(0)
    for name, p, r in zip(NAMES[:3], TOPICS[0], lift, strict=False):
        expected = weight * np.log(p) + (1 - weight) * np.log(r)
        assert found[name] == pytest.approx(expected)
    assert "moon" not in found  # its probability is 0


def test_relevance_lies_between_probability_and_lift():
    def order(**options):
        return [
            [term for term, _ in row] for row in top_terms(TOPICS, NAMES, **options)
        ]

    relevance = {"by": "relevance"}
    assert order(**relevance, relevance_weight=1) == order(by="probability")
    assert order(**relevance, relevance_weight=0)[0][:3] == order(by="lift")[0][:3]
    assert order(**relevance, relevance_weight=0) != order(by="probability")


def test_table_of_topics(pipe):
    table = topic_info(pipe, TEXTS, n_terms=2, n_documents=2)
    assert table.columns.tolist()[:5] == [
        "Topic",
        "Count",
        "Name",
        "Representation",
        "Representative_Docs",
    ]
    assert table["Count"].tolist() == [12, 8]
    assert table["Share"].sum() == pytest.approx(1)
    assert table["Share"].is_monotonic_decreasing
    animals = table.iloc[0]
    assert set(animals["Representation"]) == {"cat", "dog"}
    assert animals["Name"] == "_".join(
        [str(animals["Topic"]), *animals["Representation"]]
    )
    assert all("cat" in text for text in animals["Representative_Docs"])
    of_pipe = coherence(pipe, TEXTS, n_terms=2).per_topic[table["Topic"]]
    np.testing.assert_allclose(table["Coherence"], of_pipe)


def test_share_is_of_tokens_not_documents():
    X = np.array([[9, 0], [0, 1]])
    model = TorchPoissonNMF(2, random_state=0, doc_topic_pseudocount=0)
    model.set_params(topic_word_pseudocount=0, transform_pseudocount=0).fit(X)
    assert topic_info(model, X)["Share"].tolist() == pytest.approx([0.9, 0.1], abs=1e-3)


def test_documents_are_numbers_or_texts_of_their_own(pipe):
    counts, model = pipe[0].transform(TEXTS), pipe[-1]
    numbers = topic_info(model, counts)["Representative_Docs"]
    own = topic_info(model, counts, [f"text {i}" for i in range(20)])
    expected = [[f"text {i}" for i in row] for row in numbers]
    assert own["Representative_Docs"].tolist() == expected
    with pytest.raises(ValueError, match="3 items, but X has 20 documents"):
        topic_info(model, counts, ["a", "b", "c"])


def test_counts_in_other_containers():
    X = CountVectorizer().fit_transform(TEXTS)
    model = TorchPoissonNMF(2, random_state=0).fit(X)
    expected = topic_info(model, X)
    for counts in (X.toarray(), X.toarray().tolist(), X.tocoo()):
        found = topic_info(model, counts)
        assert found["Share"].tolist() == pytest.approx(expected["Share"].tolist())
        assert found["Count"].tolist() == expected["Count"].tolist()


def test_dominant_topics(pipe):
    table = dominant_topics(pipe, TEXTS)
    assert len(table) == 20
    assert table["Topic"].nunique() == 2
    assert (table["Topic"].iloc[[0, 1, 4]] != table["Topic"].iloc[2]).all()
    assert table["Proportion"].between(0.5, 1 + 1e-9).all()


def test_summary_names_everything(pipe):
    lines = summary(pipe, TEXTS).splitlines()
    assert lines[0].startswith(f"{type(pipe[-1]).__name__}: 2 topics of 4 terms, in 20")
    assert len(lines) == 6
    assert {"cat", "dog"} <= set(lines[4].split())


def test_names_of_a_frame_and_numbers():
    X = CountVectorizer().fit_transform(TEXTS).toarray()
    named = TorchPoissonNMF(2).fit(pandas.DataFrame(X, columns=list("abcd")))
    assert set(topic_words(named).index) == set("abcd")
    assert set(topic_words(TorchPoissonNMF(2).fit(X)).index) == set(range(4))
    with pytest.raises(ValueError, match="2 names, but the topics have 4 terms"):
        topic_words(named, ["a", "b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "weight"}, "must be one of probability"),
        ({"relevance_weight": 2}, "between 0 and 1"),
        ({"by": "lift", "topic_shares": [1, 1, 1]}, "2 nonnegative numbers"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        top_terms(TOPICS, **options)


@pytest.mark.parametrize("container", [list, pandas.Series])
def test_texts_belong_to_their_documents(container):
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    pipe.fit(TEXTS)
    texts = container(TEXTS)
    if container is pandas.Series:
        texts.index = range(len(texts), 0, -1)  # labels, which are no positions
    expected = topic_info(pipe, TEXTS)["Representative_Docs"].tolist()
    assert isinstance(expected[0][0], str)
    assert topic_info(pipe, texts)["Representative_Docs"].tolist() == expected
    counts = pipe[0].transform(TEXTS)
    found = topic_info(pipe[-1], counts, texts)
    assert found["Representative_Docs"].tolist() == expected


class _WithoutPandas:
    """Of what Python asks for modules, one that has no pandas."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)


def test_without_pandas_there_is_a_summary_but_no_table(pipe, monkeypatch):
    expected = summary(pipe, TEXTS)
    # Not None in its place, which scikit-learn's own look at sys.modules takes for it.
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(sys, "meta_path", [_WithoutPandas, *sys.meta_path])
    assert summary(pipe, TEXTS) == expected
    for function in (topic_info, dominant_topics):
        with pytest.raises(ImportError, match=r"install 'sklearn_topics\[tables\]'"):
            function(pipe, TEXTS)


@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_tensors_are_counts_like_any(pipe, layout):
    X, model = pipe[0].transform(TEXTS), pipe[-1]
    tensor = torch.from_numpy(X.toarray())
    if layout == torch.strided:
        X = X.toarray()
    else:
        tensor = tensor.to_sparse(layout=layout)
    for table in (dominant_topics, topic_info, differential_terms):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = table(model, tensor)
        pandas.testing.assert_frame_equal(found, table(model, X))
