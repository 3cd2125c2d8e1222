"""Coordinate descent on rows of which each process of a group holds some entries.

These are the terms: a rank has the columns of its own documents. The coordinate is the
outer loop: ranks add up the sums of all rows for one coordinate in one message, take
the same step, and go on to the next. These are the steps of `ops.scd_rows`.
"""

import torch
from torch import Tensor

from . import ops
from .csr import CSR
from .ranks import all_sum, current
from .reference.dense import DenseRows
from .reference.descent import Descent


def scd_shared_rows(
    X: CSR | Tensor,
    W: Tensor,
    HT: Tensor,
    u: Tensor,
    *,
    share: Tensor | None = None,
    pseudocount: float | Tensor = 0.0,
    l2: float = 0.0,
    n_sweeps: int,
    floor: float,
    settles: bool = False,
) -> tuple[Tensor, Tensor]:
    """`ops.scd_rows`, where the columns of X and the rows of HT are spread over ranks.

    W, u and the options are the same on all ranks; so are the results.
    """
    share = torch.zeros_like(u) if share is None else share
    options = {"l2": l2, "n_sweeps": n_sweeps}
    if current() is None:
        options |= {"pseudocount": pseudocount, "floor": floor, "settles": settles}
        return ops.scd_rows(X, W, HT, u, share=share, **options)
    if settles and (isinstance(pseudocount, Tensor) or pseudocount > 0):
        N = all_sum(ops.ratio_product(X, W, HT, floor=floor))
        W, pseudocount = ops.settle(W, N, u, pseudocount, share)
    kind = SharedSparseRows if isinstance(X, CSR) else SharedDenseRows
    rows = kind(X, W, HT, floor)
    return rows.run(u, share, pseudocount=pseudocount, tol=0.0, **options)


class SharedDenseRows(DenseRows):
    """Rows of a dense X."""

    def row_sums(self, values):
        return all_sum(super().row_sums(values))

    def sums(self, x, y, h):
        ratio = h / y
        weighted = x * ratio
        return all_sum(weighted.sum(1), ratio.mul_(weighted).sum(1))


class SharedSparseRows(Descent):
    """Rows of X held by their stored entries: one value an entry is [entries].

    The weights of all entries' columns would need K times the memory of X: those of one
    coordinate are gathered while they are used.
    """

    def __init__(self, X: CSR, W: Tensor, HT: Tensor, floor: float):
        self.X, self.HT = X, HT
        super().__init__(X.data, W, floor)

    def product(self, W):
        return ops.sddmm(self.X, W.contiguous(), self.HT)

    def columns(self):
        return self.HT.T.contiguous().unbind()

    def row_sums(self, values):
        return all_sum(ops.row_sums(self.X.with_data(values))).to(values.dtype)

    def spread(self, per_row):
        return per_row.repeat_interleave(self.X.indptr.diff(), output_size=self.X.nnz)

    def _sweep(self, x, W, y, coordinates, l2):
        self.measured = self.X.with_data(x)
        self.previous, self.step = coordinates[0][0], torch.zeros_like(W[0])
        out, y = super()._sweep(x, W, y, coordinates, l2)
        self._local_sums(y, self.previous)  # y takes the last step
        return out, y

    def sums(self, x, y, h):
        return all_sum(*self._local_sums(y, h))

    def _local_sums(self, y, h):
        taken = {"previous": self.previous, "step": self.step}
        return ops.coordinate_sums_(
            self.measured, y, h, floors=self.row_floors, **taken
        )

    def advance_(self, y, step, h):
        """In the next pass over y."""
        self.previous, self.step = h, step
