"""Operations on factors (n x K) on CUDA, in one launch or two: see `ops`.

What goes cell by cell does so over the factor as it lies in memory. Sums and maxima are
taken of blocks, whose number depends on the factor's shape alone, and then of their
results: they are the same in every call.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..transfer import upload
from .launching import at_least, numbers_on, run

#: Cells that a program handles.
_CELLS = 1024
#: Most blocks of rows with a sum of their own.
_BLOCKS = 512
#: Values of a tile of rows, in float32.
_TILE = 1024
#: Most columns of a tile whose columns do not meet.
_COLUMNS = 128


@triton.jit
def _cells(size, K, CELLS: tl.constexpr):
    """This program's cells, their columns, and which of them there are."""
    block = tl.program_id(0)
    offsets = tl.arange(0, CELLS)
    cell = block.to(tl.int64) * CELLS + offsets
    # The same as cell % K, without a slow division of 64-bit integers.
    column = ((block % K) * (CELLS % K) + offsets) % K
    return cell, column, cell < size


def _run_cells(kernel, A: Tensor, *args, **constants) -> None:
    """Run a kernel over the cells of A (n x K)."""
    grid, K = (triton.cdiv(A.numel(), _CELLS),), A.shape[1]
    if A.numel():
        run(kernel, grid, A, *args, A.numel(), K, CELLS=_CELLS, **constants)


@triton.jit
def _multiplicative_step(
    A, N, cost, prior, out, size, K, BY_CELL: tl.constexpr, CELLS: tl.constexpr
):
    # A, N, out [n, K]; cost [K]; prior [n, K] or [1]
    cell, k, inside = _cells(size, K, CELLS)
    c = tl.load(cost + k, mask=inside, other=1)
    # An overflow of the cost must not make a weight zero: inf / inf is NaN.
    share = tl.where(c <= 0, 0, c / c / c)
    a = tl.load(A + cell, mask=inside, other=0)
    n = tl.load(N + cell, mask=inside, other=0)
    if BY_CELL:
        b = tl.load(prior + cell, mask=inside, other=0)
        new = tl.where(b < 0, a, (a * n + b) * share)
    else:
        new = (a * n + tl.load(prior)) * share
    tl.store(out + cell, new, mask=inside)


def _priors(A: Tensor, pseudocount: float | Tensor) -> tuple[Tensor, bool]:
    """Pseudocounts for a kernel, and whether there is one for each cell."""
    if isinstance(pseudocount, Tensor):
        return pseudocount.contiguous(), True
    return numbers_on(A.device, A.dtype, pseudocount), False


def dense_multiplicative_step(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    A, N = A.contiguous(), N.contiguous()
    out = torch.empty_like(A)
    prior, by_cell = _priors(A, pseudocount)
    args = N, cost.contiguous(), prior, out
    _run_cells(_multiplicative_step, A, *args, BY_CELL=by_cell)
    return out


@triton.jit
def _extrapolate(A, previous, beta, numbers, out, size, K, CELLS: tl.constexpr):
    # A, previous, out [n, K]; beta [1]; numbers [1]
    cell, _, inside = _cells(size, K, CELLS)
    a = tl.load(A + cell, mask=inside, other=0)
    before = tl.load(previous + cell, mask=inside, other=0)
    beyond = a + tl.load(beta).to(a.dtype) * (a - before)
    tl.store(out + cell, at_least(beyond, tl.load(numbers) * a), mask=inside)


def dense_extrapolate(A, previous, beta: Tensor | float, least: float) -> Tensor:
    A, previous = A.contiguous(), previous.contiguous()
    out = torch.empty_like(A)
    if not isinstance(beta, Tensor):
        beta = numbers_on(A.device, A.dtype, beta)
    _run_cells(
        *(_extrapolate, A, previous, beta, numbers_on(A.device, A.dtype, least), out)
    )
    return out


@triton.jit
def _ratio_step(
    A,
    N,
    D,
    numbers,
    out,
    size,
    K,
    BY_COLUMN: tl.constexpr,
    POWER: tl.constexpr,
    CELLS: tl.constexpr,
):
    # A, N, out [n, K]; D [K] or [n, K]; numbers [7]
    cell, k, inside = _cells(size, K, CELLS)
    l1, l2 = tl.load(numbers), tl.load(numbers + 1)
    gamma, shift = tl.load(numbers + 2), tl.load(numbers + 3)
    zero_denominator, least = tl.load(numbers + 4), tl.load(numbers + 5)
    a = tl.load(A + cell, mask=inside, other=0)
    d = tl.load(D + (k if BY_COLUMN else cell), mask=inside, other=1) + l1 + l2 * a
    d = tl.where(tl.abs(d) < tl.load(numbers + 6), zero_denominator, d)
    ratio = (tl.load(N + cell, mask=inside, other=0) + shift) / d
    ratio += d - d  # NaN where the denominator has overflowed
    if POWER:
        # In float64, because an error of the logarithm grows with its size.
        logarithm = tl.log(ratio.to(tl.float64))
        ratio = tl.exp(gamma.to(tl.float64) * logarithm).to(a.dtype)
    new = a * ratio
    tl.store(out + cell, tl.where(new < least, 0, new), mask=inside)  # keeps NaN


def dense_ratio_step(A, N, D, l1, l2, gamma, shift, zero_denominator, least) -> Tensor:
    A, N, D = A.contiguous(), N.contiguous(), D.contiguous()
    out, tiny = torch.empty_like(A), torch.finfo(A.dtype).tiny
    values = l1, l2, gamma, shift, zero_denominator, least, tiny
    numbers = numbers_on(A.device, A.dtype, *values)
    kind = {"BY_COLUMN": D.ndim == 1, "POWER": gamma != 1}
    _run_cells(_ratio_step, A, N, D, numbers, out, **kind)
    return out


@triton.jit
def _largest_violation(
    A, N, cost, prior, tiny, out, size, K, BY_CELL: tl.constexpr, CELLS: tl.constexpr
):
    # A, N [n, K]; cost [K]; prior [n, K] or [1]; tiny [1]; out [blocks]
    cell, k, inside = _cells(size, K, CELLS)
    c = tl.load(cost + k, mask=inside, other=0)
    a = tl.load(A + cell, mask=inside, other=0)
    n = tl.load(N + cell, mask=inside, other=0)
    if BY_CELL:
        b = tl.load(prior + cell, mask=inside, other=0)
        violation = tl.where(b < 0, 0, tl.abs(a * (c - n) - b))
    else:
        violation = tl.abs(a * (c - n) - tl.load(prior))
    violation = tl.where(c < tl.load(tiny), 0, violation)
    tl.store(out + tl.program_id(0), tl.reduce(violation, 0, at_least))


def dense_largest_violation(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    if A.numel() == 0:
        return cost.new_zeros(())
    A, N = A.contiguous(), N.contiguous()
    out = A.new_empty(triton.cdiv(A.numel(), _CELLS))
    tiny = numbers_on(A.device, A.dtype, torch.finfo(A.dtype).tiny)
    prior, by_cell = _priors(A, pseudocount)
    args = N, cost.contiguous(), prior, tiny, out
    _run_cells(_largest_violation, A, *args, BY_CELL=by_cell)
    return out.amax()


@triton.jit
def _log_sum(
    A,
    empty,
    weights,
    numbers,
    out,
    size,
    K,
    SOME_EMPTY: tl.constexpr,
    WEIGHTED: tl.constexpr,
    CELLS: tl.constexpr,
):
    # A [n, K]; empty [K] and weights [n, K], or not read; numbers [1];
    # out [blocks], float64
    cell, k, inside = _cells(size, K, CELLS)
    a = at_least(tl.load(A + cell, mask=inside, other=1), tl.load(numbers))
    if SOME_EMPTY:
        a = tl.where(tl.load(empty + k, mask=inside, other=0) != 0, 1, a)
    logs = tl.log(a)
    if WEIGHTED:
        logs *= tl.load(weights + cell, mask=inside, other=0)
    tl.store(out + tl.program_id(0), tl.sum(logs.to(tl.float64), 0))


def dense_log_sum(A: Tensor, empty: Tensor | None, weights: Tensor | None) -> Tensor:
    A = A.contiguous()
    out = A.new_empty(triton.cdiv(A.numel(), _CELLS), dtype=torch.float64)
    numbers = numbers_on(A.device, A.dtype, torch.finfo(A.dtype).tiny)
    some = empty is not None
    empty = empty.contiguous().view(torch.uint8) if some else numbers
    weighted = weights is not None
    weights = weights.contiguous() if weighted else numbers
    kind = {"SOME_EMPTY": some, "WEIGHTED": weighted}
    _run_cells(_log_sum, A, empty, weights, numbers, out, **kind)
    return out.sum()


@triton.jit
def _column_sums(
    A,
    B,
    out,
    n,
    K,
    rows_each,
    PRODUCT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # A [n, K]; B [n, K] or not read; out [blocks, K]
    block = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    end = tl.minimum((block + 1) * rows_each, n)
    total = tl.zeros([ROWS, COLUMNS], tl.float64)
    for begin in range(block * rows_each, end, ROWS):
        row = begin + tl.arange(0, ROWS)
        cell = row[:, None] * K + k[None, :]
        inside = (row < end)[:, None] & (k < K)[None, :]
        value = tl.load(A + cell, mask=inside, other=0).to(tl.float64)
        if PRODUCT:
            value *= tl.load(B + cell, mask=inside, other=0).to(tl.float64)
        total += value
    sums = tl.sum(total, 0).to(out.dtype.element_ty)
    tl.store(out + block * K + k, sums, mask=k < K)


def dense_column_sums(A: Tensor, B: Tensor | None) -> Tensor:
    n, K = A.shape
    A, B = A.contiguous(), None if B is None else B.contiguous()
    columns = min(_COLUMNS, triton.next_power_of_2(K))
    rows = _TILE // columns
    each = rows * max(1, triton.cdiv(n, rows * _BLOCKS))
    n_blocks = max(1, triton.cdiv(n, each))
    tile = {"ROWS": rows, "COLUMNS": columns}
    out = A.new_empty(K)
    sums = out if n_blocks == 1 else A.new_empty(n_blocks, K, dtype=torch.float64)
    grid = n_blocks, triton.cdiv(K, columns)
    factors = A, A if B is None else B
    run(_column_sums, grid, *factors, sums, n, K, each, PRODUCT=B is not None, **tile)
    if n_blocks > 1:
        args = sums, sums, out, n_blocks, K, n_blocks
        run(_column_sums, (1, grid[1]), *args, PRODUCT=False, **tile)
    return out


@triton.jit
def _hals_step(
    A,
    N,
    G,
    order,
    numbers,
    out,
    violations,
    n,
    K,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # A, N, out [n, K]; G [K, K]; order [K]; numbers [2]; violations [blocks], float64
    l1, tiny = tl.load(numbers), tl.load(numbers + 1)
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    k = tl.arange(0, COLUMNS)
    inside = row < n
    cell = row[:, None] * K + k[None, :]
    inside_tile = inside[:, None] & (k < K)[None, :]
    tile = tl.load(A + cell, mask=inside_tile, other=0)
    violation = tl.zeros([ROWS], tl.float64)
    for place in range(0, K):
        c = tl.load(order + place)
        line = tl.load(G + c * K + k, mask=k < K, other=0)
        curvature = tl.load(G + c * K + c)
        old = tl.load(A + row * K + c, mask=inside, other=0)
        numerator = tl.load(N + row * K + c, mask=inside, other=0) - l1
        slope = tl.sum(tile * line[None, :], 1) - numerator
        # Without a curvature the column stays, and takes no part in the others' steps.
        flat = curvature < tiny
        new = at_least(old - slope / tl.where(flat, 1, curvature), 0)
        tile = tl.where((k == c)[None, :], tl.where(flat, old, new)[:, None], tile)
        slope = tl.where(flat, -numerator, slope)
        # At zero only a step up is left; NaN stays.
        slope = tl.where((old < tiny) & (slope > 0), 0, slope)
        violation += tl.abs(tl.where(inside, slope, 0)).to(tl.float64)
    tl.store(out + cell, tile, mask=inside_tile)
    tl.store(violations + tl.program_id(0), tl.sum(violation, 0))


def dense_hals_step(A, N, G, l1: float, order: Tensor) -> tuple[Tensor, Tensor]:
    n, K = A.shape
    A, N, G = A.contiguous(), N.contiguous(), G.contiguous()
    columns = triton.next_power_of_2(K)
    rows = max(1, min(64, _TILE * 4 // A.dtype.itemsize // columns))
    n_blocks = triton.cdiv(n, rows)
    out = torch.empty_like(A)
    violations = A.new_empty(n_blocks, dtype=torch.float64)
    args = G, upload(order, A.device)
    args = *args, numbers_on(A.device, A.dtype, l1, torch.finfo(A.dtype).tiny)
    if n_blocks:
        args = A, N, *args, out, violations, n, K
        run(_hals_step, (n_blocks,), *args, ROWS=rows, COLUMNS=columns)
    return out, violations.sum()
