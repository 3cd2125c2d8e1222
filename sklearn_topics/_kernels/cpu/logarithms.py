"""Sums of logarithms on the CPU: see `ops`.

numba's ``np.log`` is a scalar call of 8 ns, which would be half of an iteration. The
kernels compute log y = e log 2 + 2 atanh((m - 1) / (m + 1)), with y = m 2^e and m in
[sqrt(1/2), sqrt(2)), by the series of atanh to the precision of the type. Arguments
must be positive and normal.
"""

import math

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .jit import INLINED, array_of, arrays_of, kernel
from .products import dots

_CHUNK = 256  # entries: their reconstructions stay in L1
_HALF32, _HALF64 = 0x3F3504F3, 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)


def sum_x_log_y(x, y):
    """The sum of x log y over the entries of x; only for compiled code."""
    raise NotImplementedError


@overload(sum_x_log_y, jit_options=INLINED)
def _sum_x_log_y(x, y):
    wide = y.dtype == numba.float64
    integer, real = (np.int64, np.float64) if wide else (np.int32, np.float32)
    shift, half, n_terms = (52, _HALF64, 11) if wide else (23, _HALF32, 5)
    half, one, log2, zero = integer(half), real(1), real(math.log(2)), real(0)
    series = tuple(real(2 / (2 * t + 1)) for t in range(n_terms))

    def impl(x, y):
        total = 0.0
        for j in range(len(x)):
            bits = real(y[j]).view(integer)
            exponent = integer(integer(bits - half) >> shift)
            mantissa = integer(bits - integer(exponent << shift)).view(real)
            s = (mantissa - one) / (mantissa + one)
            s2 = s * s
            p = series[n_terms - 1]
            for t in range(n_terms - 2, -1, -1):
                p = p * s2 + series[t]
            # If y is infinite or NaN, its bits look like a number's; y 0 is NaN.
            log = s * p + real(exponent) * log2 + y[j] * zero
            total += np.float64(x[j] * log)
        if total != total:
            total = 0.0
            for j in range(len(x)):
                total += np.float64(x[j]) * math.log(np.float64(y[j]))
        return total

    return impl


@kernel
def _log_rows(first, last, indptr, indices, data, W, HT, floor, out, y):
    # W [n, K], HT [m, K], out [n], y [_CHUNK]
    for i in range(first, last):
        out[i] = 0
        for begin in range(indptr[i], indptr[i + 1], _CHUNK):
            end = min(begin + _CHUNK, indptr[i + 1])
            x = data[begin:end]
            dots(W[i], HT, indices[begin:end], y)
            for j in range(len(x)):
                y[j] = max(y[j], floor)
            out[i] += sum_x_log_y(x, y)


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = W.new_empty(W.shape[0], dtype=torch.float64)
    indptr, indices, data = arrays_of(X)
    args = array_of(W), array_of(HT), data.dtype.type(floor), out.numpy()

    def rows(*args):
        _log_rows(*args, np.empty(_CHUNK, data.dtype))

    run_blocks(rows, indptr, 2 * W.shape[1], indices, data, *args)
    return out


@kernel
def _log_sum(first, last, bounds, A, weights, tiny, out, y):
    # A [n * K], weights [n * K] or [_CHUNK] of ones; y [_CHUNK]
    for c in range(first, last):
        out[c] = 0
        for begin in range(bounds[c], bounds[c + 1], _CHUNK):
            length = min(_CHUNK, bounds[c + 1] - begin)
            for j in range(length):
                y[j] = max(A[begin + j], tiny)
            place = begin if len(weights) == len(A) else 0
            out[c] += sum_x_log_y(weights[place : place + length], y)


def dense_log_sum(A: Tensor, empty: Tensor | None, weights: Tensor | None) -> Tensor:
    if empty is not None and bool(empty.any()):
        A = A[:, ~empty].contiguous()
        weights = None if weights is None else weights[:, ~empty].contiguous()
    flat = array_of(A).reshape(-1)
    # 64 partial sums on every machine: the total does not depend on the threads.
    bounds = np.linspace(0, len(flat), 65).astype(np.int64)
    out = np.empty(64)
    tiny = np.finfo(flat.dtype).tiny
    if weights is None:
        factors = np.ones(_CHUNK, flat.dtype)
    else:
        factors = array_of(weights).reshape(-1)

    def chunks(*args):
        _log_sum(*args, np.empty(_CHUNK, flat.dtype))

    run_blocks(chunks, bounds, 4, flat, factors, tiny, out)
    return torch.from_numpy(np.asarray(out.sum()))
