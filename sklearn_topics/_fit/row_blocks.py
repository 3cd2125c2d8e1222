"""Rows that depend on nothing but themselves, block by block."""

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import row_blocks
from .._kernels.csr import slice_rows
from .progress import Progress

#: Stored entries, or cells of dense X, in a block: some seconds of work, beside which
#: what a block costs is nothing.
_ENTRIES = 1 << 22


def in_row_blocks(infer, X: CSR | Tensor, *along: Tensor, verbose: int) -> Tensor:
    """``infer(X, *along)``, with progress if there is more than a block and `verbose`.

    Parameters
    ----------
    infer : callable
        (X, *along) -> Tensor with a row for each row of X, which depends on that row
        and those of `along` alone: so blocks change no bit.
    X : CSR or Tensor
    *along : Tensor
        With a row for each row of X.
    verbose : int
    """
    blocks = list(_blocks(X)) if verbose else []
    if len(blocks) < 2:
        return infer(X, *along)
    parts = []
    with Progress(X.shape[0], "documents", verbose) as progress:
        progress.show(0)
        for start, stop in blocks:
            rows = (A[start:stop] for A in along)
            parts.append(infer(slice_rows(X, start, stop), *rows))
            progress.show(stop, last=stop == X.shape[0])
    return torch.cat(parts)


def _blocks(X):
    if isinstance(X, CSR):
        return X.chunks(_ENTRIES)
    return row_blocks(*X.shape, _ENTRIES)
