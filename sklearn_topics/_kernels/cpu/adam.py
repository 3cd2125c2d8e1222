"""Adam's update in place on the CPU, on our own threads: see `ops`."""

from functools import lru_cache

import numpy as np

from .blocks import run_blocks
from .jit import array_of, kernel


@lru_cache(maxsize=64)  # the parameters of a network are updated in turn
def _range(n: int) -> np.ndarray:
    return np.arange(n)


@kernel
def _adam_rows(
    begin, end, bounds, rows, A, G, M, V, decay, second_decay, l2, step, root, eps
):
    # rows [r]; G [r, K]; A, M, V [n, K]
    for i in range(begin, end):
        r = rows[i]
        a, g, m, v = A[r], G[i], M[r], V[r]
        for k in range(A.shape[1]):
            slope = g[k] + l2 * a[k]
            m[k] = slope + decay * (m[k] - slope)
            v[k] = slope * slope + second_decay * (v[k] - slope * slope)
            a[k] -= step * m[k] / (np.sqrt(v[k]) * root + eps)


def dense_adam_step_(A, gradients, first, second, *options) -> None:
    for tensors in zip(A, gradients, first, second, strict=True):
        _adam_step([array_of(T) for T in tensors], *options)


def _adam_step(arrays, rows, rate, n_updates, l2, decays, eps) -> None:
    if arrays[0].ndim == 1:
        arrays = [array[None] for array in arrays]
    n, K = arrays[1].shape
    rows = _range(n) if rows is None else rows.numpy()
    decay, second = decays
    step, root = rate / (1 - decay**n_updates), (1 - second**n_updates) ** -0.5
    scalars = decay, second, l2, step, root, eps
    real = arrays[0].dtype.type
    # A root and a division take as long as sixteen steps of a product.
    run_blocks(_adam_rows, _range(n + 1), 16 * K, rows, *arrays, *map(real, scalars))
