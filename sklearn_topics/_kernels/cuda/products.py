"""Products of a sparse X with factors on CUDA: see `ops`.

A program takes the entries of a row in blocks and gathers the other factor's rows that
they point to, [ENTRIES, COLUMNS], from whole sectors of memory. Their length is made a
multiple of four values, so that a thread loads four at once. Sums have one order, so
that results are the same in every call.
"""

from functools import partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..csr import CSR
from .launching import at_least, in_quads, numbers_on
from .rows import find_row, launch

#: Values of a gathered block that a warp holds, in float32.
_PER_WARP = 512
#: Most columns of a block where each column can be computed by itself.
_COLUMNS = 128


def tile_of(K: int, dtype: torch.dtype, warps: int) -> dict[str, int]:
    """The shape of the block that a program gathers at once."""
    columns = triton.next_power_of_2(K)
    most = _PER_WARP * warps * 4 // dtype.itemsize
    return {"ENTRIES": max(1, min(32 * warps, 64, most // columns)), "COLUMNS": columns}


@triton.jit
def gather(indices, B, e, inside, k, quads):
    """The rows of B (m x 4 quads) that these entries point to: [ENTRIES, COLUMNS]."""
    j = tl.load(indices + e, mask=inside, other=0).to(tl.int64)
    length = quads * 4
    mask = inside[:, None] & (k < length)[None, :]
    return tl.load(B + j[:, None] * length + k[None, :], mask=mask, other=0)


@triton.jit
def _ratio_product(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    out,
    W,
    HT,
    numbers,
    K,
    quads,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # W, out [n, K]; HT [m, 4 quads]; numbers [2]
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, SPLIT, PART)
    if row < 0:
        return
    floor, shift = tl.load(numbers), tl.load(numbers + 1)
    k = tl.arange(0, COLUMNS)
    w = tl.load(W + row * K + k, mask=k < K, other=0)
    total = tl.zeros([ENTRIES, COLUMNS], w.dtype)
    for begin in range(first, last, ENTRIES):
        e = begin + tl.arange(0, ENTRIES)
        inside = e < last
        h = gather(indices, HT, e, inside, k, quads)
        x = tl.load(data + e, mask=inside, other=0)
        y = at_least(tl.sum(h * w[None, :], 1) + shift, floor)
        total += h * (x / y)[:, None]
    tl.store(out + at * K + k, tl.sum(total, 0), mask=k < K)


def csr_ratio_product(X: CSR, W, HT, floor, shift) -> Tensor:
    K = W.shape[1]
    out = torch.empty_like(W)
    numbers = numbers_on(W.device, W.dtype, floor, shift)
    tile = partial(tile_of, K, W.dtype)
    HT, quads = in_quads(HT)
    launch(_ratio_product, X, out, W, HT, numbers, K, quads, tile=tile)
    return out


@triton.jit
def _spmm(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    out,
    B,
    K,
    quads,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # B [m, 4 quads]; out [n, K]
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, SPLIT, PART)
    if row < 0:
        return
    k = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([ENTRIES, COLUMNS], out.dtype.element_ty)
    for begin in range(first, last, ENTRIES):
        e = begin + tl.arange(0, ENTRIES)
        inside = e < last
        b = gather(indices, B, e, inside, k, quads)
        x = tl.load(data + e, mask=inside, other=0)
        total += b * x[:, None]
    tl.store(out + at * K + k, tl.sum(total, 0), mask=k < K)


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    K = B.shape[1]
    out = B.new_empty(X.shape[0], K)
    tile = partial(tile_of, min(K, _COLUMNS), B.dtype)
    B, quads = in_quads(B)
    launch(_spmm, X, out, B, K, quads, tile=tile, n_blocks=triton.cdiv(K, _COLUMNS))
    return out


@triton.jit
def _sddmm(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    out,
    W,
    HT,
    K,
    quads,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # W [n, K]; HT [m, 4 quads]; out [nnz]
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, SPLIT, PART)
    if row < 0:
        return
    k = tl.arange(0, COLUMNS)
    w = tl.load(W + row * K + k, mask=k < K, other=0)
    for begin in range(first, last, ENTRIES):
        e = begin + tl.arange(0, ENTRIES)
        inside = e < last
        h = gather(indices, HT, e, inside, k, quads)
        tl.store(out + e, tl.sum(h * w[None, :], 1), mask=inside)


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    K = W.shape[1]
    out = W.new_empty(X.nnz)
    tile = partial(tile_of, K, W.dtype)
    HT, quads = in_quads(HT)
    launch(_sddmm, X, out, W, HT, K, quads, tile=tile, summed=False)
    return out


@triton.jit
def _log_sums(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    out,
    W,
    HT,
    numbers,
    K,
    quads,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # W [n, K]; HT [m, 4 quads]; numbers [1]; out [n, 1], float64
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, SPLIT, PART)
    if row < 0:
        return
    floor = tl.load(numbers)
    k = tl.arange(0, COLUMNS)
    w = tl.load(W + row * K + k, mask=k < K, other=0)
    total = tl.zeros([ENTRIES], tl.float64)
    for begin in range(first, last, ENTRIES):
        e = begin + tl.arange(0, ENTRIES)
        inside = e < last
        h = gather(indices, HT, e, inside, k, quads)
        x = tl.load(data + e, mask=inside, other=0)
        y = at_least(tl.sum(h * w[None, :], 1), floor)
        total += (x * tl.log(y)).to(tl.float64)
    tl.store(out + at, tl.sum(total, 0))


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    K = W.shape[1]
    out = W.new_empty(X.shape[0], 1, dtype=torch.float64)
    numbers = numbers_on(W.device, W.dtype, floor)
    HT, quads = in_quads(HT)
    tile = partial(tile_of, K, W.dtype)
    launch(_log_sums, X, out, W, HT, numbers, K, quads, tile=tile)
    return out[:, 0]


@triton.jit
def row_sums_kernel(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    out,
    SPLIT: tl.constexpr,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
):
    # out [n, 1], float64
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, SPLIT, PART)
    if row < 0:
        return
    total = tl.zeros([ENTRIES], tl.float64)
    for begin in range(first, last, ENTRIES):
        e = begin + tl.arange(0, ENTRIES)
        total += tl.load(data + e, mask=e < last, other=0).to(tl.float64)
    tl.store(out + at, tl.sum(total, 0))


def csr_row_sums(X: CSR) -> Tensor:
    out = X.data.new_empty(X.shape[0], 1, dtype=torch.float64)
    launch(row_sums_kernel, X, out, tile=lambda warps: {"ENTRIES": 32 * warps})
    return out[:, 0]
