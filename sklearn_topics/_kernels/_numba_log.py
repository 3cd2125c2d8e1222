"""What numba lacks: sum x log y as vector code, and a type's machine epsilon.

numba's ``np.log`` is a scalar call of 8 ns, which would be half of an iteration. Here
log y = e log 2 + 2 atanh((m - 1) / (m + 1)), with y = m 2^e and m in
[sqrt(1/2), sqrt(2)), and the series of atanh to the precision of the type. Arguments
must be positive and normal.
"""

import numba
import numpy as np
from numba.extending import overload

#: ``fastmath`` allows reassociation (sums become vector sums), fused multiply-add and
#: reciprocals, but not the assumption that nothing is NaN or infinite.
JIT = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}

_LOG2 = np.log(2.0)
_LOG_CHUNK = 256  # entries: the scratch stays in L1
_HALF32, _HALF64 = 0x3F3504F3, 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)


@numba.njit(**JIT)
def log_scratch(y):
    """What `sum_x_log_y` works in: the bits of y, and room for a chunk of it."""
    mantissa = np.empty(_LOG_CHUNK, y.dtype)
    exponent = np.empty(_LOG_CHUNK, y.dtype)
    return _bits(y), mantissa, _bits(mantissa), exponent


def _bits(y):
    raise NotImplementedError("only inside compiled code")


def machine_eps(y):
    raise NotImplementedError("only inside compiled code")


def sum_x_log_y(x, scratch, length):
    raise NotImplementedError("only inside compiled code")


@overload(_bits)
def _bits_overload(y):
    wide = y.dtype == numba.float64
    return (lambda y: y.view(np.int64)) if wide else (lambda y: y.view(np.int32))


@overload(machine_eps)
def _eps_overload(y):
    real = np.float64 if y.dtype == numba.float64 else np.float32
    eps = np.finfo(real).eps
    return lambda y: eps


@overload(sum_x_log_y, jit_options={"fastmath": JIT["fastmath"]})
def sum_x_log_y_overload(x, scratch, length):
    if x.dtype == numba.float64:
        integer, real, shift, half, n_terms = np.int64, np.float64, 52, _HALF64, 11
    else:
        integer, real, shift, half, n_terms = np.int32, np.float32, 23, _HALF32, 5
    shift, half, one, log2 = integer(shift), integer(half), real(1), real(_LOG2)
    series = tuple(real(2 / (2 * t + 1)) for t in range(n_terms))

    def impl(x, scratch, length):
        bits, mantissa, mantissa_bits, exponent = scratch
        total = 0.0
        for begin in range(0, length, _LOG_CHUNK):
            size = min(_LOG_CHUNK, length - begin)
            # Two loops: within one, stores to bits that are read as reals would keep
            # the compiler from vectorising.
            for j in range(size):
                b = bits[begin + j]
                e = (b - half) >> shift
                mantissa_bits[j] = b - (e << shift)
                exponent[j] = e
            for j in range(size):
                s = (mantissa[j] - one) / (mantissa[j] + one)
                s2 = s * s
                p = series[n_terms - 1]
                for t in range(n_terms - 2, -1, -1):
                    p = p * s2 + series[t]
                total += np.float64(x[begin + j] * (s * p + exponent[j] * log2))
        return total

    return impl
