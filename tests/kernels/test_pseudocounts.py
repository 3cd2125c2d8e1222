"""Pseudocounts that differ by entry, and entries that are fixed (negative ones)."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._kernels import ops

FLOOR = 1e-10


def priors(shape, seed=0):
    """Positive numbers, zeros, fixed entries and, if there are more, a fixed row."""
    rng = np.random.default_rng(seed)
    b = rng.random(shape) * rng.choice([0, 1], shape) * 4
    b[rng.random(shape) < 0.2] = -1
    if shape[0] > 2:
        b[1] = -1
    return b


def _factor_step(operation, A):
    rng = np.random.default_rng(4)
    parts = A, rng.random(A.shape), rng.random(A.shape[1]) + 0.5, priors(A.shape)
    A, N, cost, b = operation.round(*parts)
    cost[0] = 0
    return A, N, cost, b


def test_multiplicative_step(multiplicative_step, factor):
    A, N, cost, b = _factor_step(multiplicative_step, factor)
    out = multiplicative_step(A, N, cost, multiplicative_step.tensor(b))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(cost > 0, (A * N + b) / cost, 0)
    assert_allclose(
        out[b >= 0], expected[b >= 0], rtol=8 * multiplicative_step.eps, atol=1e-30
    )
    assert_array_equal(out[b < 0], A[b < 0])


def test_settle(settle, factor):
    A, N, cost, b = _factor_step(settle, factor)
    out, left = settle(A, N, cost, settle.tensor(b), np.zeros_like(cost))
    settled = (b > 0) & (A * N < b)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(cost > 0, (A * N + b) / cost, 0)
    expected = np.where(settled, expected, A)
    assert_allclose(out, expected, rtol=8 * settle.eps, atol=1e-30)
    assert_array_equal(left, np.where(settled, -1, b))


def test_largest_violation(largest_violation, factor):
    A, N, cost, b = _factor_step(largest_violation, factor)
    expected = np.abs(A * (cost - N) - b)[(cost > 0) & (b >= 0)].max(initial=0)
    found = largest_violation(A, N, cost, largest_violation.tensor(b))
    assert_allclose(found, expected, rtol=1e-6, atol=16 * largest_violation.eps)


def test_log_sum(log_sum, factor):
    weights = priors(factor.shape).clip(0)
    A, weights = log_sum.round(factor * (weights > 0), weights)
    expected = (weights * np.log(np.where(weights > 0, A, 1))).sum(0)
    w = log_sum.tensor(weights)
    atol = 4 * log_sum.eps * (np.abs(expected).sum() + A.size)
    assert_allclose(log_sum(A, None, w), expected.sum(), rtol=1e-12, atol=atol)
    if log_sum.triton and log_sum.device == "cpu":
        return  # the interpreter copies bytes, and new memory of bytes holds no poison
    empty = torch.tensor(np.arange(A.shape[1]) == 0, device=log_sum.device)
    assert_allclose(log_sum(A, empty, w), expected[1:].sum(), rtol=1e-12, atol=atol)


@pytest.fixture
def problem():
    rng = np.random.default_rng(1)
    X = rng.poisson(1.0, (5, 30)) * (rng.random((5, 30)) < 0.6) * 1.0
    X[3] = 0
    HT = rng.random((30, 4)) + 0.01
    HT[:, 2] = 0  # an empty topic
    return X, rng.random((5, 4)) + 0.01, HT, priors((5, 4))


def test_scd_rows_with_priors_by_entry(scd_rows, problem):
    """Each row is as with one prior for all, if its entries have the same one."""
    X, W, HT, _ = problem
    X, W, HT = scd_rows.round(X, W, HT)
    same, u = np.array([0.25, 0.0, 2.0, 0.5, 0.0]), HT.sum(0)
    options = {"n_sweeps": 2, "floor": FLOOR}
    prior = scd_rows.tensor(np.tile(same[:, None], 4))
    out, logs = scd_rows(X, W, HT, u, pseudocount=prior, **options)
    for i, a in enumerate(same):
        row, log = scd_rows(X[[i]], W[[i]], HT, u, pseudocount=float(a), **options)
        assert_allclose(out[[i]], row, rtol=32 * scd_rows.eps, atol=1e-30)
        assert_allclose(logs[[i]], log, rtol=1e-5, atol=1e-30)


def test_scd_rows_leaves_fixed_entries(scd_rows, problem):
    X, W, HT, b = problem
    X, W, HT, b = scd_rows.round(X, W, HT, b)
    u, prior = HT.sum(0), scd_rows.tensor(b)
    options = {"n_sweeps": 1 if scd_rows.triton else 40, "floor": FLOOR}
    out, _ = scd_rows(X, W, HT, u, pseudocount=prior, **options)
    assert_array_equal(out[b < 0], W[b < 0])
    if scd_rows.triton:  # the interpreter is slow
        return
    # The others are at the optimum given the fixed ones.
    w = out.astype(float)
    gradient = u - (X / np.maximum(w @ HT.T, FLOOR)) @ HT
    violation = np.abs(w * gradient - b)[(b >= 0) & (u > 0) & (X.sum(1) > 0)[:, None]]
    assert violation.max() < (1e-6 if scd_rows.dtype == "float64" else 1e-4) * X.sum()


@pytest.mark.cuda
def test_parts_of_a_row_have_its_priors(problem, monkeypatch, to_csr):
    pytest.importorskip("triton", reason="triton is for Linux only")
    from sklearn_topics._kernels.cuda import descent, rows

    if torch.cuda.is_available():
        pytest.skip("the operands are on the CPU, for the interpreter")
    X, W, HT, b = problem
    W, HT, b = map(torch.tensor, (W, HT, b))
    args = W, HT, HT.sum(0), torch.full((4,), 0.1, dtype=W.dtype), b
    args = *args, 0.0, 2, 0.0, FLOOR
    whole = descent.csr_scd_rows(to_csr(X), *args)
    monkeypatch.setattr(rows, "LENGTHS", (4,))
    monkeypatch.setattr(rows, "PART", 8)
    for found, expected in zip(
        descent.csr_scd_rows(to_csr(X), *args), whole, strict=True
    ):
        assert_allclose(found, expected, rtol=1e-9)


def test_priors_by_entry_and_a_penalty_are_refused():
    A = torch.ones(2, 2)
    with pytest.raises(ValueError, match="not both"):
        ops.scd_rows(A, A, A, A[0], pseudocount=A, l2=1, n_sweeps=1)
