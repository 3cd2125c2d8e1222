"""The generator: shapes, exactness of the draws, canonical output, errors."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics.datasets import _synthetic, make_topic_corpus


def _assert_corpus(X, theta, topics, n_samples, n_features, n_topics):
    assert isinstance(X, sp.csr_matrix)
    assert X.dtype == np.int64
    assert X.shape == (n_samples, n_features)
    assert theta.shape == (n_samples, n_topics)
    assert topics.shape == (n_topics, n_features)
    for factor in (theta, topics):
        assert np.isfinite(factor).all()
        assert (factor >= 0).all()
        assert_allclose(factor.sum(axis=1), 1, rtol=1e-12)
    # Checked on a copy without flags: the flags themselves may be wrong.
    fresh = sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)
    assert fresh.has_canonical_format
    assert (X.data > 0).all()


@pytest.mark.parametrize("vocabulary", ["zipf", "dirichlet"])
@pytest.mark.parametrize("lengths", ["poisson", "lognormal", "fixed"])
def test_shapes_and_canonical_format(vocabulary, lengths):
    corpus = make_topic_corpus(
        60,
        40,
        5,
        vocabulary=vocabulary,
        length_distribution=lengths,
        random_state=0,
    )
    _assert_corpus(*corpus, 60, 40, 5)


@settings(max_examples=25, deadline=None)
@given(
    n_samples=st.integers(1, 30),
    n_features=st.integers(1, 30),
    n_topics=st.integers(1, 8),
    doc_length=st.floats(0, 50),
    doc_topic_prior=st.floats(1e-4, 100),
    topic_word_prior=st.floats(1e-4, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_parameter_in_range_gives_a_corpus(
    n_samples, n_features, n_topics, seed, **parameters
):
    # Priors of 1e-4 underflow to 0 / 0 in a naive Dirichlet draw.
    corpus = make_topic_corpus(
        n_samples, n_features, n_topics, random_state=seed, **parameters
    )
    _assert_corpus(*corpus, n_samples, n_features, n_topics)


def test_seed_decides_the_corpus():
    first = make_topic_corpus(30, 20, 3, random_state=7)
    again = make_topic_corpus(30, 20, 3, random_state=np.random.RandomState(7))
    other = make_topic_corpus(30, 20, 3, random_state=8)
    assert (first[0] != again[0]).nnz == 0
    assert_array_equal(first[1], again[1])
    assert_array_equal(first[2], again[2])
    assert (first[0] != other[0]).nnz > 0


def test_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    make_topic_corpus(20, 20, 2, random_state=0)
    after = np.random.get_state()  # noqa: NPY002
    assert_array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_lengths_have_the_mean_and_variance_of_their_distribution():
    n, mean = 20_000, 30
    totals = {}
    for name in ("poisson", "lognormal", "fixed"):
        X, _, _ = make_topic_corpus(
            n, 10, 2, doc_length=mean, length_distribution=name, random_state=1
        )
        totals[name] = np.asarray(X.sum(axis=1)).ravel()
    # Standard errors of the mean: sqrt(30 / n) = .04 and sqrt(286 / n) = .12.
    assert abs(totals["poisson"].mean() - mean) < 5 * 0.04
    assert totals["poisson"].var() == pytest.approx(mean, rel=0.06)
    assert abs(totals["lognormal"].mean() - mean) < 5 * 0.12
    expected = mean + mean**2 * np.expm1(0.5**2)
    assert totals["lognormal"].var() == pytest.approx(expected, rel=0.15)
    assert (totals["fixed"] == mean).all()


@pytest.mark.parametrize("length", [200, 1000])
@pytest.mark.parametrize("vocabulary", ["zipf", "dirichlet"])
def test_counts_follow_the_known_proportions(vocabulary, length):
    X, theta, topics = make_topic_corpus(
        4000,
        50,
        4,
        doc_length=length,
        vocabulary=vocabulary,
        random_state=3,
    )
    # Given theta and topics, sums over documents are Poisson with known means, also
    # when weighted by theta, which ties the counts to the documents' own topics.
    rate = length * theta @ topics
    for weights in (np.ones((4000, 1)), theta):
        observed = weights.T @ X.toarray()
        expected = weights.T @ rate
        deviation = np.sqrt((weights**2).T @ rate)
        z = (observed - expected) / np.maximum(deviation, 1e-9)
        assert np.abs(z[expected > 5]).max() < 5
        assert 0.5 < np.mean(z[expected > 5] ** 2) < 1.6


def test_one_topic_documents_have_the_frequencies_of_their_topic():
    X, theta, topics = make_topic_corpus(
        3000, 30, 3, doc_topic_prior=1e-3, doc_length=300, random_state=5
    )
    for k in range(3):
        pure = theta[:, k] > 1 - 1e-9
        counts = np.asarray(X[pure].sum(axis=0)).ravel()
        assert counts.sum() > 1e5
        assert_allclose(counts / counts.sum(), topics[k], atol=0.008)


def test_terms_of_probability_zero_do_not_occur():
    X, _, topics = make_topic_corpus(500, 200, 1, topic_word_prior=1e-4, random_state=0)
    impossible = topics[0] == 0
    assert impossible.any()
    assert X[:, impossible].nnz == 0


def test_long_documents_have_their_lengths_and_no_impossible_terms():
    X, _, topics = make_topic_corpus(
        60,
        40,
        2,
        doc_length=2000,
        length_distribution="fixed",
        topic_word_prior=1e-4,
        random_state=0,
    )
    assert (np.asarray(X.sum(axis=1)) == 2000).all()
    impossible = (topics == 0).all(axis=0)
    assert impossible.any()
    assert X[:, impossible].nnz == 0


def test_zipf_topics_share_frequent_terms_but_differ():
    _, _, topics = make_topic_corpus(1, 1000, 20, random_state=0)
    mean = topics.mean(axis=0)
    harmonic = np.sum(1 / np.arange(1, 1001))
    assert mean[:10] == pytest.approx(1 / np.arange(1, 11) / harmonic, rel=0.5)
    # Every topic has the most frequent terms; hardly any two the same rare ones.
    assert topics[:, :3].min() > 0.1 * mean[:3].min()
    rare = topics[:, 100:] / topics[:, 100:].sum(axis=1, keepdims=True)
    cosine = rare @ rare.T / np.outer(*[np.linalg.norm(rare, axis=1)] * 2)
    assert cosine[~np.eye(20, dtype=bool)].mean() < 0.3


def test_the_flat_dirichlet_setting_has_flat_marginals():
    # Under Dirichlet(1, ..., 1) with m entries the variance of one is known.
    _, theta, topics = make_topic_corpus(
        5000, 400, 5, vocabulary="dirichlet", doc_topic_prior=1, random_state=0
    )
    for factor in (theta, topics):
        m = factor.shape[1]
        expected = (m - 1) / (m**2 * (m + 1))
        assert factor.var() == pytest.approx(expected, rel=0.1)


def test_blocks_change_neither_lengths_nor_format(monkeypatch):
    monkeypatch.setattr(_synthetic, "_TOKENS_PER_BLOCK", 70)
    X, theta, topics = make_topic_corpus(
        50, 20, 3, doc_length=40, length_distribution="fixed", random_state=0
    )
    _assert_corpus(X, theta, topics, 50, 20, 3)
    assert (np.asarray(X.sum(axis=1)) == 40).all()


def test_no_tokens_at_all():
    X, theta, topics = make_topic_corpus(5, 6, 2, doc_length=0, random_state=0)
    _assert_corpus(X, theta, topics, 5, 6, 2)
    assert X.nnz == 0


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"n_samples": 0}, ValueError, "n_samples == 0, must be >= 1"),
        ({"n_features": 2.5}, TypeError, "n_features must be an instance of"),
        ({"n_topics": -1}, ValueError, "n_topics == -1, must be >= 1"),
        ({"doc_length": -1}, ValueError, "doc_length == -1, must be >= 0"),
        ({"doc_length": np.inf}, ValueError, "doc_length == inf, must be < inf"),
        ({"doc_length": np.nan}, ValueError, "doc_length must be a number"),
        ({"doc_topic_prior": 0}, ValueError, "doc_topic_prior == 0, must be > 0"),
        ({"topic_word_prior": 0.0}, ValueError, "topic_word_prior == 0.0"),
        ({"zipf_exponent": "1"}, TypeError, "zipf_exponent must be an instance of"),
        ({"vocabulary": "flat"}, ValueError, r"zipf, dirichlet. Got 'flat'"),
        ({"length_distribution": None}, ValueError, "poisson, lognormal, fixed"),
    ],
)
def test_errors_name_what_is_allowed(parameters, error, match):
    with pytest.raises(error, match=match):
        make_topic_corpus(**parameters)
