"""Online EM: expected counts against naive formulas, forgetting, and its inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._core.fold_in import fold_in
from sklearn_topics._core.online import EARLY, OnlineEM
from sklearn_topics._core.poisson_nmf import SCD

K, M = 3, 25


def topics(K=K, m=M, seed=1):
    HT = np.random.default_rng(seed).dirichlet(np.full(m, 0.5), K).T
    return torch.from_numpy(np.ascontiguousarray(HT))


def begin(HT):
    return {
        "HT": HT,
        "counts": torch.zeros_like(HT),
        "n_samples": 0,
        "n_updates": 1,
    }


def steered(m=M):
    """Pseudocounts: an excluded term, many seeds, and a topic that is fixed."""
    b = torch.full((m, K), 0.2, dtype=torch.float64)
    b[4, 0], b[7, 1], b[:, 2] = -1, 50, -1
    return b


@pytest.mark.parametrize("a", [0, 0.02, 0.5])
def test_expected_counts_against_naive_formulas(a, load, counts):
    A, HT = counts(), topics()
    A[3] = 0
    found = OnlineEM(a, 0.2).expected_counts(load(A), HT)
    options = {"pseudocount": a, "max_sweeps": 3, "tol": 1e-3}
    theta = fold_in(load(A), HT.T.contiguous(), **options).numpy()
    shares = theta[:, None] * HT.numpy()  # [n, m, K]
    shares /= shares.sum(2, keepdims=True)
    assert_allclose(found, np.einsum("ij,ijk->jk", A, shares), rtol=1e-9, atol=1e-12)
    assert_allclose(found.sum(1), A.sum(0), rtol=1e-9)  # every token has one topic


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_any_scale_of_the_counts(scale, to_csr, counts):
    A, HT = counts(), topics()
    found = OnlineEM(0, 0.2).expected_counts(to_csr(A * scale), HT)
    expected = OnlineEM(0, 0.2).expected_counts(to_csr(A), HT)
    assert_allclose(found / scale, expected, rtol=1e-6, atol=1e-9)


def late(HT):
    """A state after the first batches."""
    return {**begin(HT), "n_updates": EARLY + 1}


def test_batches_add_up(load, counts):
    """Each batch with the topics that are left by the ones before."""
    A, solver = counts(60), OnlineEM(0.02, 0.2)
    state, total, HT = late(topics()), 0.0, topics()
    for batch in np.split(A, 3):
        state = solver.step(load(batch), state)
        total = total + solver.expected_counts(load(batch), HT)
        HT = (total + 0.2) / (total + 0.2).sum(0)
        assert_allclose(state["HT"], HT, rtol=1e-12)
    assert_allclose(state["counts"].sum(), A.sum())
    assert (state["n_samples"], state["n_updates"]) == (60, EARLY + 4)


def test_early_batches_count_less(to_csr, counts):
    """Of the first batches, if they are alike, the t-th counts t times."""
    solver, state = OnlineEM(0.02, 0.2), begin(topics())
    for t in range(EARLY + 1):
        A = np.zeros((10, M))
        A[:, t] = 2
        state = solver.step(to_csr(A), state)
    found = state["counts"].sum(1).numpy()
    expected = np.arange(1, EARLY + 1) / np.arange(1, EARLY + 1).sum()
    assert_allclose(found[:EARLY], expected * 20 * EARLY, rtol=1e-6)
    assert_allclose(found[EARLY], 20)
    assert state["n_samples"] == 10 * (EARLY + 1)


def test_a_second_fold_in_of_early_batches(to_csr, counts):
    X, solver = to_csr(counts()), OnlineEM(0.02, 0.2)
    once = solver.step(X, late(topics()))
    again = solver.expected_counts(X, once["HT"])
    second = solver.step(X, {**begin(topics()), "n_updates": 2})
    assert_allclose(second["counts"], again, rtol=1e-9)
    # The topics of the very first one were fitted to it.
    first = solver.step(X, begin(topics()))
    assert_array_equal(first["counts"], once["counts"])


def test_forgetting(to_csr, counts):
    A, D, tau, kappa = counts(60), 500.0, 3.0, 0.6
    solver = OnlineEM(0.02, 0.2, total_samples=D, offset=tau, decay=kappa)
    state, total = late(topics()), 0.0
    for t, batch in enumerate(np.split(A, [10, 40]), start=EARLY + 1):
        X, rate = to_csr(batch), (tau + t) ** -kappa if t > EARLY + 1 else 1
        counted = solver.expected_counts(X, state["HT"])
        total = (1 - rate) * total + rate * D / len(batch) * counted
        state = solver.step(X, state)
        assert_allclose(state["counts"], total, rtol=1e-12)
        assert state["n_samples"] == D
    # Counts of other documents, such as those of a fit, stand for D as well.
    state = solver.step(X, {**state, "counts": total / D * 10, "n_samples": 10})
    assert_allclose(state["counts"].sum() / D, A.sum() / 60, rtol=0.2)


def test_the_last_batch_alone_counts_without_a_decay(to_csr, counts):
    solver = OnlineEM(0.02, 0.2, total_samples=20.0, decay=0.0)
    state, last = begin(topics()), counts(20, seed=5)
    for A in (counts(20), last):
        state = solver.step(to_csr(A), state)
    assert_allclose(state["counts"].sum(1), last.sum(0))


def test_what_is_fixed_stays(load, counts):
    A, HT, b = counts(), topics(), steered()
    HT[4, 0] = 0
    state = OnlineEM(0.02, b).step(load(A), begin(HT))
    assert_array_equal(state["HT"][:, 2], HT[:, 2])
    assert state["HT"][4, 0] == 0
    assert_allclose(state["HT"].sum(0), 1)
    expected = state["counts"][:, 1] + b[:, 1]
    assert_allclose(state["HT"][:, 1], expected / expected.sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.2, 3.0, "steered"]))
def test_the_counts_are_known_from_the_topics(seed, b):
    """Topics, the sums of the counts and the pseudocounts determine the counts."""
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.integers(-3, 7)
    N = torch.tensor(rng.gamma(0.1, size, (M, K)) * rng.integers(0, 2, (M, K)))
    solver, HT = OnlineEM(0.02, steered() if b == "steered" else b), topics(seed=seed)
    if b == "steered":
        N[4, 0] = HT[4, 0] = 0
        N[:, 2] = HT[:, 2] * N[:, 2].sum()
    found = solver.counts_of(solver.topics(N, HT), N.sum(0))
    assert_allclose(found, N, rtol=1e-9, atol=1e-9 * (50 + size))


def test_topics_of_a_fit_stay(to_csr, counts):
    """The maximum a posteriori of all documents is a fixed point of the update."""
    A, a, b = counts(400, tokens=300), 0.02, 0.2
    X, solver = to_csr(A), SCD(a, b)
    state = {"W": torch.rand(400, K).double(), "HT": topics()}
    for _ in range(300):
        state = solver.step(X, state)
    HT = state["HT"] / state["HT"].sum(0)
    found = OnlineEM(a, b).step(X, late(HT))
    assert_allclose(found["HT"], HT, atol=2e-3)
