"""Run a CPU kernel over blocks of rows on a small pool of threads."""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise

import numpy as np
import torch

from ..threads import thread_count
from .denormals import flush_for_good, flushed_denormals

#: Several blocks a thread balance rows whose cost is not proportional to their entries.
_BLOCKS_PER_THREAD = 4
#: Below this much work another thread costs more than it saves.
_SERIAL_WORK = 1 << 21

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}

#: Threads that run blocks now: fits side by side share the number of threads.
_callers: set[int] = set()


def _after_fork() -> None:
    """Make a forked child independent of the threads of its parent.

    Only the forking thread exists in the child. If the parent has used torch's OpenMP,
    the child's next operation on several threads would wait for the others for ever.
    """
    _callers.clear()
    torch.set_num_threads(1)  # noqa: TID251, the team of the parent is gone


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


def _pool(n_threads: int) -> ThreadPoolExecutor:
    # By process: a forked child does not have the threads of its parent.
    key = os.getpid(), n_threads
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(
            n_threads, thread_name_prefix="sklearn_topics", initializer=flush_for_good
        )
    return _pools[key]


def balanced_bounds(indptr: np.ndarray, n_blocks: int) -> list[int]:
    """Row bounds of at most `n_blocks` non-empty blocks of about equal entries."""
    n, entries = len(indptr) - 1, int(indptr[-1])
    targets = [entries * block / n_blocks for block in range(1, n_blocks)]
    inner = np.minimum(np.searchsorted(indptr, targets), n)
    return sorted({0, n, *inner.tolist()})


def _next(blocks: deque):
    try:
        return blocks.popleft()
    except IndexError:  # another thread took the last one
        return None


def run_blocks(kernel, indptr: np.ndarray, work_per_entry: int, *args) -> None:
    """Call ``kernel(first_row, last_row, indptr, *args)`` over all rows.

    The number of threads is torch's at the time of the call; calls from several threads
    at once share it. All blocks have ended when this function returns or raises, also
    after Ctrl-C, so that no thread writes into arrays that the caller has released.
    Denormal numbers count as zero meanwhile.
    """
    with flushed_denormals():
        _run_blocks(kernel, indptr, work_per_entry, *args)


def _run_blocks(kernel, indptr: np.ndarray, work_per_entry: int, *args) -> None:
    n_threads, n_rows = thread_count(), len(indptr) - 1
    if n_threads == 1 or int(indptr[-1]) * work_per_entry < _SERIAL_WORK:
        kernel(0, n_rows, indptr, *args)
        return
    this = threading.get_ident()
    n_helpers = n_threads - 1 - len(_callers - {this})
    try:
        _callers.add(this)
        if n_helpers < 1:
            kernel(0, n_rows, indptr, *args)
        else:
            _run_with_helpers(n_helpers, kernel, indptr, *args)
    finally:
        _callers.discard(this)


def _run_with_helpers(n_helpers: int, kernel, indptr, *args) -> None:
    bounds = balanced_bounds(indptr, (n_helpers + 1) * _BLOCKS_PER_THREAD)
    blocks = deque(pairwise(bounds))

    def work():
        try:
            while block := _next(blocks):
                kernel(*block, indptr, *args)
        finally:
            blocks.clear()  # after an error no block begins

    # The calling thread works too: it need not wait for a pool that is busy with the
    # blocks of another caller.
    pool, helpers = _pool(thread_count()), []
    try:
        for _ in range(n_helpers):
            helpers.append(pool.submit(work))
        work()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    finally:
        blocks.clear()
        # `wait` would wait for cancelled helpers until a thread of the pool sees them.
        wait([helper for helper in helpers if not helper.cancel()])
