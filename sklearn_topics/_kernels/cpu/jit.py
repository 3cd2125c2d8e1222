"""Compile CPU kernels with numba and cache them on disk.

Python calls a `kernel` over blocks of rows; kernels call pieces that are `inlined`, or
`spliced`.
"""

import functools
import gc
import hashlib
import os
import warnings
from importlib.resources import files

import numba
import numpy as np
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from torch import Tensor

from ..csr import CSR
from .compiling import compiling

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    # A child that is forked while another thread compiles would wait for ever for that
    # thread, which does not exist in the child. So the fork waits for the compilation.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

#: ``fastmath`` allows reassociation (sums become vector sums), fused multiply-add and
#: reciprocals, but not the assumption that nothing is NaN or infinite. ``_nrt=False``:
#: arrays are neither allocated nor returned, so their references need not be counted.
_FLAGS = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "_nrt": False,
    "no_cfunc_wrapper": True,  # C calls none of them: less to compile
}

#: The flags of `inlined` functions, for `numba.extending.overload`.
INLINED = {**_FLAGS, "forceinline": True, "no_cpython_wrapper": True}


def kernel(function=None, *, in_order: bool = False):
    """Compile a function for the types that it is called with, and cache the result.

    Parameters
    ----------
    function : callable
        ``function(first, last, bounds, *args)`` for `blocks.run_blocks`.
    in_order : bool, default=False
        Whether sums add their terms in order: then they do not depend on how a row is
        stored. Otherwise they become vector sums.
    """
    if function is None:
        return functools.partial(kernel, in_order=in_order)
    flags = {**_FLAGS, "fastmath": False} if in_order else _FLAGS
    compiled = numba.njit(**flags)(function)
    if can_cache():
        compiled._cache = _FolderCache(function)  # as numba's `enable_caching` does
    return compiled


def inlined(function=None, *, in_order: bool = False):
    """Compile a function that kernels call into each of them.

    LLVM inlines the function, so that there is one copy of its code. With several, the
    process that compiles would run another copy than processes that read the cache, and
    the last bits would differ. `in_order` is as for a `kernel`.
    """
    if function is None:
        return functools.partial(inlined, in_order=in_order)
    flags = {**INLINED, "fastmath": False} if in_order else INLINED
    return numba.njit(**flags)(function)


def spliced(function):
    """Put the lines of a large function into the kernels that call it.

    They are compiled once a call so: an `inlined` function is compiled by itself, with
    all that it calls, then in the kernel. numba accepts no ``*args`` where such a
    function is called.
    """
    return numba.njit(**INLINED, inline="always")(function)


class _FolderCache(FunctionCache):
    """numba's cache on disk, valid until any file of this folder changes.

    numba compares a kernel's own file only: neither the pieces that the kernel calls
    nor the flags of the compiler, which are in other files of this folder.
    """

    def __init__(self, function):
        super().__init__(function)
        file = self._cache_file
        file._source_stamp = file._source_stamp, _folder_digest()

    def load_overload(self, sig, target_context):
        found = super().load_overload(sig, target_context)
        # Two processes that save at once number their files alike, and may mix them up.
        return found if found and found.signature.args == sig else None


@functools.cache
def _folder_digest() -> str:
    sources = (file for file in files(__package__).iterdir() if file.name[-3:] == ".py")
    digest = hashlib.sha256()
    for file in sorted(sources, key=lambda file: file.name):
        digest.update(file.read_bytes())
    return digest.hexdigest()


class _Compilations(event.Listener):
    """Call the watchers and pause the garbage collector while a kernel is compiled.

    numba holds a lock meanwhile. The garbage collector would search all objects of
    torch and scikit-learn several times, a sixth of the time of a first fit.
    """

    def __init__(self):
        self._depth, self._collects = 0, False

    def on_start(self, event):
        if not _is_ours(event):
            return
        if self._depth == 0:
            compiling()
            self._collects = gc.isenabled()
            gc.disable()
        self._depth += 1

    def on_end(self, event):
        if not _is_ours(event):
            return
        self._depth -= 1
        if self._depth == 0 and self._collects:
            gc.enable()


def _is_ours(event) -> bool:
    function = event.data["dispatcher"].py_func
    return function.__module__.startswith(f"{__package__}.")


event.register("numba:compile", _Compilations())


@functools.cache
def can_cache() -> bool:
    """Whether numba finds a writable folder for compiled kernels."""
    try:
        FunctionCache(can_cache.__wrapped__)
    except RuntimeError:
        warnings.warn(
            "Compiled kernels cannot be cached: neither the folder of sklearn_topics "
            "nor the user's cache folder is writable. Each process compiles them "
            "again, which takes several seconds. Set the environment variable "
            "NUMBA_CACHE_DIR to a writable folder.",
            UserWarning,
            stacklevel=2,
        )
        return False
    return True


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
