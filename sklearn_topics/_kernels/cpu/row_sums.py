"""Row sums on the CPU, in the order of the columns: see `ops.row_sums`."""

import numpy as np
import torch
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .jit import arrays_of, kernel


@kernel(in_order=True)
def _sparse(first, last, indptr, data, out):
    # data [nnz]; out [n]
    for i in range(first, last):
        total = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            total += data[p]
        out[i] = total


def csr_row_sums(X: CSR) -> Tensor:
    indptr, _, data = arrays_of(X)
    out = torch.empty(X.shape[0], dtype=torch.float64, device=X.device)
    run_blocks(_sparse, indptr, 1, data, out.numpy())
    return out


@kernel(in_order=True)
def _dense(first, last, bounds, X, out):
    # X [n, m]; out [n]
    for i in range(first, last):
        total = 0.0
        for j in range(X.shape[1]):
            total += X[i, j]
        out[i] = total


@kernel(in_order=True)
def _transposed(first, last, bounds, XT, out):
    """Row sums of X from whole rows of its transpose."""
    # XT [m, n]; out [n]
    for i in range(first, last):
        out[i] = 0.0
    for j in range(XT.shape[0]):
        for i in range(first, last):
            out[i] += XT[j, i]


def dense_row_sums(X: Tensor) -> Tensor:
    n, m = X.shape
    out = torch.empty(n, dtype=torch.float64, device=X.device)
    kernel, A = (_dense, X) if X.is_contiguous() else (_transposed, X.T)
    array = A.detach().numpy()
    run_blocks(kernel, np.arange(n + 1) * m, 1, array, out.numpy())
    return out
