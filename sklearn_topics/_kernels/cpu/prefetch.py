"""Load rows of a factor into the cache before a kernel comes to them.

A sparse row names rows of the other factor all over memory, and the processor does not
guess which: a term that occurs in many documents would wait for each one's row.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import inlined

_LINE = 64  # bytes of a cache line
_BYTES = 4096  # on their way at a time: more would push out what is in use
_NEAR = 1 << 23  # bytes of a factor that the nearer caches mostly hold


@inlined
def is_far(A):
    """Whether rows of A should be loaded ahead: the nearer caches do not hold it."""
    return A.size * A.itemsize >= _NEAR


@inlined
def distance(A):
    """How many entries ahead its row of A, [m, K], should be on its way."""
    return max(4, min(16, _BYTES // (A.shape[1] * A.itemsize)))


@inlined
def fetch_ahead(indices, p, A):
    """Begin to load the rows of A, [m, K], of four entries that come some way after p.

    A kernel asks for them four at a time, as it uses them.
    """
    ahead = p + distance(A)
    for q in range(ahead, min(ahead + 4, len(indices))):
        _fetch(A, indices[q])


@intrinsic
def _fetch(typing, A, row):
    """Begin to load a row of A into the second cache.

    The first has no room for as many requests."""

    def generate(context, builder, signature, args):
        array = context.make_array(A)(context, builder, args[0])
        place = context.cast(builder, args[1], row, types.int64)
        stride = builder.extract_value(array.strides, 0)
        first = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        fetch_bytes(builder, builder.gep(first, [builder.mul(place, stride)]), stride)
        return context.get_dummy_value()

    return types.void(A, row), generate


def fetch_bytes(builder, pointer, size):
    """Begin to load so many bytes from a pointer on."""
    number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    name = "llvm.prefetch.p0i8"
    prefetch = cgutils.get_or_insert_function(builder.module, kind, name)
    # To read, into the second cache, data: the numbers of llvm.prefetch.
    options = [number(0), number(2), number(1)]
    pointer, line = builder.bitcast(pointer, byte), size.type(_LINE)
    # One line more: the first one need not begin at the pointer.
    n_lines = builder.udiv(builder.add(size, size.type(2 * _LINE - 1)), line)
    with cgutils.for_range(builder, n_lines) as loop:
        place = builder.gep(pointer, [builder.mul(loop.index, line)])
        builder.call(prefetch, [place, *options])


def is_far_bytes(builder, size):
    """`is_far`, of a size in bytes."""
    return builder.icmp_signed(">=", size, size.type(_NEAR))
