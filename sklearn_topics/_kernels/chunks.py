"""Parts of what would need too much memory at once."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .csr import CSR, accumulation_dtype

#: Values that are summed, and cells of a product that are made, at once.
_CHUNK = 1 << 18


def row_blocks(n: int, m: int, cells: int = _CHUNK) -> Iterator[tuple[int, int]]:
    """Ranges of the rows of an n x m matrix that have at most about `cells` cells."""
    step = max(1, cells // max(m, 1))
    return ((start, min(start + step, n)) for start in range(0, n, step))


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
