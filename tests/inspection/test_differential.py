"""Differential terms: rates, changes and their standard errors."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import polygamma
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics._boundary.documents import counts_to_tensor
from sklearn_topics._core.differential import term_rates
from sklearn_topics._kernels import chunks
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import differential_terms, topic_info


class Given:
    """A model whose proportions and topics are known."""

    def __init__(self, theta, topics):
        self.theta, self.components_ = theta, topics

    def transform(self, X):
        return self.theta


@pytest.fixture(scope="module")
def corpus():
    return make_topic_corpus(400, 90, 3, doc_length=300, random_state=0)


def all_rates(X, loadings, pseudocount=0.01):
    start = torch.ones(X.shape[1], loadings.shape[1], dtype=torch.float64)
    options = {"pseudocount": pseudocount, "start": start}
    blocks = list(term_rates(counts_to_tensor(X), loadings, **options))
    return torch.cat([b[1] for b in blocks]), torch.cat([b[2] for b in blocks])


def loadings_of(X, theta):
    sizes = np.asarray(X.sum(axis=1)).ravel()
    return torch.from_numpy(np.ascontiguousarray(theta * sizes[:, None]))


def test_covariance_is_the_inverse_of_the_second_derivatives(corpus):
    X, theta, _ = corpus
    L = loadings_of(X, theta)
    rates, covariance = all_rates(X, L)
    x = torch.from_numpy(X[:, [4]].toarray().astype(float)).ravel()

    def negative_log_likelihood(t):
        y, f = L @ t.exp(), t.exp()
        return (y - x * y.log()).sum() + (f - 0.01 * t).sum()

    t = rates[4].log().requires_grad_()
    slope = torch.autograd.grad(negative_log_likelihood(t), t)[0]
    assert slope.abs().max() < 1e-4 * x.sum()
    second = torch.autograd.functional.hessian(negative_log_likelihood, t)
    torch.testing.assert_close(covariance[4], second.inverse(), rtol=1e-3, atol=1e-6)


def test_one_topic_has_the_posterior_of_a_gamma_variable():
    X = sp.csr_array(np.random.default_rng(0).poisson(3, (50, 4)))
    model = Given(np.ones((50, 1)), np.ones((1, 4)))
    table = differential_terms(model, X, against="overall", n_terms=None)
    counts, tokens = X.sum(axis=0), X.sum()
    table = table.sort_values("Term")
    np.testing.assert_allclose(table["Rate"], (counts + 0.01) / (tokens + 1), rtol=1e-6)
    # log f, f ~ Gamma(count): the standard deviation is that of its logarithm.
    exact = np.sqrt(polygamma(1, counts)) / np.log(2)
    np.testing.assert_allclose(table["SE"], exact, rtol=0.01)


def test_standard_errors_are_those_of_the_posterior(corpus):
    """Beside random-walk Metropolis, which fastTopics uses."""
    X, theta, topics = corpus
    L = loadings_of(X, theta).numpy()
    table = differential_terms(Given(theta, topics), X, n_terms=None)
    rng = np.random.default_rng(0)
    # Terms of middling rates in all topics, as nearly normal as they come.
    for term in np.argsort(-topics.min(axis=0))[:2]:
        rows = table[table["Term"] == term].sort_values("Topic")
        x = X[:, [term]].toarray().ravel()
        t, draws = np.log(rows["Rate"].to_numpy()), []

        def log_density(t, x=x):
            y = L @ np.exp(t)
            return (x * np.log(y) - y).sum() + (0.01 * t - np.exp(t)).sum()

        now = log_density(t)
        for _ in range(15_000):
            proposal = t + 0.06 * rng.standard_normal(3)
            there = log_density(proposal)
            if np.log(rng.random()) < there - now:
                t, now = proposal, there
            draws.append(t)
        draws = np.array(draws) / np.log(2)
        other = rows["Against"].to_numpy()
        for k in range(3):
            change = draws[:, k] - draws[:, other[k]]
            row = rows.iloc[k]
            assert row["SE"] == pytest.approx(change.std(), rel=0.15)
            assert abs(row["LFC"] - change.mean()) < row["SE"] / 3


def test_least_extreme_is_the_smallest_of_all_pairs(corpus):
    X, theta, topics = corpus
    model = Given(theta, topics)
    least = differential_terms(model, X, n_terms=None).set_index(["Topic", "Term"])
    pairs = [
        differential_terms(model, X, against=k, n_terms=None).set_index(
            ["Topic", "Term"]
        )
        for k in range(3)
    ]
    for topic, term in [(0, 3), (1, 17), (2, 29)]:
        row = least.loc[topic, term]
        others = {k: pairs[k].loc[topic, term] for k in range(3) if k != topic}
        smallest = min(others.values(), key=lambda found: abs(found["LFC"]))
        assert row["LFC"] == pytest.approx(smallest["LFC"])
        assert row["SE"] == pytest.approx(smallest["SE"])
        assert row["LFC"] == pytest.approx(others[int(row["Against"])]["LFC"])


def test_z_is_near_the_root_of_the_likelihood_ratio(corpus):
    """Of the fits with two rates equal and without; signs by the change."""
    X, theta, topics = corpus
    L = loadings_of(X, theta)
    table = differential_terms(Given(theta, topics), X, against=0, n_terms=None)
    rates, _ = all_rates(X, L)
    merged = torch.stack([L[:, 0] + L[:, 1], L[:, 2]], 1)
    equal, _ = all_rates(X, merged)
    x = torch.from_numpy(X.toarray().astype(float))

    def log_likelihood(L, rates):
        y = L @ rates.T
        return (x * y.log() - y).sum(0)

    ratio = 2 * (log_likelihood(L, rates) - log_likelihood(merged, equal))
    found = table[table["Topic"] == 1].sort_values("Term")
    expected = np.sqrt(ratio.clamp_min(0).numpy()) * np.sign(found["LFC"])
    assert (expected.abs() > 3).sum() > 5
    np.testing.assert_allclose(found["Z"], expected, atol=0.3, rtol=0.4)


def test_term_that_only_one_topic_has_is_told_from_the_others():
    """Though its fold change, to a rate of zero, is unknown."""
    theta = np.repeat(np.eye(2), 10, axis=0)
    X = np.column_stack([np.r_[np.full(10, 5), np.zeros(10)], np.full(20, 5)])
    table = differential_terms(Given(theta, np.ones((2, 2))), X, n_terms=None)
    row = table.set_index(["Topic", "Term"]).loc[0, 0]
    assert row["SE"] > 5
    # Of 50 among 100 tokens against 0 among 50: the root of 2 * 50 log(150 / 100).
    assert row["Z"] == pytest.approx(np.sqrt(100 * np.log(1.5)), rel=0.3)


def test_true_rates_are_within_their_errors(corpus):
    X, theta, topics = corpus
    table = differential_terms(
        Given(theta, topics), X, against="overall", n_terms=None, pseudocount=1e-4
    )
    true = topics[table["Topic"], table["Term"].astype(int)]
    overall = np.asarray(X.sum(axis=0)).ravel()[table["Term"].astype(int)] / X.sum()
    known = true > 0.001  # enough of them to be normal
    assert known.sum() > 40
    away = table["LFC"][known] - np.log2(true[known] / overall[known])
    away /= table["SE"][known]
    assert 0.8 < away.std() < 1.2
    assert (away.abs() < 2).mean() > 0.9


def test_containers_and_blocks_agree(corpus, monkeypatch):
    X, theta, topics = corpus
    model = Given(theta, topics)
    expected = differential_terms(model, X, n_terms=None)
    dense = differential_terms(model, X.toarray(), n_terms=None)
    monkeypatch.setattr("sklearn_topics._core.differential._ENTRIES", 9 * 7)
    blocks = differential_terms(model, X.tocsc(), n_terms=None)
    for found in (dense, blocks):
        for column in ("LFC", "SE", "Z", "Rate"):
            np.testing.assert_allclose(
                found.sort_values(["Topic", "Term"])[column],
                expected.sort_values(["Topic", "Term"])[column],
                rtol=1e-5,
                atol=1e-8,
            )


@pytest.mark.parametrize("model", [TorchPoissonNMF, LatentDirichletAllocation])
def test_pipeline_of_two_subjects(model):
    texts = ["cat dog cat the", "dog cat", "sun moon the", "moon sun sun"] * 8
    pipe = make_pipeline(CountVectorizer(), model(2, random_state=0)).fit(texts)
    table = differential_terms(pipe, texts, n_terms=2)
    found = {frozenset(rows["Term"]) for _, rows in table.groupby("Topic")}
    assert found == {frozenset(["cat", "dog"]), frozenset(["sun", "moon"])}
    assert (table["Z"] > 3).all()
    assert list(table["Topic"]) == [0, 0, 1, 1]


def test_terms_and_topics_without_tokens():
    X = sp.csr_array([[2, 0, 1], [0, 0, 0], [3, 0, 2]])
    theta = np.array([[1.0, 0], [0.5, 0.5], [1, 0]])
    for against in ("least_extreme", "overall", 1):
        table = differential_terms(
            Given(theta, np.eye(2, 3)), X, against=against, n_terms=None
        )
        assert np.isfinite(table[["LFC", "SE", "Z", "Rate"]].to_numpy()).all()
        assert (table.loc[table["Term"] == 1, "Z"].abs() < 0.5).all()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"against": 3}, "topic number from 0 to 2. Got 3"),
        ({"against": "nearest"}, "Got 'nearest'"),
        ({"pseudocount": 0}, "pseudocount must be above 0"),
    ],
)
def test_bad_options(corpus, options, complaint):
    X, theta, topics = corpus
    with pytest.raises(ValueError, match=complaint):
        differential_terms(Given(theta, topics), X, **options)


def test_single_topic_has_no_others():
    model = Given(np.ones((2, 1)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="against='overall'"):
        differential_terms(model, np.ones((2, 2)))


def test_progress_is_shown_when_asked_for(capsys, monkeypatch):
    monkeypatch.setattr(chunks, "_ENTRIES", 100)
    X, _, _ = make_topic_corpus(60, 30, 3, random_state=0)
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    quiet = [differential_terms(model, X), topic_info(model, X)]
    assert capsys.readouterr().err == ""
    shown = [differential_terms(model, X, verbose=1), topic_info(model, X, verbose=1)]
    err = capsys.readouterr().err
    assert "30/30 terms" in err
    assert err.count("60/60 documents") == 2
    assert model.verbose == 0
    for a, b in zip(quiet, shown, strict=True):
        assert a.equals(b)
