"""Products of a sparse X and factors on the CPU, by vectors over components: see `ops`.

Factors of fewer components than a vector has lanes get columns of zeros.
"""

import numba
import numpy as np
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .jit import JIT, arrays_of
from .vectors import (
    LANES,
    add_four_rows,
    add_row,
    at_least_lanes,
    dot,
    dots,
    four_dots,
    last_vector,
    put,
    take,
    without_more,
)

VECTORS = "5ab0505b101a"  # the digest of vectors.py: see there


@numba.njit(**JIT)
def _sddmm_rows(first, last, indptr, indices, W, HT, out):
    w = np.empty(last_vector(W.shape[1]) + LANES, W.dtype)
    for i in range(first, last):
        put(W[i], w)
        dots(w, HT, indices, indptr[i], indptr[i + 1], out, indptr[i])


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    out = X.data.new_empty(X.nnz, dtype=W.dtype)
    indptr, indices, _ = arrays_of(X)
    args = indices, at_least_lanes(W), at_least_lanes(HT), out.numpy()
    run_blocks(_sddmm_rows, indptr, W.shape[1], *args)
    return out


@numba.njit(**JIT)
def _spmm_rows(first, last, indptr, indices, data, B, out):
    total = np.empty(last_vector(B.shape[1]) + LANES, B.dtype)
    for i in range(first, last):
        total[:] = 0
        begin, end = indptr[i], indptr[i + 1]
        whole = begin + (end - begin) // 4 * 4
        for p in range(begin, whole, 4):
            b0, b1 = B[indices[p]], B[indices[p + 1]]
            b2, b3 = B[indices[p + 2]], B[indices[p + 3]]
            x = data[p], data[p + 1], data[p + 2], data[p + 3]
            add_four_rows(total, x, (b0, b1, b2, b3))
        for p in range(whole, end):
            add_row(total, data[p], B[indices[p]])
        take(total, out[i])


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    indptr, indices, data = arrays_of(X)
    K, factor = B.shape[1], at_least_lanes(B)
    out = B.new_empty(X.shape[0], factor.shape[1])
    # Writing a row takes as long as adding one: a batch's transpose is mostly empty.
    work = K * (X.nnz + X.shape[0]) // max(X.nnz, 1)
    run_blocks(_spmm_rows, indptr, work, indices, data, factor, out.numpy())
    return without_more(out, K)


@numba.njit(**JIT)
def _ratio_rows(first, last, indptr, indices, data, W, HT, floor, shift, out):
    w = np.empty(last_vector(W.shape[1]) + LANES, W.dtype)
    total = np.empty_like(w)
    for i in range(first, last):
        put(W[i], w)
        total[:] = 0
        begin, end = indptr[i], indptr[i + 1]
        whole = begin + (end - begin) // 4 * 4
        for p in range(begin, whole, 4):
            h0, h1 = HT[indices[p]], HT[indices[p + 1]]
            h2, h3 = HT[indices[p + 2]], HT[indices[p + 3]]
            y0, y1, y2, y3 = four_dots(w, (h0, h1, h2, h3))
            r0 = data[p] / max(y0 + shift, floor)
            r1 = data[p + 1] / max(y1 + shift, floor)
            r2 = data[p + 2] / max(y2 + shift, floor)
            r3 = data[p + 3] / max(y3 + shift, floor)
            add_four_rows(total, (r0, r1, r2, r3), (h0, h1, h2, h3))
        for p in range(whole, end):
            h = HT[indices[p]]
            add_row(total, data[p] / max(dot(w, h) + shift, floor), h)
        take(total, out[i])


def csr_ratio_product(
    X: CSR, W: Tensor, HT: Tensor, floor, shift, by_row=False
) -> Tensor:
    indptr, indices, data = arrays_of(X)
    K, factors = W.shape[1], (at_least_lanes(W), at_least_lanes(HT))
    out, real = W.new_empty(factors[0].shape), data.dtype.type
    args = *factors, real(floor), real(shift), out.numpy()
    run_blocks(_ratio_rows, indptr, 2 * K, indices, data, *args)
    return without_more(out, K)
