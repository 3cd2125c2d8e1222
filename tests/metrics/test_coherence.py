"""Coherence against gensim, against a naive count, and at its edges."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from gensim.corpora import Dictionary
from gensim.models import CoherenceModel
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.metrics import coherence
from sklearn_topics.metrics._cooccurrence import document_counts, window_counts

WORDS = [f"w{j}" for j in range(12)]


def make_texts(n=60, seed=0, longest=40):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, n)
    return [rng.choice(WORDS, length).tolist() for length in lengths]


def counts_of(texts):
    rows = [[text.count(word) for word in WORDS] for text in texts]
    return np.array(rows)


TOPICS = [["w0", "w1", "w2", "w3"], ["w4", "w5", "w6"], ["w7", "w0", "w9", "w11", "w2"]]


def of_gensim(measure, **options):
    dictionary = Dictionary([WORDS])
    model = CoherenceModel(
        topics=TOPICS, dictionary=dictionary, coherence=measure, processes=1, **options
    )
    return np.array(model.get_coherence_per_topic())


def test_umass_is_that_of_gensim():
    texts = make_texts()
    dictionary = Dictionary([WORDS])
    corpus = [dictionary.doc2bow(text) for text in texts]
    expected = of_gensim("u_mass", corpus=corpus)
    found = coherence(TOPICS, counts_of(texts), measure="umass", feature_names=WORDS)
    np.testing.assert_allclose(found.per_topic, expected, rtol=1e-9)
    assert found.mean == pytest.approx(expected.mean())
    assert float(found) == found.mean
    spelled = coherence(TOPICS, counts_of(texts), measure="u_mass", feature_names=WORDS)
    np.testing.assert_array_equal(spelled.per_topic, found.per_topic)


@pytest.mark.parametrize("measure", ["c_v", "c_uci", "c_npmi"])
def test_documents_are_no_windows(measure):
    """A measure of windows says so, once; by `texts` it is gensim's."""
    texts = make_texts(longest=200)
    options = {"measure": measure, "feature_names": WORDS}
    with pytest.warns(UserWarning, match="not comparable with those .*texts=") as got:
        of_documents = coherence(TOPICS, counts_of(texts), **options)
    assert len(got) == 1
    assert got[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_windows = coherence(TOPICS, texts=texts, **options)
        for other in ("npmi", "umass"):
            coherence(TOPICS, counts_of(texts), measure=other, feature_names=WORDS)
    assert of_documents.mean != pytest.approx(of_windows.mean, abs=1e-3)


def texts_without_repetition(n=60):
    """Each word at most once, among others that no topic has.

    gensim forgets a word as soon as its first occurrence leaves the window, even if
    there is another one in it.
    """
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(n):
        words = rng.choice(WORDS, rng.integers(0, 12), replace=False).tolist()
        words += [f"other{i}" for i in range(rng.integers(0, 140))]
        texts.append(rng.permutation(words).tolist())
    return texts


def all_pairs(n):
    return np.array([(i, j) for i in range(n) for j in range(n)])


@pytest.mark.parametrize("measure", ["c_uci", "c_npmi", "c_v"])
@pytest.mark.parametrize("window_size", [None, 3])
def test_windows_are_those_of_gensim(measure, window_size):
    texts = texts_without_repetition()
    expected = of_gensim(measure, texts=texts, window_size=window_size)
    options = {"measure": measure, "window_size": window_size}
    found = coherence(TOPICS, texts=texts, **options)
    np.testing.assert_allclose(found.per_topic, expected, atol=1e-6)


def test_npmi_is_that_of_gensim_where_every_pair_co_occurs():
    texts = make_texts(n=300)
    whole = of_gensim("c_npmi", texts=texts, window_size=10**6)
    found = coherence(TOPICS, counts_of(texts), feature_names=WORDS)
    np.testing.assert_allclose(found.per_topic, whole, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_windows_counted_one_by_one(seed, size):
    texts = make_texts(n=5, seed=seed, longest=20)
    words = WORDS[:5]
    windows = [
        set(text[start : start + size])
        for text in texts
        for start in range(max(1, len(text) - size + 1))
    ]
    present = np.array([[word in window for word in words] for window in windows])
    found, total = window_counts(texts, words, size, all_pairs(5))
    assert total == len(windows)
    expected = present.T.astype(int) @ present
    np.testing.assert_array_equal(found.reshape(5, 5), expected)


def test_windows_in_portions(monkeypatch):
    texts = make_texts(n=50)
    whole = window_counts(texts, WORDS, 4, all_pairs(12))
    monkeypatch.setattr("sklearn_topics.metrics._cooccurrence._TEXTS", 7)
    portions = window_counts(texts, WORDS, 4, all_pairs(12))
    np.testing.assert_array_equal(whole[0], portions[0])
    assert whole[1] == portions[1]


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix, sp.coo_array])
def test_documents_counted_in_every_container(container):
    X = np.random.default_rng(0).poisson(0.6, (40, 9))
    found, total = document_counts(container(X), np.array([1, 4, 8]), all_pairs(3))
    present = (X[:, [1, 4, 8]] > 0).astype(int)
    assert total == 40
    np.testing.assert_array_equal(found.reshape(3, 3), present.T @ present)


def test_stored_zeros_and_duplicates():
    """A stored zero is none; entries of one cell are summed, and X is left alone."""
    X = sp.csr_array(([0, 1, 2, 2, 1, -1, 5], [0, 1, 0, 0, 1, 1, 0], [0, 2, 6, 7]))
    before = X.copy()
    found, _ = document_counts(X, np.array([0, 1]), all_pairs(2))
    assert found.tolist() == [2, 0, 0, 1]
    np.testing.assert_array_equal(X.data, before.data)


def test_npmi_by_its_formula():
    X = np.random.default_rng(1).poisson(0.8, (50, 6))
    topic = [2, 0, 5]
    p = (X > 0).mean(0)
    values = []
    for i, j in [(2, 0), (2, 5), (0, 5)]:
        both = ((X[:, i] > 0) & (X[:, j] > 0)).mean()
        values.append(np.log(both / (p[i] * p[j])) / -np.log(both))
    assert coherence([topic], X).mean == pytest.approx(np.mean(values))


@pytest.mark.filterwarnings("ignore:measure=.* is defined on windows")
def test_edges():
    """Never together -1, always 1; absent terms occur with none."""
    X = np.array([[1, 0, 1, 0, 1], [0, 1, 1, 0, 1], [1, 0, 1, 0, 1]])
    found = coherence([[0, 1], [2, 4], [0, 3], [3], [0, 0, 1]], X).per_topic
    np.testing.assert_array_equal(found, [-1, 1, -1, 0, -1])
    absent = coherence([["a", "nowhere"]], X, feature_names=list("abcde"))
    assert absent.mean == -1
    for measure in ("umass", "c_uci", "c_npmi", "c_v"):
        topics = [[0, 1], [2, 4], [0, 3], [3], [3, 3]]
        assert np.isfinite(coherence(topics, X, measure=measure).per_topic).all()
    assert np.isfinite(coherence([[0, 1]], np.zeros((4, 2))).mean)


def test_weights_models_and_pipelines():
    texts = [" ".join(text) for text in make_texts()]
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(3, random_state=0))
    pipe.fit(texts)
    X, model = pipe[0].transform(texts), pipe[-1]
    by_pipeline = coherence(pipe, texts, n_terms=4).per_topic
    names = pipe[0].get_feature_names_out()
    top = np.argsort(-model.components_, axis=1, kind="stable")[:, :4]
    for topics in (model, model.components_, top.tolist()):
        np.testing.assert_array_equal(
            coherence(topics, X, n_terms=4).per_topic, by_pipeline
        )
    words = [[names[j] for j in row] for row in top]
    by_words = coherence(words, X, feature_names=names).per_topic
    np.testing.assert_array_equal(by_words, by_pipeline)
    tokens = [text.split() for text in texts]
    of_model = coherence(pipe, texts=tokens, measure="c_v", n_terms=4)
    of_words = coherence(words, texts=tokens, measure="c_v")
    np.testing.assert_allclose(of_model.per_topic, of_words.per_topic)


@pytest.mark.parametrize(
    ("topics", "options", "message"),
    [
        ([[0, 1]], {}, "either X or texts"),
        ([[0, 1]], {"X": np.ones((2, 2)), "texts": [["a"]]}, "either X or texts"),
        ([[0, 1]], {"X": np.ones((2, 2)), "measure": "pmi"}, "must be one of npmi"),
        ([["a", "b"]], {"X": np.ones((2, 2))}, "need feature_names"),
        (np.ones((2, 3)), {"texts": [["a"]]}, "Pass feature_names"),
        ([["a", "b"]], {"texts": ["a b"]}, "lists of tokens"),
    ],
)
def test_what_is_wrong_is_named(topics, options, message):
    with pytest.raises(ValueError, match=message):
        coherence(topics, **options)


def test_only_positive_cells_are_occurrences():
    """NaN is unobserved; in every container, also of dtypes that scipy has not."""
    X = np.random.default_rng(0).poisson(1.0, (30, 4)).astype(float)
    expected = coherence([[0, 1], [2, 3]], X).per_topic
    other = np.where(X == 0, np.nan, X)
    other[0, other[0] != other[0]] = -1
    for container in (np.asarray, sp.csr_array, np.float16, lambda A: A.astype(">f8")):
        found = coherence([[0, 1], [2, 3]], container(other)).per_topic
        np.testing.assert_array_equal(found, expected)


def test_two_terms_of_one_name():
    with pytest.raises(ValueError, match="feature_names contains 'a' more than once"):
        coherence(np.eye(2) + 1, texts=[["a"]], feature_names=["a", "a"])
