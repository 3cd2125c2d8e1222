"""Passes of coordinate descent over vectors, for `descent`.

A group of rows lies in vectors of x, of y and of each topic's line of a tile: one entry
of each row in a vector, or several entries of one row. Each group has `lanes` numbers:
one a row, or one row's number repeated.

All arrays must be `aligned`, or begin whole vectors after the beginning of such an
array, with numbers side by side: nothing checks it. Columns need not be.

Sums add in order, so that more zeros change no bit.
"""

from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import inlined
from .transpose import Rows
from .vectors import INDEX, shuffle, typed


@inlined(in_order=True)
def gather_ratios(
    columns, HT, nothing, first, tile, w, x, y, floors, ratios, sums, wanted
):
    """tile = rows of HT, y += w tile, ratios = x / max(y, floors).

    And sums += ratios tile^T, if they are wanted.

    Parameters
    ----------
    columns : [padded] of int64
        The row of HT of each entry, and -1 for none.
    HT : [m, K]
        Of its columns, those from `first` on, as many as the tile has lines.
    nothing : [K] of zeros
        The row of an entry that has none.
    tile : [lines, padded]
    w, sums : [lines, lanes]
    """
    lines = tile, w, x, y, floors, ratios, sums
    _gather_ratios(columns, HT, nothing, first, *lines, wanted)


@intrinsic
def _gather_ratios(
    typing, columns, HT, nothing, first, tile, w, x, y, floors, ratios, sums, wanted
):
    def build(vectors, columns, HT, nothing, first, tile, *others):
        *lines, wanted = others
        builder = vectors.builder
        K, m = (builder.extract_value(HT.shape, axis) for axis in (1, 0))
        count, padded = (builder.extract_value(tile.shape, axis) for axis in (0, 1))
        numbers = m, K, builder.sub(K, first), count, vectors.count(padded)
        at = [builder.gep(array.data, [first]) for array in (HT, nothing)]
        pointers = columns.data, *at, *map(vectors.pointer, (tile, *lines))
        vectors.call(_build_gather, *numbers, wanted, *pointers)

    args = columns, HT, nothing, first, tile, w, x, y, floors, ratios, sums, wanted
    return typed(build, types.void, *args)


def _build_gather(vectors, m, K, left, lines, end, wanted, *pointers):
    columns, HT, nothing, tile, w, x, y, floors, ratios, sums = pointers
    builder = vectors.builder
    rows = Rows(vectors, columns, HT, nothing, m, K, left)
    is_wanted = builder.icmp_signed("!=", wanted, INDEX(0))
    least = vectors.load(floors, INDEX(0))
    with cgutils.for_range(builder, end) as loop:
        p = loop.index
        rows.fetch(builder.add(p, INDEX(1)), end)
        total = vectors.variable(vectors.load(y, p))
        for k, value in rows.transposed(p, lines):
            vectors.store(value, tile, builder.add(builder.mul(k, end), p))
            weight = vectors.load(w, k)
            more = vectors.multiply_add(weight, value, builder.load(total))
            builder.store(more, total)
        v = builder.load(total)
        vectors.store(v, y, p)
        ratio = builder.fdiv(vectors.load(x, p), vectors.at_least(v, least))
        # As it is stored, LLVM does not divide again for each topic.
        vectors.store(ratio, ratios, p)
        with builder.if_then(is_wanted), cgutils.for_range(builder, lines) as inner:
            line, more = builder.mul(inner.index, end), vectors.load(sums, inner.index)
            value = vectors.load(tile, builder.add(line, p))
            more = vectors.multiply_add(ratio, value, more)
            vectors.store(more, sums, inner.index)


@inlined(in_order=True)
def step_sums(x, y, line, previous, steps, floors, sums):
    """y = max(y + steps previous, floors); sums of x r and x r^2, with r = line / y.

    steps, floors : [lanes]; sums : [2, lanes]
    """
    _step_sums(x, y, line, previous, steps, floors, sums)


@intrinsic
def _step_sums(typing, x, y, line, previous, steps, floors, sums):
    def build(vectors, x, y, line, previous, steps, floors, sums):
        builder, zero = vectors.builder, INDEX(0)
        end = vectors.length(x)
        step = vectors.load(vectors.pointer(steps), zero)
        least = vectors.load(vectors.pointer(floors), zero)
        x, y, line, previous, sums = map(vectors.pointer, (x, y, line, previous, sums))
        S, q = vectors.variable(vectors.zeros), vectors.variable(vectors.zeros)
        with cgutils.for_range(builder, end) as loop:
            p = loop.index
            v = vectors.multiply_add(
                step, vectors.load(previous, p), vectors.load(y, p)
            )
            v = vectors.at_least(v, least)
            vectors.store(v, y, p)
            r = builder.fdiv(vectors.load(line, p), v)
            xr = builder.fmul(vectors.load(x, p), r)
            builder.store(builder.fadd(builder.load(S), xr), S)
            builder.store(vectors.multiply_add(xr, r, builder.load(q)), q)
        vectors.store(builder.load(S), sums, zero)
        vectors.store(builder.load(q), sums, INDEX(1))

    args = x, y, line, previous, steps, floors, sums
    return typed(build, types.void, *args)


@inlined(in_order=True)
def add_lines(y, tile, steps, topics):
    """y += the lines of some topics, each times its steps.

    tile : [lines, padded]; steps : [lines, lanes]; topics : [some] of int64
    """
    _add_lines(y, tile, steps, topics)


@intrinsic
def _add_lines(typing, y, tile, steps, topics):
    def build(vectors, y, tile, steps, topics):
        builder, end = vectors.builder, vectors.length(y)
        some = builder.extract_value(topics.shape, 0)
        y, tile, steps = map(vectors.pointer, (y, tile, steps))
        place = vectors.variable(INDEX(0))
        for step in 4, 1:
            with vectors.while_left(place, end, step):
                first = builder.load(place)
                places = [builder.add(first, INDEX(q)) for q in range(step)]
                totals = [vectors.variable(vectors.load(y, p)) for p in places]
                with cgutils.for_range(builder, some) as loop:
                    k = builder.load(builder.gep(topics.data, [loop.index]))
                    line, factor = builder.mul(k, end), vectors.load(steps, k)
                    for p, total in zip(places, totals, strict=True):
                        value = vectors.load(tile, builder.add(line, p))
                        more = vectors.multiply_add(factor, value, builder.load(total))
                        builder.store(more, total)
                for p, total in zip(places, totals, strict=True):
                    vectors.store(builder.load(total), y, p)

    return typed(build, types.void, y, tile, steps, topics)


@inlined(in_order=True)
def sum_lanes(values):
    """Each number becomes the sum of all; values : [lanes]."""
    _sum_lanes(values)


@intrinsic
def _sum_lanes(typing, values):
    def build(vectors, values):
        builder, values, half = vectors.builder, vectors.pointer(values), vectors.lanes
        total = vectors.load(values, INDEX(0))
        while half > 1:
            half //= 2
            other = shuffle(
                builder, total, total, [n ^ half for n in range(vectors.lanes)]
            )
            total = builder.fadd(total, other)
        vectors.store(total, values, INDEX(0))

    return typed(build, types.void, values)


@intrinsic
def spread_first(typing, values):
    """Each number becomes the first one; values : [lanes]."""

    def build(vectors, values):
        first = vectors.repeat(vectors.builder.load(values.data))
        vectors.store(first, vectors.pointer(values), INDEX(0))

    return typed(build, types.void, values)
