"""Alternating solvers: monotone, stationary, and equal on equivalent problems."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats
from scipy.optimize import minimize
from sklearn.decomposition import NMF

from sklearn_topics._core import topic_model
from sklearn_topics._core.fold_in import fold_in
from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._core.topic_model import CorpusSums
from sklearn_topics._kernels import ops

FLOOR = 1e-10


def scd(*args, **options):
    """Coordinate descent from the first iteration on."""
    return SCD(*args, em_steps=0, **options)


def plain_em(*args, **options):
    return EM(*args, extrapolate=False, **options)


def plain_scd(*args, **options):
    return scd(*args, extrapolate=False, **options)


SOLVERS = pytest.mark.parametrize("Solver", [EM, scd, plain_em, plain_scd])
PSEUDOCOUNTS = [(0, 0), (0.1, 0.1), (0.5, 0), (0, 0.5)]
SMOOTHING = pytest.mark.parametrize("pseudocounts", PSEUDOCOUNTS)


def run(solver, X, state, n_iter):
    for _ in range(n_iter):
        state = solver.step(X, state)
    return state


def objectives(solver, X, state, n_iter):
    values = [solver.evaluate(X, state)["objective"]]
    for _ in range(n_iter):
        state = solver.step(X, state)
        values.append(solver.evaluate(X, state)["objective"])
    return np.array(values)


def assert_never_falls(values):
    assert np.isfinite(values).all()
    fall = -np.diff(values) / (np.abs(values[:-1]) + 1)
    assert fall.max() < 1e-10, f"falls at iteration {fall.argmax()}: {values}"


def model(state):
    """W in tokens (n x K) and the topics (K x m), free of the state's scale."""
    W, HT = (state[name].double().numpy() for name in ("W", "HT"))
    u = HT.sum(0)
    return W * u, (HT / np.where(u > 0, u, 1)).T


def naive_objective(X, state, a, b):
    W, B = model(state)
    value = stats.poisson.logpmf(X, W @ B).sum()
    return value + a * np.log(W).sum() * (a > 0) + b * np.log(B).sum() * (b > 0)


# ------------------------------------------------------------------------- monotonicity

STARTS = pytest.mark.parametrize(
    "far",
    [
        {},
        {"scales": (1e-3, 1.0)},
        {"scales": (1e3, 1.0)},
        {"scales": (1.0, 1e4), "spread": 3.0},
        {"spread": 5.0},
    ],
    ids=["near", "small", "large", "spread and large", "spread"],
)


@SOLVERS
@SMOOTHING
@STARTS
def test_objective_never_falls(Solver, pseudocounts, far, counts, start, to_csr):
    A, (a, b) = counts(25, 30), pseudocounts
    values = objectives(Solver(a, b), to_csr(A), start(A, 4, **far), 30)
    assert_never_falls(values)
    assert values[-1] > values[0]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 6)),
    pseudocounts=st.tuples(*[st.sampled_from([0, 0.01, 0.1, 0.5, 2])] * 2),
    rate=st.sampled_from([0.1, 1, 10, 1000]),
    density=st.sampled_from([0.2, 0.6, 1]),
    spread=st.sampled_from([0, 1, 3, 6]),
    exponents=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    inner_sweeps=st.sampled_from([1, 2, 5]),
    solver=st.sampled_from(["em", "scd"]),
    extrapolate=st.booleans(),
)
def test_objective_never_falls_on_few_tokens(
    seed,
    shape,
    pseudocounts,
    rate,
    density,
    spread,
    exponents,
    inner_sweeps,
    solver,
    extrapolate,
):
    (n, m, K), (a, b) = shape, pseudocounts
    rng = np.random.default_rng(seed)
    X = torch.tensor(rng.poisson(rate, (n, m)) * (rng.random((n, m)) < density) * 1.0)
    W, HT = (
        torch.tensor(
            10**e
            * (rng.random((rows, K)) + 0.01)
            * np.exp(spread * rng.standard_normal((rows, K)))
        )
        for rows, e in zip((n, m), exponents, strict=True)
    )
    options = {"extrapolate": extrapolate}
    if solver == "scd":
        options["inner_sweeps"] = inner_sweeps
    chosen = (EM if solver == "em" else scd)(a, b, **options)
    assert_never_falls(objectives(chosen, X, {"W": W, "HT": HT}, 10))


@SOLVERS
@pytest.mark.parametrize("pseudocounts", [(0, 0), (0.1, 0.1)])
def test_float32_follows_float64(Solver, pseudocounts, counts, start, to_csr):
    A, solver = counts(), Solver(*pseudocounts)
    narrow, wide = (
        objectives(solver, to_csr(A.astype(dtype)), start(A, 4, dtype=torch_dtype), 20)
        for dtype, torch_dtype in [("f4", torch.float32), ("f8", torch.float64)]
    )
    # Chaos aside: rounding moves the path a little, not the height.
    assert_allclose(narrow, wide, rtol=2e-4)


# ------------------------------------------------------------------------- stationarity


@SOLVERS
@SMOOTHING
def test_kkt_residual_vanishes(Solver, pseudocounts, to_csr, start):
    A = np.array(
        [[5.0, 0, 1, 2], [0, 4, 3, 0], [1, 1, 0, 6], [3, 0, 0, 1], [0, 2, 5, 1]]
    )
    X, solver = to_csr(A), Solver(*pseudocounts)
    state = run(solver, X, start(A, 2), 1000)
    found = solver.evaluate(X, state)
    assert found["kkt"] < 1e-6
    # Stationary means a maximum here: no small change of the factors helps.
    rng = np.random.default_rng(0)
    for _ in range(20):
        near = {
            name: state[name] * torch.tensor(rng.uniform(0.99, 1.01, state[name].shape))
            for name in ("W", "HT")
        }
        assert solver.evaluate(X, near)["objective"] < found["objective"]


@SOLVERS
def test_one_topic_is_solved_in_closed_form(Solver, load, counts, start):
    A = counts()
    solver = Solver(log_factorial=special.gammaln(A + 1).sum())
    state = run(solver, load(A), start(A, 1), 2)
    rates = np.outer(A.sum(1), A.sum(0)) / A.sum()
    assert_allclose(state["W"] @ state["HT"].T, rates, rtol=1e-12)
    found = solver.evaluate(load(A), state)
    assert_allclose(found["objective"], stats.poisson.logpmf(A, rates).sum())
    assert found["kkt"] < 1e-10


@SMOOTHING
def test_evaluate_against_naive_formulas(pseudocounts, load, counts, start):
    A = counts(12, 9)
    a, b = pseudocounts
    state = run(plain_em(a, b), load(A), start(A, 3), 2)
    log_factorial = special.gammaln(A + 1).sum()
    found = SCD(a, b, log_factorial).evaluate(load(A), state)
    expected = naive_objective(A, state, a, b)
    assert_allclose(found["objective"], expected, rtol=1e-12)

    W, B = model(state)
    ratio = A / (W @ B)
    residual_W = W * (1 - ratio @ B.T) - a
    tokens = B * (W.T @ ratio)
    if a or b:  # on the simplex: the multiplier is the topic's tokens and m b
        cost = tokens.sum(1) + A.shape[1] * b
    else:
        cost = W.sum(0)
    residual_H = B * cost[:, None] - tokens - b
    kkt = max(np.abs(residual_W).max(), np.abs(residual_H).max())
    assert_allclose(found["kkt"], kkt, rtol=1e-10)


def test_evaluate_is_the_same_for_both_solvers(to_csr, counts, start):
    A = counts()
    state = start(A, 3)
    one, two = (S(0.1, 0.2, 3.0).evaluate(to_csr(A), state) for S in (EM, SCD))
    assert one == two


# --------------------------------------------------------------------- other programs


def test_em_without_pseudocounts_is_multiplicative_nmf(load, counts, start):
    A = counts()
    state = start(A, 4)
    ours = run(plain_em(), load(A), state, 5)
    nmf = NMF(
        4, solver="mu", beta_loss="kullback-leibler", init="custom", max_iter=5, tol=0
    )
    W, H = state["W"].numpy().copy(), state["HT"].T.numpy().copy()
    W = nmf.fit_transform(A, W=W, H=H)
    theirs = W @ nmf.components_
    assert_allclose(ours["W"] @ ours["HT"].T, theirs, rtol=1e-6, atol=1e-9)


# ------------------------------------------------------------------ equivalent problems


def assert_same_model(one, two, rtol=1e-9):
    for left, right in zip(model(one), model(two), strict=True):
        assert_allclose(left, right, rtol=rtol, atol=rtol * np.abs(right).max())


@SOLVERS
@SMOOTHING
def test_sparse_and_dense_agree(Solver, pseudocounts, to_csr, counts, start):
    A, solver = counts(), Solver(*pseudocounts)
    state = start(A, 3)
    assert_same_model(
        run(solver, to_csr(A), state, 5), run(solver, torch.tensor(A), state, 5)
    )


@SOLVERS
@SMOOTHING
def test_duplicated_documents_change_nothing(
    Solver, pseudocounts, to_csr, counts, start
):
    A, (a, b) = counts(), pseudocounts
    state = start(A, 3)
    twice = {"W": torch.cat([state["W"]] * 2), "HT": state["HT"]}
    one, two = Solver(a, b), Solver(a, 2 * b)  # twice as many tokens in each topic
    X, X2 = to_csr(A), to_csr(np.vstack([A, A]))
    state, twice = run(one, X, state, 5), run(two, X2, twice, 5)
    assert torch.equal(twice["W"][:30], twice["W"][30:])
    assert_allclose(twice["W"][:30], state["W"], rtol=1e-9)
    assert_allclose(twice["HT"], state["HT"], rtol=1e-9)
    objective = one.evaluate(X, state)["objective"]
    assert_allclose(two.evaluate(X2, twice)["objective"], 2 * objective, rtol=1e-9)


@SOLVERS
@SMOOTHING
def test_topics_may_have_any_scale(Solver, pseudocounts, to_csr, counts, start):
    A, solver = counts(), Solver(*pseudocounts)
    state, d = start(A, 3), torch.tensor([1e-3, 7.0, 1e4], dtype=torch.float64)
    scaled = {"W": state["W"] / d, "HT": state["HT"] * d}
    X = to_csr(A)
    one, two = run(solver, X, state, 5), run(solver, X, scaled, 5)
    assert_same_model(one, two)
    assert_allclose(*(solver.evaluate(X, s)["objective"] for s in (one, two)))


@SOLVERS
@SMOOTHING
def test_counts_may_have_any_unit(Solver, pseudocounts, to_csr, counts, start):
    A, (a, b), unit = counts(), pseudocounts, 0.01
    state = start(A, 3)
    scaled = {"W": state["W"] * unit, "HT": state["HT"]}
    one = run(Solver(a, b), to_csr(A), state, 5)
    two = run(Solver(a * unit, b * unit), to_csr(A * unit), scaled, 5)
    assert_allclose(two["W"], one["W"] * unit, rtol=1e-9, atol=1e-12)
    assert_allclose(two["HT"], one["HT"], rtol=1e-9, atol=1e-12)


@SOLVERS
@SMOOTHING
def test_order_of_documents_and_terms_is_free(
    Solver, pseudocounts, to_csr, counts, start
):
    A, solver = counts(), Solver(*pseudocounts)
    rng = np.random.default_rng(0)
    rows, columns = (torch.from_numpy(rng.permutation(n)) for n in A.shape)
    state = start(A, 3)
    mixed = {"W": state["W"][rows], "HT": state["HT"][columns]}
    state = run(solver, to_csr(A), state, 5)
    mixed = run(solver, to_csr(A[rows][:, columns]), mixed, 5)
    assert_allclose(mixed["W"], state["W"][rows], rtol=1e-9, atol=1e-12)
    assert_allclose(mixed["HT"], state["HT"][columns], rtol=1e-9, atol=1e-12)


@SMOOTHING
def test_order_of_topics_is_free_in_em(pseudocounts, to_csr, counts, start):
    A, solver = counts(), EM(*pseudocounts)
    state, order = start(A, 3), torch.tensor([2, 0, 1])
    mixed = {name: factor[:, order] for name, factor in state.items()}
    mixed = {name: factor.contiguous() for name, factor in mixed.items()}
    state, mixed = (run(solver, to_csr(A), s, 5) for s in (state, mixed))
    for name in ("W", "HT"):
        assert_allclose(mixed[name], state[name][:, order], rtol=1e-9)


# ---------------------------------------------------------------------------- the state


@SMOOTHING
def test_scd_begins_with_em(pseudocounts, load, counts, start):
    A = counts()
    X, solver = load(A), SCD(*pseudocounts, em_steps=3)
    em, state = EM(*pseudocounts), start(A, 3)
    expected = run(em, X, state, 3)
    state = run(solver, X, run(solver, X, state, 2), 1)  # the count is in the state
    assert torch.equal(state["W"], expected["W"])
    assert torch.equal(state["HT"], expected["HT"])
    after = scd(*pseudocounts).step(X, expected)
    state = solver.step(X, state)
    assert torch.equal(state["W"], after["W"])
    assert not torch.equal(state["W"], em.step(X, expected)["W"])


@SMOOTHING
def test_objective_never_falls_from_em_to_scd(pseudocounts, counts, start, to_csr):
    A = counts(80, 25)  # more documents than terms
    solver = SCD(*pseudocounts)
    assert_never_falls(objectives(solver, to_csr(A), start(A, 4), 60))


def test_only_scd_leaves_zeros(load, counts, start):
    A = counts()
    state = start(A, 3)
    state["W"][:, 0] = 0
    state["HT"][::2, 1] = 0
    X = load(A)
    assert_array_equal(run(EM(), X, state, 5)["W"][:, 0], 0)
    assert_array_equal(run(EM(), X, state, 5)["HT"][::2, 1], 0)
    moved = run(scd(), X, state, 5)
    assert (moved["W"][:, 0] > 0).any()
    assert (moved["HT"][::2, 1] > 0).any()
    assert_never_falls(objectives(scd(), X, state, 20))


@SOLVERS
@SMOOTHING
def test_step_leaves_the_old_state_as_it_was(Solver, pseudocounts, load, counts, start):
    A = counts()
    X, old = load(A), start(A, 3) | {"other": "kept"}
    copies = old["W"].clone(), old["HT"].clone()
    new = Solver(*pseudocounts).step(X, old)
    assert torch.equal(old["W"], copies[0])
    assert torch.equal(old["HT"], copies[1])
    assert not torch.equal(new["W"], old["W"])
    assert not torch.equal(new["HT"], old["HT"])
    assert new["other"] == "kept"


@SOLVERS
@SMOOTHING
@pytest.mark.parametrize(
    "A",
    [
        np.zeros((4, 3)),
        np.array([[3.0, 0, 2]]),
        np.array([[3.0], [0], [2]]),
        np.array([[4.0]]),
        np.diag([1.0, 0, 2]),
    ],
    ids=["all zero", "one document", "one term", "one cell", "empty rows and columns"],
)
def test_degenerate_data_stay_finite(Solver, pseudocounts, A, load, start):
    X, solver = load(A), Solver(*pseudocounts)
    state = start(A, 5)  # more topics than either side has
    assert np.isfinite(objectives(solver, X, state, 10)).all()
    state = run(solver, X, state, 10)
    for factor in (state["W"], state["HT"]):
        assert factor.isfinite().all()
        assert (factor >= 0).all()
    topics = topic_model.topics_of(state)
    assert_allclose(topics.sum(1), 1, rtol=1e-12)


@SOLVERS
@SMOOTHING
def test_an_empty_topic_stays_empty(Solver, pseudocounts, load, counts, start):
    A, solver = counts(), Solver(*pseudocounts)
    full = start(A, 3)
    state = {
        name: torch.cat([factor, torch.zeros(len(factor), 1)], 1)
        for name, factor in full.items()
    }
    X = load(A)
    full, state = (run(solver, X, s, 5) for s in (full, state))
    assert_array_equal(state["W"][:, 3], 0)
    if pseudocounts == (0, 0):
        assert_array_equal(state["HT"][:, 3], 0)
    for name in ("W", "HT"):
        assert_allclose(state[name][:, :3], full[name], rtol=1e-9, atol=1e-12)
    found = solver.evaluate(X, state)
    assert np.isfinite(found["objective"])
    assert np.isfinite(found["kkt"])


# -------------------------------------------------------------------------- likelihoods


def test_constants(load):
    rng = np.random.default_rng(0)
    A = rng.poisson(0.7, (400, 700)) * 1.0  # more than one chunk
    A[:, :9] *= 1.37  # not integers
    found = CorpusSums.of(load(A))
    assert_allclose(found.tokens, A.sum(), rtol=1e-12)
    assert_allclose(found.log_factorial, special.gammaln(A + 1).sum(), rtol=1e-12)
    saturated = special.xlogy(A, A) - A - special.gammaln(A + 1)
    assert_allclose(found.saturated, saturated.sum(), rtol=1e-12)


def test_constants_of_integers_agree_with_scipy_stats(to_csr, counts):
    A = counts()
    found = CorpusSums.of(to_csr(A.astype(np.float32)))
    assert_allclose(found.saturated, stats.poisson.logpmf(A, A).sum(), rtol=1e-12)


def test_constants_of_nothing(load):
    assert CorpusSums.of(load(np.zeros((3, 4)))) == CorpusSums(3, 0.0, 0.0, 0.0)


def test_document_log_likelihood(load, counts, start):
    A = counts()
    A[4] = 0  # an empty document has likelihood one
    state = run(EM(), load(A), start(A, 3), 3)
    W, B = model(state)
    theta = W / W.sum(1, keepdims=True).clip(1e-300)
    theta[4] = 1 / 3
    sizes = A.sum(1)
    found = topic_model.document_log_likelihood(load(A), state, FLOOR)
    found -= CorpusSums.of(load(A)).log_factorial
    exact = stats.poisson.logpmf(A, sizes[:, None] * (theta @ B)).sum()
    assert_allclose(found, exact, rtol=1e-12)
    # The multinomial identity of the topic model, with s_i = t_i.
    tokens = sizes.astype(int)
    multinomial = stats.multinomial.logpmf(A, tokens, theta @ B).sum()
    assert_allclose(found - stats.poisson.logpmf(tokens, sizes).sum(), multinomial)
    # No other sizes are likelier.
    for factor in (0.9, 1.1):
        other = stats.poisson.logpmf(A, factor * sizes[:, None] * (theta @ B)).sum()
        assert other < found


def test_normalize_rows():
    A = torch.tensor([[1.0, 3.0], [0.0, 0.0], [1e-30, 1e-30]])
    expected = [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]
    assert_array_equal(topic_model.normalize_rows(A), np.float32(expected))


# ------------------------------------------------------------------------------ fold-in

EXACT = {"max_sweeps": 5000, "tol": 1e-12}


@pytest.fixture
def topics():
    B = np.random.default_rng(5).dirichlet(np.full(25, 0.3), 4)
    B[0, :5] = 0
    return torch.tensor(B / B.sum(1, keepdims=True))


def neg_posterior(theta, x, B, a):
    seen = x > 0
    value = -(x[seen] * np.log(theta @ B[:, seen])).sum()
    return value - (a * np.log(theta).sum() if a else 0)


@pytest.mark.parametrize("a", [0, 0.1, 1.0])
def test_fold_in_is_stationary_on_the_simplex(a, load, counts, topics):
    A, B = counts(tokens=30), topics.numpy()
    theta = fold_in(load(A), topics, pseudocount=a, **EXACT).numpy()
    assert_allclose(theta.sum(1), 1, rtol=1e-12)
    assert (theta >= 0).all()
    # Of sum x log(theta B) + a sum log theta, theta times gradient, per document:
    multiplier = A.sum(1, keepdims=True) + 4 * a
    slope = (A / (theta @ B)) @ B.T
    assert np.abs(theta * slope + a - multiplier * theta).max() < 1e-8
    assert (slope - multiplier)[theta == 0].max(initial=-1) < 1e-6


@pytest.mark.parametrize("a", [0, 0.1])
def test_fold_in_agrees_with_em_and_with_a_general_optimiser(a, load, counts, topics):
    A, B = counts(8, tokens=30), topics.numpy()
    X = load(A)
    theta = fold_in(X, topics, pseudocount=a, **EXACT).numpy()
    W, HT = torch.ones(8, 4, dtype=torch.float64), topics.T.contiguous()
    for _ in range(5000):
        weights = ops.ratio_product(X, W, HT, floor=FLOOR)
        W = weights * W + a
    em = W / W.sum(1, keepdim=True)
    # The optimum is flat: EM without pseudocounts ends slowly.
    assert_allclose(theta, em, atol=1e-4)
    for x, row in zip(A, theta, strict=True):
        best = minimize(
            lambda z, x=x: neg_posterior(special.softmax(z), x, B, a), np.zeros(4)
        )
        value = neg_posterior(row, x, B, a)
        assert value < best.fun + 1e-6
        if a:
            assert_allclose(row, special.softmax(best.x), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fold_in_of_a_row_depends_on_that_row_alone(dtype, load, counts, topics):
    A = counts(50).astype(dtype)
    A[7] = 0
    B = topics.to(getattr(torch, dtype))
    theta = fold_in(load(A), B, pseudocount=0.1)
    assert theta.dtype == B.dtype
    some = [3, 7, 20, 49]
    alone = fold_in(load(A[some]), B, pseudocount=0.1)
    assert torch.equal(theta[some], alone)
    assert torch.equal(fold_in(load(A[:1]), B, pseudocount=0.1), theta[:1])


@pytest.mark.parametrize("a", [0, 0.3])
def test_fold_in_of_documents_without_known_terms_is_uniform(a, load, counts, topics):
    A = np.zeros((3, 26))
    A[1, 25] = 4  # a term that no topic has
    A[2, :25] = counts(1)
    B = torch.cat([topics, torch.zeros(4, 1)], 1)
    theta = fold_in(load(A), B, pseudocount=a)
    assert_array_equal(theta[:2], 0.25)
    assert theta[2].max() > 0.3


def test_fold_in_stops_near_the_optimum(load, counts, topics):
    A = counts(tokens=200)
    by_default = fold_in(load(A), topics, pseudocount=0.1)
    exact = fold_in(load(A), topics, pseudocount=0.1, **EXACT)
    # A step below 1e-4 of the document's size, in a linearly converging sequence.
    assert (by_default - exact).abs().max() < 1e-3
