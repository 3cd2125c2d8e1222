"""Denormal numbers count as zero within our kernels.

Processors compute up to a hundred times as slowly with denormal numbers, and a factor
that shrinks towards zero has them. Flushing to zero is a mode of the thread, which is
restored after each kernel, so that the user's own arithmetic does not change.
"""

from contextlib import contextmanager

import numpy as np
import torch

_DENORMAL = 5e-324

# numpy measures a type once in a process, with its smallest denormal number. numba does
# so while it compiles a kernel, where denormal numbers are flushed: measure it before.
for _kind in (np.float32, np.float64):
    np.finfo(_kind)


def _flushes() -> bool:
    """Whether this thread flushes denormal numbers to zero."""
    return _DENORMAL * 1.0 == 0.0


def flush_for_good() -> None:
    """Flush denormal numbers in this thread, which runs nothing but kernels."""
    torch.set_flush_denormal(True)


@contextmanager
def flushed_denormals():
    """Flush denormal numbers within the context, if the processor can."""
    before = _flushes()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
