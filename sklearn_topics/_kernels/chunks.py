"""Parts of what would need too much memory at once."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .csr import CSR, accumulation_dtype, slice_rows

#: Values that are summed, and cells of a product that are made, at once.
_CHUNK = 1 << 18

#: Stored entries, or cells of dense X, of a block: some tenths of a second of work, so
#: that the overhead of a block is negligible. Other devices need more work at once.
_ENTRIES, _ENTRIES_ON_DEVICE = 1 << 20, 1 << 26


def row_blocks(n: int, m: int, cells: int = _CHUNK) -> Iterator[tuple[int, int]]:
    """Ranges of the rows of an n x m matrix that have at most about `cells` cells."""
    step = max(1, cells // max(int(m), 1))  # of numpy it may be a narrow integer
    return ((start, min(start + step, n)) for start in range(0, n, step))


def data_blocks(
    X: CSR | Tensor, entries: int | None = None
) -> Iterator[tuple[int, int]]:
    """Ranges of rows that hold about so many stored entries, or cells if X is dense."""
    if entries is None:
        entries = _ENTRIES if X.device.type == "cpu" else _ENTRIES_ON_DEVICE
    return X.chunks(entries) if isinstance(X, CSR) else row_blocks(*X.shape, entries)


def map_rows(
    function: Callable[..., Tensor],
    X: CSR | Tensor,
    show: Callable[[int], None] = lambda done: None,
) -> Tensor:
    """``function(rows of X, their range)``, a block of rows at a time.

    Parameters
    ----------
    function : callable
        (CSR or Tensor, slice) -> Tensor with a row for each row of X, which depends on
        this row alone, so that blocks do not change the result.
    X : CSR or Tensor
    show : callable
        Gets the number of rows that are done.
    """
    out, n = None, X.shape[0]
    for start, stop in data_blocks(X):
        if start == 0 and stop < n:
            show(0)
        part = function(slice_rows(X, start, stop), slice(start, stop))
        if stop - start == n:
            return part
        if out is None:
            out = part.new_empty(n, *part.shape[1:])
        out[start:stop] = part
        show(stop)
    return function(X, slice(0, 0)) if out is None else out  # X without rows


def wide_sums(
    X: CSR | Tensor, *functions: Callable[[Tensor], Tensor]
) -> Tensor:  # [len(functions)]
    """The sum of each function over the values of X, accumulated wide.

    A function maps some of the values, in the wide dtype, to as many numbers. No wide
    copy of all values is made.
    """
    values = X.data if isinstance(X, CSR) else X
    wide = accumulation_dtype(values.device)
    sums = torch.zeros(len(functions), dtype=wide, device=values.device)
    rows = values if values.dim() == 2 else values[:, None]
    for start, stop in row_blocks(*rows.shape):
        part = rows[start:stop].to(wide)
        sums += torch.stack([function(part).sum() for function in functions])
    return sums
