"""sum x log y on the CPU, as vector code.

numba's ``np.log`` is a scalar call of 8 ns, which would be half of an iteration. Here
log y = e log 2 + 2 atanh((m - 1) / (m + 1)), with y = m 2^e and m in
[sqrt(1/2), sqrt(2)), and the series of atanh to the precision of the type. Arguments
must be positive and normal.
"""

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from ._blocks import run_blocks
from ._numba import JIT, array_of, arrays_of
from .csr import CSR

_LOG2 = np.log(2.0)
_CHUNK = 256  # entries: the scratch stays in L1
_HALF32, _HALF64 = 0x3F3504F3, 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)


@numba.njit(**JIT)
def _log_rows(first, last, indptr, indices, data, W, HT, floor, out):
    y = np.empty(_CHUNK, W.dtype)
    mantissa = np.empty(_CHUNK, W.dtype)
    exponent = np.empty(_CHUNK, W.dtype)
    scratch = _bits(y), mantissa, _bits(mantissa), exponent
    for i in range(first, last):
        w = W[i]
        out[i] = 0
        for begin in range(indptr[i], indptr[i + 1], _CHUNK):
            x = data[begin : min(begin + _CHUNK, indptr[i + 1])]
            for j in range(len(x)):
                h = HT[indices[begin + j]]
                v = w[0] * h[0]
                for k in range(1, len(w)):
                    v += w[k] * h[k]
                y[j] = max(v, floor)
            out[i] += _sum_x_log_y(x, scratch)


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = W.new_empty(W.shape[0], dtype=torch.float64)
    indptr, indices, data = arrays_of(X)
    args = array_of(W), array_of(HT), data.dtype.type(floor), out.numpy()
    run_blocks(_log_rows, indptr, 2 * W.shape[1], indices, data, *args)
    return out


@numba.njit(**JIT)
def _log_sum(first, last, bounds, A, ones, tiny, out):
    y = np.empty(_CHUNK, A.dtype)
    mantissa = np.empty(_CHUNK, A.dtype)
    exponent = np.empty(_CHUNK, A.dtype)
    scratch = _bits(y), mantissa, _bits(mantissa), exponent
    for c in range(first, last):
        out[c] = 0
        for begin in range(bounds[c], bounds[c + 1], _CHUNK):
            length = min(_CHUNK, bounds[c + 1] - begin)
            for j in range(length):
                y[j] = max(A[begin + j], tiny)
            out[c] += _sum_x_log_y(ones[:length], scratch)


def dense_log_sum(A: Tensor) -> float:
    flat = array_of(A).reshape(-1)
    # As many partial sums on every machine: the total does not depend on the threads.
    bounds = np.linspace(0, len(flat), 65).astype(np.int64)
    out = np.empty(64)
    ones, tiny = np.ones(_CHUNK, flat.dtype), np.finfo(flat.dtype).tiny
    run_blocks(_log_sum, bounds, 4, flat, ones, tiny, out)
    return float(out.sum())


def _bits(y):
    raise NotImplementedError("only inside compiled code")


def _sum_x_log_y(x, scratch):
    raise NotImplementedError("only inside compiled code")


@overload(_bits)
def _bits_overload(y):
    wide = y.dtype == numba.float64
    return (lambda y: y.view(np.int64)) if wide else (lambda y: y.view(np.int32))


@overload(_sum_x_log_y, jit_options={"fastmath": JIT["fastmath"]})
def _sum_overload(x, scratch):
    if x.dtype == numba.float64:
        integer, real, shift, half, n_terms = np.int64, np.float64, 52, _HALF64, 11
    else:
        integer, real, shift, half, n_terms = np.int32, np.float32, 23, _HALF32, 5
    shift, half, one, log2 = integer(shift), integer(half), real(1), real(_LOG2)
    series = tuple(real(2 / (2 * t + 1)) for t in range(n_terms))

    def impl(x, scratch):
        bits, mantissa, mantissa_bits, exponent = scratch
        total = 0.0
        # Two loops: within one, stores to bits that are read as reals would keep the
        # compiler from vectorising.
        for j in range(len(x)):
            b = bits[j]
            e = (b - half) >> shift
            mantissa_bits[j] = b - (e << shift)
            exponent[j] = e
        for j in range(len(x)):
            s = (mantissa[j] - one) / (mantissa[j] + one)
            s2 = s * s
            p = series[n_terms - 1]
            for t in range(n_terms - 2, -1, -1):
                p = p * s2 + series[t]
            total += np.float64(x[j] * (s * p + exponent[j] * log2))
        return total

    return impl
