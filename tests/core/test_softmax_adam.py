"""SoftmaxAdam: its gradients, its optimiser, and which rows it touches."""

import math
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._core.poisson_nmf import SCD, PoissonObjective
from sklearn_topics._core.schedule import make_schedule
from sklearn_topics._core.softmax_adam import SoftmaxAdam
from sklearn_topics._core.topic_model import topics_of

PSEUDOCOUNTS = pytest.mark.parametrize("pseudocounts", [(0, 0), (0.1, 0.3)])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def constant(learning_rate):
    return make_schedule("constant", None, learning_rate, 1)


def begun(solver, state, X=None):
    return solver.init_state(X, state["W"], state["HT"], generator())


@PSEUDOCOUNTS
def test_gradients_are_those_of_the_loss(pseudocounts, load, counts):
    A, (a, b) = counts(), pseudocounts
    rng, share = np.random.default_rng(0), 0.4
    rows, terms = (
        torch.tensor(rng.standard_normal((n, 3)), requires_grad=True) for n in A.shape
    )
    theta, BT = torch.softmax(rows, 1), torch.softmax(terms, 0)
    loss = -(torch.tensor(A) * (theta @ BT.T).log()).sum()
    loss = loss - a * theta.log().sum() - share * b * BT.log().sum()
    loss.backward()
    solver = SoftmaxAdam(a, b)
    found = solver._gradients(load(A), theta.detach(), BT.detach(), share)
    assert_allclose(found[0], rows.grad, atol=1e-10)
    assert_allclose(found[1], terms.grad, atol=1e-10)


@PSEUDOCOUNTS
def test_one_batch_is_torchs_adam(pseudocounts, to_csr, counts, start):
    A, (a, b) = counts(), pseudocounts
    solver = SoftmaxAdam(a, b, batch_size=30, schedule=constant(0.1))
    state = begun(solver, start(A, 3))
    rows, terms = (state[name].clone().requires_grad_() for name in ("A", "BT"))
    optimizer = torch.optim.Adam([rows, terms], lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        theta, BT = torch.softmax(rows, 1), torch.softmax(terms, 0)
        loss = -(torch.tensor(A) * (theta @ BT.T).log()).sum()
        loss = loss - a * theta.log().sum() - b * BT.log().sum()
        loss.backward()
        optimizer.step()
        state = solver.step(to_csr(A), state)
    assert_allclose(state["A"], rows.detach(), rtol=1e-6, atol=1e-8)
    assert_allclose(state["BT"], terms.detach(), rtol=1e-6, atol=1e-8)


def test_the_start_is_the_model_of_the_factors(counts, start):
    factors = start(counts(), 3)
    state = begun(SoftmaxAdam(), factors)
    assert_allclose(torch.softmax(state["BT"], 0).T, topics_of(factors), rtol=1e-10)
    W = factors["W"] * factors["HT"].sum(0)
    theta = W / W.sum(1, keepdim=True)
    assert_allclose(torch.softmax(state["A"], 1), theta, rtol=1e-10)


def test_zeros_of_a_start_can_be_left(to_csr, counts, start):
    A, factors = counts(), start(counts(), 3)
    factors["W"][:, 0] = 0
    factors["HT"][::2, 1] = 0
    solver = SoftmaxAdam(batch_size=10, schedule=constant(0.5))
    first = state = begun(solver, factors)
    for _ in range(20):
        state = solver.step(to_csr(A), state)
    for name in ("A", "BT"):
        assert first[name].isfinite().all()
        assert state[name].isfinite().all()
    assert (state["A"][:, 0] > first["A"][:, 0]).any()
    assert (state["BT"][::2, 1] > first["BT"][::2, 1]).any()


@pytest.mark.parametrize("batch_size", [1, 7, 30, 1000])
def test_it_approaches_the_optimum(batch_size, load, counts, start):
    A, X = counts(), load(counts())
    cosine = make_schedule("cosine", None, 0.1, 100)
    solver = SoftmaxAdam(0.1, 0.1, batch_size=batch_size, schedule=cosine)
    objective = PoissonObjective(0.1, 0.1)
    state = begun(solver, start(A, 3))
    first = objective.objective(X, state)
    for _ in range(100):
        state = solver.step(X, state)
    best = start(A, 3)
    for _ in range(200):
        best = SCD(0.1, 0.1).step(X, best)
    best = objective.objective(X, best)
    assert objective.objective(X, state) > best - 0.1 * (best - first)


def test_epochs_are_reproducible_and_resumable(to_csr, counts, start):
    A, solver = counts(), SoftmaxAdam(batch_size=7)
    X = to_csr(A)
    whole = begun(solver, start(A, 3))
    for _ in range(3):
        whole = solver.step(X, whole)
    first = solver.step(X, begun(solver, start(A, 3)))
    # What a file would hold: all that a new process needs.
    stored = pickle.dumps({name: _plain(value) for name, value in first.items()})
    resumed = {name: _tensor(value) for name, value in pickle.loads(stored).items()}
    for _ in range(2):
        resumed = solver.step(X, resumed)
    for name, value in whole.items():
        assert np.array_equal(_plain(value), _plain(resumed[name])), name


def _plain(value):
    return value.numpy() if isinstance(value, torch.Tensor) else value


def _tensor(value):
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def test_step_leaves_the_old_state_as_it_was(to_csr, counts, start):
    A, solver = counts(), SoftmaxAdam(batch_size=7)
    old = solver.step(to_csr(A), begun(solver, start(A, 3)))
    copies = {k: v.clone() for k, v in old.items() if isinstance(v, torch.Tensor)}
    new = solver.step(to_csr(A), old)
    for name, value in copies.items():
        assert torch.equal(old[name], value)
        assert not torch.equal(new[name], value)


def test_only_the_rows_of_the_batch_move(to_csr, counts, start):
    """Dense AdamW state would move every row in every batch."""
    A = counts()
    A[10:] = 0  # nothing to learn there, without pseudocounts
    solver = SoftmaxAdam(batch_size=3)
    state = begun(solver, start(A, 3))
    after = solver.step(to_csr(A), state)
    assert_array_equal(after["A"][10:], state["A"][10:])
    assert not (after["A"][:10] == state["A"][:10]).all(1).any()


def test_cosine_falls_to_zero(to_csr, counts, start):
    A = counts()
    schedule = make_schedule("cosine", None, 0.2, 10)
    X, solver = to_csr(A), SoftmaxAdam(batch_size=10, schedule=schedule)
    state, steps = begun(solver, start(A, 3)), []
    for _ in range(10):
        new = solver.step(X, state)
        steps.append(float((new["A"] - state["A"]).abs().max()))
        state = new
    assert steps[0] == pytest.approx(0.2, rel=0.05)  # Adam's first step, in sign
    assert steps[-1] < 0.1 * max(steps)
    assert state["learning_rate"] == schedule.rate(state, 9) < 0.01


def test_degenerate_data_stay_finite(load, start):
    for A in (np.zeros((4, 3)), np.array([[3.0, 0, 2]]), np.array([[4.0]])):
        solver = SoftmaxAdam(0.1, 0.1)
        state = begun(solver, start(A, 5))
        for _ in range(10):
            state = solver.step(load(A), state)
        assert math.isfinite(solver.evaluate(load(A), state)["objective"])
