"""Coordinate descent and sums of logarithms on the CPU: see `ops`.

They share a file because descent ends in a sum of logarithms, and because numba's cache
on disk looks at one file only.

numba's ``np.log`` is a scalar call of 8 ns, which would be half of an iteration. Here
log y = e log 2 + 2 atanh((m - 1) / (m + 1)), with y = m 2^e and m in
[sqrt(1/2), sqrt(2)), and the series of atanh to the precision of the type. Arguments
must be positive and normal.
"""

from functools import cache

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from ..csr import CSR
from ..reference.descent import LEAST, unit_exponents
from .blocks import run_blocks
from .jit import CALLED, JIT, array_of, arrays_of
from .vectors import (
    LANES,
    at_least_lanes,
    dot,
    dots,
    last_vector,
    put,
    put_columns,
)

VECTORS = "5ab0505b101a"  # the digest of vectors.py: see there

_LOG2 = np.log(2.0)
_CHUNK = 256  # entries: the scratch stays in L1
_HALF32, _HALF64 = 0x3F3504F3, 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)


# ------------------------------------------------------------------------ descent


@numba.njit(**JIT)
def _csr_scd_rows(
    first, last, indptr, indices, data, W, HT, u, share, options, out, logs
):
    width = _longest(first, last, indptr)
    tile = np.empty((HT.shape[1], width), W.dtype)
    x, y = np.empty(width, W.dtype), np.empty(width, W.dtype)
    w = np.zeros(HT.shape[1], W.dtype)  # of zeros where HT was widened
    weights = np.empty(last_vector(len(w)) + LANES, W.dtype)
    scratch, start = _scratch(y), np.empty(W.shape[1], W.dtype)
    sizes = np.empty(1)
    for i in range(first, last):
        begin = indptr[i]
        length = indptr[i + 1] - begin
        for j in range(length):
            x[j] = data[begin + j]
        size = _unit(x, length, W.shape[1], options, sizes)
        _begin(W[i], u, size[2], start, out[i])
        w[: W.shape[1]] = out[i]
        put(w, weights)
        _gather(indices[begin : begin + length], HT, weights, tile, y)
        padded = _pad_row(x, y, length, size[2])
        row = x, y, tile, padded, start, out[i], *size
        logs[i] = _descend(row, u, share, options, scratch)


def csr_scd_rows(X: CSR, W, HT, u, share, *options):
    indptr, indices, data = arrays_of(X)
    factors = array_of(W), at_least_lanes(HT), array_of(u), array_of(share)
    options, work, out, logs = _scd_arguments(W, *options)
    args = indices, data, *factors, options, out.numpy(), logs.numpy()
    run_blocks(_csr_scd_rows, indptr, work, *args)
    return out, logs


def _scd_arguments(W: Tensor, pseudocount, l2, n_sweeps, tol, floor):
    """Options, in W's type (a float64 one would make float32 loops scalar); outputs.

    `tiny` and `least` are shares of a row's size: below them a weight is zero, and a
    reconstruction at the least.
    """
    real = array_of(W).dtype.type
    tiny = np.finfo(real).eps / 100
    least = LEAST[W.dtype]
    rates = real(pseudocount), float(l2), n_sweeps, real(tol)
    units = _units(array_of(W).dtype)
    options = *rates, real(floor), real(tiny), real(least), units
    logs = W.new_empty(W.shape[0], dtype=torch.float64)
    return options, W.shape[1] * (n_sweeps + 1), torch.empty_like(W), logs


@cache
def _units(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The units that a row can be measured in: exponents of two, powers, inverses."""
    exponents = unit_exponents("cpu").numpy()
    return exponents, *(np.ldexp(1.0, e).astype(dtype) for e in (exponents, -exponents))


@numba.njit(**JIT)
def _dense_scd_rows(first, last, indptr, X, W, tile, u, share, options, out, logs):
    width = tile.shape[1]
    x, y = np.empty(width, W.dtype), np.empty(width, W.dtype)
    scratch, start = _scratch(y), np.empty(W.shape[1], W.dtype)
    sizes = np.empty(1)
    for i in range(first, last):
        for j in range(X.shape[1]):
            x[j] = X[i, j]
        size = _unit(x, X.shape[1], W.shape[1], options, sizes)
        _begin(W[i], u, size[2], start, out[i])
        _reconstruct(out[i], tile, y)
        padded = _pad_row(x, y, X.shape[1], size[2])
        row = x, y, tile, padded, start, out[i], *size
        logs[i] = _descend(row, u, share, options, scratch)


def dense_scd_rows(X: Tensor, W, HT, u, share, *options):
    n, m = X.shape
    # The factor itself is every row's tile.
    tile = HT.new_zeros(HT.shape[1], -(-m // LANES) * LANES)
    tile[:, :m] = HT.T
    # X.T of a dense X is a view: its rows are read with a stride, not copied whole.
    factors = X.numpy(), array_of(W), tile.numpy(), array_of(u), array_of(share)
    options, work, out, logs = _scd_arguments(W, *options)
    args = *factors, options, out.numpy(), logs.numpy()
    run_blocks(_dense_scd_rows, np.arange(n + 1) * m, work, *args)
    return out, logs


# --------------------------------------------------------------------- logarithms


@numba.njit(**JIT)
def _log_rows(first, last, indptr, indices, data, W, HT, floor, out):
    y = np.empty(_CHUNK, W.dtype)
    scratch = _scratch(y)
    w = np.empty(last_vector(W.shape[1]) + LANES, W.dtype)
    for i in range(first, last):
        put(W[i], w)
        out[i] = 0
        for begin in range(indptr[i], indptr[i + 1], _CHUNK):
            x = data[begin : min(begin + _CHUNK, indptr[i + 1])]
            dots(w, HT, indices, begin, begin + len(x), y, 0)
            for j in range(len(x)):
                y[j] = max(y[j], floor)
            out[i] += _sum_x_log_y(x, scratch)


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = W.new_empty(W.shape[0], dtype=torch.float64)
    indptr, indices, data = arrays_of(X)
    factors = at_least_lanes(W), at_least_lanes(HT)
    args = *factors, data.dtype.type(floor), out.numpy()
    run_blocks(_log_rows, indptr, 2 * W.shape[1], indices, data, *args)
    return out


@numba.njit(**JIT)
def _log_sum(first, last, bounds, A, ones, tiny, out):
    y = np.empty(_CHUNK, A.dtype)
    scratch = _scratch(y)
    for c in range(first, last):
        out[c] = 0
        for begin in range(bounds[c], bounds[c + 1], _CHUNK):
            length = min(_CHUNK, bounds[c + 1] - begin)
            for j in range(length):
                y[j] = max(A[begin + j], tiny)
            out[c] += _sum_x_log_y(ones[:length], scratch)


def dense_log_sum(A: Tensor, empty: Tensor | None) -> Tensor:
    if empty is not None and bool(empty.any()):
        A = A[:, ~empty].contiguous()
    flat = array_of(A).reshape(-1)
    # As many partial sums on every machine: the total does not depend on the threads.
    bounds = np.linspace(0, len(flat), 65).astype(np.int64)
    out = np.empty(64)
    ones, tiny = np.ones(_CHUNK, flat.dtype), np.finfo(flat.dtype).tiny
    run_blocks(_log_sum, bounds, 4, flat, ones, tiny, out)
    return torch.from_numpy(np.asarray(out.sum()))


# ------------------------------------------------------------ pieces of descent


@numba.njit(**CALLED)
def _longest(first, last, indptr):
    longest = 1
    for i in range(first, last):
        longest = max(longest, indptr[i + 1] - indptr[i])
    return (longest + LANES - 1) // LANES * LANES


@numba.njit(**CALLED)
def _unit(x, length, K, options, sizes):
    """A row's tokens, and its unit: the exponent of two, its power, and the inverse."""
    tokens = 0.0
    for j in range(length):
        tokens += np.float64(x[j])
    size = tokens + np.float64(options[0]) * K
    sizes[0] = size if size > 0 else 1.0
    place = sizes.view(np.int64)[0] >> 52  # by the exponent, which is in its bits
    exponents, powers, inverses = options[-1]
    return tokens, exponents[place], powers[place], inverses[place]


@numba.njit(**CALLED)
def _pad_row(x, y, length, unit):
    """x in its unit, and entries that change no sum: x = 0, y = 1 (of zeros in a tile).

    To whole vectors, so that the loops have no scalar remainder.
    """
    if unit != 1:
        for j in range(length):
            x[j] *= unit
    padded = (length + LANES - 1) // LANES * LANES
    for j in range(length, padded):
        x[j] = 0
        y[j] = 1
    return padded


@numba.njit(**CALLED)
def _begin(given, u, unit, start, w):
    """The start in a row's unit; an empty topic explains nothing and gets no weight."""
    for k in range(len(w)):
        start[k] = given[k] * unit
        w[k] = given.dtype.type(0) if u[k] <= 0 else start[k]


@numba.njit(**CALLED)
def _gather(indices, HT, weights, tile, y):
    """tile[k, j] = HT[indices[j], k], a contiguous line a topic, and y their sums."""
    length, K = len(indices), HT.shape[1]
    whole = length // LANES * LANES
    for j in range(0, whole, LANES):
        h0, h1 = HT[indices[j]], HT[indices[j + 1]]
        h2, h3 = HT[indices[j + 2]], HT[indices[j + 3]]
        h4, h5 = HT[indices[j + 4]], HT[indices[j + 5]]
        h6, h7 = HT[indices[j + 6]], HT[indices[j + 7]]
        put_columns((h0, h1, h2, h3, h4, h5, h6, h7), tile, j, weights, y)
    for j in range(whole, length):
        h = HT[indices[j]]
        y[j] = dot(weights, h)
        for k in range(K):
            tile[k, j] = h[k]
    padded = (length + LANES - 1) // LANES * LANES
    for k in range(K):
        line = tile[k]
        for j in range(length, padded):
            line[j] = 0


@numba.njit(**CALLED)
def _reconstruct(w, tile, y):
    y[:] = 0
    for k in range(len(w)):
        line, wk = tile[k], w[k]
        if wk != 0:
            for j in range(len(y)):
                y[j] += wk * line[j]


@numba.njit(**CALLED)
def _coordinate(w, S, q, u, a, l2):
    """The scalar twin of the reference's `coordinate_step`, all multiplied by q.

    Between two passes over a short row nothing else can run, so that latency counts:
    one root and one division follow each other, and the limit on steps down, which
    waits for neither, is computed beside them.
    """
    if q <= 0:
        return a / u
    if l2 > 0:
        return _ridge_coordinate(w, S, q, u, l2)
    qw = q * w
    least = (qw * w + a) / (u - S + qw)
    if a == 0:
        new = max(w + S * (S - u) / (q * u), 0.0)
    else:
        qA = max(S - qw, 0.0)
        b = a * q + S * (S - u) + u * qw
        root = np.sqrt(b * b + 4 * u * q * a * qA)
        negative = b < 0
        above = 2 * a * qA if negative else b + root
        new = above / (root - b if negative else 2 * u * q)
    if new < w and new * w < least * least:
        new = least * least / w
    return new


@numba.njit(**CALLED)
def _ridge_coordinate(w, S, q, u, l2):
    """The same with a quadratic penalty and without a pseudocount."""
    gain = S * (S - u) / q + u * w  # C - u A
    new = 0.0
    if gain > 0:
        slope = u + l2 * max(S / q - w, 0.0)
        new = 2 * gain / (slope + np.sqrt(slope * slope + 4 * l2 * gain))
    p, c = u - S + q * w, q * w * w
    root = np.sqrt(p * p + 4 * l2 * c)
    least = 2 * c / (p + root) if p > 0 else (root - p) / (2 * l2)
    if new < w and new * w < least * least:
        new = least * least / w
    return new


@numba.njit(**CALLED)
def _descend(row, u, share, options, scratch):
    """`ops.scd_rows` for one row, from its `start` in w; y goes along with w.

    All in the row's unit, in which x and `start` are given. Returns the sum of x log y.
    """
    x, y, tile, length, start, w, tokens, exponent, unit, back = row
    pseudocount, l2, n_sweeps, tol, floor, tiny, least, _ = options
    pseudocount, l2 = pseudocount * unit, l2 / np.float64(unit)
    floor = max(floor * unit, least)
    K = len(w)
    zero = floor - floor
    size = y.dtype.type(tokens * np.float64(unit))
    total = size
    for k in range(K):
        total += pseudocount + share[k] * start[k]
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
            new = y.dtype.type(_coordinate(*wide, a, l2))
            if a == 0 and new * u[k] < tiny * size:
                new = zero
            step = new - w[k]
            w[k] = new
            last = k
            moved = max(moved, abs(step) * u[k])
        if moved <= tol * total:
            break
    previous = tile[last]
    for j in range(length):
        y[j] = max(y[j] + step * previous[j], floor)
    if unit != 1:
        for k in range(K):
            w[k] *= back
    # Back from the row's unit: x is unit times what it was, and so is y.
    logs = _sum_x_log_y(x[:length], scratch) / np.float64(unit)
    return logs - tokens * exponent * _LOG2


# ---------------------------------------------------------- pieces of logarithms


@numba.njit(**CALLED)
def _scratch(y):
    """What `_sum_x_log_y` needs for the logarithms of y: views and memory."""
    mantissa, exponent = np.empty_like(y), np.empty_like(y)
    return y, _bits(y), mantissa, _bits(mantissa), exponent


def _bits(y):
    raise NotImplementedError("only inside compiled code")


def _sum_x_log_y(x, scratch):
    raise NotImplementedError("only inside compiled code")


@overload(_bits)
def _bits_overload(y):
    wide = y.dtype == numba.float64
    return (lambda y: y.view(np.int64)) if wide else (lambda y: y.view(np.int32))


@overload(_sum_x_log_y, jit_options={"fastmath": JIT["fastmath"], "forceinline": True})
def _sum_overload(x, scratch):
    if x.dtype == numba.float64:
        integer, real, shift, half, n_terms = np.int64, np.float64, 52, _HALF64, 11
    else:
        integer, real, shift, half, n_terms = np.int32, np.float32, 23, _HALF32, 5
    shift, half, one, log2 = integer(shift), integer(half), real(1), real(_LOG2)
    zero = real(0)
    series = tuple(real(2 / (2 * t + 1)) for t in range(n_terms))

    def impl(x, scratch):
        y, bits, mantissa, mantissa_bits, exponent = scratch
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
            # The bits of what is infinite or NaN are those of a number: y 0 is not.
            log = s * p + exponent[j] * log2 + y[j] * zero
            total += np.float64(x[j] * log)
        if total != total:
            total = 0.0
            for j in range(len(x)):
                total += np.float64(x[j]) * np.log(np.float64(y[j]))
        return total

    return impl
