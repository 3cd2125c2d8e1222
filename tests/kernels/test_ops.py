"""Every operation, by every implementation, against naive dense float64 numpy."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize

from sklearn_topics._kernels import ops, ranks, registry, shared_rows
from sklearn_topics._kernels.cpu import descent, group, logarithms, products, structure
from sklearn_topics._kernels.reference import descent as reference_descent
from sklearn_topics._kernels.reference import sparse as reference

from .conftest import _long_rows, interpreted

FLOOR = 1e-10


def assert_within(actual, expected, scale, *, eps, n_terms):
    """Rounding of sums of `n_terms` terms whose absolute values sum to `scale`."""
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    excess = np.abs(actual - expected) - 8 * eps * np.sqrt(n_terms + 4) * scale
    assert (excess <= 0).all(), f"off by {excess.max():.2g} more than rounding"


# ----------------------------------------------------------------- linear operations


def test_transpose(transpose, matrix):
    out = transpose(matrix)
    expected = matrix.T.astype(transpose.dtype)
    rows, columns = np.nonzero(expected)
    assert out.shape == expected.shape
    assert_array_equal(out.indptr.diff(), np.bincount(rows, minlength=len(expected)))
    assert_array_equal(out.indices, columns)
    assert_array_equal(out.data, expected[rows, columns])
    assert str(out.dtype) == f"torch.{transpose.dtype}"
    assert str(out.indices.dtype) == f"torch.{transpose.index_dtype}"
    assert out.indptr.dtype == torch.int64


def test_column_sums(column_sums, factor):
    (A,) = column_sums.round(factor)
    sums = column_sums(A)
    # Accumulated wide: in float32 only the result is rounded.
    assert_allclose(sums, A.sum(0), rtol=max(column_sums.eps, 1e-14))
    assert sums.dtype == column_sums.dtype


def test_column_sums_of_many_rows_are_accumulated_wide(column_sums):
    A = np.full((300_000, 2), 0.1)
    (exact,) = column_sums.round(A[:1])
    rtol = max(column_sums.eps, 1e-12)
    assert_allclose(column_sums(A), exact[0] * 300_000, rtol=rtol)


def test_column_sums_of_a_product(column_sums, factor):
    (A,) = column_sums.round(factor)
    B = column_sums.round(np.random.default_rng(3).random(A.shape))[0]
    rtol = max(2 * column_sums.eps, 1e-14)
    assert_allclose(column_sums(A, B), (A * B).sum(0), rtol=rtol)


def test_row_sums_are_accumulated_wide(row_sums, matrix):
    (X,) = row_sums.round(matrix * 0.1)
    sums = row_sums(X)
    assert sums.dtype == np.float64
    assert_allclose(sums, X.sum(1), rtol=1e-14)


def test_row_sums_do_not_depend_on_other_rows(row_sums):
    rng = np.random.default_rng(0)
    X = rng.random((50, 700)) * (rng.random((50, 700)) < 0.5)
    X[::7] *= 1e17
    sums = row_sums(X)
    for i in range(len(X)):
        assert_array_equal(row_sums(X[i : i + 1]), sums[i : i + 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_sums_do_not_depend_on_how_a_row_is_stored(to_csr, dtype):
    rng = np.random.default_rng(0)
    X = (rng.random((40, 300)) * (rng.random((40, 300)) < 0.3)).astype(dtype)
    X[3] *= 1e17
    expected = ops.row_sums(to_csr(X))
    columns = torch.from_numpy(np.asfortranarray(X).T).T
    for same in torch.from_numpy(X), columns, torch.from_numpy(X[:, ::1]):
        assert torch.equal(ops.row_sums(same), expected)
    assert torch.equal(reference.csr_row_sums(to_csr(X)), expected)


def test_gram(gram, factor):
    (A,) = gram.round(factor)
    scale = A.T @ A
    assert_within(gram(A), A.T @ A, scale, eps=gram.eps, n_terms=len(A))


@pytest.mark.parametrize("extra", [0, 13])
def test_combine_columns(combine_columns, factor, extra):
    A = factor
    G = np.random.default_rng(5).standard_normal((A.shape[1], A.shape[1] + extra))
    A, G = combine_columns.round(A, G)
    scale = A @ np.abs(G)
    out = combine_columns(A, G)
    assert_within(out, A @ G, scale, eps=combine_columns.eps, n_terms=len(G))


def _factor_step(operation, A):
    """A factor, a numerator and costs of which the first is that of an empty topic."""
    rng = np.random.default_rng(4)
    A, N, cost = operation.round(A, rng.random(A.shape), rng.random(A.shape[1]) + 0.5)
    cost[0] = 0
    return A, N, cost


@pytest.mark.parametrize("a", [0.0, 0.25])
def test_multiplicative_step(multiplicative_step, factor, a):
    A, N, cost = _factor_step(multiplicative_step, factor)
    out = multiplicative_step(A, N, cost, a)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(cost > 0, (A * N + a) / cost, 0)
    assert_allclose(out, expected, rtol=8 * multiplicative_step.eps)


@pytest.mark.parametrize("a", [0.0, 0.25])
def test_settle(settle, factor, a):
    A, N, cost = _factor_step(settle, factor)
    share = np.linspace(0, 1, len(cost)).astype(A.dtype)
    out, left = settle(A, N, cost, a, share)
    p = a + share * A
    settled = (a > 0) & (A * N < p)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(cost > 0, (A * N + p) / cost, 0)
    expected = np.where(settled, expected, A)
    assert_allclose(out, expected, rtol=8 * settle.eps)
    assert_array_equal(left, np.where(settled, -1, np.float32(a)))


@pytest.mark.parametrize("a", [0.0, 0.25])
def test_largest_violation(largest_violation, factor, a):
    A, N, cost = _factor_step(largest_violation, factor)
    expected = np.abs(A * (cost - N) - a)[:, cost > 0].max(initial=0)
    eps = largest_violation.eps
    assert_allclose(
        largest_violation(A, N, cost, a), expected, rtol=1e-6, atol=16 * eps
    )
    # Zero where the multiplicative step changes nothing.
    still = np.where(cost > 0, cost - a / A, 1)
    assert largest_violation(A, still, cost, a) <= 16 * eps * (A * cost + a).max()


@pytest.mark.parametrize(
    ("gamma", "l1", "l2", "shift", "by_column"),
    [  # every pair of settings
        (1.0, 0.0, 0.0, 0.0, False),
        (1.0, 0.5, 0.25, 0.5, True),
        (0.5, 0.0, 0.0, 0.5, True),
        (0.5, 0.5, 0.25, 0.0, True),
        (0.5, 0.5, 0.25, 0.5, False),
        (1.0, 0.0, 0.25, 0.0, True),
    ],
)
def test_ratio_step(ratio_step, factor, gamma, l1, l2, by_column, shift):
    A, N, cost = _factor_step(ratio_step, factor)
    D = cost if by_column else ratio_step.round(N[::-1] + 0.5)[0]
    D = D * (np.arange(A.shape[1]) > 0)  # a denominator of zero
    options = {"l1": l1, "l2": l2, "gamma": gamma, "shift": shift}
    out = ratio_step(A, N, D, **options, zero_denominator=0.125)
    below = D + l1 + l2 * A
    expected = A * ((N + shift) / np.where(below == 0, 0.125, below)) ** gamma
    assert_allclose(out, expected, rtol=16 * ratio_step.eps)
    least = float(np.median(expected))
    cut = ratio_step(A, N, D, **options, zero_denominator=0.125, least=least)
    assert_array_equal(cut, np.where(out < ratio_step.round(least)[0], 0, out))


@pytest.mark.parametrize(("l2", "one_dimensional"), [(0.3, False), (0.0, True)])
def test_adam_step_is_torchs(adam_step_, factor, l2, one_dimensional):
    A = factor[:, 0] if one_dimensional else factor
    rng, dtype = np.random.default_rng(4), adam_step_.torch
    expected = torch.tensor(A, requires_grad=True)
    optimizer = torch.optim.Adam([expected], lr=0.2, weight_decay=l2)
    found, first, second = torch.tensor(A, dtype=dtype), *torch.zeros(2, *A.shape)
    first, second = first.to(dtype), second.to(dtype)
    for number in range(1, 5):
        gradient = torch.from_numpy(
            rng.choice([-1, 1], A.shape) * rng.uniform(1, 2, A.shape)
        )
        expected.grad = gradient
        optimizer.step()
        options = {"rate": 0.2, "n_updates": number, "l2": l2}
        ops.adam_step_([found], [gradient.to(dtype)], [first], [second], **options)
    tolerance = {"rtol": 512 * adam_step_.eps, "atol": 512 * adam_step_.eps}
    assert_allclose(found, expected.detach(), **tolerance)
    moments = optimizer.state[expected]
    assert_allclose(first, moments["exp_avg"], **tolerance)
    assert_allclose(second, moments["exp_avg_sq"], **tolerance)


def test_adam_step_of_some_rows_is_theirs_alone(adam_step_):
    rng = np.random.default_rng(0)
    A, first, second = (torch.tensor(rng.random((9, 5))) for _ in range(3))
    A, first, second = (T.to(adam_step_.torch) for T in (A, first, second))
    rows = torch.tensor([7, 0, 4])
    gradient = torch.tensor(rng.standard_normal((3, 5))).to(A)
    whole = [T.clone() for T in (A, first, second)]
    expected = [T[rows] for T in whole]
    options = {"rate": 0.1, "n_updates": 2}
    ops.adam_step_([A], [gradient], [first], [second], rows=rows, **options)
    a, m, v = ([T] for T in expected)
    ops.adam_step_(a, [gradient], m, v, **options)
    for found, before, part in zip((A, first, second), whole, expected, strict=True):
        before[rows] = part
        assert torch.equal(found, before)
    assert A.isfinite().all()


@pytest.mark.parametrize("l1", [0.0, 0.75])
def test_hals_step(hals_step, factor, l1):
    rng = np.random.default_rng(8)
    A = factor * (rng.random(factor.shape) < 0.5)
    HT = rng.random((20, A.shape[1])) * (rng.random((20, A.shape[1])) < 0.5)
    HT[:, 1:2] = 0  # a column without a curvature
    X = rng.poisson(1.0, (len(A), 20))
    A, N, G = hals_step.round(A, X @ HT, HT.T @ HT)
    order = rng.permutation(A.shape[1])
    expected, violation = A.copy(), 0.0
    for k in order:
        g = expected @ G[k] - N[:, k] + l1
        violation += np.abs(np.where(expected[:, k] == 0, np.minimum(g, 0), g)).sum()
        if G[k, k] != 0:
            expected[:, k] = np.maximum(expected[:, k] - g / G[k, k], 0)
    factors = [hals_step.tensor(B) for B in (A, N, G)]
    found = ops.hals_step(*factors, l1, torch.from_numpy(order))
    out, found = (part.cpu() for part in found)
    size = (np.abs(A) @ G + N + l1).max() / np.diag(G)[np.diag(G) > 0].min(initial=1)
    assert_allclose(out, expected, rtol=0, atol=64 * hals_step.eps * size * len(order))
    scale = (A @ G + N + l1).sum() * len(order)
    assert_allclose(found, violation, rtol=1e-6, atol=64 * hals_step.eps * scale)
    assert torch.equal(factors[0], hals_step.tensor(A))


@pytest.mark.parametrize("beta", [0.5, 0.99])
def test_extrapolate(extrapolate, factor, beta):
    rng = np.random.default_rng(6)
    A, previous = extrapolate.round(factor, rng.random(factor.shape))
    A[0] = 0
    expected = np.maximum(A + beta * (A - previous), 0.5 * A)
    out = extrapolate(A, previous, beta, 0.5)
    assert_allclose(out, expected, rtol=1e-6, atol=8 * extrapolate.eps)


def test_log_sum(log_sum, factor):
    (A,) = log_sum.round(factor * 10.0 ** np.linspace(-30, 30, len(factor))[:, None])
    logs = np.log(A)
    # Each logarithm is rounded; their sum is accumulated wide.
    atol = 2 * log_sum.eps * (np.abs(logs).sum() + A.size)
    assert_allclose(log_sum(A), logs.sum(), rtol=1e-12, atol=atol)


def test_log_sum_of_zeros_is_finite(log_sum):
    tiny = float(np.finfo(log_sum.dtype).tiny)
    assert_allclose(log_sum(np.zeros((3, 2))), 6 * np.log(tiny), rtol=1e-6)


def test_sddmm(sddmm, problem):
    X, W, HT = sddmm.round(*problem)
    expected = (W @ HT.T)[np.nonzero(X)]
    out = sddmm(X, W, HT)
    assert_within(out, expected, expected, eps=sddmm.eps, n_terms=W.shape[1])


def test_spmm(spmm, problem):
    X, _, HT = problem
    X, B = spmm.round(X, np.random.default_rng(2).standard_normal(HT.shape))
    scale = X @ np.abs(B)
    assert_within(spmm(X, B), X @ B, scale, eps=spmm.eps, n_terms=X.shape[1])


def _all_pairs(n):
    return torch.tensor([(i, j) for i in range(n) for j in range(n)])


def test_pair_counts(pair_counts, matrix):
    columns = np.random.default_rng(1).permutation(matrix.shape[1])[:4]
    pairs = _all_pairs(len(columns))
    out = pair_counts(matrix, columns=torch.from_numpy(columns), pairs=pairs)
    assert out.dtype == np.int64
    present = (matrix[:, columns] != 0).astype(np.int64)
    assert_array_equal(out.reshape(len(columns), -1), present.T @ present)


@pytest.mark.parametrize("rows", [1, 64, 65, 5000])
def test_pair_counts_of_many_rows(pair_counts, rows, monkeypatch):
    monkeypatch.setattr(structure, "_PRESENCE_ROWS", 1024)
    present = np.random.default_rng(0).random((rows, 4)) < 0.9
    options = {"columns": torch.arange(4), "pairs": _all_pairs(4)}
    out = pair_counts(present.astype(np.float64), **options)
    assert_array_equal(out.reshape(4, 4), present.T.astype(np.int64) @ present)


def test_pair_counts_of_stored_zeros(pair_counts):
    X = pair_counts.load(np.ones((3, 2)))
    X.data[:2] = 0
    out = ops.pair_counts(X, torch.arange(2), _all_pairs(2))
    assert out.tolist() == [2, 2, 2, 2]


def test_ratio_product(ratio_product, problem):
    X, W, HT = ratio_product.round(*problem)
    out = ratio_product(X, W, HT, floor=FLOOR, shift=0.5)
    expected = (X / (W @ HT.T + 0.5)) @ HT
    rounding = {"eps": ratio_product.eps, "n_terms": X.shape[1] + W.shape[1]}
    assert_within(out, expected, expected, **rounding)


@pytest.mark.parametrize("n_components", [3, 20])
@pytest.mark.parametrize("density", [0.01, 0.2, 1.0])
def test_ratio_product_of_a_dense_transpose(ratio_product, density, n_components):
    shift = 0.0 if n_components == 20 else 0.5
    rng = np.random.default_rng(9)
    n, m = 70, 60 if ratio_product.triton else 600
    X = rng.random((n, m)) * (rng.random((n, m)) < density)
    W, HT = rng.random((n, n_components)), rng.random((m, n_components))
    X, W, HT = ratio_product.round(X, W, HT)
    factors = [ratio_product.tensor(A) for A in (HT, W)]
    options = {"floor": FLOOR, "shift": shift}
    dense = ratio_product.container == "dense"  # for the others there is no view
    data = ratio_product.load(X).T if dense else ratio_product.load(X.T)
    out = ops.ratio_product(data, *factors, **options).cpu().numpy()
    expected = (X / (W @ HT.T + shift)).T @ W
    assert_within(out, expected, expected, eps=ratio_product.eps, n_terms=100)


def test_log_sums(log_sums, problem):
    X, W, HT = log_sums.round(*problem)
    loglik = log_sums(X, W, HT, floor=FLOOR)
    logs = np.log(W @ HT.T)
    rounding = {"eps": log_sums.eps, "n_terms": X.shape[1] + W.shape[1]}
    scale = (X * (np.abs(logs) + 1)).sum(1)
    assert_within(loglik, (X * logs).sum(1), scale, **rounding)
    assert loglik.dtype == np.float64


# Reconstructions of 0 at positive entries.
ZEROS = (
    np.array([[2.0, 0.0, 5.0], [0.0, 3.0, 0.0]]),
    np.array([[0.0, 0.0], [1.0, 0.0]]),
    np.array([[1.0, 2.0], [0.0, 1.0], [0.0, 1.0]]),
)


def test_ratio_product_floors_the_reconstruction(ratio_product):
    floor = 2.0**-20  # exact in both dtypes
    out = ratio_product(*ZEROS, floor=floor)
    assert_allclose(out, [[2 / floor, 9 / floor], [0, 3 / floor]], rtol=1e-6)


def test_log_sums_floor_the_reconstruction(log_sums):
    floor = 2.0**-20
    expected = np.array([7, 3]) * np.log(floor)
    assert_allclose(log_sums(*ZEROS, floor=floor), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithm_over_all_magnitudes(dtype):
    # One entry a row, so that the sum shows each logarithm.
    info = np.finfo(dtype)
    decades = np.logspace(np.log10(info.tiny), np.log10(info.max) - 0.01, 4001)
    near_one = 1 + np.linspace(-0.5, 1, 3001)
    edges = [0.5, np.sqrt(0.5), 1 - info.epsneg, 1, 1 + info.eps, np.sqrt(2), 2]
    y = np.concatenate([decades, near_one, edges]).astype(dtype)
    X = np.ones((len(y), 1), dtype)
    tensors = [torch.from_numpy(A) for A in (y[:, None], np.ones((1, 1), dtype))]
    csr = (torch.arange(len(y) + 1), torch.zeros(len(y), dtype=torch.int32))
    X = ops.CSR(*csr, torch.from_numpy(X[:, 0]), (len(y), 1))
    loglik = logarithms.csr_log_sums(X, *tensors, float(info.tiny))
    exact = np.log(y.astype(np.float64))
    # Relative to the logarithm, but never finer than y itself is rounded.
    error = np.abs(loglik.numpy() - exact) / (np.abs(exact) + 1)
    assert error.max() < 2 * info.eps


# ------------------------------------------------------- sequential coordinate descent


def bounds(w, S, q, u, a, l2=0.0):
    """v_low and v_up of the docstring of `ops.scd_rows`, where q > 0."""
    A, C = np.maximum(S / q - w, 0), S * S / q
    if l2 > 0:
        # C / (A + v) = u + l2 v, and (S - q w) + q w^2 / v = u + l2 v
        b, p = u + l2 * A, u - S + q * w
        # The larger roots, without cancellation
        gain, c = np.maximum(C - u * A, 0), q * w * w
        root = np.sqrt(p * p + 4 * l2 * c)
        up = np.where(p > 0, 2 * c / (p + root), (root - p) / (2 * l2))
        return 2 * gain / (b + np.sqrt(b * b + 4 * l2 * gain)), up
    # C / (A + v) + a / v = u, times v (A + v)
    b = u * A - C - a
    low = (np.sqrt(b * b + 4 * u * a * A) - b) / (2 * u)
    return np.maximum(low, 0), (q * w * w + a) / (u - S + q * w)


def naive_step(w, S, q, u, a, l2=0.0):
    with np.errstate(invalid="ignore", divide="ignore"):
        low, up = bounds(w, S, q, u, a, l2)
        new = np.where(low >= w, low, np.maximum(low, up * up / w))
    return np.where(q > 0, new, a / u)


def naive_scd(X, W, HT, u, a, n_sweeps, l2=0.0, floor=FLOOR):
    W = W.copy()
    W[:, u == 0] = 0
    for _ in range(n_sweeps):
        for k in np.flatnonzero(u):
            Y = np.maximum(W @ HT.T, floor)
            S, q = (X / Y) @ HT[:, k], (X / Y**2) @ HT[:, k] ** 2
            W[:, k] = naive_step(W[:, k], S, q, u[k], a, l2)
    return W


def objective(X, W, HT, u, a, l2=0.0, floor=FLOOR):
    """f by row, and the size of its terms."""
    Y = np.maximum(W @ HT.T, floor)
    with np.errstate(divide="ignore"):
        logs = a * np.log(W[:, u > 0]) if a else np.zeros((len(W), 1))
    parts = W * u, -(X * np.log(Y)), -logs, l2 / 2 * W**2
    return sum(p.sum(1) for p in parts), sum(np.abs(p).sum(1) for p in parts)


def test_scd_rows(scd_rows, problem):
    _compare_with_naive_scd(scd_rows, problem, 0.1, 0)


# For what differs by a term that is the same for any matrix.
FEW = pytest.mark.parametrize(
    "problem",
    [("empty rows and columns", 9), ("one cell", 1), ("not integer", 3)],
    indirect=True,
    ids=str,
)


@FEW
@pytest.mark.parametrize(("pseudocount", "l2"), [(0, 0), (0, 0.5)])
def test_scd_rows_with_other_penalties(scd_rows, problem, pseudocount, l2):
    _compare_with_naive_scd(scd_rows, problem, pseudocount, l2)


def _compare_with_naive_scd(scd_rows, problem, pseudocount, l2):
    X, W, HT = problem
    if scd_rows.triton:
        X, W = X[:40], W[:40]
    n_sweeps = 3
    HT = HT * (np.random.default_rng(3).random(HT.shape) < 0.6)
    HT[:, 1:2] = 0  # an empty topic
    X, W, HT, u, a = scd_rows.round(X, W, HT, HT.sum(0), pseudocount)
    options = {"n_sweeps": n_sweeps, "l2": l2, "floor": FLOOR}
    out, log_sums = scd_rows(X, W, HT, u, pseudocount=pseudocount, **options)
    expected = naive_scd(X, W, HT, u, a, n_sweeps, l2)
    # In tokens, those of the start included: they are what the first steps subtract.
    size = (X.sum(1) + (W * u).sum(1) + a * len(u))[:, None]
    assert_within(out * u, expected * u, size, eps=scd_rows.eps, n_terms=200)
    assert_array_equal(out[:, u == 0], 0)
    # y has taken K steps a sweep; rounding is relative to the y that it began with.
    terms = X * np.log(np.maximum(out.astype(float) @ HT.T, FLOOR))
    drift = X * (1 + (W @ HT.T) / np.maximum(out.astype(float) @ HT.T, FLOOR))
    scale = (np.abs(terms) + np.where(out.astype(float) @ HT.T > 0, drift, 0)).sum(1)
    assert log_sums.dtype == np.float64
    assert_within(log_sums, terms.sum(1), scale, eps=scd_rows.eps, n_terms=200)


def test_scd_rows_leaves_its_arguments(scd_rows):
    rng = np.random.default_rng(0)
    X = scd_rows.load(rng.poisson(1.0, (8, 9)).astype(float))
    factors = [scd_rows.tensor(rng.random(s)) for s in [(8, 3), (9, 3), 3]]
    before = [t.clone() for t in factors]
    options = {"pseudocount": 0.1, "n_sweeps": 2, "floor": FLOOR}
    out, _ = ops.scd_rows(X, *factors, **options)
    assert not torch.equal(out, before[0])
    for tensor, copy in zip(factors, before, strict=True):
        assert torch.equal(tensor, copy)


def test_scd_rows_of_a_row_depend_on_that_row_alone(scd_rows):
    rng = np.random.default_rng(0)
    X = rng.poisson(1.0, (40, 30)).astype(float)
    X = X[14:24] if scd_rows.triton else X
    W, HT = rng.random((len(X), 5)), rng.random((30, 5))
    # A tolerance at which the rows stop after different numbers of sweeps.
    options = {"pseudocount": 0.1, "n_sweeps": 50, "tol": 1e-2, "floor": FLOOR}
    out, _ = scd_rows(X, W, HT, HT.sum(0), **options)
    some = [1, 3, 8, len(X) - 1]
    alone, _ = scd_rows(X[some], W[some], HT, HT.sum(0), **options)
    assert_array_equal(alone, out[some])
    shorter, _ = scd_rows(X, W, HT, HT.sum(0), **(options | {"n_sweeps": 6}))
    stopped = (shorter == out).all(1)
    assert stopped.any()
    assert not stopped.all()


def test_scd_rows_stops_by_tolerance(scd_rows):
    rng = np.random.default_rng(0)
    X = rng.poisson(1.0, (4 if scd_rows.triton else 20, 30)).astype(float)
    W, HT = rng.random((len(X), 5)), rng.random((30, 5))
    options = {"pseudocount": 0.0, "floor": FLOOR}
    once, _ = scd_rows(X, W, HT, HT.sum(0), n_sweeps=1, **options)
    many, _ = scd_rows(X, W, HT, HT.sum(0), n_sweeps=10, **options)
    stopped, _ = scd_rows(X, W, HT, HT.sum(0), n_sweeps=10, tol=1e6, **options)
    assert_array_equal(stopped, once)
    assert np.abs(many - once).max() > 0.01


@pytest.mark.parametrize("pseudocount", [0, 0.05, 1])
def test_scd_rows_converge_to_the_optimum(scd_rows, pseudocount):
    rng = np.random.default_rng(4)
    n = 2 if scd_rows.triton else 6
    n_sweeps = 40 if interpreted(scd_rows) else 500  # the interpreter is slow
    X = rng.poisson(1.0, (6, 15)).astype(float)[:n]
    W, HT = rng.random((6, 4))[:n], rng.random((15, 4))
    HT *= rng.random(HT.shape) < 0.5
    W, HT = scd_rows.round(W, HT)
    u = HT.sum(0)
    small = 1e-8 if scd_rows.dtype == "float64" else 1e-5
    options = {"pseudocount": pseudocount, "n_sweeps": n_sweeps, "floor": FLOOR}
    out = scd_rows(X, W, HT, u, **options)[0].astype(float)
    Y = np.maximum(out @ HT.T, FLOOR)
    gradient = u - (X / Y) @ HT  # of f, without a / w
    size = X.sum() + 1
    assert np.abs(out * gradient - pseudocount).max() < small * size
    assert gradient.min() > -small * size
    f, _ = objective(X, out, HT, u, pseudocount)

    def f_and_slope(log_w, x):
        w = np.exp(log_w)
        value = objective(x[None], w[None], HT, u, pseudocount)[0][0]
        slope = w * (u - HT.T @ (x / np.maximum(HT @ w, FLOOR))) - pseudocount
        return value, slope

    for x, value in zip(X, f, strict=True):
        best = minimize(f_and_slope, np.zeros(len(u)), args=(x,), jac=True)
        assert value < best.fun + small * size


magnitudes = st.floats(-3, 3).map(lambda e: 10.0**e)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 6)),
    scales=st.tuples(magnitudes, magnitudes, magnitudes),
    spread=st.floats(0, 3),
    density=st.floats(0.1, 1),
    priors=st.sampled_from([(0, 0), (0.05, 0), (1, 0), (0, 1e-4), (0, 1), (0, 1e4)]),
)
def test_no_sweep_raises_the_objective(
    scd_rows, seed, shape, scales, spread, density, priors
):
    n, m, K = shape
    rng = np.random.default_rng(seed)
    X = rng.poisson(scales[0], (n, m)) * (rng.random((n, m)) < density) * 1.0
    W, HT = (
        scale * rng.random(size) * np.exp(spread * rng.standard_normal(size))
        for scale, size in [(scales[1], (n, K)), (scales[2], (m, K))]
    )
    W += 1e-6 * scales[1]
    HT *= rng.random(HT.shape) < density
    u = HT.sum(0)
    X, W, HT, u = scd_rows.round(X, W, HT, u)
    # f depends on the last step's rounding as much as on y's.
    (a, l2), rounding = priors, 200 * scd_rows.eps
    f, _ = objective(X, W, HT, u, a, l2)
    options = {"pseudocount": a, "l2": l2, "n_sweeps": 1, "floor": FLOOR}
    for _ in range(1 if scd_rows.triton else 5):
        W = scd_rows(X, W, HT, u, **options)[0].astype(float)
        assert (W >= 0).all()
        previous = f
        f, scale = objective(X, W, HT, u, a, l2)
        assert (f <= previous + rounding * (scale + np.abs(previous))).all()


@FEW
def test_share_adds_to_each_coordinates_pseudocount(scd_rows, problem):
    """share_k w_k is the same for all k here, and so is one larger pseudocount."""
    X, _, HT = scd_rows.round(*problem)
    start = 2.0 ** np.arange(HT.shape[1])
    W, u = np.tile(start, (len(X), 1)), HT.sum(0) + 0.1
    share = scd_rows.tensor(0.5 / start)
    options = {"n_sweeps": 2, "floor": FLOOR}
    out, _ = scd_rows(X, W, HT, u, pseudocount=0.25, share=share, **options)
    expected, _ = scd_rows(X, W, HT, u, pseudocount=0.75, **options)
    assert_allclose(out, expected, rtol=16 * scd_rows.eps)


@numba.njit
def scalar_numba(w, S, q, u, a, l2=0.0):
    if l2 > 0:
        return group._ridge_coordinate(w, S, q, u, l2)
    return group._coordinate(w, S, q, u, a)


def scalar_torch(w, S, q, u, a, l2=0.0):
    values = (torch.tensor([v], dtype=torch.float64) for v in (w, S, q, u, a))
    return float(reference_descent.coordinate_step(*values, l2)[0])


STEPS = scalar_numba, scalar_torch


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_terms=st.integers(1, 8),
    w=magnitudes,
    u=magnitudes,
    spread=st.floats(0, 4),
    priors=st.sampled_from(
        [(0.0, 0.0), (1e-3, 0.0), (0.1, 0.0), (2.0, 0.0), (0.0, 1e-3), (0.0, 10.0)]
    ),
)
def test_one_coordinate_lies_within_its_brackets(seed, n_terms, w, u, spread, priors):
    pseudocount, l2 = priors
    rng = np.random.default_rng(seed)
    c = rng.integers(1, 20, n_terms).astype(float)
    # S(v) = sum c_j / (d_j + v); d_j = 0 where no other topic explains the entry.
    d = np.exp(spread * rng.standard_normal(n_terms)) * (rng.random(n_terms) < 0.8)

    def excess(v):
        return (c / (d + v)).sum() + pseudocount / v - u - l2 * v

    def f(v):
        logs = (c * np.log(d + v)).sum() + pseudocount * np.log(v)
        return u * v + l2 / 2 * v * v - logs

    S, q = (c / (d + w)).sum(), (c / (d + w) ** 2).sum()
    lowest, highest = 1e-12, (c.sum() + pseudocount) / u + 1e-12
    # Without a root the function falls from 0 on: the minimiser is 0.
    best = brentq(excess, lowest, highest) if excess(lowest) > 0 else 0.0
    with np.errstate(divide="ignore"):
        low, up = bounds(w, S, q, u, pseudocount, l2)
    # u - S + q w and the like are differences of numbers that may be far larger.
    size = S + q * w
    rtol = 1e-9 + 4e-16 * size / max(abs(u - S + q * w), 1e-9 * size)
    assert low <= best + rtol * (best + w)
    if u > S - q * w or l2 > 0:  # otherwise the upper bound on S never meets u
        assert up >= best * (1 - rtol)
    for step in STEPS:
        new = step(w, S, q, u, pseudocount, l2)
        naive = naive_step(w, S, q, u, pseudocount, l2)
        assert_allclose(new, naive, rtol=rtol, atol=rtol * w)
        if best >= w:
            assert w * (1 - rtol) <= new <= best * (1 + rtol) + rtol * w
        else:
            assert new <= w * (1 + 1e-12)
            assert f(max(new, 1e-300)) <= f(w) + 1e-9 * (abs(f(w)) + u * w + l2 * w * w)


@pytest.mark.parametrize("step", STEPS)
def test_a_coordinate_without_data_goes_to_the_prior(step):
    assert step(3.0, 0.0, 0.0, 4.0, 0.0) == 0
    assert step(3.0, 0.0, 0.0, 4.0, 0.5) == 0.125
    assert step(3.0, 0.0, 0.0, 4.0, 0.0, 2.0) == 0


def test_a_pseudocount_and_a_quadratic_penalty_are_refused(to_csr):
    X, A = to_csr(np.eye(2)), torch.eye(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="not both"):
        ops.scd_rows(X, A, A, A[0], pseudocount=1, l2=1, n_sweeps=1, floor=FLOOR)


# --------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("K", [*range(1, 20), 31, 32, 33, 70])
def test_any_number_of_components(to_csr, K, dtype):
    # Rows of 0 to 9 entries: whole fours and what is left; vectors and what is left.
    rng = np.random.default_rng(K)
    X = np.where(np.arange(9) < np.arange(10)[:, None], 1 + rng.random((10, 9)), 0)
    X, W, HT = (A.astype(dtype) for A in (X, rng.random((10, K)), rng.random((9, K))))
    sparse, factors = to_csr(X), [torch.from_numpy(A) for A in (W, HT)]
    X, W, HT = (A.astype(np.float64) for A in (X, W, HT))
    Y, eps = W @ HT.T, np.finfo(dtype).eps
    for module in products, reference:
        found = module.csr_spmm(sparse, factors[1]).numpy()
        assert found.shape == (10, K)
        assert_within(found, X @ HT, X @ HT, eps=eps, n_terms=9)
        found = module.csr_sddmm(sparse, *factors).numpy()
        assert_within(found, Y[X > 0], Y[X > 0], eps=eps, n_terms=K)
        found = module.csr_ratio_product(sparse, *factors, FLOOR, 0.25).numpy()
        expected = X / (Y + 0.25) @ HT
        assert_within(found, expected, expected, eps=eps, n_terms=9 + K)
    found = logarithms.csr_log_sums(sparse, *factors, FLOOR).numpy()
    scale = (X * (np.abs(np.log(Y)) + 1)).sum(1)
    assert_within(found, (X * np.log(Y)).sum(1), scale, eps=eps, n_terms=9 + K)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("K", [*range(1, 20), 31, 32, 33])
def test_descent_of_any_number_of_components(to_csr, K, dtype):
    rng = np.random.default_rng(K)
    X = np.where(np.arange(19) < np.arange(20)[:, None], 1 + rng.random((20, 19)), 0)
    factors = rng.random((20, K)), rng.random((19, K)), 5 + rng.random(K)
    factors = [torch.tensor(A.astype(dtype)) for A in factors]
    factors[2][0] = 0 if K > 1 else 5  # an empty topic
    args = to_csr(X.astype(dtype)), *factors, torch.zeros_like(factors[2])
    found, expected = (
        module.csr_scd_rows(*args, 0.1, 0.0, 2, 0.0, FLOOR)
        for module in (descent, reference)
    )
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, rtol=1e4 * np.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [(0.1, 0.0, 5), (0.0, 0.5, 5), (0.0, 0.0, 1)])
@pytest.mark.parametrize("settles", [False, True])
def test_descent_in_groups_of_topics_is_the_same(
    to_csr, monkeypatch, dtype, options, settles
):
    rng, (pseudocount, l2, n_sweeps) = np.random.default_rng(0), options
    X, K = _long_rows(), 17
    W, HT = (rng.random((n, K)).astype(dtype) for n in X.shape)
    HT[:, [0, 5, 6, 16]] = 0  # empty topics, also the first and the last
    factors = [torch.from_numpy(A) for A in (W, HT, HT.sum(0), np.full(K, dtype(0.1)))]
    if l2 > 0:
        factors[3] = torch.zeros_like(factors[3])
    args = to_csr(X.astype(dtype)), *factors, pseudocount, l2, n_sweeps, 1e-4, FLOOR
    monkeypatch.setattr(descent, "_SHORT", 0)  # only a row alone has such a tile
    monkeypatch.setattr(descent, "_MANY", 0)
    expected = descent.csr_scd_rows(*args, settles=settles)
    # Topics of the longest row, and more of the others; with copies, and with few.
    for topics, copies in (0, 0), (1, descent._COPY), (2, 0), (5, 5000), (16, 1 << 20):
        monkeypatch.setattr(descent, "_TILE", topics * 1032 * np.dtype(dtype).itemsize)
        monkeypatch.setattr(descent, "_COPY", copies)
        again = descent.csr_scd_rows(*args, settles=settles)
        for found, whole in zip(again, expected, strict=True):
            assert torch.equal(found, whole)


# --------------------------------------------------------------------------- dispatch


def test_the_fast_version_is_chosen_on_the_cpu(to_csr):
    X = to_csr(np.eye(3))
    assert registry.find("sddmm", X) is products.csr_sddmm
    assert registry.find("scd_rows", X) is descent.csr_scd_rows
    assert registry.find("scd_rows", torch.eye(3)) is descent.dense_scd_rows
    elsewhere = torch.empty(3, 3, device="meta")
    meta = ops.CSR(X.indptr, X.indices, elsewhere[0], (3, 3))
    assert registry.find("spmm", meta) is reference.csr_spmm


def test_the_table_is_complete():
    """Each operation runs on any device, and each place is that of a function."""
    own = {
        n for n, f in vars(ops).items() if getattr(f, "__module__", "") == ops.__name__
    }
    anywhere = {key[0] for key in registry.IMPLEMENTATIONS if key[2] == "any"}
    assert own == anywhere
    for place in registry.IMPLEMENTATIONS.values():
        assert callable(registry.load(place))
    lines = registry.table().splitlines()
    assert len(lines) == len(registry.IMPLEMENTATIONS)
    assert "spmm csr any reference.sparse:csr_spmm" in map(
        " ".join, map(str.split, lines)
    )


def test_a_failing_fast_version_raises(to_csr, monkeypatch):
    def fails(*args):
        raise MemoryError("no fallback")

    monkeypatch.setattr(registry, "_find", lambda *key: fails)
    factor = torch.eye(3, dtype=torch.float64)
    with pytest.raises(MemoryError, match="no fallback"):
        ops.sddmm(to_csr(np.eye(3)), factor, factor)


def test_an_operation_without_a_version_says_so():
    with pytest.raises(NotImplementedError, match="sddmm has no dense version for cpu"):
        ops.sddmm(torch.eye(3), torch.eye(3), torch.eye(3))


def test_cpu_kernels_refuse_strided_factors(to_csr):
    X = to_csr(np.eye(4))
    B = torch.ones(3, 4, dtype=torch.float64).T
    with pytest.raises(ValueError, match="contiguous"):
        ops.ratio_product(X, B, B, floor=FLOOR)


# --------------------------------------------------------- rows in several processes


def test_coordinate_sums(coordinate_sums_, problem):
    X, W, HT = problem
    X, W, HT = coordinate_sums_.round(X, W, HT)
    rng = np.random.default_rng(2)
    step, floors = coordinate_sums_.round(
        rng.normal(size=len(X)), rng.random(len(X)) + 0.1
    )
    rows, columns = np.nonzero(X)
    y = (W @ HT.T)[rows, columns]
    moved = coordinate_sums_.tensor(y)
    h, previous = (coordinate_sums_.tensor(HT[:, k]) for k in (0, -1))
    taken = {"previous": previous, "step": coordinate_sums_.tensor(step)}
    floors_there = coordinate_sums_.tensor(floors)
    S, q = coordinate_sums_(X, moved, h, floors=floors_there, **taken)
    y = np.maximum(y + step[rows] * HT[columns, -1], floors[rows])
    eps = coordinate_sums_.eps
    assert_allclose(moved.cpu(), y, atol=16 * eps * HT.shape[1])
    ratio, n = HT[columns, 0] / y, len(X)
    for found, terms in (S, X[rows, columns] * ratio), (q, X[rows, columns] * ratio**2):
        expected = np.bincount(rows, terms, minlength=n)
        # y of the size of its floor, 0.1, is off by as much as W HT^T is.
        assert_allclose(found, expected, rtol=4000 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", ["csr", "dense"])
@pytest.mark.parametrize(("a", "l2"), [(0.1, 0), (0, 0), (0, 0.5), ("matrix", 0)])
def test_descent_of_shared_rows_is_descent(problem, to_csr, dtype, container, a, l2):
    X, *factors = (np.ascontiguousarray(A, dtype) for A in problem)
    load = to_csr if container == "csr" else torch.from_numpy
    W, HT = map(torch.from_numpy, factors)
    a = (
        torch.linspace(-0.3, 1, W.numel(), dtype=W.dtype).view_as(W)
        if a == "matrix"
        else a
    )
    options = {"pseudocount": a, "l2": l2, "n_sweeps": 3, "floor": FLOOR}
    if l2 == 0:
        options["share"] = torch.linspace(0, 1, W.shape[1], dtype=W.dtype) / 10
    args = load(X), W, HT, HT.sum(0)
    expected = ops.scd_rows(*args, **options)
    with ranks.joined(OneRank()):
        found = shared_rows.scd_shared_rows(*args, **options)
    for part, whole in zip(found, expected, strict=True):
        scale = max(1.0, float(whole.abs().max()))
        assert_allclose(part, whole, rtol=0, atol=1e3 * np.finfo(dtype).eps * scale)


class OneRank:
    """A group of this process alone."""

    rank, size, messages = 0, 1, 0

    def sum(self, A):
        return A.clone()
