"""Means over observed cells, in either container."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_topics._core.observed import (
    has_hidden,
    has_observed,
    mean_value,
    row_means,
)

COUNTS = np.array([[0, 3.0], [0, 0], [5.0, 0]], dtype="f4")


def test_zeros_count(load):
    X = load(COUNTS)
    assert mean_value(X) == 8 / 6
    assert row_means(X).tolist() == [1.5, 0, 2.5]
    assert row_means(X.T).tolist() == [5 / 3, 1]
    assert not has_hidden(X)
    assert has_observed(X)


def test_hidden_cells_do_not(load):
    A = np.random.default_rng(0).poisson(1.0, (20, 6)) * 1.0
    A[np.random.default_rng(1).random(A.shape) < 0.3] = np.nan
    A[3, 0], A[3, 1:] = 2, np.nan
    X = load(A)
    assert has_hidden(X)
    assert has_observed(X)
    assert mean_value(X) == pytest.approx(np.nanmean(A))
    assert_allclose(row_means(X), np.nanmean(A, 1))
    assert_allclose(row_means(X.T), np.nanmean(A, 0))


def test_nothing_observed(load):
    X = load(np.full((2, 3), np.nan))
    assert has_hidden(X)
    assert not has_observed(X)
    assert mean_value(X) == 0
    assert row_means(X).tolist() == [0, 0]
