"""The numbers of threads of torch and of our kernels while a model is trained."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from .csr import CSR

#: Multiplications that take one thread longer than the longest wait for the others.
_WORTH_WAITING = 1 << 28

#: Entries, rows and columns of an X whose iteration takes at most a tenth of a second.
_SMALL = 1 << 22

_ours = threading.local()


def thread_count() -> int:
    """The number of threads of our kernels: torch's, as the caller has set it."""
    return getattr(_ours, "count", None) or torch.get_num_threads()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run torch's operations in this thread on one thread; our kernels keep all.

    At the end of an operation on several threads, each thread of OpenMP's team waits
    for all others and keeps its core busy. If another process uses one of the cores,
    each of the many small operations of a training step waits for a time slice of the
    scheduler, thousands of times as long as the operation computes. Our own threads
    sleep while they wait.

    Other threads of the process do not change. The number of threads is restored
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


@contextmanager
def divided_threads(workers: int) -> Iterator[None]:
    """Use a share of the threads in this thread, one of several `workers`."""
    if workers == 1:
        yield
        return
    with _torch_threads(max(1, torch.get_num_threads() // workers)):
        yield


def threads_for(X: CSR | Tensor) -> AbstractContextManager[None]:
    """`one_torch_thread` for the iterations over X, if X is small and sparse.

    torch then does nothing but a little elementwise work on the factors.
    """
    small = isinstance(X, CSR) and X.nnz + sum(X.shape) < _SMALL
    return one_torch_thread() if small else nullcontext()


@contextmanager
def threads_by_work(work: int) -> Iterator[None]:
    """Use all of torch's threads within `one_torch_thread`, if the work is large.

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
    # OpenMP's number of threads belongs to the calling thread, BLAS's to the process.
    return ThreadpoolController().select(user_api="openmp")


@cache
def _mkl_limit():
    """The function that sets MKL's limit for this thread and returns the previous one.

    0 is no limit. MKL has OpenMP's limit until torch.set_num_threads has been called.
    """
    library = ctypes.CDLL(torch._C.__file__)
    return getattr(library, "MKL_Set_Num_Threads_Local", lambda number: 0)
