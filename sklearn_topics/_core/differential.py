"""Rates of terms in topics, given the proportions, and their uncertainty."""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import slice_rows
from .._kernels.floors import SQUARE_FLOOR

#: Most entries of the covariances that are held at a time (128 MiB).
_ENTRIES = 2**24

#: Counts that a block of terms has on average: seconds of work.
_NONZEROS = 2**22


def term_rates(
    X: CSR | Tensor, L: Tensor, *, pseudocount: float, start: Tensor
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Rates F of all terms given the loadings L (n x K), and how sure they are.

    Each term j has its own convex problem, x_ij ~ Poisson(sum_k l_ik f_jk), with one
    more document for each topic, of that topic alone, in which `pseudocount` of the
    term are seen where f_jk are expected (fastTopics' de_analysis). At the optimum the
    negative second derivatives by the logarithms of f_j are

        diag(f) (sum_i x_ij l_i l_i^T / y_ij^2) diag(f) + pseudocount I,

    the first ones being zero; its inverse is the covariance of log f_j, by Laplace's
    approximation.

    Parameters
    ----------
    X : CSR or Tensor of shape (n, m)
    L : Tensor of shape (n, K)
    pseudocount : float
    start : Tensor of shape (m, K)
        Where descent begins: the nearer to F, the sooner it ends.

    Yields
    ------
    first : int
        The first term of a block.
    F : Tensor of shape (t, K)
    covariance : Tensor of shape (t, K, K)
    """
    XT = X.T.contiguous() if isinstance(X, Tensor) else X.T
    floor = SQUARE_FLOOR[L.dtype]
    m, K = XT.shape[0], L.shape[1]
    cost = ops.column_sums(L).to(L.dtype) + 1
    stored = XT.nnz if isinstance(XT, CSR) else XT.numel()
    size = min(_ENTRIES // K**2, m * _NONZEROS // max(stored, 1))
    for first in range(0, m, max(1, size)):
        part = slice_rows(XT, first, min(first + max(1, size), m))
        rates, _ = ops.scd_rows(
            part,
            start[first : first + part.shape[0]],
            L,
            cost,
            pseudocount=pseudocount,
            n_sweeps=1000,
            tol=1e-8,
            floor=floor,
        )
        information = _curvature(part, rates, L, floor)
        information *= rates[:, :, None] * rates[:, None, :]
        information.diagonal(dim1=1, dim2=2).add_(pseudocount)
        yield first, rates, torch.linalg.inv(information)


def _curvature(XT: CSR | Tensor, F: Tensor, L: Tensor, floor: float) -> Tensor:
    """sum_i x_ij l_i l_i^T / y_ij^2 of every term j: [t, K, K]."""
    if isinstance(XT, CSR):
        y = ops.sddmm(XT, F, L).clamp_min(floor)
        weights = XT.with_data(XT.data / y**2)
    else:
        weights = XT / (F @ L.T).clamp_min(floor) ** 2
    K = L.shape[1]
    out = L.new_empty(XT.shape[0], K, K)
    for k in range(K):  # of a symmetric matrix, the rest of row and column k
        out[:, k, k:] = ops.spmm(weights, L[:, k:] * L[:, k : k + 1])
        out[:, k:, k] = out[:, k, k:]
    return out
