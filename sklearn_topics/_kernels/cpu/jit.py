"""What all numba kernels share; holds no compiled function.

numba's cache on disk looks at the file of a kernel only. So a kernel and every
compiled function that it calls stand in one file: otherwise a change in one would
leave the other's old code in use. What several files call is in `vectors`, which says
how that is kept from happening there.
"""

import os
import warnings

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from torch import Tensor

from ..csr import CSR

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    # A child that is forked while another thread compiles would wait for that thread,
    # which it does not have, for ever. So the fork waits until it has compiled.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def _can_cache() -> bool:
    """Whether numba finds a folder for compiled kernels that it may write to."""

    def kernel():
        """Nothing; it is not compiled."""

    try:
        numba.njit(cache=True)(kernel)
    except RuntimeError:
        warnings.warn(
            "Compiled kernels cannot be kept: neither the folder of sklearn_topics nor "
            "the user's cache folder can be written to. Each process compiles them "
            "anew, which takes up to a minute. Set the environment variable "
            "NUMBA_CACHE_DIR to a folder that can be written to.",
            UserWarning,
            stacklevel=2,
        )
        return False
    return True


#: ``fastmath`` allows reassociation (sums become vector sums), fused multiply-add and
#: reciprocals, but not the assumption that nothing is NaN or infinite.
JIT = {
    "nogil": True,
    "cache": _can_cache(),
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}

#: For sums that must not depend on how a row is stored: their terms are added in order.
IN_ORDER = {**JIT, "fastmath": False}

#: Of functions that kernels call. Inlined by LLVM, so that there is one copy of their
#: code: of several the process that compiles would take another than those that find
#: them in the cache, and the last bits would differ.
CALLED = {**JIT, "forceinline": True}


def array_of(tensor: Tensor) -> np.ndarray:
    """A C-contiguous view: an update in place must not land in a silent copy."""
    if not tensor.is_contiguous():
        raise ValueError("CPU kernels need contiguous tensors.")
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def arrays_of(X: CSR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indptr, indices, data; for indexing alone, indices are unsigned.

    numba wraps signed ones around at zero, which costs a tenth of a product. In
    arithmetic with signed numbers, unsigned 64-bit ones would become floats.
    """
    indices = X.indices.numpy()
    return X.indptr.numpy(), indices.view(f"u{indices.itemsize}"), X.data.numpy()
