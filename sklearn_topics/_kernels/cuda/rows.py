"""Rows of a sparse X by length, so that the programs of a kernel have like work.

A program handles one row, or one part of a row that is longer than PART entries; the
results of parts are added in a second launch. Rows are sorted by class of length on the
device: neither making nor using the plan waits for the host, which knows an upper
bound for the rows of each class from the number of entries. Programs beyond a class
return at once. How a row is computed depends on its own length alone.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..csr import CSR
from ..transfer import upload
from .launching import check_contiguous, run

#: Most entries that one program handles.
PART = 4096
#: Most entries in a row of each class; the rows of one more class are longer.
LENGTHS = 32, 64, 128, 256, 512, 1024, 2048, PART
#: Classes up to here are worth one warp a row in `launch`.
_ONE_WARP = LENGTHS.index(256) + 1


@dataclass(frozen=True)
class RowPlan:
    """The rows of X by class, and the parts of the longest."""

    n: int
    nnz: int
    order: Tensor  # [n], rows by class
    starts: Tensor  # [classes + 1], where in `order` each class begins
    part_rows: Tensor  # [most parts], -1 beyond the last
    part_slots: Tensor  # [most parts], the row's place in `long_rows`
    part_begins: Tensor  # [most parts], the first entry
    part_ends: Tensor  # [most long rows], one after the last part of each row

    @cached_property
    def numbers(self) -> tuple[list[int], int]:
        """The rows of each class, and the parts, read from the device once."""
        n_parts = self.part_ends[-1:].sum(0, keepdim=True)  # 0 if there is no long row
        *counts, n_parts = torch.cat([self.starts.diff(), n_parts]).tolist()
        return counts, n_parts

    def most_rows(self, lowest: int) -> int:
        """An upper bound for the rows of class `lowest` and above."""
        return min(self.n, self.nnz // (LENGTHS[lowest - 1] + 1)) if lowest else self.n

    @property
    def long_rows(self) -> Tensor:  # [most long rows]
        """The rows in parts, behind some that are not."""
        return self.order[self.n - len(self.part_ends) :]


def plan(X: CSR) -> RowPlan:
    """The plan of X, made on first use and kept."""
    if X._row_plan is None:
        X._row_plan = _make_plan(X)
    return X._row_plan


@cache  # no upload where launches are recorded
def _bounds(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    return upload(torch.tensor(lengths, device="cpu"), device)


def _make_plan(X: CSR) -> RowPlan:
    n, nnz, device = X.shape[0], X.nnz, X.device
    lengths = X.indptr.diff()
    bounds = _bounds(LENGTHS, device)
    classes, order = torch.sort(torch.bucketize(lengths, bounds), stable=True)
    marks = torch.arange(len(LENGTHS) + 2, device=device)
    starts = torch.searchsorted(classes, marks)
    most_long = min(n, nnz // (PART + 1))
    long_rows = order[n - most_long :]
    long_lengths = lengths[long_rows]
    n_parts = torch.where(long_lengths > PART, (long_lengths + PART - 1) // PART, 0)
    ends = n_parts.cumsum(0)  # whole numbers: the order of the sums does not matter
    parts = torch.arange(nnz // PART + most_long if most_long else 0, device=device)
    slots = torch.searchsorted(ends, parts, right=True)
    inside = slots < most_long
    slots = slots.clamp_(max=max(most_long - 1, 0))
    rows = long_rows[slots]
    begins = X.indptr[rows] + (parts - (ends - n_parts)[slots]) * PART
    rows = torch.where(inside, rows, -1)
    return RowPlan(n, nnz, order, starts, rows, slots, begins, ends)


@triton.jit
def find_row(
    rows, marks, lowest, highest, indptr, SPLIT: tl.constexpr, PART: tl.constexpr
):
    """The row of this program, the place of its result, and its range of entries.

    The row is -1 for a program beyond the last row or part.
    """
    pid = tl.program_id(0).to(tl.int64)
    if SPLIT:
        row = tl.load(rows + pid)
        at = pid
        first = tl.load(marks + pid)
        last = tl.load(indptr + row + 1, mask=row >= 0, other=0)
        last = tl.minimum(first + PART, last)
    else:
        place = tl.load(marks + lowest) + pid
        inside = place < tl.load(marks + highest)
        row = tl.load(rows + place, mask=inside, other=-1)
        at = row
        first = tl.load(indptr + row, mask=inside, other=0)
        last = tl.load(indptr + row + 1, mask=inside, other=0)
    return row, at, first, last


@triton.jit
def find_parts(part_ends):
    """The range of parts of this program's long row, which may be empty."""
    slot = tl.program_id(0)
    begin = tl.load(part_ends + slot - 1, mask=slot > 0, other=0)
    return slot, begin, tl.load(part_ends + slot)


@triton.jit
def _add_parts(
    parts, rows, part_ends, out, K, COLUMNS: tl.constexpr, PARTS: tl.constexpr
):
    # parts [most parts, K]; rows, part_ends [most long rows]; out [n, K]
    slot, begin, end = find_parts(part_ends)
    if begin == end:
        return
    k = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([PARTS, COLUMNS], out.dtype.element_ty)
    for part in range(begin, end, PARTS):
        at = part + tl.arange(0, PARTS)
        inside = (at < end)[:, None] & (k < K)[None, :]
        total += tl.load(parts + at[:, None] * K + k[None, :], mask=inside, other=0)
    row = tl.load(rows + slot)
    tl.store(out + row * K + k, tl.sum(total, 0), mask=k < K)


def launch(
    kernel, X: CSR, out: Tensor, *args, tile, n_blocks: int = 1, summed: bool = True
) -> None:
    """Run a kernel over all rows of X.

    Parameters
    ----------
    kernel : triton kernel
        Its arguments are those of `find_row`, ``indices, data, out, *args``, and the
        constants SPLIT and PART and those of `tile`.
    out : Tensor of shape (n, K), or (nnz,)
        Not initialised.
    tile : callable
        From a number of warps to constants of the kernel.
    n_blocks : int
        Programs for each row, each for some of the columns.
    summed : bool
        Whether the kernel writes a row of `out` for each row of X. Results of parts
        are then added. Otherwise it writes a value for each entry.
    """
    check_contiguous(*args)
    found = plan(X)
    last, n_parts = len(LENGTHS), len(found.part_rows)
    target = out.new_empty(n_parts, *out.shape[1:]) if summed else out
    by_class, parts = (found.order, found.starts), (found.part_rows, found.part_begins)
    for grid, warps, split, place, to in (
        (found.n, 1, False, (*by_class, 0, _ONE_WARP), out),
        (found.most_rows(_ONE_WARP), 4, False, (*by_class, _ONE_WARP, last), out),
        (n_parts, 4, True, (*parts, 0, 0), target),
    ):
        if grid > 0:
            run(
                *(kernel, (grid, n_blocks), *place),
                *(X.indptr, X.indices, X.data, to, *args),
                SPLIT=split,
                PART=PART,
                num_warps=warps,
                **tile(warps),
            )
    if summed and n_parts:
        K = out.shape[1]
        columns = min(128, triton.next_power_of_2(K))
        args = target, found.long_rows, found.part_ends, out, K
        grid = len(found.part_ends), triton.cdiv(K, columns)
        run(_add_parts, grid, *args, COLUMNS=columns, PARTS=16)
