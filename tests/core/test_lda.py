"""The updates of latent Dirichlet allocation, and their bound."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.decomposition import LatentDirichletAllocation

from sklearn_topics._core import lda
from sklearn_topics._core.lda import (
    BatchBayes,
    Inference,
    OnlineBayes,
    bound_perplexity,
    variational_bound,
)
from sklearn_topics._kernels.csr import as_csr, used_columns


def corpus(n=40, m=30, dtype=torch.float64):
    rng = np.random.default_rng(0)
    X = rng.poisson(0.6, (n, m))
    X[3] = X[:, 5] = 0
    return as_csr(torch.tensor(X, dtype=dtype))


def draws(K, seed=1):
    """A Draw that depends on the document's number alone."""
    many = np.random.default_rng(seed).gamma(100, 0.01, (500, K))
    return lambda n, drawn: torch.from_numpy(many[drawn : drawn + n])


def first_state(X, K):
    components = np.random.default_rng(2).gamma(100, 0.01, (X.shape[1], K))
    return {"components": torch.from_numpy(components), "n_updates": 1, "drawn": 0}


def test_one_online_update_of_all_documents_with_rate_one_is_a_batch():
    X, K = corpus(), 4
    shared = Inference(0.3), 0.2, draws(K)
    batch = BatchBayes(*shared).step(X, first_state(X, K))
    n = X.shape[0]
    options = {"batch_size": n, "total_samples": n, "decay": 0.0}
    online = OnlineBayes(*shared, **options).step(X, first_state(X, K))
    assert_allclose(online["components"], batch["components"], rtol=1e-12)
    assert online["n_updates"] == batch["n_updates"] == 2
    assert online["drawn"] == n


def dense_epoch(X, state, solver):
    """Each update of all terms, as it is written."""
    components, b = state["components"], solver.topic_word_prior
    for t, start in enumerate(range(0, X.shape[0], solver.batch_size)):
        stop = min(start + solver.batch_size, X.shape[0])
        batch, weights = X.rows(start, stop), lda.term_weights(components)
        counts = solver.expected_counts(batch, weights, start)
        rate = (solver.offset + 1 + t) ** -solver.decay
        ratio = solver.total_samples / (stop - start)
        components = (1 - rate) * components + rate * (b + ratio * counts)
    return components


@pytest.mark.parametrize("least", [0.0, 1e-6, 0.5])
def test_terms_that_a_batch_does_not_have_decay(monkeypatch, least):
    """The factor of all terms gives what an update of each of them does."""
    monkeypatch.setattr(lda, "_LEAST_FACTOR", least)
    X, K = corpus(), 3
    options = {"batch_size": 3, "total_samples": 70, "offset": 1.0, "decay": 0.5}
    solver = OnlineBayes(Inference(0.3), 0.2, draws(K), **options)
    state = first_state(X, K)
    before = state["components"].clone()
    found = solver.step(X, state)["components"]
    assert_allclose(found, dense_epoch(X, state, solver), rtol=1e-11)
    assert torch.equal(state["components"], before)


def test_batches_raise_the_bound():
    X, K = corpus(), 4
    ones = lambda n, drawn: torch.ones(n, K, dtype=torch.float64)  # noqa: E731
    solver = BatchBayes(Inference(0.3, max_sweeps=2000, tol=1e-10), 0.2, ones)
    state, bounds = first_state(X, K), []
    for _ in range(15):
        state = solver.step(X, state)
        bounds.append(solver.evaluate(X, state)["objective"])
    assert np.diff(bounds).min() > -1e-6
    assert bounds[-1] > bounds[0] + 1


@pytest.mark.parametrize("prior", [0.5, 1e-3])
@pytest.mark.parametrize("ratio", [1.0, 7.5])
def test_the_bound_is_scikit_learns(prior, ratio):
    """Also where exponentials of expected logarithms underflow."""
    X, K, rng = corpus(), 5, np.random.default_rng(3)
    # Documents and terms of one topic each, and no tokens of any other.
    gamma = prior + 30 * np.eye(K)[rng.integers(K, size=X.shape[0])]
    components = prior + 50 * np.eye(K)[:, rng.integers(K, size=X.shape[1])]
    peer = LatentDirichletAllocation(K)
    peer.components_, peer.total_samples = components, ratio * X.shape[0]
    peer.doc_topic_prior_ = peer.topic_word_prior_ = prior
    rows = X.entry_rows().numpy(), X.indices.numpy()
    dense = np.zeros(X.shape)
    dense[rows] = X.data.numpy()
    expected = peer._approx_bound(dense, gamma, sub_sampling=True)
    components = torch.from_numpy(np.ascontiguousarray(components.T))
    priors = prior, prior
    found = variational_bound(
        X, lambda part: torch.from_numpy(gamma), components, priors, ratio
    )
    assert_allclose(float(found), expected, rtol=1e-11)


def test_perplexity_of_any_bound():
    assert bound_perplexity(-10.0, 5.0) == np.exp(2)
    assert bound_perplexity(-1e9, 5.0) == np.inf
    assert bound_perplexity(-1.0, 0.0) == np.inf


def test_used_columns():
    X = corpus()
    columns, part = used_columns(X.rows(2, 9))
    dense = torch.zeros(X.shape, dtype=X.dtype)
    dense[X.entry_rows(), X.indices.long()] = X.data
    assert columns.tolist() == dense[2:9].any(0).nonzero().squeeze(1).tolist()
    again = torch.zeros(part.shape, dtype=X.dtype)
    again[part.entry_rows(), part.indices.long()] = part.data
    assert torch.equal(again, dense[2:9][:, columns])
