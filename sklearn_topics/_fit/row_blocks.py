"""Computations on independent rows, block by block."""

from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import row_blocks
from .._kernels.csr import slice_rows
from .progress import Progress

#: Stored entries, or cells of dense X, in a block: some seconds of work, so that the
#: overhead of a block is negligible.
_ENTRIES = 1 << 22


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
    blocks = list(_blocks(X))
    if len(blocks) < 2:
        return infer(X, *along)
    out = None
    with Progress(X.shape[0], "documents", verbose) as progress:
        progress.show(0)
        for start, stop in blocks:
            rows = (A[start:stop] for A in along)
            part = infer(slice_rows(X, start, stop), *rows)
            if out is None:
                out = part.new_empty(X.shape[0], *part.shape[1:])
            out[start:stop] = part
            progress.show(stop, last=stop == X.shape[0])
    return out


def _blocks(X):
    if isinstance(X, CSR):
        return X.chunks(_ENTRIES)
    return row_blocks(*X.shape, _ENTRIES)
