"""Passes over the lines of a tile on the CPU whose sums stay in registers.

LLVM makes vectors of a loop over entries, but with a loop over topics around it, it
loads and stores the sums of all entries again for each topic. `ratio_sums` keeps the
sums of four vectors of entries, and when it needs the weights of these entries again,
they are in the nearest cache.

So a tile is stored in parts of four vectors of entries, then two and one where fewer
are left: each is [topics, entries of the part]. A topic's line is all it has in them.

All arrays but weights and topics must be `aligned`, or begin whole vectors after the
beginning of such an array, with entries side by side: nothing checks it.
"""

from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import inlined
from .vectors import INDEX, typed


@inlined
def part_width(left, lanes):
    """The width of the next part of a tile, where so many entries are left."""
    if left >= 4 * lanes:
        return 4 * lanes
    return 2 * lanes if left >= 2 * lanes else lanes


@inlined
def gather(indices, HT, first, tile):
    """tile[t, j] = HT[indices[j], first + t], and zeros where the row is padded."""
    # indices [entries]; HT [m, K]; tile [topics, padded]
    topics, length = len(tile), len(indices)
    whole = length // 4 * 4
    for j in range(0, whole, 4):
        h0, h1 = HT[indices[j]], HT[indices[j + 1]]
        h2, h3 = HT[indices[j + 2]], HT[indices[j + 3]]
        for t in range(topics):
            line, k = tile[t], first + t
            line[j], line[j + 1] = h0[k], h1[k]
            line[j + 2], line[j + 3] = h2[k], h3[k]
    for j in range(whole, length):
        h = HT[indices[j]]
        for t in range(topics):
            tile[t, j] = h[first + t]
    for t in range(topics):
        line = tile[t]
        for j in range(length, len(line)):
            line[j] = 0


@intrinsic
def ratio_sums(typing, weights, topics, tile, n_lines, x, base, lowest, ratios, sums):
    """A pass over a row: ratios = x / (base + weights tile), sums += ratios tile^T.

    Parameters
    ----------
    weights, topics : [some]
        Of the lines of these topics; the others count as zero. The tile has `n_lines`.
    x, base, lowest, ratios : [padded]
    sums : [at least some, lanes]
        The sum of a topic in as many terms as a vector has lanes.

    Returns
    -------
    fell : bool
        Whether base + weights tile is below its `lowest` anywhere.
    """

    def build(vectors, weights, topics, tile, n_lines, x, *others):
        builder, fell = vectors.builder, vectors.variable(vectors.falses)
        number = builder.extract_value(weights.shape, 0)
        arrays = [vectors.pointer(array) for array in (x, *others)]
        for place, count, part in _parts(vectors, tile, n_lines, x):
            lines = number, weights.data, topics.data, part
            below = _ratio_sums_of(vectors, place, count, lines, *arrays)
            builder.store(builder.or_(builder.load(fell), below), fell)
        return vectors.any(builder.load(fell))

    args = weights, topics, tile, n_lines, x, base, lowest, ratios, sums
    return typed(build, types.boolean, *args)


def _ratio_sums_of(vectors, place, count, lines, x, base, lowest, ratios, sums):
    """`ratio_sums` of a part of `count` vectors at this place; the lanes that fell."""
    (number, weights, topics, part), builder = lines, vectors.builder
    places = [builder.add(place, place.type(q)) for q in range(count)]
    totals = [vectors.variable(vectors.load(base, p)) for p in places]
    with cgutils.for_range(builder, number) as loop:
        topic = builder.load(builder.gep(topics, [loop.index]))
        weight = vectors.repeat(builder.load(builder.gep(weights, [loop.index])))
        line = _line(vectors, part, topic, count)
        for value, total in zip(line, totals, strict=True):
            more = vectors.multiply_add(weight, value, builder.load(total))
            builder.store(more, total)
    fell, factors = vectors.falses, []
    for p, total in zip(places, totals, strict=True):
        y = builder.load(total)
        below = builder.fcmp_ordered("<", y, vectors.load(lowest, p))
        fell = builder.or_(fell, below)
        factors.append(builder.fdiv(vectors.load(x, p), y))
        vectors.store(factors[-1], ratios, p)
    with cgutils.for_range(builder, number) as loop:
        topic = builder.load(builder.gep(topics, [loop.index]))
        total, line = vectors.load(sums, loop.index), _line(vectors, part, topic, count)
        for value, factor in zip(line, factors, strict=True):
            total = vectors.multiply_add(factor, value, total)
        vectors.store(total, sums, loop.index)
    return fell


@intrinsic
def add_line(typing, weight, tile, n_lines, topic, sums):
    """sums += weight times a topic's line of a tile of `n_lines`; sums : [padded]."""

    def build(vectors, weight, tile, n_lines, topic, sums):
        weight, totals = vectors.repeat(weight), vectors.pointer(sums)
        for place, count, part in _parts(vectors, tile, n_lines, sums):
            for q, value in enumerate(_line(vectors, part, topic, count)):
                p = vectors.builder.add(place, place.type(q))
                more = vectors.multiply_add(weight, value, vectors.load(totals, p))
                vectors.store(more, totals, p)

    return typed(build, types.void, weight, tile, n_lines, topic, sums)


@intrinsic
def add_dots(typing, values, tile, n_lines, topic, sums):
    """sums += the products of values and a topic's line of a tile, by lanes.

    values : [padded]; sums : [lanes]
    """

    def build(vectors, values, tile, n_lines, topic, sums):
        builder, zero = vectors.builder, INDEX(0)
        factors, sums = vectors.pointer(values), vectors.pointer(sums)
        total = vectors.variable(vectors.load(sums, zero))
        for place, count, part in _parts(vectors, tile, n_lines, values):
            for q, value in enumerate(_line(vectors, part, topic, count)):
                factor = vectors.load(factors, builder.add(place, place.type(q)))
                more = vectors.multiply_add(factor, value, builder.load(total))
                builder.store(more, total)
        vectors.store(builder.load(total), sums, zero)

    return typed(build, types.void, values, tile, n_lines, topic, sums)


def _parts(vectors, tile, n_lines, row):
    """Loops over the parts of a tile, whose code the caller builds.

    Yields the part's place in a row and its number of vectors, and its lines.
    """
    builder, tile = vectors.builder, vectors.pointer(tile)
    end = vectors.length(row)
    place = vectors.variable(end.type(0))
    for count in 4, 2, 1:
        with vectors.while_left(place, end, count):
            first = builder.load(place)
            yield first, count, builder.gep(tile, [builder.mul(first, n_lines)])


def _line(vectors, part, topic, count):
    """The vectors of a topic's line of a part."""
    first = vectors.builder.mul(topic, topic.type(count))
    for q in range(count):
        yield vectors.load(part, vectors.builder.add(first, first.type(q)))
