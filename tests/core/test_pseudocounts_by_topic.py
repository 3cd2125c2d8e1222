"""Pseudocounts by term and topic, fixed entries of H among them, in all solvers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._core.schedule import make_schedule
from sklearn_topics._core.softmax_adam import SoftmaxAdam

K = 4
FROZEN = 2


def scd(*args):
    return SCD(*args, em_steps=0)


SOLVERS = pytest.mark.parametrize("Solver", [EM, SCD, scd])


@pytest.fixture
def known(counts, start):
    """Counts, pseudocounts (m x K) and a state: a frozen topic, two excluded terms."""
    rng, A = np.random.default_rng(3), counts(25, 20)
    b = torch.tensor(rng.random((20, K)) * rng.choice([0, 0.2, 5], (20, K)))
    b[3, 1] = b[4, 0] = -1
    b[:, FROZEN] = -1
    state = start(A, K)
    state["HT"][3, 1] = state["HT"][4, 0] = 0
    state["HT"][:, FROZEN] /= state["HT"][:, FROZEN].sum()
    return A, b, state


def run(solver, X, state, n_iter):
    values = []
    for _ in range(n_iter):
        state = solver.step(X, state)
        values.append(float(solver.objective(X, state)))
    return state, np.array(values)


@SOLVERS
@pytest.mark.parametrize("a", [0.02, 2.0])
def test_objective_never_falls_and_ends_stationary(Solver, a, known, load):
    A, b, state = known
    frozen = state["HT"][:, FROZEN].clone()
    solver, X = Solver(a, b), load(A)
    state, values = run(solver, X, state, 400)
    assert (np.diff(values) >= -1e-10 * np.abs(values[:-1])).all()
    assert solver.evaluate(X, state)["kkt"] < 1e-4
    assert_array_equal(state["HT"][:, FROZEN], frozen)
    assert state["HT"][3, 1] == state["HT"][4, 0] == 0


@pytest.mark.parametrize("Solver", [EM, SCD])
def test_without_document_pseudocounts(Solver, known, load):
    A, b, state = known
    state, values = run(Solver(0, b), load(A), state, 100)
    assert (np.diff(values) >= -1e-10 * np.abs(values[:-1])).all()


def test_objective_and_residual_against_naive_formulas(known, load):
    A, b, state = known
    a, b_np, u = 0.3, b.numpy(), state["HT"].sum(0)
    W, B = (state["W"] * u).numpy(), (state["HT"] / u).T.numpy()
    log_factorial = special.gammaln(A + 1).sum()
    found = SCD(a, b, log_factorial).evaluate(load(A), state)
    prior = special.xlogy(np.clip(b_np.T, 0, None), B).sum()
    expected = stats.poisson.logpmf(A, W @ B).sum() + a * np.log(W).sum() + prior
    assert_allclose(found["objective"], expected, rtol=1e-12)
    ratio = A / (W @ B)
    residual_W = np.abs(W * (1 - ratio @ B.T) - a).max()
    counts, free = B * (W.T @ ratio), b_np.T >= 0
    cost = (counts + np.clip(b_np.T, 0, None)).sum(1, keepdims=True)
    residual_H = np.abs(B * cost - counts - b_np.T)[free].max()
    assert_allclose(found["kkt"], max(residual_W, residual_H), rtol=1e-9)


@SOLVERS
def test_one_number_for_all_is_the_same(Solver, counts, start, load):
    A, m = counts(25, 20), 20
    whole = torch.full((m, K), 0.2, dtype=torch.float64)
    (one, _), (many, _) = (
        run(Solver(0.02, b), load(A), start(A, K), 25) for b in (0.2, whole)
    )
    assert_allclose(one["HT"], many["HT"], rtol=1e-7)


def test_adam_has_them_too(counts, start):
    A = counts(40, 20)
    b = torch.full((20, K), 0.2, dtype=torch.float64)
    b[5, 1] = 500
    schedule = make_schedule("cosine", None, 0.2, 300)
    solver = SoftmaxAdam(0.1, b, batch_size=40, schedule=schedule)
    generator = torch.Generator().manual_seed(0)
    begin = start(A, K)
    state = solver.init_state(torch.tensor(A), *begin.values(), generator)
    state, values = run(solver, torch.tensor(A), state, 300)
    _, exact = run(SCD(0.1, b), torch.tensor(A), start(A, K), 300)
    assert abs(values[-1] - exact[-1]) < 0.01 * abs(exact[-1])
    topic = state["HT"][:, 1] / state["HT"][:, 1].sum()
    assert topic[5] > 0.5
