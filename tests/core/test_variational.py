"""Variational documents: the bound, its ascent, and scikit-learn's own E-step."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import special
from sklearn.decomposition import LatentDirichletAllocation

from sklearn_topics._core.fold_in import fold_in, variational_fold_in
from sklearn_topics._core.poisson_nmf import EM, VariationalEM
from sklearn_topics._core.topic_model import topics_of

PSEUDOCOUNTS = pytest.mark.parametrize("pseudocounts", [(0.1, 0), (0.5, 0.5), (2, 0.1)])
EXTRAPOLATE = pytest.mark.parametrize("extrapolate", [True, False])


def run(solver, X, state, n_iter):
    for _ in range(n_iter):
        state = solver.step(X, state)
    return state


def naive_bound(A, state, a, b):
    """E_q[log p(words, allocations, theta)] + entropy, token by token."""
    W, HT = (state[name].numpy() for name in ("W", "HT"))
    u = HT.sum(0)
    weights, B = W * u, (HT / u).T
    K, value = B.shape[0], 0.0
    for x, w in zip(A, weights, strict=True):
        gamma = np.full(K, float(a))
        for j in np.flatnonzero(x):
            q = w * B[:, j] / (w @ B[:, j])
            gamma += x[j] * q
            value += x[j] * (q @ (np.log(B[:, j]) - np.log(q)))
        expected_log = special.digamma(gamma) - special.digamma(gamma.sum())
        # E_q log p(z, theta) - E_q log q(theta) with q(theta) = Dirichlet(gamma)
        value += (gamma - a) @ expected_log + (a - 1) * expected_log.sum()
        value -= (gamma - 1) @ expected_log
        value += special.gammaln(K * a) - K * special.gammaln(a)
        value -= special.gammaln(gamma.sum()) - special.gammaln(gamma).sum()
    prior = b * np.log(B).sum() if b else 0.0
    return value + prior - special.gammaln(A + 1).sum()


@PSEUDOCOUNTS
def test_objective_is_the_evidence_lower_bound(pseudocounts, load, counts, start):
    A, (a, b) = counts(), pseudocounts
    solver = VariationalEM(a, b, special.gammaln(A + 1).sum())
    for state in (start(A, 3), run(solver, load(A), start(A, 3), 3)):
        expected = naive_bound(A, state, a, b)
        assert_allclose(solver.objective(load(A), state), expected, rtol=1e-10)


@PSEUDOCOUNTS
@EXTRAPOLATE
@pytest.mark.parametrize("scales", [(1, 1), (1e3, 1e-3), (1e-2, 1e4)])
def test_bound_never_falls(pseudocounts, extrapolate, scales, to_csr, counts, start):
    A = counts()
    X, state = to_csr(A), start(A, 4, scales=scales, spread=2.0)
    solver = VariationalEM(*pseudocounts, extrapolate=extrapolate)
    values = []
    for _ in range(60):
        state = solver.step(X, state)
        values.append(solver.evaluate(X, state)["objective"])
    assert (np.diff(values) > -1e-10 * np.abs(values[1:])).all()
    assert values[-1] > values[0]


@PSEUDOCOUNTS
def test_residual_vanishes(pseudocounts, to_csr, counts, start):
    A = counts()
    X, solver = to_csr(A), VariationalEM(*pseudocounts)
    state = run(solver, X, start(A, 2), 3000)
    assert solver.evaluate(X, state)["kkt"] < 1e-5
    assert solver.evaluate(X, start(A, 2))["kkt"] > 1


@PSEUDOCOUNTS
def test_topics_may_have_any_scale(pseudocounts, to_csr, counts, start):
    A, solver = counts(), VariationalEM(*pseudocounts)
    state, d = start(A, 3), torch.tensor([1e-3, 7.0, 1e4], dtype=torch.float64)
    scaled = {"W": state["W"] / d, "HT": state["HT"] * d}
    X = to_csr(A)
    one, two = run(solver, X, state, 5), run(solver, X, scaled, 5)
    assert_allclose(topics_of(one), topics_of(two), rtol=1e-9)
    assert_allclose(solver.objective(X, one), solver.objective(X, two))


def test_a_half_more_is_nearly_map(to_csr, counts, start):
    """exp(digamma(c + a + 1/2)) is c + a to second order in 1 / c."""
    A, state = counts(tokens=2000), start(counts(), 3)
    X = to_csr(A)
    variational = run(VariationalEM(0.6, 0.1), X, state, 200)
    point = run(EM(0.1, 0.1), X, state, 200)
    assert_allclose(topics_of(variational), topics_of(point), atol=2e-3)


# ----------------------------------------------------------------------------- fold-in


@pytest.fixture
def topics():
    return torch.tensor(np.random.default_rng(5).dirichlet(np.full(25, 0.3), 4))


@pytest.mark.parametrize("a", [0.1, 0.5, 1.0])
def test_fold_in_is_scikit_learns(a, load, counts, topics):
    A = counts()
    A[3] = 0
    options = {"max_doc_update_iter": 5000, "mean_change_tol": 1e-14}
    lda = LatentDirichletAllocation(4, doc_topic_prior=a, max_iter=1, **options)
    lda.fit(A)
    # Topics known for certain: E[log B] is log B.
    lda.components_ = lda.exp_dirichlet_component_ = topics.numpy().copy()
    found = variational_fold_in(
        load(A), topics, pseudocount=a, tol=1e-13, max_sweeps=5000
    )
    assert_allclose(found, lda.transform(A), atol=1e-8)
    assert_allclose(found[3], 0.25)


def test_fold_in_of_a_document_depends_on_it_alone(load, counts, topics):
    A = counts()
    options = {"pseudocount": 0.3}
    whole = variational_fold_in(load(A), topics, **options)
    for i in (0, 7):
        alone = variational_fold_in(load(A[[i]]), topics, **options)
        # Sums over the terms of a dense X may be ordered otherwise in another batch.
        assert_allclose(alone[0], whole[i], rtol=1e-13)


def test_fold_in_of_long_documents_is_that_of_a_point(to_csr, counts, topics):
    A = counts(tokens=1_000_000)
    options = {"tol": 1e-10, "max_sweeps": 5000}
    mean = variational_fold_in(to_csr(A), topics, pseudocount=0.6, **options)
    point = fold_in(to_csr(A), topics, pseudocount=0.1, **options)
    assert_allclose(mean, point, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fold_in_keeps_the_tokens_of_short_documents(dtype, to_csr):
    """exp(digamma(a)) of a small a underflows, or falls below any floor."""
    K, a = 50, 0.005
    topics = torch.full((K, 60), 0.1 / 59, dtype=dtype)
    topics[torch.arange(K), torch.arange(K)] = 0.9
    A = np.zeros((1, 60))
    A[0, 7] = 1
    X = to_csr(A.astype("f4" if dtype == torch.float32 else "f8"))
    theta = variational_fold_in(X, topics, pseudocount=a)
    assert_allclose(theta[0, 7], (1 + a) / (1 + K * a), rtol=1e-3)


@pytest.mark.parametrize(
    "A",
    [np.zeros((4, 3)), np.array([[3.0, 0, 2, 1]]), np.array([[3.0], [0]]), np.eye(3)],
    ids=["all zero", "one document", "one term", "one token each"],
)
@pytest.mark.parametrize("b", [0, 0.1])
def test_degenerate_data_stay_finite(A, b, load, start):
    X, solver, state = load(A), VariationalEM(0.1, b), start(A, 5)
    for _ in range(300):
        state = solver.step(X, state)
    assert all(np.isfinite(value) for value in solver.evaluate(X, state).values())
    for name in ("W", "HT"):
        assert state[name].isfinite().all()


def test_topics_without_tokens_are_dropped(to_csr, start):
    """Without smoothing of the terms nothing else keeps an empty topic's scale."""
    rng = np.random.default_rng(0)
    A = rng.poisson(0.3, (60, 30)) * 1.0
    X, solver = to_csr(A), VariationalEM(0.1, 0)
    state = run(solver, X, start(A, 60), 300)
    assert state["W"].isfinite().all()
    assert np.isfinite(solver.objective(X, state))
