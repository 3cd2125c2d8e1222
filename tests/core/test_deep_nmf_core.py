"""The layers: monotone, by their formulas, one layer is NMF, alike sparse and dense."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_topics._core.beta_divergence import divergence
from sklearn_topics._core.beta_nmf import MultiplicativeUpdate, Penalties
from sklearn_topics._core.deep_nmf import DeepNMF, document_weights
from sklearn_topics._fit.starts import DrawByRuns

SUMS = Penalties(0.3, 0.2)
SQUARES = Penalties(0.3, 0.2, 0.1, 0.4)
SIZES = (6, 4, 2)


def begin(solver, X, *, sizes=SIZES, init="random", steps=0, seed=0):
    draw = DrawByRuns(torch.Generator().manual_seed(seed))
    return solver.init_state(X, sizes[: solver.n_layers], init, draw, steps)


def run(solver, X, state, n_steps):
    states = [state]
    for _ in range(n_steps):
        states.append(solver.step(X, states[-1]))
    return states


@pytest.mark.parametrize("fine_weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    ("beta", "penalties"),
    [(1.0, SUMS), (1.5, SUMS), (2.0, SQUARES), (1.0, Penalties())],
)
def test_no_step_raises_the_objective(load, counts, beta, penalties, fine_weight):
    X = load(counts())
    solver = DeepNMF(3, beta, fine_weight, penalties, penalties)
    states = run(solver, X, begin(solver, X), 15)
    found = np.array([solver.evaluate(X, state)["objective"] for state in states])
    assert (np.diff(found) >= -1e-12 * abs(found[0])).all()
    assert found[-1] > 0.8 * found[0]


def objective(X, state, beta, weights, p):
    """The definition, with nothing but dense products; and D of each layer."""
    A = {name: value.numpy() for name, value in state.items()}
    C, found = A["HT"].T, {}
    total = p.l1_H * C.sum() + p.l2_H / 2 * (C**2).sum()
    for layer in (1, 2, 3):
        if layer > 1:
            M = A[f"M{layer}"]
            C = M @ C
            total += p.l1_H * M.sum() + p.l2_H / 2 * (M**2).sum()
        if weights[layer] == 0:
            continue
        W = A[f"W{layer}"]
        Y = W @ C
        if beta == 1:
            D = (
                np.where(X > 0, X * np.log(np.where(X > 0, X, 1) / Y), 0) - X + Y
            ).sum()
        else:
            D = (X**beta + (beta - 1) * Y**beta - beta * X * Y ** (beta - 1)).sum()
            D /= beta * (beta - 1)
        found[layer] = D
        penalty = p.l1_W * W.sum() + p.l2_W / 2 * (W**2).sum()
        total += weights[layer] * (D + penalty)
    return total, found


@pytest.mark.parametrize("fine_weight", [0.0, 0.4])
@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_what_a_solver_says_of_a_state(load, counts, beta, fine_weight):
    A = counts()
    X = load(A)
    solver = DeepNMF(3, beta, fine_weight, SQUARES, SQUARES)
    state = run(solver, X, begin(solver, X), 5)[-1]
    weights = {1: fine_weight, 2: fine_weight, 3: 1.0}
    total, D = objective(A, state, beta, weights, SQUARES)
    found = solver.evaluate(X, state)
    assert_allclose(found["objective"], -total, rtol=1e-9)
    assert_allclose(found["last_error"], np.sqrt(2 * D[3]), rtol=1e-9)
    both = sum(weights[layer] * D[layer] for layer in D)
    assert_allclose(found["error"], np.sqrt(2 * both), rtol=1e-9)


def test_a_step_for_least_squares_written_out(load, counts):
    A = counts()
    X, w, p = load(A), 0.4, SQUARES
    solver = DeepNMF(3, 2.0, w, p, p)
    before = begin(solver, X)
    values = (before[name].numpy() for name in ("HT", "M2", "M3", "W1", "W2", "W3"))
    HT, M2, M3, W1, W2, W3 = values
    H = HT.T

    def times(F, above, below, l1, l2):
        return F * above / (below + l1 + l2 * F)

    W = []
    for V, C in (W1, H), (W2, M2 @ H), (W3, M3 @ M2 @ H):
        W.append(times(V, A @ C.T, V @ C @ C.T, p.l1_W, p.l2_W))
    W1, W2, W3 = W
    C = M2 @ H
    M3 = times(M3, W3.T @ A @ C.T, W3.T @ W3 @ M3 @ C @ C.T, p.l1_H, p.l2_H)
    V = W3 @ M3
    above = (w * W2.T + V.T) @ A @ H.T
    below = (w * W2.T @ W2 + V.T @ V) @ M2 @ H @ H.T
    M2 = times(M2, above, below, p.l1_H, p.l2_H)
    parts = (w, W1), (w, W2 @ M2), (1.0, W3 @ M3 @ M2)
    above = sum(weight * V.T @ A for weight, V in parts)
    below = sum(weight * V.T @ V @ H for weight, V in parts)
    H = times(H, above, below, p.l1_H, p.l2_H)
    after = solver.step(X, before)
    expected = {"HT": H.T, "M2": M2, "M3": M3, "W1": W1, "W2": W2, "W3": W3}
    assert after.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(after[name], value, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_one_layer_is_nmf(load, counts, beta):
    X = load(counts())
    deep, flat = DeepNMF(1, beta, penalties=SUMS), MultiplicativeUpdate(beta, SUMS)
    state = begin(deep, X)
    ours = run(deep, X, state, 10)[-1]
    start = {"W": state["W1"], "HT": state["HT"]}
    theirs = run(flat, X, flat.init_state(X, start["W"], start["HT"]), 10)[-1]
    assert_allclose(ours["HT"], theirs["HT"], rtol=1e-9, atol=1e-12)
    assert_allclose(ours["W1"], theirs["W"], rtol=1e-9, atol=1e-12)
    found, expected = deep.evaluate(X, ours), flat.evaluate(X, theirs)
    assert_allclose(found["objective"], expected["objective"], rtol=1e-9)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("init", ["random", "nndsvda"])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_sparse_equals_dense(to_csr, counts, beta, init, steps):
    A = counts()
    solver, ends = DeepNMF(3, beta), []
    for X in (to_csr(A), torch.tensor(A)):
        state = begin(solver, X, init=init, steps=steps)
        ends.append(run(solver, X, state, 10)[-1])
    for name in ends[0]:
        scale = float(ends[0][name].max())
        assert_allclose(ends[0][name], ends[1][name], rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_documents_given_twice_change_no_topic(to_csr, counts, beta):
    A = counts()
    solver = DeepNMF(2, beta)
    state = begin(solver, to_csr(A))
    double = {
        name: torch.cat([value, value]) if name[0] == "W" else value
        for name, value in state.items()
    }
    once = run(solver, to_csr(A), state, 8)[-1]
    twice = run(solver, to_csr(np.vstack([A, A])), double, 8)[-1]
    for name, value in once.items():
        assert_allclose(twice[name][: len(value)], value, rtol=1e-8, atol=1e-12)


def test_a_step_leaves_the_old_state(load, counts):
    X, solver = load(counts()), DeepNMF(3, 1.0)
    state = begin(solver, X)
    copies = {name: value.clone() for name, value in state.items()}
    new = solver.step(X, state)
    for name, copy in copies.items():
        assert torch.equal(state[name], copy)
        assert not torch.equal(new[name], copy)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_each_layer_begins_with_the_weights_of_the_one_before(load, counts, beta):
    X, solver = load(counts()), DeepNMF(2, beta)
    state = begin(solver, X, sizes=(5, 4), steps=100)
    D = divergence(X, state["W1"], state["HT"], beta)
    W1, product = state["W1"], state["W2"] @ state["M2"]
    use = state["HT"].norm(p=beta, dim=0)
    spread = (W1 - W1.mean(0)) * use
    assert ((W1 - product) * use).norm() < 0.6 * spread.norm()
    at_first = begin(solver, X, sizes=(5, 4))
    assert D < 0.5 * divergence(X, at_first["W1"], at_first["HT"], beta)


def test_without_weight_finer_layers_have_no_weights_of_documents(counts):
    solver = DeepNMF(3, 1.0, fine_weight=0.0)
    state = begin(solver, torch.tensor(counts()))
    assert set(state) == {"HT", "M2", "M3", "W3"}


@pytest.mark.parametrize("penalties", [Penalties(), Penalties(l1_W=0.2, l2_W=0.3)])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_weights_of_documents_minimise_row_by_row(load, counts, beta, penalties):
    A = counts()
    A[4] = 0
    X = load(A)
    CT = torch.rand(25, 3, generator=torch.Generator().manual_seed(0)).double()
    W = document_weights(X, CT, beta, penalties, 500).numpy()
    assert_allclose(W[4], 0)
    Y = np.maximum(W @ CT.numpy().T, 1e-300)
    gradient = (Y ** (beta - 1) - A * Y ** (beta - 2)) @ CT.numpy()
    gradient = (gradient + penalties.l1_W + penalties.l2_W * W)[A.sum(1) > 0]
    size = CT.sum(0).numpy()
    assert np.abs(gradient * W[A.sum(1) > 0] / size).max() < 1e-2
    assert (gradient / size).min() > -0.02
    alone = document_weights(load(A[7:8]), CT, beta, penalties, 500)
    assert_allclose(alone[0], W[7], rtol=1e-12)
