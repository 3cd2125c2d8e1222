"""Means over the observed cells of X: those that are not NaN.

A sparse X stores hidden cells as NaN; cells that are not stored are observed zeros.
"""

import math

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import wide_sums
from .._kernels.ranks import all_rows, all_sum, current


def has_hidden(X: CSR | Tensor) -> bool:
    """Whether cells of X are hidden."""
    return bool(_values(X).isnan().any())


def has_observed(X: CSR | Tensor) -> bool:
    """Whether cells of X are observed."""
    values = _values(X)
    all_stored = values.numel() == X.shape[0] * X.shape[1]
    return not (all_stored and bool(values.isnan().all()))


def mean_value(X: CSR | Tensor) -> float:
    """The mean of the observed cells; 0 if there is none."""
    cells = all_rows(X.shape[0]) * X.shape[1]
    total = float(all_sum(wide_sums(X, lambda x: x)))
    if math.isnan(total):
        sums = wide_sums(X, torch.nan_to_num, lambda x: x.isnan().to(x))
        total, hidden = all_sum(sums).tolist()
        cells -= int(hidden)
    return total / max(cells, 1)


def row_means(X: CSR | Tensor) -> Tensor:  # [n], accumulated wide
    """The mean of each row's observed cells; 0 if there is none."""
    hidden = _values(X).isnan()
    if not bool(hidden.any()):
        return ops.row_sums(X) / X.shape[1]
    if isinstance(X, CSR):
        seen = X.with_data(X.data.masked_fill(hidden, 0))
        gaps = ops.row_sums(X.with_data(hidden.to(X.dtype)))
    else:
        seen, gaps = X.masked_fill(hidden, 0), hidden.sum(1)
    return ops.row_sums(seen) / (X.shape[1] - gaps).clamp(min=1)


def column_means(X: CSR | Tensor) -> Tensor:  # [m], accumulated wide
    """The mean of each column's observed cells. In a group all cells are observed."""
    if current() is None:
        return row_means(X.T)
    return all_sum(ops.row_sums(X.T)) / all_rows(X.shape[0])


def _values(X: CSR | Tensor) -> Tensor:
    return X.data if isinstance(X, CSR) else X
