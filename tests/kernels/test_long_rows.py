"""Coordinate descent on rows in parts, against the same rows in one program each."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from .conftest import _implementations, use

pytest.importorskip("triton", reason="triton is for Linux only")

pytestmark = pytest.mark.cuda
FLOOR = 1e-10
OPTIONS = {
    "plain": {},
    "pseudocount": {"pseudocount": 0.3, "n_sweeps": 2},
    "ridge": {"l2": 0.5, "n_sweeps": 2},
    "tolerance": {"pseudocount": 0.1, "n_sweeps": 3, "tol": 1e6},  # one sweep,
}


@pytest.fixture
def lengths(monkeypatch):
    """Set the lengths of rows of each class, of which the last is that of a part."""
    from sklearn_topics._kernels.cuda import rows

    def set_lengths(*lengths):
        monkeypatch.setattr(rows, "LENGTHS", lengths)
        monkeypatch.setattr(rows, "PART", lengths[-1])

    return set_lengths


@pytest.fixture(
    params=filter(lambda one: one.triton, _implementations("scd_rows")),
    ids=lambda one: one.id,
)
def scd_rows(request, monkeypatch):
    use(monkeypatch, request.param, request.param.place)
    return request.param


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    density = np.linspace(0, 1, 7)[:, None]
    X = rng.poisson(1.0, (7, 30)) * (rng.random((7, 30)) < density)
    units = np.array([1, 1, 1e-6, 1, 1e15, 1, 1])[:, None]  # of rows
    X, HT = X * units, rng.random((30, 4))
    W = rng.random((7, 4)) * units.clip(max=1)  # no far descent, which loses digits
    W[5] = 0
    HT[:, 1] = 0  # an empty topic
    return X, W, HT, HT.sum(0)


@pytest.mark.parametrize("name", OPTIONS)
def test_parts_of_a_row_are_the_row(scd_rows, problem, lengths, name):
    X, *factors = problem
    options = {"n_sweeps": 1, "floor": FLOOR} | OPTIONS[name]
    lengths(32, 64)
    whole, logs = scd_rows(X, *factors, **options)
    lengths(4, 8)
    parts, part_logs = scd_rows(X, *factors, **options)
    size = np.abs(whole).max(1, keepdims=True) + 1e-300
    assert_allclose(parts / size, whole / size, atol=500 * scd_rows.eps)
    # Logarithms of both signs cancel.
    tokens = X.sum(1) + 1e-300
    assert_allclose(part_logs / tokens, logs / tokens, atol=500 * scd_rows.eps)
    again, _ = scd_rows(X, *factors, **options)
    assert_array_equal(again, parts)


def test_a_row_in_parts_depends_on_that_row_alone(scd_rows, problem, lengths):
    X, W, HT, u = problem
    lengths(4, 8)
    options = {"floor": FLOOR, "pseudocount": 0.1, "n_sweeps": 4, "tol": 0.1}
    out, logs = scd_rows(X, W, HT, u, **options)
    for i in range(len(X)):
        row, log = scd_rows(X[i : i + 1], W[i : i + 1], HT, u, **options)
        assert_array_equal(row[0], out[i])
        assert log[0] == logs[i]


def test_nan_stays(scd_rows, problem, lengths):
    X, W, HT, u = problem
    lengths(4, 8)
    W[3, 2] = np.nan
    out, logs = scd_rows(X, W, HT, u, n_sweeps=1, floor=FLOOR)
    assert np.isnan(out[3]).any()
    assert np.isfinite(np.delete(out, 3, 0)).all()
    assert np.isnan(logs[3])
