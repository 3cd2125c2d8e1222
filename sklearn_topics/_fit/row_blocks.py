"""Computations on independent rows, block by block."""

import torch
from torch import Tensor

from .._kernels import CSR
from .progress import Progress

#: Stored entries, or cells of dense X, in a block: some seconds of work, so that the
#: overhead of a block is negligible.
_ENTRIES = 1 << 22


def in_row_blocks(infer, X: CSR | Tensor, *along: Tensor, verbose: int) -> Tensor:
    """Return ``infer(X, *along)``; with `verbose` in blocks, with progress.

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
    blocks = list(_blocks(X)) if verbose else []
    if len(blocks) < 2:
        return infer(X, *along)
    parts = []
    with Progress(X.shape[0], "documents", verbose) as progress:
        progress.show(0)
        for start, stop in blocks:
            rows = (A[start:stop] for A in along)
            parts.append(infer(_rows(X, start, stop), *rows))
            progress.show(stop, last=stop == X.shape[0])
    return torch.cat(parts)


def _blocks(X):
    if isinstance(X, CSR):
        yield from X.chunks(_ENTRIES)
        return
    n, m = X.shape
    step = max(1, _ENTRIES // m)
    yield from ((start, min(start + step, n)) for start in range(0, n, step))


def _rows(X, start, stop):
    if not isinstance(X, CSR):
        return X[start:stop]
    first, last = int(X.indptr[start]), int(X.indptr[stop])
    indptr = X.indptr[start : stop + 1] - first
    parts = X.indices[first:last], X.data[first:last]
    return CSR(indptr, *parts, (stop - start, X.shape[1]))
