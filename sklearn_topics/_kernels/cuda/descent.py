"""Sequential coordinate descent on CUDA: see `ops.scd_rows`.

A program descends on one row of X and keeps the reconstruction of its entries in
registers. It reads the other factor 16 bytes at a time, a few coordinates of an entry
by one thread, which then has each of them at hand. Rows of more than PART entries are
for `long_rows`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..csr import CSR
from . import rows as row_plan
from .coordinate import (
    begin_row,
    descent_numbers,
    descent_prior,
    new_coordinate,
    row_numbers,
    row_prior,
    unit_table,
)
from .launching import at_least, check_contiguous, in_quads, run
from .long_rows import descend_on_long_rows
from .rows import find_row, plan

_LOG2 = tl.constexpr(0.6931471805599453)

#: Entries whose reconstruction a warp keeps, in float32, while there are warps.
_PER_WARP = 256


def csr_scd_rows(
    X: CSR, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor
) -> tuple[Tensor, Tensor]:
    check_contiguous(W, HT, u, share, pseudocount)
    K = W.shape[1]
    out, logs = torch.empty_like(W), W.new_empty(len(W), dtype=torch.float64)
    by_entry = isinstance(pseudocount, Tensor)
    pseudocount, prior = descent_prior(W, pseudocount)
    numbers = descent_numbers(W, pseudocount, l2, tol, floor)
    args = out, logs, W, u, share, prior, unit_table(W.device), numbers, K, n_sweeps
    constants = {"RIDGE": l2 > 0, "COLUMNS": triton.next_power_of_2(K)}
    constants["BY_ENTRY"] = by_entry
    found, (quad_HT, quads) = plan(X), in_quads(HT)
    per_warp = _PER_WARP * 4 // W.dtype.itemsize
    # Launches for rows that do not exist would be 2 K for long ones.
    (*counts, n_long), n_parts = found.numbers
    for c, length in enumerate(row_plan.LENGTHS):
        if counts[c] > 0:
            run(
                *(_scd_rows, (counts[c],), found.order, found.starts, c, c + 1),
                *(X.indptr, X.indices, X.data, quad_HT, quads, *args),
                ENTRIES=length,
                GROUP=16 // W.dtype.itemsize,
                num_warps=max(1, min(8, length // per_warp)),
                **constants,
            )
    if n_long > 0:
        descend_on_long_rows(X, found, n_parts, quad_HT, quads, *args, **constants)
    return out, logs


@triton.jit
def _scd_rows(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    HT,
    quads,
    out,
    logs,
    W,
    u,
    share,
    prior,
    units,
    numbers,
    K,
    n_sweeps,
    RIDGE: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
    BY_ENTRY: tl.constexpr,
):
    # W, out [n, K]; HT [m, 4 quads]; u, share [K]; prior [n, K] or not read;
    # units [3, 2048]; logs [n]
    row, at, first, last = find_row(rows, marks, lowest, highest, indptr, False, 0)
    if row < 0:
        return
    e = first + tl.arange(0, ENTRIES)
    inside, group = e < last, tl.arange(0, GROUP)
    j = tl.load(indices + e, mask=inside, other=0).to(tl.int64)
    h_rows = HT + j[:, None] * (quads * 4) + group[None, :]
    x = tl.load(data + e, mask=inside, other=0)
    tokens = tl.sum(x.to(tl.float64))
    added = tl.full([], 0.0, tl.float64)
    if BY_ENTRY:
        added = row_prior(prior + row * K, K, COLUMNS)
    exponent, unit, back, pseudocount, l2, floor, size = row_numbers(
        tokens, added, K, units, numbers
    )
    tiny, tol = tl.load(numbers + 4), tl.load(numbers + 2)
    x *= unit
    given, w_row, own_prior = W + row * K, out + row * K, prior + row * K
    total = begin_row(
        given, w_row, u, share, own_prior, unit, pseudocount, size, tiny,
        K, COLUMNS, BY_ENTRY,
    )  # fmt: skip
    tl.debug_barrier()  # all threads read what one has written

    y = tl.zeros([ENTRIES], x.dtype)
    for k in range(0, K, GROUP):
        tile = tl.load(h_rows + k, mask=inside[:, None], other=0)
        w = tl.load(w_row + k + group, mask=k + group < K, other=0) * unit
        y += tl.sum(tile * w[None, :], 1)
    y = tl.where(inside, at_least(y, floor), 1.0)

    bound = total * tol
    bound = tl.where(bound == bound, bound, 0.0)  # one sweep in any case
    sweep, moved = 0, tl.full([], float("inf"), x.dtype)
    while (sweep < n_sweeps) & (moved > bound):
        moved = total - total
        for k in range(0, K, GROUP):
            tile = tl.load(h_rows + k, mask=inside[:, None], other=0)
            if GROUP == 2:
                h_1, h_2 = tl.split(tile)
            else:
                even, odd = tl.split(tl.reshape(tile, [ENTRIES, 2, 2]))
                h_1, h_3 = tl.split(even)
                h_2, h_4 = tl.split(odd)
            y, moved = _two_coordinates(
                h_1, h_2, x, y, moved, k, K, w_row, given, own_prior, u, share,
                numbers, unit, back, pseudocount, l2, floor, size, tiny,
                RIDGE, BY_ENTRY,
            )  # fmt: skip
            if GROUP == 4:
                if k + 2 < K:
                    y, moved = _two_coordinates(
                        h_3, h_4, x, y, moved, k + 2, K, w_row, given, own_prior,
                        u, share, numbers, unit, back, pseudocount, l2, floor, size,
                        tiny, RIDGE, BY_ENTRY,
                    )  # fmt: skip
        tl.debug_barrier()
        sweep += 1
    log_sum = tl.sum((x * tl.log(y)).to(tl.float64)) * back.to(tl.float64)
    tl.store(logs + row, log_sum - tokens * exponent * _LOG2)


@triton.jit
def _two_coordinates(
    first, second, x, y, moved, k, K, w_row, given, prior, u, share, numbers, unit,
    back, pseudocount, l2, floor, size, tiny,
    RIDGE: tl.constexpr, BY_ENTRY: tl.constexpr,
):  # fmt: skip
    """The steps of coordinate k and of the next one, if there is one."""
    y, moved = _coordinate(
        first, x, y, moved, k, w_row, given, prior, u, share, numbers, unit, back,
        pseudocount, l2, floor, size, tiny, RIDGE, BY_ENTRY,
    )  # fmt: skip
    if k + 1 < K:
        y, moved = _coordinate(
            second, x, y, moved, k + 1, w_row, given, prior, u, share, numbers, unit,
            back, pseudocount, l2, floor, size, tiny, RIDGE, BY_ENTRY,
        )  # fmt: skip
    return y, moved


@triton.jit
def _coordinate(
    h,
    x,
    y,
    moved,
    k,
    w_row,
    given,
    prior,
    u,
    share,
    numbers,
    unit,
    back,
    pseudocount,
    l2,
    floor,
    size,
    tiny,
    RIDGE: tl.constexpr,
    BY_ENTRY: tl.constexpr,
):
    """A step of one coordinate: the reconstruction after it, and the largest step."""
    cost = tl.load(u + k)
    moves = (cost >= tiny) | (cost != cost)  # NaN is not left out
    own = tl.full([], 0.0, x.dtype)
    if BY_ENTRY:
        own = tl.load(prior + k) * unit
        moves = moves & (own >= 0)
    if moves:
        ratio = h / y
        weighted = x * ratio
        # Both sums at once: the warps of a program wait for each other in each.
        S, q = tl.split(tl.sum(tl.join(weighted, weighted * ratio), 0))
        w = tl.load(w_row + k) * unit
        a = pseudocount + own + tl.load(share + k) * tl.load(given + k) * unit
        new = new_coordinate(w, S, q, cost, a, l2, size, numbers, RIDGE)
        y = at_least(y + (new - w) * h, floor)
        moved = at_least(moved, tl.abs(new - w) * cost)
        tl.store(w_row + k, new * back)
    return y, moved
