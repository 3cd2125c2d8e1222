"""Vectors of a fixed number of lanes, for numba kernels over rows of a factor.

LLVM makes vectors of a loop over components only where there are more of them than it
unrolls for: of ten it makes none. These say what a vector is; LLVM splits them into
those that the machine has.

A row of K components, at least `LANES`, is whole vectors and a last one that ends with
it, and so overlaps the one before: there is no scalar rest. Buffers of a row hold them
side by side; `last_vector` says where the last one begins.

numba's cache on disk does not look at this file. Each file of kernels that use it holds
its digest, `VECTORS`, which a test compares: so a change here is a change there.
"""

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, register_model
from torch import Tensor

from .jit import CALLED, array_of

LANES = 8
_CONTRACT = ("contract",)  # a product and a sum may be rounded once


class Vector(types.Type):
    """`LANES` numbers."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        lane = dmm.lookup(fe_type.dtype).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(lane, LANES))


def _place(context, builder, kind, row, k):
    """Where row[k : k + LANES] is; aligned as its numbers are."""
    data = context.make_array(kind)(context, builder, row).data
    lane = context.get_value_type(kind.dtype)
    vector = ir.VectorType(lane, LANES)
    place = builder.bitcast(builder.gep(data, [k]), vector.as_pointer())
    return place, context.get_abi_sizeof(lane)


def _splat(builder, value):
    kind = ir.VectorType(value.type, LANES)
    places = ir.VectorType(ir.IntType(32), LANES)
    first = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, first)
    return builder.shuffle_vector(one, one, ir.Constant(places, [0] * LANES))


def _check(row, vector=None):
    if row.ndim != 1 or row.layout != "C":
        raise TypingError(f"A vector is of a contiguous row, not of {row}.")
    if vector is not None and vector != Vector(row.dtype):
        raise TypingError(f"{row} does not hold a {vector}.")


@intrinsic
def load(typingctx, row, k):
    """row[k : k + LANES] of a contiguous row; k is not checked."""
    _check(row)

    def codegen(context, builder, signature, args):
        place, size = _place(context, builder, signature.args[0], *args)
        return builder.load(place, align=size)

    return Vector(row.dtype)(row, types.intp), codegen


@intrinsic
def store(typingctx, row, k, vector):
    """row[k : k + LANES] = vector; k is not checked."""
    _check(row, vector)

    def codegen(context, builder, signature, args):
        place, size = _place(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], place, align=size)
        return context.get_dummy_value()

    return types.void(row, types.intp, vector), codegen


@intrinsic
def zeros_for(typingctx, row):
    """A vector of zeros of a row's type."""
    kind = Vector(row.dtype)

    def codegen(context, builder, signature, args):
        return ir.Constant(context.get_value_type(kind), None)

    return kind(row), codegen


@intrinsic
def multiply(typingctx, a, b):
    """a * b of two vectors."""

    def codegen(context, builder, signature, args):
        return builder.fmul(*args, flags=_CONTRACT)

    return a(a, a), codegen


@intrinsic
def add_product(typingctx, total, a, b):
    """total + a * b of three vectors."""

    def codegen(context, builder, signature, args):
        product = builder.fmul(args[1], args[2], flags=_CONTRACT)
        return builder.fadd(product, args[0], flags=_CONTRACT)

    return total(total, a, b), codegen


@intrinsic
def add_scaled(typingctx, total, scale, vector):
    """total + scale * vector, for a number `scale` of the vectors' type."""

    def codegen(context, builder, signature, args):
        product = builder.fmul(_splat(builder, args[1]), args[2], flags=_CONTRACT)
        return builder.fadd(product, args[0], flags=_CONTRACT)

    return total(total, vector.dtype, vector), codegen


@intrinsic
def lane_sum(typingctx, vector):
    """The sum of the lanes, by halves."""

    def codegen(context, builder, signature, args):
        value, width = args[0], LANES
        while width > 1:
            width //= 2
            places = ir.VectorType(ir.IntType(32), width)
            low = ir.Constant(places, list(range(width)))
            high = ir.Constant(places, list(range(width, 2 * width)))
            halves = (
                builder.shuffle_vector(value, value, half) for half in (low, high)
            )
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), codegen


# Shuffles of two vectors side by side that transpose eight in three steps: of those 1,
# 2 and 4 apart. The first leaves the second and third quarters exchanged.
_STEPS = {
    1: ([0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]),
    2: ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]),
    4: ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]),
}
_ORDER = 0, 2, 1, 3, 4, 6, 5, 7


@intrinsic
def transposed(typingctx, vectors):
    """Eight vectors, of which the q-th holds the q-th lanes of the given ones."""

    def codegen(context, builder, signature, args):
        found = cgutils.unpack_tuple(builder, args[0])
        places = ir.VectorType(ir.IntType(32), LANES)
        for step, halves in _STEPS.items():
            low, high = (ir.Constant(places, half) for half in halves)
            for q in range(LANES):
                if not q & step:
                    pair = found[q], found[q + step]
                    found[q] = builder.shuffle_vector(*pair, low)
                    found[q + step] = builder.shuffle_vector(*pair, high)
        found = [found[q] for q in _ORDER]
        return context.make_tuple(builder, signature.return_type, found)

    return vectors(vectors), codegen


def at_least_lanes(A: Tensor) -> np.ndarray:
    """A factor with enough columns for a vector: zeros where it has fewer."""
    A = array_of(A)
    if A.shape[1] >= LANES:
        return A
    out = np.zeros((len(A), LANES), A.dtype)
    out[:, : A.shape[1]] = A
    return out


def without_more(out: Tensor, K: int) -> Tensor:
    """The first K columns of a kernel's output."""
    # Not by torch's copy: its threads would keep the next kernel waiting.
    return torch.from_numpy(np.ascontiguousarray(out.numpy()[:, :K]))


@numba.njit(**CALLED)
def last_vector(K):
    """Where the last vector of a row begins in a buffer."""
    return (K - 1) // LANES * LANES


@numba.njit(**CALLED)
def put(row, buffer):
    """A row into a buffer; lanes that the last vector repeats are zero."""
    K = len(row)
    last = last_vector(K)
    for k in range(last):
        buffer[k] = row[k]
    for j in range(LANES):
        k = K - LANES + j
        buffer[last + j] = row[k] if k >= last else row.dtype.type(0)


@numba.njit(**CALLED)
def take(buffer, row):
    """A row from a buffer, in which repeated lanes are equal."""
    K = len(row)
    last = last_vector(K)
    for k in range(last):
        row[k] = buffer[k]
    for j in range(LANES):
        row[K - LANES + j] = buffer[last + j]


@numba.njit(**CALLED)
def dot(buffer, row):
    """Sum of products of a row in a buffer, by `put`, and another one."""
    K = len(row)
    last = last_vector(K)
    total = multiply(load(buffer, last), load(row, K - LANES))
    for k in range(0, last, LANES):
        total = add_product(total, load(buffer, k), load(row, k))
    return lane_sum(total)


@numba.njit(**CALLED)
def four_dots(buffer, rows):
    """`dot` of four rows, side by side."""
    h0, h1, h2, h3 = rows
    K = len(h0)
    last, end = last_vector(K), K - LANES
    b = load(buffer, last)
    s0, s1 = multiply(b, load(h0, end)), multiply(b, load(h1, end))
    s2, s3 = multiply(b, load(h2, end)), multiply(b, load(h3, end))
    for k in range(0, last, LANES):
        b = load(buffer, k)
        s0, s1 = add_product(s0, b, load(h0, k)), add_product(s1, b, load(h1, k))
        s2, s3 = add_product(s2, b, load(h2, k)), add_product(s3, b, load(h3, k))
    return lane_sum(s0), lane_sum(s1), lane_sum(s2), lane_sum(s3)


@numba.njit(**CALLED)
def dots(buffer, A, indices, begin, end, out, at):
    """out[at], out[at + 1], ...: `dot` of A's rows indices[begin], ... to `end`."""
    whole, shift = begin + (end - begin) // 4 * 4, at - begin
    for p in range(begin, whole, 4):
        a0, a1 = A[indices[p]], A[indices[p + 1]]
        a2, a3 = A[indices[p + 2]], A[indices[p + 3]]
        q = p + shift
        out[q], out[q + 1], out[q + 2], out[q + 3] = four_dots(buffer, (a0, a1, a2, a3))
    for p in range(whole, end):
        out[p + shift] = dot(buffer, A[indices[p]])


@numba.njit(**CALLED)
def add_row(buffer, x, row):
    """buffer += x row."""
    K = len(row)
    last = last_vector(K)
    for k in range(0, last, LANES):
        store(buffer, k, add_scaled(load(buffer, k), x, load(row, k)))
    end = K - LANES
    store(buffer, last, add_scaled(load(buffer, last), x, load(row, end)))


@numba.njit(**CALLED)
def _add_four(buffer, k, x, rows, r):
    total = add_scaled(load(buffer, k), x[0], load(rows[0], r))
    total = add_scaled(total, x[1], load(rows[1], r))
    total = add_scaled(total, x[2], load(rows[2], r))
    store(buffer, k, add_scaled(total, x[3], load(rows[3], r)))


@numba.njit(**CALLED)
def add_four_rows(buffer, x, rows):
    """buffer += sum_q x[q] rows[q]: read and written once for all of them."""
    K = len(rows[0])
    last = last_vector(K)
    for k in range(0, last, LANES):
        _add_four(buffer, k, x, rows, k)
    _add_four(buffer, last, x, rows, K - LANES)


@numba.njit(**CALLED)
def _turn(rows, k, lines, j, weights, w, total):
    r0, r1, r2, r3, r4, r5, r6, r7 = rows
    turned = transposed(
        (
            load(r0, k),
            load(r1, k),
            load(r2, k),
            load(r3, k),
            load(r4, k),
            load(r5, k),
            load(r6, k),
            load(r7, k),
        )
    )
    for q in range(LANES):
        store(lines[k + q], j, turned[q])
        total = add_scaled(total, weights[w + q], turned[q])
    return total


@numba.njit(**CALLED)
def put_columns(rows, lines, j, weights, sums):
    """lines[k, j + q] = rows[q][k], and their sums weighted by a buffer, for 8 rows."""
    K = len(rows[0])
    last = last_vector(K)
    total = zeros_for(sums)
    for k in range(0, last, LANES):
        total = _turn(rows, k, lines, j, weights, k, total)
    store(sums, j, _turn(rows, K - LANES, lines, j, weights, last, total))
