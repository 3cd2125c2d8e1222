"""How many threads torch computes with, and ours, while a model is trained."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from .csr import CSR

#: Multiplications that take one thread longer than it waits for the others at worst.
_WORTH_WAITING = 1 << 28

#: Entries, rows and columns that an iteration takes a tenth of a second for at most.
_SMALL = 1 << 22

_ours = threading.local()


def thread_count() -> int:
    """Threads of our own kernels: torch's number, as the caller has set it."""
    return getattr(_ours, "count", None) or torch.get_num_threads()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """torch's operations in this thread run on it alone; our kernels on all threads.

    At the end of an operation on several threads, each thread of OpenMP's team waits
    for all others without giving its core away. Where another process has one of the
    cores, each of the many small operations of a training step so waits for a time
    slice of the scheduler, thousands of times as long as it computes. Our own threads
    wait asleep.

    Other threads of the process are left as they are, and so is the number of threads
    afterwards. Calls may be nested.
    """
    if getattr(_ours, "count", None) is not None:
        yield
        return
    count = torch.get_num_threads()
    with _torch_threads(1):
        _ours.count = count
        try:
            yield
        finally:
            _ours.count = None


def threads_for(X: CSR | Tensor) -> AbstractContextManager[None]:
    """`one_torch_thread` for what an iteration over X does, if X is small and sparse.

    What torch does there is elementwise work on the factors, little of it.
    """
    small = isinstance(X, CSR) and X.nnz + sum(X.shape) < _SMALL
    return one_torch_thread() if small else nullcontext()


@contextmanager
def threads_by_work(work: int) -> Iterator[None]:
    """Within `one_torch_thread`: all of torch's threads again, if they are worth it.

    Parameters
    ----------
    work : int
        Multiplications of the operation.
    """
    count = getattr(_ours, "count", None)
    if count is None or work < _WORTH_WAITING:
        yield
        return
    with _torch_threads(count):
        yield


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    limit_mkl = _mkl_limit()
    with _openmp().limit(limits=count):
        before = limit_mkl(count)
        try:
            yield
        finally:
            limit_mkl(before)


@cache
def _openmp() -> ThreadpoolController:
    # Its number of threads belongs to the calling thread, that of BLAS to the process.
    return ThreadpoolController().select(user_api="openmp")


@cache
def _mkl_limit():
    """MKL's limit for the calling thread: the new one -> the one before; 0 is none.

    MKL does as OpenMP does until torch.set_num_threads has been called.
    """
    library = ctypes.CDLL(torch._C.__file__)
    return getattr(library, "MKL_Set_Num_Threads_Local", lambda number: 0)
