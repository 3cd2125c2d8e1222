"""Topics of words and texts; documents of topics."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import (
    find_documents,
    find_topics,
    representative_documents,
    topic_info,
    topic_words,
)

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4


@pytest.fixture(scope="module")
def pipe():
    model = TorchPoissonNMF(2, topic_names=["one", "other"], random_state=0)
    return make_pipeline(CountVectorizer(), model).fit(TEXTS)


def pets(pipe):
    """The number of the topic of cats."""
    return int(topic_words(pipe).loc["cat"].to_numpy().argmax())


def test_words(pipe):
    words = topic_words(pipe).to_numpy()  # cat, dog, moon, sun
    k = pets(pipe)
    table = find_topics(pipe, "cat")
    assert table["Topic"].tolist() == [k, 1 - k]
    assert table["Score"].tolist() == pytest.approx([words[0, k], words[0, 1 - k]])
    assert table["Name"].tolist() == [["one", "other"][k], ["one", "other"][1 - k]]
    both = find_topics(pipe, ["cat", "dog", "cat"], 1, n_terms=2)
    assert both["Score"].tolist() == pytest.approx([words[:2, k].sum()])
    assert set(both["Representation"][0]) == {"cat", "dog"}
    alone = find_topics(words.T, ["dog"], feature_names=["cat", "dog", "moon", "sun"])
    assert alone["Topic"][0] == k
    assert "Name" not in alone


def test_texts(pipe):
    text = "The CAT and a dog."
    theta = pipe.transform([text])[0]
    table = find_topics(pipe, text, None)
    assert table["Topic"].tolist() == np.argsort(-theta).tolist()
    np.testing.assert_allclose(table["Score"], np.sort(theta)[::-1], rtol=1e-6)
    word = find_topics(pipe, "Cat")["Score"]  # which the vectorizer reads
    np.testing.assert_allclose(word[0], pipe.transform(["cat"]).max(), rtol=1e-6)


def test_queries_that_fail(pipe):
    with pytest.raises(ValueError, match="'moons' is not a term.*Did you mean 'moon'"):
        find_topics(pipe, ["sun", "moons"])
    with pytest.raises(ValueError, match="'moons' contains no known terms.*'moon'"):
        find_topics(pipe, "moons")
    names = ["cat", "dog", "moon", "sun"]
    with pytest.raises(ValueError, match="'cat dog' is not a term.*pass a pipeline"):
        find_topics(pipe[-1], "cat dog", feature_names=names)
    with pytest.raises(ValueError, match="contains no words"):
        find_topics(pipe, [])
    with pytest.raises(TypeError, match="query must be a sequence"):
        find_topics(pipe, 3)


def test_documents_of_a_topic(pipe):
    k = pets(pipe)
    table = find_documents(pipe, TEXTS, k, n_documents=3)
    assert all("cat" in text for text in table["Text"])
    assert [TEXTS[i] for i in table.index] == table["Text"].tolist()
    theta = pipe.transform(TEXTS)
    np.testing.assert_allclose(table["Proportion"], theta[table.index, k], rtol=1e-6)
    by_name = find_documents(pipe, TEXTS, ["one", "other"][k], n_documents=3)
    pd.testing.assert_frame_equal(by_name, table)
    labels = [f"d{i}" for i in range(20)]
    found = find_documents(pipe, pd.Series(TEXTS, labels), k, n_documents=3)
    assert found.index.tolist() == [labels[i] for i in table.index]
    counts = pipe[0].transform(TEXTS)
    assert "Text" not in find_documents(pipe[-1], counts, k)
    assert len(find_documents(pipe, [*TEXTS, "unknown"], k, n_documents=None)) == 20
    with pytest.raises(ValueError, match="no topic 'onne'. Did you mean 'one'"):
        find_documents(pipe, TEXTS, "onne")


def test_short_documents_come_after_long_ones():
    X = np.array([[1, 0], [99, 1], [0, 50]])
    theta = [[1, 0], [0.99, 0.01], [0, 1]]
    table = find_documents(np.eye(2), X, 0, theta=theta)
    assert table.index.tolist() == [1, 0, 2]


# -------------------------------------------------------- representatives


@pytest.fixture(scope="module")
def lengths():
    """A corpus of which some documents are very short and some very long."""
    options = {"length_distribution": "lognormal", "length_sigma": 1.2}
    X, theta, topics = make_topic_corpus(600, 80, 3, random_state=0, **options)
    return X, theta, topics


def test_representatives_are_of_usual_length(lengths):
    X, theta, topics = lengths
    table = representative_documents(topics, X, theta=theta, n_documents=5)
    assert table["Topic"].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    tokens = np.asarray(X.sum(axis=1)).ravel()
    for k, rows in table.groupby("Topic"):
        own = tokens[(theta.argmax(axis=1) == k) & (tokens > 0)]
        low, high = np.quantile(own, [0.25, 0.75])
        assert rows["Tokens"].between(low, high).all()
        assert (theta[rows["Document"]].argmax(axis=1) == k).all()
        assert rows["Proportion"].min() > 0.9
        assert rows["Document"].is_unique


def test_representatives_cover_the_kinds_of_a_topic():
    """Two kinds of documents in one topic, of which one is in the majority."""
    kinds = np.array([[5, 5, 0, 0, 0], [0, 0, 5, 5, 0]])
    X = np.vstack([np.tile(kinds[0], (12, 1)), np.tile(kinds[1], (4, 1))])
    X = np.vstack([X, np.tile([0, 0, 0, 0, 10], (9, 1))])
    theta = np.repeat([[0.9, 0.1], [0.2, 0.8]], [16, 9], axis=0)
    topics = [[1, 1, 1, 1, 0], [0, 0, 0, 0, 1]]
    table = representative_documents(topics, X, theta=theta, n_documents=2)
    first, second = table["Document"][table["Topic"] == 0]
    assert first < 12 <= second < 16


def test_representatives_of_small_topics():
    X = np.array([[3, 0], [2, 0], [2, 1], [0, 0]])
    theta = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.5, 0.5]])
    table = representative_documents(np.eye(2), X, list("abcd"), theta=theta)
    assert table["Text"][table["Topic"] == 1].tolist()[0] == "c"
    assert set(table["Text"]) == {"a", "b", "c"}
    nothing = representative_documents(
        np.eye(2), np.zeros((2, 2), int), theta=theta[:2]
    )
    assert len(nothing) == 0


def test_the_table_of_topics_shows_them(pipe):
    found = representative_documents(pipe, TEXTS)
    info = topic_info(pipe, TEXTS).set_index("Topic")["Representative_Docs"]
    for k in range(2):
        assert info[k] == found["Text"][found["Topic"] == k].tolist()
    # An iterator of documents, and dense or sparse counts, give the same.
    pd.testing.assert_frame_equal(representative_documents(pipe, iter(TEXTS)), found)
    counts = pipe[0].transform(TEXTS)
    for X in (counts, counts.toarray(), sp.csc_array(counts)):
        other = representative_documents(pipe[-1], X, TEXTS)
        pd.testing.assert_frame_equal(other, found)
