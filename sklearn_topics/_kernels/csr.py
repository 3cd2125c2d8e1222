"""A compressed sparse row matrix of torch tensors, with its transpose cached."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


def accumulation_dtype(device: torch.device) -> torch.dtype:
    """The dtype that sums are accumulated in: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


@dataclass(eq=False)
class CSR:
    """A canonical CSR matrix: column indices sorted and distinct within each row.

    Not ``torch.sparse_csr``: mps and xpu have none, and this one holds 64-bit row
    pointers beside 32-bit column indices.

    Parameters
    ----------
    indptr : Tensor of shape (n + 1,), int64
    indices : Tensor of shape (nnz,), int32, or int64 when m >= 2^31
    data : Tensor of shape (nnz,), float32 or float64; also bool for `ops.pair_counts`
    shape : tuple (n, m)
    """

    indptr: Tensor
    indices: Tensor
    data: Tensor
    shape: tuple[int, int]
    _transpose: "CSR | None" = field(default=None, repr=False)

    @property
    def device(self) -> torch.device:
        return self.data.device

    @property
    def dtype(self) -> torch.dtype:
        return self.data.dtype

    @property
    def nnz(self) -> int:
        return self.data.shape[0]

    @property
    def T(self) -> "CSR":
        """The transpose, built on first use and kept."""
        if self._transpose is None:
            from . import ops  # ops imports this module

            self._transpose = ops.transpose(self)
            self._transpose._transpose = self
        return self._transpose

    def with_data(self, data: Tensor) -> "CSR":
        """The same pattern with other values; indices are shared."""
        return CSR(self.indptr, self.indices, data, self.shape)

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Entries of rows [start, stop): row counted from `start`, column, value."""
        counts = self.indptr[start + 1 : stop + 1] - self.indptr[start:stop]
        first, last = int(self.indptr[start]), int(self.indptr[stop])
        local = torch.arange(stop - start, device=self.device)
        local = local.repeat_interleave(counts, output_size=last - first)
        return local, self.indices[first:last], self.data[first:last]

    def chunks(self, entries: int = 1 << 18):
        """Ranges of whole rows that hold about `entries` stored entries each."""
        start, n = 0, self.shape[0]
        while start < n:
            target = self.indptr[start] + entries
            stop = int(torch.searchsorted(self.indptr, target, right=True)) - 1
            stop = min(max(stop, start + 1), n, start + entries)
            yield start, stop
            start = stop


def take(X: CSR | Tensor, rows: Tensor) -> CSR | Tensor:
    """A copy of the given rows of either container, in that order."""
    if not isinstance(X, CSR):
        return X[rows]
    begins, counts = X.indptr[rows], X.indptr.diff()[rows]
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    nnz = int(indptr[-1])
    shift = (begins - indptr[:-1]).repeat_interleave(counts, output_size=nnz)
    entries = shift + torch.arange(nnz, device=X.device)
    shape = len(rows), X.shape[1]
    return CSR(indptr, X.indices[entries], X.data[entries], shape)


def take_columns(X: CSR | Tensor, columns: Tensor) -> CSR | Tensor:
    """A copy of the given columns of either container, which ascend."""
    if not isinstance(X, CSR):
        return X.index_select(1, columns)
    place = X.indices.new_full((X.shape[1],), -1)
    place[columns] = torch.arange(len(columns), dtype=place.dtype, device=X.device)
    indices = place[X.indices]
    taken = indices >= 0
    ends = torch.cat([X.indptr.new_zeros(1), taken.cumsum(0)])
    shape = X.shape[0], len(columns)
    return CSR(ends[X.indptr], indices[taken], X.data[taken], shape)


def slice_rows(X: CSR | Tensor, start: int, stop: int) -> CSR | Tensor:
    """Rows [start, stop) of either container, in its memory."""
    if not isinstance(X, CSR):
        return X[start:stop]
    first, last = int(X.indptr[start]), int(X.indptr[stop])
    indptr = X.indptr[start : stop + 1] - first
    parts = X.indices[first:last], X.data[first:last]
    return CSR(indptr, *parts, (stop - start, X.shape[1]))


def map_positive(X: CSR | Tensor, function: Callable[[Tensor], Tensor]) -> CSR | Tensor:
    """X with `function` of its positive entries, row by row, and zeros elsewhere.

    What the function draws depends on the data alone: not on the container, nor on
    zeros that it stores.
    """
    values = X.data if isinstance(X, CSR) else X
    cells = values > 0
    out = torch.zeros_like(values)
    out[cells] = function(values[cells])
    return X.with_data(out) if isinstance(X, CSR) else out
