"""Coordinate descent on CUDA for rows of more than PART entries.

Here the coordinates are outside: for each, one launch over the parts of all rows takes
the previous step into the reconstruction Y, which lies in memory, and sums; a second
one adds the sums of each row's parts and makes the step. A coordinate costs 28 bytes an
entry in float32, of which 4 are gathered; two numbers an entry and a transposed copy of
the other factor are kept.
"""

import torch
import triton
import triton.language as tl

from ..csr import CSR
from . import rows as row_plan
from .coordinate import begin_row, new_coordinate, row_numbers, row_prior
from .launching import at_least, run
from .products import gather, row_sums_kernel, tile_of
from .rows import RowPlan, find_parts

#: Places in a row of `facts`, which hold for a row of X, in its unit.
_UNIT, _BACK, _PSEUDOCOUNT, _L2, _FLOOR, _SIZE, _TOTAL, _MOVED, _ACTIVE, _STEP = (
    tl.constexpr(place) for place in range(10)
)
_FACTS = tl.constexpr(10)
_LOG2 = tl.constexpr(0.6931471805599453)
#: Parts whose sums are added at once.
_AT_ONCE = 32


def descend_on_long_rows(
    X: CSR, found: RowPlan, n_parts, HT, quads, out, logs, W, u, share, prior, units,
    numbers, K, n_sweeps, *, RIDGE: bool, COLUMNS: int, BY_ENTRY: bool,
) -> None:  # fmt: skip
    """Fill the rows of `out` and `logs` that are in parts."""
    n_rows = len(found.part_ends)
    m, PART = X.shape[1], row_plan.PART
    tokens, part_logs = W.new_empty(2, n_parts, dtype=torch.float64)
    wide, facts = logs.new_empty(n_rows, 2), W.new_empty(n_rows, _FACTS.value)
    sums, (y, h) = W.new_empty(n_parts, 2), W.new_empty(2, n_parts, PART)
    H = HT.T.contiguous()  # neighbouring entries of one topic in the same sector
    place = found.part_rows, found.part_begins
    parts = *place, found.part_slots, X.indptr, X.indices, X.data, facts, y, h
    rows = found.long_rows, found.part_ends, facts, wide
    entries = (*place, 0, 0, X.indptr, X.indices, X.data, tokens)

    def by_part(kernel, *args, **constants):
        run(kernel, (n_parts,), *args, PART=PART, num_warps=8, **constants)

    def by_row(kernel, *args, **constants):
        run(kernel, (n_rows,), *rows, *args, AT_ONCE=_AT_ONCE, num_warps=1, **constants)

    by_part(row_sums_kernel, *entries, SPLIT=True, ENTRIES=min(PART, 1024))
    begin = tokens, W, out, u, share, prior, units, numbers, K
    by_row(_begin_rows, *begin, COLUMNS=COLUMNS, BY_ENTRY=BY_ENTRY)
    tile = tile_of(K, W.dtype, 8)
    tile["ENTRIES"] = min(tile["ENTRIES"], PART)
    by_part(_reconstruct, *parts, HT, quads, out, K, **tile)
    step = sums, W, out, u, share, prior, numbers, K
    for _ in range(n_sweeps):
        for k in range(K):
            by_part(_sum_parts, *parts, H, m, sums, k)
            by_row(_step_rows, *step, k, RIDGE=RIDGE, BY_ENTRY=BY_ENTRY)
    by_part(_log_parts, *parts, part_logs)
    by_row(_add_logs, part_logs, logs)


@triton.jit
def _sum_of_parts(values, begin, end, stride, AT_ONCE: tl.constexpr):
    """The float64 sum of one value of each part of a row."""
    total = tl.zeros([AT_ONCE], tl.float64)
    for part in range(begin, end, AT_ONCE):
        at = part + tl.arange(0, AT_ONCE)
        value = tl.load(values + at * stride, mask=at < end, other=0)
        total += value.to(tl.float64)
    return tl.sum(total)


@triton.jit
def _begin_rows(
    rows,
    part_ends,
    facts,
    wide,
    tokens,
    W,
    out,
    u,
    share,
    prior,
    units,
    numbers,
    K,
    COLUMNS: tl.constexpr,
    BY_ENTRY: tl.constexpr,
    AT_ONCE: tl.constexpr,
):
    # facts [rows, _FACTS]; wide [rows, 2]: tokens and exponent; tokens [parts]
    slot, begin, end = find_parts(part_ends)
    if begin == end:
        return
    row = tl.load(rows + slot)
    total = _sum_of_parts(tokens, begin, end, 1, AT_ONCE)
    added = tl.full([], 0.0, tl.float64)
    if BY_ENTRY:
        added = row_prior(prior + row * K, K, COLUMNS)
    exponent, unit, back, pseudocount, l2, floor, size = row_numbers(
        total, added, K, units, numbers
    )
    tl.store(wide + slot * 2, total)
    tl.store(wide + slot * 2 + 1, exponent)
    tiny = tl.load(numbers + 4)
    given, w = W + row * K, out + row * K
    mass = begin_row(
        given,
        w,
        u,
        share,
        prior + row * K,
        unit,
        pseudocount,
        size,
        tiny,
        K,
        COLUMNS,
        BY_ENTRY,
    )
    fact = facts + slot * _FACTS
    tl.store(fact + _UNIT, unit)
    tl.store(fact + _BACK, back)
    tl.store(fact + _PSEUDOCOUNT, pseudocount)
    tl.store(fact + _L2, l2)
    tl.store(fact + _FLOOR, floor)
    tl.store(fact + _SIZE, size)
    tl.store(fact + _TOTAL, mass)
    tl.store(fact + _MOVED, 0.0)
    tl.store(fact + _ACTIVE, 1.0)
    tl.store(fact + _STEP, 0.0)


@triton.jit
def _part(rows, begins, slots, indptr, facts, PART: tl.constexpr):
    """Row, facts, entries, which of them there are, and their places in `y` and `h`."""
    part = tl.program_id(0).to(tl.int64)
    row = tl.load(rows + part)
    fact = facts + tl.load(slots + part) * _FACTS
    offsets = tl.arange(0, PART)
    e = tl.load(begins + part) + offsets
    inside = e < tl.load(indptr + row + 1, mask=row >= 0, other=0)
    return row, fact, e, inside, part * PART + offsets


@triton.jit
def _reconstruct(
    rows,
    begins,
    slots,
    indptr,
    indices,
    data,
    facts,
    y,
    h,
    HT,
    quads,
    out,
    K,
    PART: tl.constexpr,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # HT [m, 4 quads]; y, h [parts, PART]; out [n, K]
    row, fact, _, _, place = _part(rows, begins, slots, indptr, facts, PART)
    if row < 0:
        return
    tl.store(h + place, tl.zeros([PART], h.dtype.element_ty))
    part, k = tl.program_id(0).to(tl.int64), tl.arange(0, COLUMNS)
    first, last = tl.load(begins + part), tl.load(indptr + row + 1)
    w = tl.load(out + row * K + k, mask=k < K, other=0) * tl.load(fact + _UNIT)
    for begin in range(0, PART, ENTRIES):
        offsets = begin + tl.arange(0, ENTRIES)
        e = first + offsets
        found = gather(indices, HT, e, e < last, k, quads)
        tl.store(y + part * PART + offsets, tl.sum(found * w[None, :], 1))


@triton.jit
def _stepped(y, h, fact, inside, place):
    """Y of a part after the last step, which was of the topic whose values are in h."""
    moved = tl.load(y + place) + tl.load(fact + _STEP) * tl.load(h + place)
    return tl.where(inside, at_least(moved, tl.load(fact + _FLOOR)), 1.0)


@triton.jit(do_not_specialize=["k"])
def _sum_parts(
    rows,
    begins,
    slots,
    indptr,
    indices,
    data,
    facts,
    y,
    h,
    H,
    m,
    sums,
    k,
    PART: tl.constexpr,
):
    # H [K, m]; sums [parts, 2]: sum_j x h / y and sum_j x (h / y)^2 of coordinate k
    row, fact, e, inside, place = _part(rows, begins, slots, indptr, facts, PART)
    if row < 0:
        return
    j = tl.load(indices + e, mask=inside, other=0).to(tl.int64)
    new_h = tl.load(H + tl.cast(k, tl.int64) * m + j, mask=inside, other=0)
    x = tl.load(data + e, mask=inside, other=0) * tl.load(fact + _UNIT)
    new = _stepped(y, h, fact, inside, place)
    tl.store(y + place, new)
    tl.store(h + place, new_h)
    ratio = new_h / new
    weighted = x * ratio
    S, q = tl.split(tl.sum(tl.join(weighted, weighted * ratio), 0))
    tl.store(sums + tl.program_id(0) * 2, S)
    tl.store(sums + tl.program_id(0) * 2 + 1, q)


@triton.jit(do_not_specialize=["k"])
def _step_rows(
    rows,
    part_ends,
    facts,
    wide,
    sums,
    W,
    out,
    u,
    share,
    prior,
    numbers,
    K,
    k,
    RIDGE: tl.constexpr,
    BY_ENTRY: tl.constexpr,
    AT_ONCE: tl.constexpr,
):
    slot, begin, end = find_parts(part_ends)
    if begin == end:
        return
    at, fact = tl.load(rows + slot) * K + k, facts + slot * _FACTS
    S = _sum_of_parts(sums + 0, begin, end, 2, AT_ONCE)
    q = _sum_of_parts(sums + 1, begin, end, 2, AT_ONCE)
    unit, active = tl.load(fact + _UNIT), tl.load(fact + _ACTIVE) > 0
    w, cost = tl.load(out + at) * unit, tl.load(u + k)
    S, q = S.to(w.dtype), q.to(w.dtype)
    a = tl.load(fact + _PSEUDOCOUNT) + tl.load(share + k) * tl.load(W + at) * unit
    l2, size = tl.load(fact + _L2), tl.load(fact + _SIZE)
    fixed = cost < tl.load(numbers + 4)  # NaN is not left out
    if BY_ENTRY:
        own = tl.load(prior + at) * unit
        fixed = fixed | (own < 0)
        a += at_least(own, 0.0)
    new = new_coordinate(w, S, q, cost, a, l2, size, numbers, RIDGE)
    new = tl.where(fixed, w, new)
    new = tl.where(active, new, w)
    moved = at_least(tl.load(fact + _MOVED), tl.abs(new - w) * cost)
    tl.store(out + at, new * tl.load(fact + _BACK))
    tl.store(fact + _STEP, new - w)
    ends = k == K - 1  # the sweep
    goes_on = active & (moved > tl.load(numbers + 2) * tl.load(fact + _TOTAL))
    tl.store(fact + _ACTIVE, tl.where(ends, goes_on, active).to(w.dtype))
    tl.store(fact + _MOVED, tl.where(ends, 0.0, moved))


@triton.jit
def _log_parts(
    rows,
    begins,
    slots,
    indptr,
    indices,
    data,
    facts,
    y,
    h,
    logs,
    PART: tl.constexpr,
):
    # logs [parts], float64
    row, fact, e, inside, place = _part(rows, begins, slots, indptr, facts, PART)
    if row < 0:
        return
    x = tl.load(data + e, mask=inside, other=0)
    terms = x * tl.log(_stepped(y, h, fact, inside, place))
    tl.store(logs + tl.program_id(0), tl.sum(terms.to(tl.float64)))


@triton.jit
def _add_logs(rows, part_ends, facts, wide, part_logs, logs, AT_ONCE: tl.constexpr):
    slot, begin, end = find_parts(part_ends)
    if begin == end:
        return
    total = _sum_of_parts(part_logs, begin, end, 1, AT_ONCE)
    tokens, exponent = tl.load(wide + slot * 2), tl.load(wide + slot * 2 + 1)
    tl.store(logs + tl.load(rows + slot), total - tokens * exponent * _LOG2)
