"""Denormal numbers count as zero within our kernels.

A processor takes up to a hundred times as long on them, and factors that shrink towards
zero pass through them. What a thread does with them is a mode of that thread: it is put
back after each kernel, so that the user's own arithmetic is as it was.
"""

from contextlib import contextmanager

import numpy as np
import torch

_DENORMAL = 5e-324

# numpy measures a type once for all of the process, the smallest denormal number too.
# numba asks for it while it compiles a kernel: by then it has to be known.
for _kind in (np.float32, np.float64):
    np.finfo(_kind)


def _flushes() -> bool:
    """Whether this thread takes denormal numbers for zero now."""
    return _DENORMAL * 1.0 == 0.0


def flush_for_good() -> None:
    """For threads that run nothing but kernels."""
    torch.set_flush_denormal(True)


@contextmanager
def flushed_denormals():
    """For the threads of others; processors without such a mode do without."""
    before = _flushes()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
