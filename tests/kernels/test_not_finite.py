"""Compiled operations beside their specification, on what is hardly a number.

A comparison with NaN is false, and what is written after it may turn an overflow into a
zero: then a model of nothing is returned in place of an error.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._kernels import registry

from .conftest import _implementations, interpreted, use

FLOOR = 1e-10
IMPLEMENTATIONS = dict(registry.IMPLEMENTATIONS)


def _operands(n=24, m=37, K=10):
    """Operation -> its operands, of which arrays are positive; and its options."""
    rng = np.random.default_rng(6)
    X = rng.poisson(1.0, (n, m)) + (rng.random((n, m)) < 0.2) + 0.0
    X[:, 0] += 1
    W, HT = rng.random((n, K)) + 0.1, rng.random((m, K)) + 0.1
    G, cost, order = HT.T @ HT, HT.sum(0), torch.arange(K)
    floor = {"floor": FLOOR}
    found = {
        "row_sums": [X],
        "spmm": [X, HT],
        "sddmm": [X, W, HT],
        "ratio_product": [X, W, HT, floor],
        "log_sums": [X, W, HT, floor],
        "scd_rows": [X, W, HT, cost, floor | {"n_sweeps": 1, "pseudocount": 0.1}],
        "exp_digamma": [W, cost],
        "lda_rows": [X, W, HT, {"prior": 0.1, "n_sweeps": 4, "tol": 0.0}],
        "column_sums": [W],
        "gram": [W],
        "combine_columns": [W, G],
        "log_sum": [W],
        "multiplicative_step": [W, W + 1, cost, 0.1],
        "settle": [W, W + 1, cost, 0.1, cost],
        "largest_violation": [W, W + 1, cost, 0.1],
        "extrapolate": [W, W + 1, 0.5, 0.5],
        "ratio_step": [W, W + 1, W + 2, {"zero_denominator": 0.125, "least": 0.3}],
        "hals_step": [W, W + 1, G, 0.1, order],
    }
    return {
        name: (row[:-1], row[-1]) if isinstance(row[-1], dict) else (row, {})
        for name, row in found.items()
    }


OPERANDS, FEW = _operands(), _operands(5, 35, 3)
BLAS = "cpu.mkl", "cpu.blas"
COMPILED = [
    pytest.param(one, id=one.id, marks=[pytest.mark.cuda] * one.triton)
    for name in OPERANDS
    for one in _implementations(name)
    if one.place.startswith(("cpu.", "cuda.")) and not one.place.startswith(BLAS)
]


def _specification(operation):
    key = operation.operation, operation.container, "any"
    return IMPLEMENTATIONS[key]


def _call(operation, place, operands, options, monkeypatch):
    use(monkeypatch, operation, place)
    with np.errstate(all="ignore"):
        found = operation(*operands, **options)
    return found if isinstance(found, tuple) else [found]


def _with(A, value, seed):
    """A with `value` in a few of its cells."""
    A = A.copy()
    A.flat[np.random.default_rng(seed).choice(A.size, 1 + A.size // 50)] = value
    return A


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e-40, 1e-310, 0.0])
@pytest.mark.parametrize("operation", COMPILED)
def test_nothing_becomes_a_number(operation, value, monkeypatch):
    """Not finite where the specification is not, and equal where it is a number."""
    given = FEW if interpreted(operation) else OPERANDS
    operands, options = given[operation.operation]
    for number, operand in enumerate(operands):
        if not isinstance(operand, np.ndarray):
            continue
        changed = list(operands)
        changed[number] = _with(operand, value, seed=number)
        actual, expected = (
            _call(operation, place, changed, options, monkeypatch)
            for place in (operation.place, _specification(operation))
        )
        for a, b in zip(actual, expected, strict=True):
            finite = np.isfinite(a)
            assert not finite[~np.isfinite(b)].any()
            if value != np.inf:  # of which a repeated lane of a vector makes NaN
                assert_array_equal(finite, np.isfinite(b))
            scale = np.abs(b[finite]).max(initial=0)
            tolerance = 1e3 * operation.eps * scale
            assert_allclose(a[finite], b[finite], rtol=0, atol=tolerance)
