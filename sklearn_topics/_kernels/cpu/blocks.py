"""Runs a CPU kernel over blocks of rows on a small pool of threads."""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise

import numpy as np
import torch

from ..threads import thread_count
from .denormals import flush_for_good, flushed_denormals

#: Several blocks a thread even out rows whose cost is not their number of entries.
_BLOCKS_PER_THREAD = 4
#: Below this much work a hand-over to another thread costs more than it saves.
_SERIAL_WORK = 1 << 21

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}

#: Threads that run blocks now: of fits side by side each has its share of the threads.
_callers: set[int] = set()


def _after_fork() -> None:
    """Leave a forked child with nothing that waits for threads of its parent.

    They do not live on in the child, but torch's OpenMP still counts on them once the
    parent has used them: the next operation on several threads would never end.
    """
    _callers.clear()
    torch.set_num_threads(1)  # noqa: TID251, the team of the parent is gone


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


def _pool(n_threads: int) -> ThreadPoolExecutor:
    # Keyed by process: the threads of a parent do not live on in its forked child.
    key = os.getpid(), n_threads
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(
            n_threads,
            thread_name_prefix="sklearn_topics",
            initializer=flush_for_good,
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

    The thread count is torch's, read at each call: workers of a process pool get
    one thread each, and calls from several threads at once share it. All blocks have
    ended when this returns or raises, also after Ctrl-C, so that no thread writes into
    arrays that the caller has given up. Denormal numbers count as zero meanwhile.
    """
    with flushed_denormals():
        _run_blocks(kernel, indptr, work_per_entry, *args)


def _run_blocks(kernel, indptr: np.ndarray, work_per_entry: int, *args) -> None:
    n_threads, n_rows = thread_count(), len(indptr) - 1
    if n_threads == 1 or indptr[-1] * work_per_entry < _SERIAL_WORK:
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
            blocks.clear()  # after an error nothing more begins

    # The calling thread works too: that saves a hand-over, and nothing waits for a
    # pool that is busy with somebody else's blocks.
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
        # A cancelled one counts as waiting until a thread of the pool has seen it.
        wait([helper for helper in helpers if not helper.cancel()])
