"""Elementwise work on factors (n x K) on the CPU, on our own threads: see `ops`."""

import numba
import numpy as np
import torch
from torch import Tensor

from ._blocks import run_blocks
from ._numba import JIT, array_of

# As many partial results on every machine: sums do not depend on the threads.
_CHUNKS = 64


def _chunk_bounds(A: Tensor) -> np.ndarray:
    return np.linspace(0, A.shape[0], _CHUNKS + 1).astype(np.int64)


@numba.njit(**JIT)
def _column_sums(first, last, bounds, A, out):
    for c in range(first, last):
        total = out[c]
        for i in range(bounds[c], bounds[c + 1]):
            for k in range(A.shape[1]):
                total[k] += A[i, k]


@numba.njit(**JIT)
def _product_sums(first, last, bounds, A, B, out):
    for c in range(first, last):
        total = out[c]
        for i in range(bounds[c], bounds[c + 1]):
            for k in range(A.shape[1]):
                total[k] += A[i, k] * B[i, k]


def dense_column_sums(A: Tensor, B: Tensor | None) -> Tensor:
    K = A.shape[1]
    out = A.new_zeros(_CHUNKS, K, dtype=torch.float64)
    factors = (array_of(A),) if B is None else (array_of(A), array_of(B))
    kernel = _column_sums if B is None else _product_sums
    run_blocks(kernel, _chunk_bounds(A), K, *factors, out.numpy())
    return out.sum(0).to(A.dtype)


@numba.njit(**JIT)
def _multiplicative_step(first, last, bounds, A, N, share, a, out):
    for i in range(bounds[first], bounds[last]):
        for k in range(A.shape[1]):
            out[i, k] = (A[i, k] * N[i, k] + a) * share[k]


def dense_multiplicative_step(A, N, cost, pseudocount: float) -> Tensor:
    share = torch.where(cost > 0, 1 / cost.where(cost > 0, 1), 0)
    out = torch.empty_like(A)
    factors = array_of(A), array_of(N), array_of(share)
    a = factors[0].dtype.type(pseudocount)
    run_blocks(
        _multiplicative_step, _chunk_bounds(A), A.shape[1], *factors, a, out.numpy()
    )
    return out


@numba.njit(**JIT)
def _largest_violation(first, last, bounds, A, N, cost, a, out):
    for c in range(first, last):
        for i in range(bounds[c], bounds[c + 1]):
            for k in range(A.shape[1]):
                if cost[k] > 0:
                    violation = abs(A[i, k] * (cost[k] - N[i, k]) - a)
                    # Written so that NaN is kept.
                    if not violation <= out[c]:
                        out[c] = violation


def dense_largest_violation(A, N, cost, pseudocount: float) -> float:
    out = A.new_zeros(_CHUNKS)
    factors = array_of(A), array_of(N), array_of(cost)
    a = factors[0].dtype.type(pseudocount)
    run_blocks(
        _largest_violation, _chunk_bounds(A), A.shape[1], *factors, a, out.numpy()
    )
    return float(out.max())


@numba.njit(**JIT)
def _extrapolate(first, last, bounds, A, previous, beta, least, out):
    for i in range(bounds[first], bounds[last]):
        for k in range(A.shape[1]):
            new = A[i, k] + beta * (A[i, k] - previous[i, k])
            out[i, k] = max(new, least * A[i, k])


def dense_extrapolate(A, previous, beta: float, least: float) -> Tensor:
    out = torch.empty_like(A)
    factors = array_of(A), array_of(previous)
    real = factors[0].dtype.type
    args = *factors, real(beta), real(least), out.numpy()
    run_blocks(_extrapolate, _chunk_bounds(A), A.shape[1], *args)
    return out
