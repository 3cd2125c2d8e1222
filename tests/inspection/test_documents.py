"""Documents without known terms, and the labels of documents."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
)
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import dominant_topics, summary, topic_info
from sklearn_topics.metrics import (
    label_agreement,
    purity,
    sort_documents,
    topic_scorer,
)

EMPTY = [4, 17]
LEFT_OUT = "of .* documents have no dominant topic"


@pytest.fixture(scope="module")
def X():
    counts = make_topic_corpus(40, 20, 3, doc_length=40, random_state=0)[0].toarray()
    counts[EMPTY] = 0
    return counts


MODELS = {
    "TorchPoissonNMF": TorchPoissonNMF(3, random_state=0),
    "TorchPoissonNMF em": TorchPoissonNMF(3, solver="em", random_state=0),
    "TorchETM": TorchETM(3, random_state=0, max_iter=5),
    "TorchETM encoder": TorchETM(3, random_state=0, max_iter=5, inference="encoder"),
    "TorchBetaNMF": TorchBetaNMF(3, init="random", random_state=0, max_iter=2000),
    "TorchDeepNMF": TorchDeepNMF((5, 3), random_state=0),
    "TorchLDA": TorchLDA(3, random_state=0),
    "LatentDirichletAllocation": LatentDirichletAllocation(3, random_state=0),
    "NMF": NMF(3, init="random", random_state=0, max_iter=2000),
    "MiniBatchNMF": MiniBatchNMF(3, init="random", random_state=0),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_documents_without_terms_have_no_topic(X, name, dtype):
    model = MODELS[name].fit(X.astype(dtype))
    table = dominant_topics(model, X)
    assert np.flatnonzero(table["Topic"] == -1).tolist() == EMPTY
    assert np.flatnonzero(table["Proportion"].isna()).tolist() == EMPTY
    # The same of the proportions alone, also after a detour.
    theta = model.transform(X.astype(model.components_.dtype))
    rounded = np.where(np.isin(np.arange(40), EMPTY)[:, None], theta.round(3), theta)
    for given in (theta, pd.DataFrame(theta).astype(np.float32), rounded):
        found = dominant_topics(model, theta=given)
        assert np.flatnonzero(found["Topic"] == -1).tolist() == EMPTY
    info = topic_info(model, X)
    assert info["Topic"].iloc[-1] == -1
    assert info["Count"].sum() == 40
    counted = table["Topic"].value_counts()
    for topic, count in zip(info["Topic"], info["Count"], strict=True):
        assert counted.get(topic, 0) == count
    spoken = [i for row in info["Representative_Docs"][:-1] for i in row]
    assert not set(spoken) & set(EMPTY)


def test_row_of_documents_without_topic(X):
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    texts = [f"text {i}" for i in range(40)]
    *topics, last = topic_info(model, X, texts).itertuples()
    assert last[1:5] == (-1, 2, "-1_(no known terms)", [])
    assert last.Representative_Docs == ["text 4", "text 17"]
    assert last.Share == 0
    assert np.isnan(last.Coherence)
    assert len(topics) == 3
    full = np.delete(X, EMPTY, axis=0)
    assert topic_info(model, full)["Topic"].min() == 0  # then there is no such row
    lines = summary(model, X).splitlines()
    assert lines[0].endswith("in 40 documents")
    assert lines[2] == "documents without a topic (no known terms): 2"
    assert "documents without" not in summary(model, full)
    assert "nan" not in lines[1]  # the mean coherence is that of the topics


def test_a_single_topic(X):
    """By the counts alone: its proportions are one everywhere."""
    model = TorchPoissonNMF(1, random_state=0).fit(X)
    table = dominant_topics(model, X)
    assert np.flatnonzero(table["Topic"] == -1).tolist() == EMPTY
    theta = model.transform(X)
    assert (dominant_topics(model, theta=theta)["Topic"] == 0).all()
    assert sort_documents(theta).tolist() == list(range(40))
    assert purity(["a"] * 40, theta) == 1


def test_corpus_without_tokens(X):
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    nothing = np.zeros((5, 20), int)
    assert (dominant_topics(model, nothing)["Topic"] == -1).all()
    info = topic_info(model, nothing)
    assert info["Count"].tolist() == [0, 0, 0, 5]
    assert info["Share"].tolist() == [0] * 4
    assert info["Representative_Docs"].tolist()[:3] == [[]] * 3
    assert "5" in summary(model, nothing)
    with pytest.raises(ValueError, match="None of the 5 documents in theta"):
        purity(["a", "b", "a", "b", "a"], model.transform(nothing))


@pytest.mark.parametrize("score", [purity, label_agreement])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, torch.from_numpy])
def test_label_scores_leave_them_out(score, container):
    theta = np.array([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.1, 0.9], [0, 0]])
    labels = ["a", "a", "b", "b", "b"]
    with pytest.warns(UserWarning, match=f"^2 {LEFT_OUT}") as caught:
        assert score(labels, container(theta)) == 1
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=f"^2 {LEFT_OUT}"):
        assert score(labels, [0, 0, -1, 1, -1]) == 1
    with pytest.warns(UserWarning, match=f"^2 {LEFT_OUT}"):
        assert score(labels, torch.tensor([0, 0, -1, 1, -1])) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score(labels[:2], container(theta[:2])) == 1


def test_scorers_of_labels(X):
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    labels = dominant_topics(model, X)["Topic"]
    with pytest.warns(UserWarning, match=f"^2 {LEFT_OUT}"):
        assert topic_scorer("purity")(model, X, labels) == 1
    with pytest.raises(ValueError, match="Pass them as y"):
        topic_scorer("label_agreement")(model, X)


@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy, pd.DataFrame])
def test_sorted_last(container):
    theta = np.array([[0.5, 0.5], [0.2, 0.8], [1, 0], [0.5, 0.5], [0.4, 0.6]])
    order = sort_documents(container(theta))
    assert order.tolist() == [2, 1, 4, 0, 3]
    assert isinstance(order, torch.Tensor) == (container is torch.from_numpy)


def test_purity_of_newsgroups(corpus, corpus_lines):
    """65 of the 155 documents of topic 0 are without terms."""
    X = corpus("newsgroups4")
    labels, terms = (corpus_lines("newsgroups4", part) for part in ("labels", "vocab"))
    frequency = np.asarray((X > 0).sum(axis=0)).ravel()
    known = (frequency >= 5) & (frequency <= X.shape[0] / 2)
    known &= ~np.isin(terms, list(ENGLISH_STOP_WORDS))
    X = X[:, known]
    model = TorchPoissonNMF(10, init="random", random_state=0).fit(X)
    theta = model.transform(X)
    with pytest.warns(UserWarning, match=f"^65 {LEFT_OUT}"):
        found = purity(labels, theta)
    topic, known = theta.argmax(axis=1), np.asarray(X.sum(axis=1)).ravel() > 0
    for value, some in (found, known), (purity(labels, topic), known | True):
        table = pd.crosstab(topic[some], np.asarray(labels)[some])
        assert value == pytest.approx(table.max(axis=1).sum() / some.sum())
    info = topic_info(model, X).set_index("Topic")["Count"]
    assert info[-1] == 65
    assert info[0] == (theta.argmax(axis=1) == 0).sum() - 65


# ------------------------------------------------------------ labels of documents


TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4
INDEXES = {
    "filtered": pd.Index(range(3, 60, 3)[:20]).append(pd.Index([100]))[:20],
    "shuffled": pd.Index(np.random.default_rng(0).permutation(20)),
    "named": pd.Index([f"d{i}" for i in range(20)], name="document"),
    "duplicated": pd.Index([0, 1] * 10),
    "multi": pd.MultiIndex.from_product([["a", "b"], range(10)]),
    "dates": pd.date_range("2020-01-01", periods=20),
    "default": pd.RangeIndex(20),
}


@pytest.fixture(scope="module")
def pipe():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    return pipe.fit(TEXTS)


@pytest.fixture(scope="module")
def framed(pipe):
    """Counts as a frame, and a model of them."""
    frame = pd.DataFrame(pipe[0].transform(TEXTS).toarray(), columns=[*"abcd"])
    return frame, TorchPoissonNMF(2, random_state=0).fit(frame)


@pytest.mark.parametrize("kind", INDEXES)
def test_tables_keep_the_index(pipe, framed, kind):
    index = INDEXES[kind]
    series = pd.Series(TEXTS, index=index)
    frame, model = framed
    frame = frame.set_axis(index)
    theta = model.transform(frame)
    for table in (
        dominant_topics(pipe, series),
        dominant_topics(model, frame),
        dominant_topics(model, frame.astype("Sparse[int64]")),
        dominant_topics(model, frame, theta=theta),
        dominant_topics(model, theta=pd.DataFrame(theta, index=index)),
    ):
        pd.testing.assert_index_equal(table.index, index)
    # Labels of the documents, or their texts: those of the same rows in every case.
    cases = [
        (pipe[-1], pipe[0].transform(TEXTS), (pipe, series)),
        (model, frame.to_numpy(), (model, frame, series)),
    ]
    for plain, X, given in cases:
        places = topic_info(plain, X)["Representative_Docs"]
        expected = [[TEXTS[i] for i in row] for row in places]
        assert topic_info(*given)["Representative_Docs"].tolist() == expected
    found = topic_info(model, frame)["Representative_Docs"]
    assert found.tolist() == [index[row].tolist() for row in places]


def test_crosstab_after_a_filter(pipe):
    frame = pd.DataFrame(
        {"text": TEXTS, "label": ["animal", "animal", "sky", "sky", "animal"] * 4}
    )
    kept = frame[frame.index % 3 != 0].sample(frac=1, random_state=0)
    table = pd.crosstab(dominant_topics(pipe, kept.text).Topic, kept.label)
    assert sorted(table.to_numpy().ravel())[:2] == [0, 0]
    assert table.to_numpy().sum() == len(kept)


def test_indexes_that_differ(pipe):
    """Which a position and a label would tell apart; a default one is none."""
    counts = pd.DataFrame(pipe[0].transform(TEXTS).toarray(), columns=[*"abcd"])
    model = TorchPoissonNMF(2, random_state=0).fit(counts)
    shuffled = counts.sample(frac=1, random_state=0)
    texts = pd.Series(TEXTS, index=np.arange(20) + 1)
    with pytest.raises(ValueError, match="X and texts have different indexes"):
        topic_info(model, shuffled, texts)
    theta = pd.DataFrame(model.transform(counts), index=texts.index)
    with pytest.raises(ValueError, match="X and theta have different indexes"):
        dominant_topics(model, shuffled, theta=theta)
    with pytest.raises(ValueError, match="X and texts have different indexes"):
        topic_info(model, counts, pd.Series(TEXTS).sample(frac=1, random_state=0))
    same = pd.Series(TEXTS, index=np.arange(20))
    assert len(topic_info(model, counts, same)) == 2
    assert len(topic_info(model, counts, texts)) == 2
    found = dominant_topics(model, sp.csr_array(counts), theta=theta)
    assert found.index.tolist() == texts.index.tolist()
