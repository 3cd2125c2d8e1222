"""The solvers: monotone, alike on sparse and dense, exact on the penalties."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_topics._core.beta_divergence import divergence
from sklearn_topics._core.beta_nmf import (
    CoordinateDescent,
    KLCoordinateDescent,
    MultiplicativeUpdate,
    Penalties,
    ProjectedAdam,
)
from sklearn_topics._core.schedule import make_schedule

PENALTIES = Penalties(0.3, 0.2, 0.1, 0.4)
BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
SOLVERS = [
    *(MultiplicativeUpdate(beta, PENALTIES) for beta in BETAS),
    MultiplicativeUpdate(1.5),
    CoordinateDescent(2.0, PENALTIES),
    CoordinateDescent(2.0),
    KLCoordinateDescent(1.0, PENALTIES),
    KLCoordinateDescent(1.0),
]


def name(solver):
    return f"{type(solver).__name__}-{solver.beta}-{solver.penalties != Penalties()}"


def positive_counts(counts, solver, **options):
    X = counts(**options)
    return X + 0.5 if solver.beta <= 0 else X


def run(solver, X, state, n_steps):
    """The states after each step."""
    states = [solver.init_state(X, state["W"], state["HT"])]
    for _ in range(n_steps):
        states.append(solver.step(X, states[-1]))
    return states[1:]


def loss(solver, X, state):
    W, HT = state["W"], state["HT"]
    D = divergence(X, W, HT, solver.beta, masked=solver.masked)
    p = solver.penalties
    penalty = p.l1_W * W.sum() + p.l2_W / 2 * (W**2).sum()
    penalty += p.l1_H * HT.sum() + p.l2_H / 2 * (HT**2).sum()
    return D + float(penalty)


@pytest.mark.parametrize("update_H", [True, False])
@pytest.mark.parametrize("solver", SOLVERS, ids=name)
def test_no_step_raises_the_loss(load, counts, start, solver, update_H):
    solver = type(solver)(solver.beta, solver.penalties, update_H=update_H)
    X = load(positive_counts(counts, solver))
    states = run(solver, X, start(X, 4), 40)
    losses = np.array([loss(solver, X, state) for state in states])
    assert (np.diff(losses) <= 1e-12 * losses[0]).all()
    assert losses[-1] < losses[0]
    same = torch.equal(states[0]["HT"], states[-1]["HT"])
    assert same is not update_H


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    beta=st.sampled_from(BETAS),
    l1=st.sampled_from([0.0, 1e-3, 10.0]),
    l2_least_squares=st.sampled_from([0.0, 1e-3, 10.0]),
)
def test_multiplicative_updates_of_any_data_never_raise_the_loss(
    seed, beta, l1, l2_least_squares
):
    # A quadratic penalty is majorised for beta 2 only, in scikit-learn too.
    l2 = l2_least_squares if beta == 2 else 0.0
    rng = np.random.default_rng(seed)
    n, m, K = rng.integers(1, 9, 3)
    X = rng.gamma(0.3, 10.0 ** rng.integers(-2, 3), (n, m)) + 1e-3
    factors = (rng.random((rows, K)) + 1e-2 for rows in (n, m))
    state = dict(zip(("W", "HT"), map(torch.tensor, factors), strict=True))
    solver = MultiplicativeUpdate(beta, Penalties(l1, l1, l2, l2))
    X = torch.tensor(X)
    states = run(solver, X, state, 8)
    # A reconstruction below scikit-learn's floor is not the one that is updated.
    assume(min((s["W"] @ s["HT"].T).min() for s in states) > np.finfo(np.float32).eps)
    losses = np.array([loss(solver, X, s) for s in states])
    assert (np.diff(losses) <= 1e-9 * np.abs(losses[:-1]) + 1e-12).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=name)
def test_what_a_solver_says_of_a_state(load, counts, start, solver):
    X = load(positive_counts(counts, solver))
    state = run(solver, X, start(X, 3), 30)[-1]
    found = solver.evaluate(X, state)
    D = divergence(X, state["W"], state["HT"], solver.beta)
    assert_allclose(found["objective"], -loss(solver, X, state), rtol=1e-10)
    assert_allclose(found["error"], np.sqrt(2 * D), rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS, ids=name)
def test_sparse_equals_dense(to_csr, counts, start, solver):
    A = positive_counts(counts, solver)
    X, dense = to_csr(A), torch.tensor(A)
    begin = start(X, 3)
    ends = (run(solver, data, begin, 20)[-1] for data in (X, dense))
    one, two = ({**solver.evaluate(X, end), **end} for end in ends)
    for factor in ("W", "HT"):
        scale = float(one[factor].max())
        assert_allclose(one[factor], two[factor], rtol=1e-7, atol=1e-10 * scale)


@pytest.mark.parametrize("solver", SOLVERS, ids=name)
def test_a_step_leaves_the_old_state(load, counts, start, solver):
    X = load(positive_counts(counts, solver))
    factors = start(X, 3)
    begin = solver.init_state(X, factors["W"], factors["HT"])
    copies = {key: value.clone() for key, value in begin.items() if key in ("W", "HT")}
    new = solver.step(X, begin)
    for key, copy in copies.items():
        assert torch.equal(begin[key], copy)
        assert not torch.equal(new[key], copy)


def test_coordinate_descent_for_kl_ends_where_multiplicative_updates_do(counts, start):
    """From the same start near an optimum, penalties included."""
    X = torch.tensor(counts())
    mu = MultiplicativeUpdate(1.0, PENALTIES)
    near = run(mu, X, start(X, 3), 300)[-1]
    near = {key: near[key] for key in ("W", "HT")}
    slow = run(mu, X, near, 20_000)[-1]
    fast = run(KLCoordinateDescent(1.0, PENALTIES), X, near, 300)[-1]
    assert_allclose(loss(mu, X, fast), loss(mu, X, slow), rtol=1e-7)
    assert loss(mu, X, fast) <= loss(mu, X, slow) * (1 + 1e-12)


def test_kl_coordinate_descent_is_far_ahead_after_as_many_steps(counts, start):
    X = torch.tensor(counts(n=60, m=40, K=5))
    fast = run(KLCoordinateDescent(1.0), X, start(X, 5), 60)[-1]
    slow = run(MultiplicativeUpdate(1.0), X, start(X, 5), 240)[-1]
    assert loss(SOLVERS[3], X, {**fast}) > 0
    assert divergence(X, fast["W"], fast["HT"], 1.0) < divergence(
        X, slow["W"], slow["HT"], 1.0
    )


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0])
def test_hidden_cells_are_left_out_of_the_updates(load, counts, start, beta):
    X = counts()
    hidden = np.random.default_rng(3).random(X.shape) < 0.2
    seen = torch.tensor(~hidden)
    solver = MultiplicativeUpdate(beta, PENALTIES, masked=True)
    data = load(np.where(hidden, np.nan, X))
    state = start(data, 3)
    W, HT = state["W"], state["HT"]
    x = torch.tensor(np.where(hidden, 0.0, X))
    p = PENALTIES
    for _ in range(5):  # scikit-learn's formulas, with the cells multiplied out
        for name, l1, l2 in ("W", p.l1_W, p.l2_W), ("HT", p.l1_H, p.l2_H):
            Y = W @ HT.T
            A, B = (W, HT) if name == "W" else (HT, W)
            above, below = x * Y ** (beta - 2), seen * Y ** (beta - 1)
            above, below = (T if name == "W" else T.T for T in (above, below))
            gamma = 1 / (2 - beta) if beta < 1 else 1.0
            A = A * ((above @ B) / (below @ B + l1 + l2 * A)) ** gamma
            W, HT = (A, HT) if name == "W" else (W, A)
    end = run(solver, data, state, 5)[-1]
    assert_allclose(end["W"], W, rtol=1e-10)
    assert_allclose(end["HT"], HT, rtol=1e-10)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0])
def test_gradient_steps_stay_nonnegative_and_come_close(load, counts, start, beta):
    X = load(counts())
    unit = float(np.sqrt(counts().mean() / 3))
    schedule = make_schedule("cosine", None, 1.0, 300)
    adam = ProjectedAdam(beta, unit=unit, schedule=schedule)
    begin = start(X, 3, scales=(unit, unit))
    state = run(adam, X, begin, 300)[-1]
    assert float(state["W"].min()) >= 0
    assert float(state["HT"].min()) >= 0
    mu = run(MultiplicativeUpdate(beta), X, begin, 300)[-1]
    bound = 1.5 if beta < 1 else 1.1
    assert loss(adam, X, state) < bound * loss(adam, X, mu)


def test_shuffled_sweeps_take_the_given_order(counts, start):
    X = torch.tensor(counts())
    orders = []

    def permutation(K, number):
        orders.append(torch.arange(K - 1, -1, -1))
        return orders[-1]

    begin = start(X, 3)
    plain, turned = (
        run(solver, X, begin, 2)[-1]
        for solver in (CoordinateDescent(), CoordinateDescent(permutation=permutation))
    )
    assert len(orders) == 4
    flipped = {key: begin[key].flip(1).contiguous() for key in begin}
    expected = run(CoordinateDescent(), X, flipped, 2)[-1]
    assert_allclose(turned["W"].flip(1), expected["W"], rtol=1e-12)
    assert not torch.allclose(plain["W"], turned["W"])
