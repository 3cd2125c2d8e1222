"""One step of coordinate descent, and the unit of a row: see `reference.descent`."""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..floors import SQUARE_FLOOR
from ..reference.descent import unit_exponents
from .launching import at_least, numbers_on


def descent_prior(W: Tensor, pseudocount) -> tuple[float, Tensor]:
    """One pseudocount for all entries of W, and those by entry: [n, K], or [1]."""
    if isinstance(pseudocount, Tensor):
        return 0.0, pseudocount
    return pseudocount, numbers_on(W.device, W.dtype, 0.0)


def descent_numbers(W: Tensor, pseudocount, l2, tol, floor) -> Tensor:  # [7]
    """Pseudocount, l2, tol and floor; the smallest normal number, cost and Y."""
    info = torch.finfo(W.dtype)
    limits = info.tiny, info.eps / 100, SQUARE_FLOOR[W.dtype]
    return numbers_on(W.device, W.dtype, pseudocount, l2, tol, floor, *limits)


@lru_cache(maxsize=16)
def unit_table(device: torch.device) -> Tensor:  # [3, 2048], float64
    """The units of rows by the exponent bits of a size: exponent, power, inverse."""
    exponents = unit_exponents(device)
    ones = torch.ones(2048, dtype=torch.float64, device=device)
    powers = torch.ldexp(ones, exponents), torch.ldexp(ones, -exponents)
    return torch.stack([exponents.to(torch.float64), *powers])


@triton.jit
def row_unit(size, units):
    """Exponent, power of two and inverse of the unit of a row of this float64 size."""
    bits = tl.where(size > 0, size, 1.0).to(tl.int64, bitcast=True)
    place = units + (bits >> 52)
    return tl.load(place), tl.load(place + 2048), tl.load(place + 4096)


@triton.jit
def row_prior(prior, K, COLUMNS: tl.constexpr):
    """The sum of a row of pseudocounts but the negative ones, in float64."""
    k = tl.arange(0, COLUMNS)
    b = tl.load(prior + k, mask=k < K, other=0)
    return tl.sum(at_least(b, 0.0).to(tl.float64))


@triton.jit
def row_numbers(tokens, added, K, units, numbers):
    """What descent on a row of this many tokens needs, in the row's unit.

    `added` are the row's own pseudocounts, of `row_prior`.

    Returns the exponent (float64), the power of two and its inverse; then, in the
    dtype of the factors, pseudocount, l2, floor and size.
    """
    pseudocount, l2 = tl.load(numbers), tl.load(numbers + 1)
    floor, least = tl.load(numbers + 3), tl.load(numbers + 6)
    exponent, unit, back = row_unit(
        tokens + added + pseudocount.to(tl.float64) * K, units
    )
    size = (tokens * unit).to(floor.dtype)
    unit, back = unit.to(floor.dtype), back.to(floor.dtype)
    floor = at_least(floor * unit, least)
    return exponent, unit, back, pseudocount * unit, l2 * back, floor, size


@triton.jit
def begin_row(
    given,
    w,
    u,
    share,
    prior,
    unit,
    pseudocount,
    size,
    tiny,
    K,
    COLUMNS: tl.constexpr,
    BY_ENTRY: tl.constexpr,
):
    """Store the first weights of a row, 0 for empty topics unless they are fixed.

    Returns the size and all pseudocounts of the row.
    """
    k = tl.arange(0, COLUMNS)
    start = tl.load(given + k, mask=k < K, other=0)
    empty = tl.load(u + k, mask=k < K, other=0) < tiny
    extra = tl.load(share + k, mask=k < K, other=0) * start * unit
    if BY_ENTRY:
        b = tl.load(prior + k, mask=k < K, other=0)
        empty = empty & (b >= 0)
        extra += at_least(b, 0.0) * unit
    tl.store(w + k, tl.where(empty, 0.0, start), mask=k < K)
    return size + tl.sum(tl.where(k < K, pseudocount + extra, 0.0))


@triton.jit
def new_coordinate(w, S, q, cost, a, l2, size, numbers, RIDGE: tl.constexpr):
    """The coordinate that follows w: see `ops.scd_rows` for the derivation.

    A weight that would not be noticed becomes 0, unless there are pseudocounts.
    """
    if RIDGE:
        new = _ridge_step(w, S, q, cost, l2)
    else:
        new = _step(w, S, q, cost, a)
    unnoticed = (a == 0) & (new * cost < tl.load(numbers + 5) * size)
    return tl.where(unnoticed, 0.0, new).to(w.dtype)


@triton.jit
def _step(w, S, q, u, a):
    slope, excess = S / q, S - u
    aA = at_least(slope - w, 0.0) * a
    b = (a + u * w + slope * excess) / 2
    root = tl.sqrt(b * b + u * aA) + tl.abs(b)
    low = tl.where(b < 0, aA / root, root / u)
    qw = q * w
    up = (a + qw * w) / (qw - excess)
    return tl.where(q <= 0, a / u, _no_further(w, low, up))


@triton.jit
def _ridge_step(w, S, q, u, l2):
    slope, excess = S / q, S - u
    gain = at_least(slope * excess + u * w, 0.0)
    B = u + l2 * at_least(slope - w, 0.0)
    low = 2 * gain / (B + tl.sqrt(B * B + 4 * l2 * gain))
    qw = q * w
    p, c = qw - excess, qw * w
    root = tl.sqrt(p * p + 4 * l2 * c)
    up = tl.where(p > 0, 2 * c / (p + root), (root - p) / (2 * l2))
    return tl.where(q <= 0, 0.0, _no_further(w, low, up))


@triton.jit
def _no_further(w, low, up):
    return tl.where(low < w, at_least(low, up * up / w), low)
