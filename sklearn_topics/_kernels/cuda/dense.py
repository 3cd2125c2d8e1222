"""Products of a dense X with factors on CUDA: see `ops`.

A program takes a block of rows of X and goes through blocks of its cells, of which it
reconstructs each without leaving the registers: X is read once, and nothing of its size
is written. Float32 is multiplied by the matrix units, three times, so that no digit is
lost. They serve up to MOST topics; with more of them, and in float64, matrix products
are most of the work, and the reference makes them as well.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..reference import dense as reference
from .launching import at_least, check_contiguous, numbers_on, run

#: Most topics.
MOST = 32
#: Rows and columns of a block of cells.
_ROWS, _COLUMNS = 128, 32
#: Programs that make a GPU busy; with fewer rows the columns are divided among some.
_PROGRAMS = 512


def dense_ratio_product(X: Tensor, W, HT, floor, shift) -> Tensor:
    if not _serves(X, W):
        return reference.dense_ratio_product(X, W, HT, floor, shift)
    numbers = numbers_on(W.device, W.dtype, floor, shift)
    return _launch(_dense_ratio_product, X, W, HT, numbers, W.shape[1], W.dtype)


def dense_log_sums(X: Tensor, W, HT, floor) -> Tensor:
    if not _serves(X, W):
        return reference.dense_log_sums(X, W, HT, floor)
    numbers = numbers_on(W.device, W.dtype, floor)
    return _launch(_dense_log_sums, X, W, HT, numbers, 1, torch.float64)[:, 0]


def _serves(X: Tensor, W: Tensor) -> bool:
    return W.dtype == torch.float32 and 0 < W.shape[1] <= MOST and X.numel() > 0


def _launch(kernel, X, W, HT, numbers, width: int, dtype) -> Tensor:
    """A row of `width` results for each row of X."""
    check_contiguous(W, HT)
    (n, m), K = X.shape, W.shape[1]
    n_blocks = triton.cdiv(n, _ROWS)
    n_splits = max(1, min(triton.cdiv(m, 8 * _COLUMNS), _PROGRAMS // n_blocks))
    each = triton.cdiv(triton.cdiv(m, n_splits), _COLUMNS) * _COLUMNS
    n_splits = triton.cdiv(m, each)
    out = W.new_empty(n_splits, n, width, dtype=dtype)
    run(
        *(kernel, (n_blocks, n_splits), X, W, HT, numbers, out),
        *(n, m, K, *X.stride(), each),
        ROWS=_ROWS,
        COLUMNS=_COLUMNS,
        TOPICS=max(16, triton.next_power_of_2(K)),
        num_warps=8,
    )
    return out[0] if n_splits == 1 else out.sum(0)


@triton.jit
def _rows(W, n, K, ROWS: tl.constexpr, TOPICS: tl.constexpr):
    """This program's rows, which of them there are, the topics, and the weights."""
    i = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    k = tl.arange(0, TOPICS)
    mask = (i < n)[:, None] & (k < K)[None, :]
    w = tl.load(W + i[:, None] * K + k[None, :], mask=mask, other=0)
    return i, k, mask, w


@triton.jit
def _cells(X, HT, w, i, k, begin, end, n, K, by_row, by_column, COLUMNS: tl.constexpr):
    """Cells of X, which of them there are, the reconstruction, and the terms' rows."""
    j = begin + tl.arange(0, COLUMNS)
    inside = (i < n)[:, None] & (j < end)[None, :]
    place = i[:, None] * by_row + j.to(tl.int64)[None, :] * by_column
    x = tl.load(X + place, mask=inside, other=0)
    mask = (j < end)[:, None] & (k < K)[None, :]
    h = tl.load(HT + j.to(tl.int64)[:, None] * K + k[None, :], mask=mask, other=0)
    y = tl.dot(w, tl.trans(h), input_precision="tf32x3")
    return x, inside, y, h


@triton.jit
def _dense_ratio_product(
    X,
    W,
    HT,
    numbers,
    out,
    n,
    m,
    K,
    by_row,
    by_column,
    each,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    TOPICS: tl.constexpr,
):
    # X [n, m]; W [n, K]; HT [m, K]; numbers [2]; out [splits, n, K]
    floor, shift = tl.load(numbers), tl.load(numbers + 1)
    i, k, mask, w = _rows(W, n, K, ROWS, TOPICS)
    total = tl.zeros([ROWS, TOPICS], tl.float32)
    first = tl.program_id(1) * each
    end = tl.minimum(first + each, m)
    for begin in range(first, end, COLUMNS):
        x, inside, y, h = _cells(
            X, HT, w, i, k, begin, end, n, K, by_row, by_column, COLUMNS
        )
        ratio = tl.where(inside, x / at_least(y + shift, floor), 0.0)
        total = tl.dot(ratio, h, total, input_precision="tf32x3")
    place = (tl.program_id(1).to(tl.int64) * n + i)[:, None] * K + k[None, :]
    tl.store(out + place, total, mask=mask)


@triton.jit
def _dense_log_sums(
    X,
    W,
    HT,
    numbers,
    out,
    n,
    m,
    K,
    by_row,
    by_column,
    each,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    TOPICS: tl.constexpr,
):
    # X [n, m]; W [n, K]; HT [m, K]; numbers [1]; out [splits, n], float64
    floor = tl.load(numbers)
    i, k, within, w = _rows(W, n, K, ROWS, TOPICS)
    total = tl.zeros([ROWS], tl.float64)
    first = tl.program_id(1) * each
    end = tl.minimum(first + each, m)
    for begin in range(first, end, COLUMNS):
        x, inside, y, h = _cells(
            X, HT, w, i, k, begin, end, n, K, by_row, by_column, COLUMNS
        )
        y = tl.where(x == 0, 1.0, at_least(y, floor))
        total += tl.sum(x * tl.log(y), 1).to(tl.float64)
    place = tl.program_id(1).to(tl.int64) * n + i
    tl.store(out + place, total, mask=i < n)
