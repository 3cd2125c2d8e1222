"""Exponentials of the digamma function on the CPU: see `ops.exp_digamma`.

psi(x) = log z - 1/(2z) - 1/(12z^2) + ... - sum 1/x', with z the first of x, x + 1, ...
that is at least 6, and x' those before it: the series and the z of scikit-learn, whose
values are off by up to 2e-9. exp(psi(x)) is z times the exponential of the rest, which
needs no logarithm; the sum is one quotient of polynomials. The loop has no branches, so
that LLVM makes vectors of it.
"""

import math

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from .blocks import run_blocks
from .jit import INLINED, array_of, inlined, kernel

_EULER = 0.5772156649015329
_ROWS = 16


@inlined
def digamma(x):
    """The digamma function of one positive number, in float64."""
    if x <= 1e-6:
        return -_EULER - 1 / x
    total = 0.0
    while x < 6:
        total -= 1 / x
        x += 1
    r = 1 / x
    total += math.log(x) - 0.5 * r
    r *= r
    return total - r * (1 / 12 - r * (1 / 120 - r / 252))


def exp_psi(x, shift, out):
    """out = exp(psi(x) - shift), elementwise over three lines; for compiled code only.

    x is nonnegative.
    """
    raise NotImplementedError


@overload(exp_psi, jit_options=INLINED)
def _exp_psi(x, shift, out):
    wide = x.dtype == numba.float64
    integer, real = (np.int64, np.float64) if wide else (np.int32, np.float32)
    bits, bias, n_terms = (52, 1023, 14) if wide else (23, 127, 8)
    bits, bias, lowest = integer(bits), integer(bias), real(-708.0 if wide else -87.0)
    taylor = tuple(real(1 / math.factorial(t)) for t in range(n_terms))
    log2, per_log2 = real(math.log(2)), real(1 / math.log(2))
    twelfth, a, b = real(1 / 12), real(1 / 120), real(1 / 252)
    zero, one, half, six, least = real(0), real(1), real(0.5), real(6), real(1e-30)

    def impl(x, shift, out):
        for j in range(len(out)):
            z = max(x[j], least)
            above, below = zero, one  # the sum of 1/x' is above / below
            for _ in range(6):
                low = z < six
                above = above * z + below if low else above
                below = below * z if low else below
                z = z + one if low else z
            inverse = one / (z * below)
            r = below * inverse
            r2 = r * r
            rest = -above * z * inverse - half * r
            rest -= r2 * (twelfth - r2 * (a - r2 * b))
            rest -= shift[j]
            t = max(rest, lowest)
            power = np.floor(t * per_log2 + half)
            t -= power * log2
            p = taylor[n_terms - 1]
            for i in range(n_terms - 2, -1, -1):
                p = p * t + taylor[i]
            scale = integer((integer(np.int32(power)) + bias) << bits).view(real)
            # NaN and infinity would look like numbers.
            value = p * scale * z + (x[j] + rest) * zero
            out[j] = zero if rest < lowest else value

    return impl


@kernel
def _exp_digamma(first, last, bounds, A, shifts, out):
    # A, out [n * K]; shifts [_ROWS * K], a row's shifts for each row of a group
    for group in range(first, last):
        begin = group * len(shifts)
        end = min(begin + len(shifts), len(A))
        exp_psi(A[begin:end], shifts[: end - begin], out[begin:end])


def dense_exp_digamma(A: Tensor, shift: Tensor) -> Tensor:
    n, K = A.shape
    out = torch.empty_like(A)
    # Groups of rows fill whole vectors for every K.
    groups = np.arange(-(-n // _ROWS) + 1)
    shifts = np.tile(array_of(shift), _ROWS)
    flat = array_of(A).reshape(-1), shifts, out.numpy().reshape(-1)
    run_blocks(_exp_digamma, groups, 8 * _ROWS * K, *flat)
    return out
