"""A compressed sparse row matrix of torch tensors, with its transpose cached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from . import registry
from .ranks import current
from .transfer import upload

#: Cells of a dense X that are looked through at once.
_CELLS = 1 << 24
#: Share of nonzeros up to which all algorithms for them were measured to be at least
#: five times as fast as those for dense X, and the devices.
_FEW, _MEASURED = 0.125, ("cpu", "cuda")


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
    find_transpose : callable, default=None
        () -> CSR, where the transpose is known and need not be computed: on disk.
    """

    indptr: Tensor
    indices: Tensor
    data: Tensor
    shape: tuple[int, int]
    find_transpose: "Callable[[], CSR] | None" = field(default=None, repr=False)
    _transpose: "CSR | None" = field(default=None, repr=False)
    _host_indptr: Tensor | None = field(default=None, repr=False)
    _lengths: Tensor | None = field(default=None, repr=False)
    _row_plan: object = field(default=None, repr=False)  # of the kernels for CUDA

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
            if self.find_transpose is not None:
                self._transpose = self.find_transpose()
            else:
                self._transpose = registry.find("transpose", self)(self)
            self._transpose._transpose = self
        return self._transpose

    @property
    def host_indptr(self) -> Tensor:
        """`indptr` on the host, downloaded on first use and kept."""
        if self._host_indptr is None:
            self._host_indptr = self.indptr.cpu()
        return self._host_indptr

    def with_data(self, data: Tensor) -> "CSR":
        """The same pattern with other values; indices are shared."""
        names = "_host_indptr", "_lengths", "_row_plan"
        known = {name: getattr(self, name) for name in names}
        return CSR(self.indptr, self.indices, data, self.shape, **known)

    def rows(self, start: int, stop: int) -> "CSR":
        """The rows [start, stop), in the same memory."""
        n, m = self.shape
        if (start, stop) == (0, n):
            return self
        host = self.host_indptr[start : stop + 1]
        first, last = int(host[0]), int(host[-1])
        indptr = self.indptr[start : stop + 1] - first
        known = indptr if self.device.type == "cpu" else host - first
        parts = self.indices[first:last], self.data[first:last]
        return CSR(indptr, *parts, (stop - start, m), _host_indptr=known)

    def entry_rows(self) -> Tensor:  # [nnz], int64
        """The row of each entry."""
        if self._lengths is None:
            self._lengths = self.indptr.diff()
        return torch.repeat_interleave(self._lengths, output_size=self.nnz)

    def chunks(self, entries: int) -> Iterator[tuple[int, int]]:
        """Ranges of whole rows that hold about `entries` stored entries each."""
        start, n = 0, self.shape[0]
        if n <= entries and self.nnz <= entries:
            yield 0, n
            return
        host = self.host_indptr
        while start < n:
            target = host[start] + entries
            stop = int(torch.searchsorted(host, target, right=True)) - 1
            stop = min(max(stop, start + 1), n, start + entries)
            yield start, stop
            start = stop


def take(X: CSR | Tensor, rows: Tensor) -> CSR | Tensor:
    """A copy of the given rows of either container, in that order.

    Nothing is read from the device if the row numbers are on the host.
    """
    if not isinstance(X, CSR):
        return X[upload(rows, X.device)]
    rows, host = rows.cpu(), X.host_indptr
    begins, ends = host[rows], host[rows + 1]
    host = torch.cat([host[:1], (ends - begins).cumsum(0)])
    shift, indptr = (upload(A, X.device) for A in (begins - host[:-1], host))
    nnz = int(host[-1])
    entries = shift.repeat_interleave(indptr.diff(), output_size=nnz)
    entries += torch.arange(nnz, device=X.device)
    shape = len(rows), X.shape[1]
    parts = X.indices[entries], X.data[entries]
    return CSR(indptr, *parts, shape, _host_indptr=host)


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


def used_columns(X: CSR) -> tuple[Tensor, CSR]:
    """The columns of X that are not empty, ascending, and X of those alone."""
    place = X.indices.new_zeros(X.shape[1])
    place[X.indices] = 1
    columns = place.nonzero().squeeze(1)
    place[columns] = torch.arange(len(columns), dtype=place.dtype, device=X.device)
    known = {"_host_indptr": X._host_indptr}
    shape = X.shape[0], len(columns)
    return columns, CSR(X.indptr, place[X.indices], X.data, shape, **known)


def as_csr(X: CSR | Tensor) -> CSR:
    """X itself, or the nonzeros of a dense one."""
    if isinstance(X, CSR):
        return X
    counts = [block.count_nonzero(1) for block in _row_blocks(X)]
    ends = torch.cat([X.new_zeros(1, dtype=torch.int64), *counts]).cumsum(0)
    nnz = int(ends[-1])
    indices, data = X.new_empty(nnz, dtype=torch.int32), X.new_empty(nnz)
    begin = 0
    for block in _row_blocks(X):
        cells = block.nonzero(as_tuple=True)
        end = begin + len(cells[1])
        indices[begin:end], data[begin:end] = cells[1], block[cells]
        begin = end
    return CSR(ends, indices, data, tuple(X.shape))


def compressed(X: CSR | Tensor) -> CSR | Tensor:
    """X, or the nonzeros of a dense one if they are few.

    For algorithms that need nothing else of X: they are faster by what they leave out.
    With its transpose this is at most half as much memory again.
    """
    # The ranks of a group might choose differently.
    if isinstance(X, CSR) or X.device.type not in _MEASURED or current() is not None:
        return X
    found = sum(block.count_nonzero() for block in _row_blocks(X))
    return as_csr(X) if found <= _FEW * X.numel() else X


def _row_blocks(X: Tensor) -> tuple[Tensor, ...]:
    """Blocks of rows of a dense X, of which temporaries are small."""
    return X.split(max(1, _CELLS // max(X.shape[1], 1)))


def as_dtype(X: CSR | Tensor, dtype: torch.dtype) -> CSR | Tensor:
    """X itself, or a copy with values of another dtype."""
    if X.dtype == dtype:
        return X
    return X.with_data(X.data.to(dtype)) if isinstance(X, CSR) else X.to(dtype)


def slice_rows(X: CSR | Tensor, start: int, stop: int) -> CSR | Tensor:
    """Rows [start, stop) of either container, in its memory."""
    return X.rows(start, stop) if isinstance(X, CSR) else X[start:stop]


def map_positive(X: CSR | Tensor, function: Callable[[Tensor], Tensor]) -> CSR | Tensor:
    """X with `function` of its positive entries, row by row, and zeros elsewhere.

    What the function draws depends on the data alone: not on the container, nor on
    zeros that it stores.
    """
    values = X.data if isinstance(X, CSR) else X
    cells = (values > 0).nonzero(as_tuple=True)
    out = torch.zeros_like(values)
    out[cells] = function(values[cells])
    return X.with_data(out) if isinstance(X, CSR) else out


def map_values(X: CSR | Tensor, function: Callable[[Tensor], Tensor]) -> CSR | Tensor:
    """X with `function` of its values, which leaves zero as it is."""
    return X.with_data(function(X.data)) if isinstance(X, CSR) else function(X)


def scaled(X: CSR | Tensor, rows: Tensor, columns: Tensor) -> CSR | Tensor:
    """X with row i times ``rows[i]`` and column j times ``columns[j]``."""
    if not isinstance(X, CSR):
        return X * rows[:, None] * columns
    out = X.with_data(X.data * rows[X.entry_rows()] * columns[X.indices])
    if X._transpose is not None:  # its pattern is known
        XT = X._transpose
        data = XT.data * columns[XT.entry_rows()] * rows[XT.indices]
        out._transpose = XT.with_data(data)
        out._transpose._transpose = out
    return out
