"""Operations on factors (n x K) on the CPU, on our own threads: see `ops`."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .blocks import run_blocks
from .jit import array_of, inlined, kernel

#: Chunks of rows with a partial result each, as many on every machine: sums do not
#: depend on the number of threads.
_CHUNKS = 64
#: Rows side by side in `hals_step`.
_LANES = 16


@lru_cache(maxsize=64)  # every operation of this file needs it
def _bounds(n: int) -> np.ndarray:
    return np.arange(_CHUNKS + 1) * n // _CHUNKS


@kernel
def _column_sums(first, last, bounds, A, B, out):
    # A [n, K]; B [n, K], or [0, K] for a sum without B; out [chunks, K]
    for c in range(first, last):
        total = out[c]
        for i in range(bounds[c], bounds[c + 1]):
            a = A[i]
            if len(B) > 0:
                b = B[i]
                for k in range(len(a)):
                    total[k] += a[k] * b[k]
            else:
                for k in range(len(a)):
                    total[k] += a[k]


def dense_column_sums(A: Tensor, B: Tensor | None) -> Tensor:
    a = array_of(A)
    b = a[:0] if B is None else array_of(B)
    out = np.zeros((_CHUNKS, a.shape[1]))
    run_blocks(_column_sums, _bounds(len(a)), a.shape[1], a, b, out)
    return torch.from_numpy(out.sum(0).astype(a.dtype))


@kernel
def _gram(first, last, bounds, A, out):
    # A [n, K]; out [chunks, K, K]
    K = A.shape[1]
    for c in range(first, last):
        begin, end = bounds[c], bounds[c + 1]
        whole = begin + (end - begin) // 4 * 4
        total = out[c]
        # Four rows at a time: one load and store of each line for four products.
        for i in range(begin, whole, 4):
            a0, a1, a2, a3 = A[i], A[i + 1], A[i + 2], A[i + 3]
            for k in range(K):
                line, b0, b1, b2, b3 = total[k], a0[k], a1[k], a2[k], a3[k]
                for r in range(K):
                    line[r] += b0 * a0[r] + b1 * a1[r] + b2 * a2[r] + b3 * a3[r]
        for i in range(whole, end):
            a = A[i]
            for k in range(K):
                line, b = total[k], a[k]
                for r in range(K):
                    line[r] += b * a[r]


def dense_gram(A: Tensor) -> Tensor:
    K = A.shape[1]
    out = A.new_zeros(_CHUNKS, K, K)
    run_blocks(_gram, _bounds(A.shape[0]), K * K, array_of(A), out.numpy())
    return torch.from_numpy(out.numpy().sum(0, dtype=np.float64)).to(A.dtype)


@kernel
def _combine_columns(first, last, bounds, A, G, out):
    # A [n, K]; G [K, L]; out [n, L]
    K, L = G.shape
    whole = K // 4 * 4
    for i in range(bounds[first], bounds[last]):
        a, row = A[i], out[i]
        row[:] = 0
        for k in range(0, whole, 4):
            a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
            g0, g1, g2, g3 = G[k], G[k + 1], G[k + 2], G[k + 3]
            for r in range(L):
                row[r] += a0 * g0[r] + a1 * g1[r] + a2 * g2[r] + a3 * g3[r]
        for k in range(whole, K):
            g, b = G[k], a[k]
            for r in range(L):
                row[r] += b * g[r]


def dense_combine_columns(A: Tensor, G: Tensor) -> Tensor:
    out = A.new_empty(A.shape[0], G.shape[1])
    args = array_of(A), array_of(G), out.numpy()
    run_blocks(_combine_columns, _bounds(A.shape[0]), G.numel(), *args)
    return out


@kernel
def _multiplicative_step(first, last, bounds, A, N, share, a, prior, out):
    # A, N, out [n, K]; share [K]; prior [n, K], or [0, K] where a is the same for all
    for i in range(bounds[first], bounds[last]):
        if len(prior) > 0:
            for k in range(A.shape[1]):
                b = prior[i, k]
                new = (A[i, k] * N[i, k] + b) * share[k]
                out[i, k] = A[i, k] if b < 0 else new
        else:
            for k in range(A.shape[1]):
                out[i, k] = (A[i, k] * N[i, k] + a) * share[k]


def _priors(A: np.ndarray, pseudocount: float | Tensor) -> tuple:
    """One pseudocount for all entries, and those by entry: [n, K], or [0, K]."""
    if isinstance(pseudocount, Tensor):
        return A.dtype.type(0), array_of(pseudocount)
    return A.dtype.type(pseudocount), A[:0]


def inverse_of(cost: Tensor) -> Tensor:
    """1 / cost, and 0 for an empty topic."""
    # An overflow of the cost must not make a weight zero: inf - inf is NaN.
    return torch.where(cost <= 0, 0, cost.reciprocal() + (cost - cost))


def dense_multiplicative_step(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    out = torch.empty_like(A)
    factors = array_of(A), array_of(N), array_of(inverse_of(cost))
    args = *factors, *_priors(factors[0], pseudocount), out.numpy()
    run_blocks(_multiplicative_step, _bounds(A.shape[0]), A.shape[1], *args)
    return out


@kernel
def _settle(first, last, bounds, A, N, inverse, share, a, prior, out, left):
    # A, N, out, left [n, K]; inverse, share [K]; prior [n, K], or [0, K] where a is
    # the same for all
    for i in range(bounds[first], bounds[last]):
        for k in range(A.shape[1]):
            b = prior[i, k] if len(prior) > 0 else a
            explained, full = A[i, k] * N[i, k], b + share[k] * A[i, k]
            settled = b > 0 and explained < full
            out[i, k] = (explained + full) * inverse[k] if settled else A[i, k]
            left[i, k] = -1 if settled else b


def dense_settle(A, N, cost, pseudocount, share) -> tuple[Tensor, Tensor]:
    out, left = torch.empty_like(A), torch.empty_like(A)
    factors = array_of(A), array_of(N), array_of(inverse_of(cost)), array_of(share)
    args = *factors, *_priors(factors[0], pseudocount), out.numpy(), left.numpy()
    run_blocks(_settle, _bounds(A.shape[0]), A.shape[1], *args)
    return out, left


@kernel
def _largest_violation(first, last, bounds, A, N, cost, a, prior, out):
    # A, N [n, K]; cost [K]; prior [n, K], or [0, K] where a is the same for all;
    # out [chunks]
    for c in range(first, last):
        for i in range(bounds[c], bounds[c + 1]):
            for k in range(A.shape[1]):
                b = prior[i, k] if len(prior) > 0 else a
                if not (cost[k] <= 0 or b < 0):
                    violation = abs(A[i, k] * (cost[k] - N[i, k]) - b)
                    # NaN stays: no comparison with it is true.
                    if violation > out[c] or violation != violation:
                        out[c] = violation


def dense_largest_violation(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    out = A.new_zeros(_CHUNKS)
    factors = array_of(A), array_of(N), array_of(cost)
    args = *factors, *_priors(factors[0], pseudocount), out.numpy()
    run_blocks(_largest_violation, _bounds(A.shape[0]), A.shape[1], *args)
    return out.max()


@kernel
def _extrapolate(first, last, bounds, A, previous, beta, least, out):
    # A, previous, out [n, K]
    for i in range(bounds[first], bounds[last]):
        for k in range(A.shape[1]):
            new = A[i, k] + beta * (A[i, k] - previous[i, k])
            out[i, k] = max(new, least * A[i, k])


def dense_extrapolate(A, previous, beta: Tensor | float, least: float) -> Tensor:
    out = torch.empty_like(A)
    factors = array_of(A), array_of(previous)
    real = factors[0].dtype.type
    args = *factors, real(float(beta)), real(least), out.numpy()
    run_blocks(_extrapolate, _bounds(A.shape[0]), A.shape[1], *args)
    return out


@inlined
def _ratio(a, numerator, denominator, options):
    """The ratio of a step, and zero, or NaN if the denominator is not finite."""
    l1, l2, gamma, shift, zero_denominator, least, tiny = options
    denominator += l1 + l2 * a
    denominator = zero_denominator if abs(denominator) < tiny else denominator
    return (numerator + shift) / denominator, denominator * (tiny - tiny)


@kernel
def _ratio_step(first, last, bounds, A, N, D, options, out):
    # A, N, out [n, K]; D [n, K] or [1, K]
    least = options[5]
    for i in range(bounds[first], bounds[last]):
        d = D[min(i, len(D) - 1)]
        for k in range(A.shape[1]):
            ratio, zero = _ratio(A[i, k], N[i, k], d[k], options)
            new = A[i, k] * ratio + zero
            out[i, k] = least - least if new < least else new  # keeps NaN


@kernel
def _power_step(first, last, bounds, A, N, D, options, out):
    # A, N, out [n, K]; D [n, K] or [1, K]
    gamma, least = options[2], options[5]
    for i in range(bounds[first], bounds[last]):
        d = D[min(i, len(D) - 1)]
        for k in range(A.shape[1]):
            ratio, zero = _ratio(A[i, k], N[i, k], d[k], options)
            new = A[i, k] * ratio**gamma + zero
            out[i, k] = least - least if new < least else new  # keeps NaN


def dense_ratio_step(A, N, D, l1, l2, gamma, shift, zero_denominator, least) -> Tensor:
    out = torch.empty_like(A)
    factors = array_of(A), array_of(N), array_of(D if D.ndim == 2 else D[None])
    real = factors[0].dtype.type
    tiny = np.finfo(real).tiny
    options = tuple(map(real, (l1, l2, gamma, shift, zero_denominator, least, tiny)))
    kernel, work = (_ratio_step, 1) if gamma == 1 else (_power_step, 8)
    args = *factors, options, out.numpy()
    run_blocks(kernel, _bounds(A.shape[0]), A.shape[1] * work, *args)
    return out


@inlined
def _gradient(tile, numerator, line, g):
    """g = line tile - numerator, for the rows of a tile."""
    # tile [K, _LANES]; numerator, g [_LANES]; line [K]
    K = len(line)
    whole = K // 4 * 4
    for j in range(_LANES):
        g[j] = -numerator[j]
    for r in range(0, whole, 4):
        c0, c1, c2, c3 = line[r], line[r + 1], line[r + 2], line[r + 3]
        t0, t1, t2, t3 = tile[r], tile[r + 1], tile[r + 2], tile[r + 3]
        for j in range(_LANES):
            g[j] += c0 * t0[j] + c1 * t1[j] + c2 * t2[j] + c3 * t3[j]
    for r in range(whole, K):
        c, t = line[r], tile[r]
        for j in range(_LANES):
            g[j] += c * t[j]


@kernel
def _hals_step(first, last, bounds, A, N, G, l1, order, out, violation, tiles, lines):
    # A, N, out [n, K]; G [K, K]; order [K]; violation [chunks]; lines [2, _LANES]
    # Rows are independent: tiles hold several side by side, [2, K, _LANES].
    K, zero = A.shape[1], l1 - l1
    tile, numerator, g, seen = tiles[0], tiles[1], lines[0], lines[1]
    for chunk in range(first, last):
        total = 0.0
        for begin in range(bounds[chunk], bounds[chunk + 1], _LANES):
            n_rows = min(_LANES, bounds[chunk + 1] - begin)
            for j in range(n_rows):
                for k in range(K):
                    tile[k, j] = A[begin + j, k]
                    numerator[k, j] = N[begin + j, k] - l1
            seen[:] = 0
            for k in order:
                line, t = G[k], tile[k]
                _gradient(tile, numerator[k], line, g)
                share = 1 / line[k] if line[k] != 0 else zero
                for j in range(_LANES):
                    # At zero only a step up is left.
                    seen[j] += abs(g[j]) if t[j] != 0 else max(-g[j], zero)
                    t[j] = max(t[j] - g[j] * share, zero)
            for j in range(n_rows):
                total += np.float64(seen[j])
                for k in range(K):
                    out[begin + j, k] = tile[k, j]
        violation[chunk] = total


def dense_hals_step(A, N, G, l1: float, order: Tensor) -> tuple[Tensor, Tensor]:
    out, violation = torch.empty_like(A), np.empty(_CHUNKS)
    factors = array_of(A), array_of(N), array_of(G)
    args = *factors, factors[0].dtype.type(l1), order.numpy(), out.numpy(), violation

    def rows(*args):
        dtype = factors[0].dtype
        tiles = np.zeros((2, A.shape[1], _LANES), dtype)
        _hals_step(*args, tiles, np.empty((2, _LANES), dtype))

    run_blocks(rows, _bounds(A.shape[0]), 2 * A.shape[1] ** 2, *args)
    return out, torch.from_numpy(np.asarray(violation.sum()))
