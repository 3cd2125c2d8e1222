"""Passes of coordinate descent over vectors, for `descent`.

A group of rows lies in vectors of x, of y and of each topic's line of a tile: one entry
of each row in a vector, or several entries of one row. Each group has `lanes` numbers:
one a row, or one row's number repeated.

All arrays must be `aligned`, or begin whole vectors after the beginning of such an
array, with numbers side by side: nothing checks it. Columns, places, HT and zeros need
not be.

Sums add in order, so that more zeros change no bit. `read_ratios` alone has topics in
the lanes, and entries one after the other.
"""

from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import inlined
from .transpose import Rows
from .vectors import INDEX, typed


@inlined(in_order=True)
def gather_ratios(
    columns, HT, nothing, first, places, tile, w, x, y, floors, ratios, sums, wanted
):
    """tile = rows of HT, y += w HT, ratios = x / max(y, floors).

    And sums += ratios tile^T, if they are wanted.

    Parameters
    ----------
    columns : [padded] of int64
        The row of HT of each entry, and -1 for none.
    HT : [m, K]
        Of its columns, those from `first` on, as many as there are places.
    nothing : [K] of zeros
        The row of an entry that has none.
    places : [topics] of int64
        The line of the tile that a column becomes. Where it is not the column's own,
        sums cannot be wanted.
    tile : [lines, padded]
    w, sums : [topics, lanes]
    """
    lines = places, tile, w, x, y, floors, ratios, sums
    _gather_ratios(columns, HT, nothing, first, *lines, wanted)


@intrinsic
def _gather_ratios(
    typing,
    columns,
    HT,
    nothing,
    first,
    places,
    tile,
    w,
    x,
    y,
    floors,
    ratios,
    sums,
    wanted,
):
    def build(vectors, columns, HT, nothing, first, places, *others):
        *lines, wanted = others
        builder = vectors.builder
        K, m = (builder.extract_value(HT.shape, axis) for axis in (1, 0))
        count, padded = (builder.extract_value(a.shape, 0) for a in (places, columns))
        numbers = m, K, builder.sub(K, first), count, vectors.count(padded)
        at = [builder.gep(array.data, [first]) for array in (HT, nothing)]
        pointers = columns.data, *at, places.data, *map(vectors.pointer, lines)
        vectors.call(_build_gather, *numbers, wanted, *pointers)

    rows = columns, HT, nothing, first, places
    args = *rows, tile, w, x, y, floors, ratios, sums, wanted
    return typed(build, types.void, *args)


def _build_gather(vectors, m, K, left, lines, end, wanted, *pointers):
    columns, HT, nothing, places, tile, w, x, y, floors, ratios, sums = pointers
    builder = vectors.builder
    rows = Rows(vectors, columns, HT, nothing, m, K, left)
    entries = builder.mul(end, INDEX(vectors.lanes))
    is_wanted = builder.icmp_signed("!=", wanted, INDEX(0))
    least = vectors.load(floors, INDEX(0))
    with cgutils.for_range(builder, end) as loop:
        p = loop.index
        coming = builder.mul(builder.add(p, INDEX(1)), INDEX(vectors.lanes))
        rows.fetch(coming, vectors.lanes, entries)
        total = vectors.variable(vectors.load(y, p))
        for k, value in rows.transposed(p, lines):
            line = builder.mul(builder.load(builder.gep(places, [k])), end)
            vectors.store(value, tile, builder.add(line, p))
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
def read_ratios(columns, HT, nothing, ahead, w, x, floors, rows, sums):
    """rows = rows of HT; sums += ratios rows, with ratios = x / max(rows w, floors).

    Parameters
    ----------
    columns, HT, nothing
        As for `gather_ratios`. Columns after those of x are read next.
    ahead : int
        A multiple of 4: how many entries ahead a row should be on its way.
    w, sums : [padded K]
    x : [padded]
        Of one row, as the floors are.
    rows : [at least padded, padded K]
    """
    _read_ratios(columns, HT, nothing, ahead, w, x, floors, rows, sums)


@intrinsic
def _read_ratios(typing, columns, HT, nothing, ahead, w, x, floors, rows, sums):
    def build(vectors, columns, HT, nothing, ahead, *others):
        builder = vectors.builder
        m, K = (builder.extract_value(HT.shape, axis) for axis in (0, 1))
        w, x, floors, rows, sums = others
        known, end = (builder.extract_value(a.shape, 0) for a in (columns, x))
        width = vectors.count(builder.extract_value(w.shape, 0))
        numbers = m, K, ahead, known, end, width
        given = columns.data, HT.data, nothing.data, x.data, floors.data
        own = (vectors.pointer(array) for array in (w, rows, sums))
        vectors.call(_build_read, *numbers, *given, *own)

    args = columns, HT, nothing, ahead, w, x, floors, rows, sums
    return typed(build, types.void, *args)


def _build_read(vectors, m, K, ahead, known, end, width, *pointers):
    columns, HT, nothing, x, floors, w, copies, sums = pointers
    builder, four = vectors.builder, range(4)
    rows = Rows(vectors, columns, HT, nothing, m, K, K)
    least = builder.load(floors)
    with cgutils.for_range(builder, builder.udiv(end, INDEX(4))) as loop:
        first = builder.mul(loop.index, INDEX(4))
        rows.fetch(builder.add(first, ahead), 4, known)
        entries = [builder.add(first, INDEX(n)) for n in four]
        lines = [rows.row(e) for e in entries]
        begins = [builder.mul(e, width) for e in entries]
        totals = [vectors.variable(vectors.zeros) for _ in four]
        with cgutils.for_range(builder, width) as inner:
            v = inner.index
            place = builder.mul(v, INDEX(vectors.lanes))
            inside, weight = (
                vectors.first_lanes(builder.sub(K, place)),
                vectors.load(w, v),
            )
            for line, begin, total in zip(lines, begins, totals, strict=True):
                value = vectors.load_some(builder.gep(line, [place]), inside)
                vectors.store(value, copies, builder.add(begin, v))
                more = vectors.multiply_add(weight, value, builder.load(total))
                builder.store(more, total)
        ratios = []
        for e, total in zip(entries, totals, strict=True):
            total = vectors.total(builder.load(total))
            y = builder.extract_element(total, INDEX(0))
            y = vectors.at_least(y, least)
            ratio = builder.fdiv(builder.load(builder.gep(x, [e])), y)
            ratios.append(vectors.repeat(ratio))
        with cgutils.for_range(builder, width) as inner:
            v = inner.index
            more = vectors.load(sums, v)
            for ratio, begin in zip(ratios, begins, strict=True):
                value = vectors.load(copies, builder.add(begin, v))
                more = vectors.multiply_add(ratio, value, more)
            vectors.store(more, sums, v)


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
        values = vectors.pointer(values)
        total = vectors.total(vectors.load(values, INDEX(0)))
        vectors.store(total, values, INDEX(0))

    return typed(build, types.void, values)


@intrinsic
def spread_first(typing, values):
    """Each number becomes the first one; values : [lanes]."""

    def build(vectors, values):
        first = vectors.repeat(vectors.builder.load(values.data))
        vectors.store(first, vectors.pointer(values), INDEX(0))

    return typed(build, types.void, values)
