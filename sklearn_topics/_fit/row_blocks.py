"""Computations on independent rows, block by block."""

from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import map_rows
from .progress import Progress


def in_row_blocks(infer, X: CSR | Tensor, *along: Tensor, verbose: int) -> Tensor:
    """Return ``infer(X, *along)``, computed in blocks of rows, with progress.

    Parameters
    ----------
    infer : callable
        (X, *along) -> Tensor with a row for each row of X that depends only on this row
        of X and of `along`, so that blocks do not change the result.
    X : CSR or Tensor
    *along : Tensor
        Tensors with a row for each row of X.
    verbose : int
    """
    n = X.shape[0]
    with Progress(n, "documents", verbose) as progress:
        return map_rows(
            lambda part, rows: infer(part, *(A[rows] for A in along)),
            X,
            lambda done: progress.show(done, last=done == n),
        )
