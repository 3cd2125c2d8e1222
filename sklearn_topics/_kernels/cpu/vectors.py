"""Vectors in CPU kernels, built for LLVM.

numba leaves it to LLVM which loops become loops over vectors, and what stays in
registers meanwhile. An `intrinsic` of `typed` builds the vectors itself.
"""

import math
from contextlib import contextmanager

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

_BYTES = 64  # of a vector; where the processor's are narrower, it takes several
INDEX = ir.IntType(64)
#: Products may be fused with sums. numba adds the flags of the caller: see `jit`.
_FLAGS = "contract", "nsz"


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


def typed(build, result, *kinds):
    """Type and code of an intrinsic, for numba; its arrays of floats have one dtype."""
    arrays = [kind.dtype for kind in kinds if isinstance(kind, types.Array)]
    dtype = next(dtype for dtype in arrays if isinstance(dtype, types.Float))

    def generate(context, builder, signature, args):
        values = []
        for kind, value in zip(signature.args, args, strict=True):
            if isinstance(kind, types.Array):
                value = context.make_array(kind)(context, builder, value)
            elif isinstance(kind, types.Integer):
                value = context.cast(builder, value, kind, types.int64)
            values.append(value)
        out = build(Vectors(builder, context.get_data_type(dtype)), *values)
        return context.get_dummy_value() if out is None else out

    return result(*kinds), generate


def shuffle(builder, a, b, places):
    """A vector of the numbers of two, side by side, at these places."""
    numbers = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return builder.shuffle_vector(a, b, numbers)


class Vectors:
    """Operations on vectors in memory, which begin at multiples of their size."""

    def __init__(self, builder, number):
        self.builder, self.number = builder, number
        self.itemsize = 8 if isinstance(number, ir.DoubleType) else 4
        self.lanes = _BYTES // self.itemsize
        self.type = ir.VectorType(number, self.lanes)
        self.zeros = ir.Constant(self.type, None)
        self.falses = ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), None)

    def pointer(self, array):
        return self.builder.bitcast(array.data, self.type.as_pointer())

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
        nothing = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        return shuffle(self.builder, first, nothing, [0] * self.lanes)

    def multiply_add(self, a, b, c):
        product = self.builder.fmul(a, b, flags=_FLAGS)
        return self.builder.fadd(product, c, flags=_FLAGS)

    def total(self, values):
        """The sum of the numbers of a vector, in all lanes."""
        half = self.lanes
        while half > 1:
            half //= 2
            turned = [n ^ half for n in range(self.lanes)]
            other = shuffle(self.builder, values, values, turned)
            values = self.builder.fadd(values, other)
        return values

    def first_lanes(self, count):
        """The mask of the first lanes, as many as a number says."""
        numbers = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.repeat(count))

    def any(self, bits):
        """Whether a bit is set in any lane."""
        number = self.builder.bitcast(bits, ir.IntType(self.lanes))
        return self.builder.icmp_unsigned("!=", number, number.type(0))

    def length(self, array):
        """The vectors of an array of one dimension."""
        return self.count(self.builder.extract_value(array.shape, 0))

    def count(self, numbers):
        """The vectors of so many numbers."""
        return self.builder.udiv(numbers, numbers.type(self.lanes))

    def at_least(self, value, least):
        """The larger of both; NaN stays."""
        below = self.builder.fcmp_ordered("<", value, least)
        return self.builder.select(below, least, value)

    @contextmanager
    def while_left(self, place, end, step):
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

    def load_some(self, pointer, mask):
        """The numbers from a pointer on in the lanes of a mask; the others are zero."""
        kind = f"v{self.lanes}{self.type.element.intrinsic_name}"
        size = ir.IntType(32)
        pointer = self.builder.bitcast(pointer, self.type.as_pointer())
        arguments = [pointer.type, size, mask.type, self.type]
        load = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(self.type, arguments),
            f"llvm.masked.load.{kind}.p0{kind}",
        )
        align = size(_BYTES // self.lanes)
        return self.builder.call(load, [pointer, align, mask, self.zeros])

    def call(self, build, *args):
        """Call a function, which ``build(vectors, *args)`` builds once a module.

        Its code is not repeated where it is called.
        """
        name = f"{build.__module__}.{build.__name__}.{self.number.intrinsic_name}"
        module, kinds = self.builder.module, [value.type for value in args]
        function = module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(ir.VoidType(), kinds)
            function = ir.Function(module, kind, name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            build(Vectors(builder, self.number), *function.args)
            builder.ret_void()
        self.builder.call(function, args)
