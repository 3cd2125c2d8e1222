"""The KL update's numerator for a dense X on the CPU: see `ops.ratio_product`.

The kernels read X once, in pieces of a row; a piece and its part of H stay in L1. A
piece without positive entries costs one read, and a piece with few entries little more:
dense bags of words are mostly zeros.
"""

import numpy as np
import torch
from torch import Tensor

from ..reference import dense
from .blocks import run_blocks
from .jit import array_of, inlined, kernel

_PIECE = 256  # columns
_FEW = 32  # entries of a piece that are cheaper one by one
_WIDE = 8  # components, beyond which BLAS is faster where X is full


@inlined
def _entries(x, places):
    """Write the places of positive x; stop after `_FEW`. Returns their number."""
    # x [piece]; places [_FEW]
    count = 0
    for j in range(len(x)):
        if x[j] > 0:
            if count == _FEW:
                return _FEW + 1
            places[count] = j
            count += 1
    return count


@inlined
def _ratios(x, w, H, begin, floor, shift, ratio):
    """ratio = x / max(w H + shift, floor) on the piece of H that begins at `begin`."""
    # x, ratio [piece]; w [K]; H [K, m]
    length = len(x)
    for j in range(length):
        ratio[j] = shift
    for k in range(len(w)):
        wk, h = w[k], H[k, begin : begin + length]
        for j in range(length):
            ratio[j] += wk * h[j]
    for j in range(length):
        ratio[j] = x[j] / max(ratio[j], floor)


@inlined
def _ratio_at(x, w, H, j, floor, shift):
    y = shift + w[0] * H[0, j]
    for k in range(1, len(w)):
        y += w[k] * H[k, j]
    return x / max(y, floor)


@kernel
def _by_rows(first, last, bounds, X, W, H, floor, shift, out, ratio, places):
    """out[i] = sum_j ratio_ij H[:, j]."""
    # X [n, m]; W, out [n, K]; H [K, m]; ratio [_PIECE]; places [_FEW]
    m, K = X.shape[1], W.shape[1]
    for i in range(first, last):
        w, total = W[i], out[i]
        total[:] = 0
        for begin in range(0, m, _PIECE):
            x = X[i, begin : min(begin + _PIECE, m)]
            count = _entries(x, places)
            if count <= _FEW:
                for c in range(count):
                    j = begin + places[c]
                    r = _ratio_at(x[places[c]], w, H, j, floor, shift)
                    for k in range(K):
                        total[k] += r * H[k, j]
                continue
            _ratios(x, w, H, begin, floor, shift, ratio)
            for k in range(K):
                h = H[k, begin : begin + len(x)]
                s = floor - floor
                for j in range(len(x)):
                    s += ratio[j] * h[j]
                total[k] += s


@kernel
def _by_columns(first, last, bounds, X, W, H, floor, shift, out, ratio, places):
    """out[:, j] = sum_i ratio_ij W[i], for pieces of columns."""
    # X [n, m]; W [n, K]; H, out [K, m]; ratio [_PIECE]; places [_FEW]
    n, K = W.shape
    for piece in range(first, last):
        begin, end = bounds[piece] // n, bounds[piece + 1] // n
        out[:, begin:end] = 0
        for i in range(n):
            w, x = W[i], X[i, begin:end]
            count = _entries(x, places)
            if count <= _FEW:
                for c in range(count):
                    j = begin + places[c]
                    r = _ratio_at(x[places[c]], w, H, j, floor, shift)
                    for k in range(K):
                        out[k, j] += r * w[k]
                continue
            _ratios(x, w, H, begin, floor, shift, ratio)
            for k in range(K):
                wk, line = w[k], out[k, begin:end]
                for j in range(len(x)):
                    line[j] += wk * ratio[j]


def _is_full(X: Tensor) -> bool:
    """Whether a quarter of the cells is positive, in a sample of rows or columns."""
    A = X if X.is_contiguous() else X.T
    sample = A[:: max(1, len(A) // 16)].numpy()
    return np.count_nonzero(sample) > sample.size / 4


def _with_memory(kernel, dtype):
    """The kernel with memory of its own for each block: kernels allocate none."""

    def run(*args):
        kernel(*args, np.empty(_PIECE, dtype), np.empty(_FEW, np.int64))

    return run


def dense_ratio_product(X: Tensor, W: Tensor, HT: Tensor, floor, shift) -> Tensor:
    n, m = X.shape
    if W.shape[1] > _WIDE and _is_full(X):
        return dense.dense_ratio_product(X, W, HT, floor, shift)
    work = 2 * W.shape[1]
    real = array_of(W).dtype.type
    limits = real(floor), real(shift)
    if X.is_contiguous():
        out = torch.empty_like(W)
        factors = array_of(W), HT.numpy().T.copy()
        args = X.numpy(), *factors, *limits, out.numpy()
        run_blocks(_with_memory(_by_rows, real), np.arange(n + 1) * m, work, *args)
        return out
    # X is a transposed view: its columns lie in memory as rows.
    out = W.new_empty(W.shape[1], n)
    factors = array_of(HT), W.numpy().T.copy()
    args = X.numpy().T, *factors, *limits, out.numpy()
    pieces = np.minimum(np.arange(0, n + _PIECE, _PIECE), n) * m
    run_blocks(_with_memory(_by_columns, real), pieces, work, *args)
    return out.T.contiguous()
