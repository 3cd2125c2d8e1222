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

import math
from contextlib import contextmanager

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import inlined

_BYTES = 64  # of a vector; where the processor's are narrower, it takes several
_INDEX = ir.IntType(64)
#: Products may be fused with sums, and sums be reordered, as in `jit`.
_FLAGS = "reassoc", "contract", "nsz"


def lanes(dtype) -> int:
    """Entries in a vector."""
    return _BYTES // np.dtype(dtype).itemsize


def padded(length, dtype) -> int:
    return -(-int(length) // lanes(dtype)) * lanes(dtype)


def aligned(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Memory whose vectors lie in one cache line each."""
    size = math.prod(shape)
    memory = np.empty(size + lanes(dtype), dtype)
    first = -memory.__array_interface__["data"][0] % _BYTES // memory.itemsize
    return memory[first : first + size].reshape(shape)


@inlined
def part_width(left, lanes):
    """The width of the next part of a tile, where so many entries are left."""
    if left >= 4 * lanes:
        return 4 * lanes
    return 2 * lanes if left >= 2 * lanes else lanes


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
        for place, count, part in vectors.parts(tile, n_lines, x):
            lines = number, weights.data, topics.data, part
            below = _ratio_sums_of(vectors, place, count, lines, *arrays)
            builder.store(builder.or_(builder.load(fell), below), fell)
        return vectors.any(builder.load(fell))

    args = weights, topics, tile, n_lines, x, base, lowest, ratios, sums
    return _typed(build, types.boolean, *args)


def _ratio_sums_of(vectors, place, count, lines, x, base, lowest, ratios, sums):
    """`ratio_sums` of a part of `count` vectors at this place; the lanes that fell."""
    (number, weights, topics, part), builder = lines, vectors.builder
    places = [builder.add(place, place.type(q)) for q in range(count)]
    totals = [vectors.variable(vectors.load(base, p)) for p in places]
    with cgutils.for_range(builder, number) as loop:
        topic = builder.load(builder.gep(topics, [loop.index]))
        weight = vectors.repeat(builder.load(builder.gep(weights, [loop.index])))
        line = vectors.line(part, topic, count)
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
        total, line = vectors.load(sums, loop.index), vectors.line(part, topic, count)
        for value, factor in zip(line, factors, strict=True):
            total = vectors.multiply_add(factor, value, total)
        vectors.store(total, sums, loop.index)
    return fell


@intrinsic
def add_line(typing, weight, tile, n_lines, topic, sums):
    """sums += weight times a topic's line of a tile of `n_lines`; sums : [padded]."""

    def build(vectors, weight, tile, n_lines, topic, sums):
        weight, totals = vectors.repeat(weight), vectors.pointer(sums)
        for place, count, part in vectors.parts(tile, n_lines, sums):
            for q, value in enumerate(vectors.line(part, topic, count)):
                p = vectors.builder.add(place, place.type(q))
                more = vectors.multiply_add(weight, value, vectors.load(totals, p))
                vectors.store(more, totals, p)

    return _typed(build, types.void, weight, tile, n_lines, topic, sums)


@intrinsic
def add_dots(typing, values, tile, n_lines, topic, sums):
    """sums += the products of values and a topic's line of a tile, by lanes.

    values : [padded]; sums : [lanes]
    """

    def build(vectors, values, tile, n_lines, topic, sums):
        builder, zero = vectors.builder, _INDEX(0)
        factors, sums = vectors.pointer(values), vectors.pointer(sums)
        total = vectors.variable(vectors.load(sums, zero))
        for place, count, part in vectors.parts(tile, n_lines, values):
            for q, value in enumerate(vectors.line(part, topic, count)):
                factor = vectors.load(factors, builder.add(place, place.type(q)))
                more = vectors.multiply_add(factor, value, builder.load(total))
                builder.store(more, total)
        vectors.store(builder.load(total), sums, zero)

    return _typed(build, types.void, values, tile, n_lines, topic, sums)


def _typed(build, result, *kinds):
    """Type and code of an intrinsic, for numba; all its arrays have one dtype."""
    dtype = next(
        kind.dtype for kind in reversed(kinds) if isinstance(kind, types.Array)
    )

    def generate(context, builder, signature, args):
        values = []
        for kind, value in zip(signature.args, args, strict=True):
            if isinstance(kind, types.Array):
                value = context.make_array(kind)(context, builder, value)
            elif isinstance(kind, types.Integer):
                value = context.cast(builder, value, kind, types.int64)
            values.append(value)
        out = build(_Vectors(context, builder, dtype), *values)
        return context.get_dummy_value() if out is None else out

    return result(*kinds), generate


class _Vectors:
    """Operations on vectors in memory, which begin at multiples of their size."""

    def __init__(self, context, builder, dtype):
        self.builder, self._lanes = builder, _BYTES * 8 // dtype.bitwidth
        self._type = ir.VectorType(context.get_data_type(dtype), self._lanes)
        self.falses = ir.Constant(ir.VectorType(ir.IntType(1), self._lanes), None)

    def pointer(self, array):
        return self.builder.bitcast(array.data, self._type.as_pointer())

    def load(self, pointer, place):
        return self.builder.load(self.builder.gep(pointer, [place]), align=_BYTES)

    def store(self, value, pointer, place):
        self.builder.store(value, self.builder.gep(pointer, [place]), align=_BYTES)

    def variable(self, value):
        """A place for a value that changes: LLVM makes a register of it."""
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        return place

    def repeat(self, number):
        """A vector that has this number in all lanes."""
        nothing = ir.Constant(self._type, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self._lanes), None)
        return self.builder.shuffle_vector(first, nothing, zeros)

    def multiply_add(self, a, b, c):
        product = self.builder.fmul(a, b, flags=_FLAGS)
        return self.builder.fadd(product, c, flags=_FLAGS)

    def any(self, bits):
        """Whether a bit is set in any lane."""
        number = self.builder.bitcast(bits, ir.IntType(self._lanes))
        return self.builder.icmp_unsigned("!=", number, number.type(0))

    def parts(self, tile, n_lines, row):
        """Loops over the parts of a tile, whose code the caller builds.

        Yields the part's place in a row and its number of vectors, and its lines.
        """
        builder, tile = self.builder, self.pointer(tile)
        length = builder.extract_value(row.shape, 0)
        end = builder.udiv(length, length.type(self._lanes))
        place = self.variable(end.type(0))
        for count in 4, 2, 1:
            with self._while_left(place, end, count):
                first = builder.load(place)
                yield first, count, builder.gep(tile, [builder.mul(first, n_lines)])

    def line(self, part, topic, count):
        """The vectors of a topic's line of a part."""
        first = self.builder.mul(topic, topic.type(count))
        for q in range(count):
            yield self.load(part, self.builder.add(first, first.type(q)))

    @contextmanager
    def _while_left(self, place, end, step):
        """A loop with steps of this size, while one more does not pass the end."""
        builder = self.builder
        names = "test", "body", "after"
        test, body, after = (builder.append_basic_block(name) for name in names)
        builder.branch(test)
        builder.position_at_end(test)
        last = builder.add(builder.load(place), end.type(step))
        builder.cbranch(builder.icmp_signed("<=", last, end), body, after)
        builder.position_at_end(body)
        yield
        builder.store(builder.add(builder.load(place), end.type(step)), place)
        builder.branch(test)
        builder.position_at_end(after)
