"""Sparse operations on the CPU: numba kernels over blocks of rows.

Not ``parallel=True``: numba's thread layers abort when two threads launch a kernel or
kill a forked child. Each kernel releases the GIL and works on whole rows, so results
depend neither on the number of threads nor on the blocks.
"""

import numba
import numpy as np
import torch
from torch import Tensor

from ._blocks import run_blocks
from ._numba import JIT, array_of, arrays_of
from .csr import CSR

# Rows are padded to whole vectors, so that the loops have no scalar remainder.
_PAD = 8


# --------------------------------------------------------------------------- csr


@numba.njit(**JIT)
def _transpose(indptr, indices, data, t_indptr, t_indices, t_data):
    for j in indices:
        t_indptr[j + 1] += 1
    for j in range(len(t_indptr) - 1):
        t_indptr[j + 1] += t_indptr[j]
    # Each column's pointer walks to its end, which is where the next one begins ...
    for i in range(len(indptr) - 1):
        for p in range(indptr[i], indptr[i + 1]):
            j = indices[p]
            t_indices[t_indptr[j]] = i
            t_data[t_indptr[j]] = data[p]
            t_indptr[j] += 1
    # ... so one shift puts all of them back.
    for j in range(len(t_indptr) - 1, 0, -1):
        t_indptr[j] = t_indptr[j - 1]
    t_indptr[0] = 0


def csr_transpose(X: CSR) -> CSR:
    n, m = X.shape
    out = CSR(
        X.indptr.new_zeros(m + 1),
        torch.empty_like(X.indices),
        torch.empty_like(X.data),
        (m, n),
    )
    _transpose(*arrays_of(X), *arrays_of(out))
    return out


@numba.njit(**JIT)
def _sddmm_rows(first, last, indptr, indices, W, HT, out):
    for i in range(first, last):
        w = W[i]
        for p in range(indptr[i], indptr[i + 1]):
            h = HT[indices[p]]
            y = w[0] * h[0]
            for k in range(1, len(w)):
                y += w[k] * h[k]
            out[p] = y


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    out = X.data.new_empty(X.nnz, dtype=W.dtype)
    indptr, indices, _ = arrays_of(X)
    args = (indices, array_of(W), array_of(HT), out.numpy())
    run_blocks(_sddmm_rows, indptr, W.shape[1], *args)
    return out


@numba.njit(**JIT)
def _spmm_rows(first, last, indptr, indices, data, B, out):
    for i in range(first, last):
        row = out[i]
        row[:] = 0
        for p in range(indptr[i], indptr[i + 1]):
            x, b = data[p], B[indices[p]]
            for k in range(len(b)):
                row[k] += x * b[k]


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    out = B.new_empty(X.shape[0], B.shape[1])
    indptr, indices, data = arrays_of(X)
    run_blocks(_spmm_rows, indptr, B.shape[1], indices, data, array_of(B), out.numpy())
    return out


@numba.njit(**JIT)
def _ratio_rows(first, last, indptr, indices, data, W, HT, floor, out):
    K = W.shape[1]
    for i in range(first, last):
        w, total = W[i], out[i]
        total[:] = 0
        for p in range(indptr[i], indptr[i + 1]):
            h = HT[indices[p]]
            y = w[0] * h[0]
            for k in range(1, K):
                y += w[k] * h[k]
            ratio = data[p] / max(y, floor)
            for k in range(K):
                total[k] += ratio * h[k]


def csr_ratio_product(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = torch.empty_like(W)
    indptr, indices, data = arrays_of(X)
    factors = array_of(W), array_of(HT), data.dtype.type(floor)
    run_blocks(
        _ratio_rows, indptr, 2 * W.shape[1], indices, data, *factors, out.numpy()
    )
    return out


@numba.njit(**JIT)
def _csr_scd_rows(first, last, indptr, indices, data, W, HT, u, share, options, out):
    K = W.shape[1]
    width = _longest(first, last, indptr)
    tile = np.empty((K, width), W.dtype)
    x, y = np.empty(width, W.dtype), np.empty(width, W.dtype)
    for i in range(first, last):
        begin = indptr[i]
        length = indptr[i + 1] - begin
        _gather(indices[begin : begin + length], HT, tile)
        for j in range(length):
            x[j] = data[begin + j]
        padded = _pad_row(x, y, length)
        _descend(x, y, tile, padded, W[i], out[i], u, share, options)


def csr_scd_rows(X: CSR, W, HT, u, share, *options):
    indptr, indices, data = arrays_of(X)
    factors = array_of(W), array_of(HT), array_of(u), array_of(share)
    options, work, out = _scd_arguments(W, *options)
    run_blocks(
        _csr_scd_rows, indptr, work, indices, data, *factors, options, out.numpy()
    )
    return out


def _scd_arguments(W: Tensor, pseudocount, n_sweeps, tol, floor):
    """Scalars in W's type (a float64 one would make float32 loops scalar); the output.

    The last scalar is the share of a row's size below which a weight is zero.
    """
    real = array_of(W).dtype.type
    tiny = np.finfo(real).eps / 100
    options = real(pseudocount), n_sweeps, real(tol), real(floor), real(tiny)
    return options, W.shape[1] * (n_sweeps + 1), torch.empty_like(W)


# ------------------------------------------------------------------------- dense


@numba.njit(**JIT)
def _dense_scd_rows(first, last, indptr, X, W, tile, u, share, options, out):
    width = tile.shape[1]
    x, y = np.empty(width, W.dtype), np.empty(width, W.dtype)
    for i in range(first, last):
        for j in range(X.shape[1]):
            x[j] = X[i, j]
        padded = _pad_row(x, y, X.shape[1])
        _descend(x, y, tile, padded, W[i], out[i], u, share, options)


def dense_scd_rows(X: Tensor, W, HT, u, share, *options):
    n, m = X.shape
    # The factor itself is every row's tile.
    tile = HT.new_zeros(HT.shape[1], -(-m // _PAD) * _PAD)
    tile[:, :m] = HT.T
    # X.T of a dense X is a view: its rows are read with a stride, not copied whole.
    factors = X.numpy(), array_of(W), tile.numpy(), array_of(u), array_of(share)
    options, work, out = _scd_arguments(W, *options)
    run_blocks(
        _dense_scd_rows, np.arange(n + 1) * m, work, *factors, options, out.numpy()
    )
    return out


# ---------------------------------------------------------------- pieces of kernels


@numba.njit(**JIT)
def _longest(first, last, indptr):
    longest = 1
    for i in range(first, last):
        longest = max(longest, indptr[i + 1] - indptr[i])
    return (longest + _PAD - 1) // _PAD * _PAD


@numba.njit(**JIT)
def _pad_row(x, y, length):
    """Entries that change no sum: x = 0, y = 1 (and zero weights in a tile)."""
    padded = (length + _PAD - 1) // _PAD * _PAD
    for j in range(length, padded):
        x[j] = 0
        y[j] = 1
    return padded


@numba.njit(**JIT)
def _gather(indices, HT, tile):
    """tile[k, j] = HT[indices[j], k]: the row's weights, one contiguous line a topic.

    Eight entries at a time: their eight rows stay in L1 while K lines are written,
    and the compiler joins each line's eight stores.
    """
    length, K = len(indices), HT.shape[1]
    whole = length // 8 * 8
    for j in range(0, whole, 8):
        h0, h1 = HT[indices[j]], HT[indices[j + 1]]
        h2, h3 = HT[indices[j + 2]], HT[indices[j + 3]]
        h4, h5 = HT[indices[j + 4]], HT[indices[j + 5]]
        h6, h7 = HT[indices[j + 6]], HT[indices[j + 7]]
        for k in range(K):
            line = tile[k]
            line[j], line[j + 1], line[j + 2], line[j + 3] = h0[k], h1[k], h2[k], h3[k]
            line[j + 4], line[j + 5] = h4[k], h5[k]
            line[j + 6], line[j + 7] = h6[k], h7[k]
    for j in range(whole, length):
        h = HT[indices[j]]
        for k in range(K):
            tile[k, j] = h[k]
    padded = (length + _PAD - 1) // _PAD * _PAD
    for k in range(K):
        line = tile[k]
        for j in range(length, padded):
            line[j] = 0


@numba.njit(**JIT)
def _reconstruct(w, tile, y, length, floor):
    for j in range(length):
        y[j] = 0
    for k in range(len(w)):
        line, wk = tile[k], w[k]
        if wk != 0:
            for j in range(length):
                y[j] += wk * line[j]
    for j in range(length):
        y[j] = max(y[j], floor)


@numba.njit(**JIT)
def _coordinate(w, S, q, u, a):
    """The scalar twin of `_scd.coordinate_step`, with one division where it can."""
    if q <= 0:
        return a / u
    if a == 0:
        new = max(w + S * (S - u) / (q * u), 0.0)
    else:
        slope = S / q
        A = max(slope - w, 0.0)
        b = a + slope * (S - u) + u * w
        root = np.sqrt(b * b + 4 * u * a * A)
        new = 2 * a * A / (root - b) if b < 0 else (b + root) / (2 * u)
    if new < w:
        least = (q * w * w + a) / (u - S + q * w)
        if new * w < least * least:
            new = least * least / w
    return new


@numba.njit(**JIT)
def _descend(x, y, tile, length, start, w, u, share, options):
    """`ops.scd_rows` for one row, from `start` into w."""
    pseudocount, n_sweeps, tol, floor, tiny = options
    K = len(w)
    zero = floor - floor
    size = zero
    for j in range(length):
        size += x[j]
    total = size
    for k in range(K):
        # An empty topic explains nothing and gets no weight.
        w[k] = start[k] if u[k] > 0 else zero
        total += pseudocount + share[k] * start[k]
    _reconstruct(w, tile, y, length, floor)
    step, last = zero, 0
    for _ in range(n_sweeps):
        moved = zero
        for k in range(K):
            if u[k] <= 0:
                continue
            line, previous = tile[k], tile[last]
            S, q = zero, zero
            # One pass: y takes the previous coordinate's step while S and q are summed.
            for j in range(length):
                v = max(y[j] + step * previous[j], floor)
                y[j] = v
                r = line[j] / v
                xr = x[j] * r
                S += xr
                q += xr * r
            a = pseudocount + share[k] * start[k]
            wide = np.float64(w[k]), np.float64(S), np.float64(q), np.float64(u[k])
            # Back to the row's type: a float64 step would make the loop above scalar.
            new = y.dtype.type(_coordinate(*wide, a))
            if a == 0 and new * u[k] < tiny * size:
                new = zero
            step = new - w[k]
            w[k] = new
            last = k
            moved = max(moved, abs(step) * u[k])
        if moved <= tol * total:
            break
