"""Announce the compilation of kernels, without an import of numba."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_watchers: list[Callable[[], None]] = []


@contextmanager
def watch_compiling(watcher: Callable[[], None]) -> Iterator[None]:
    """Call ``watcher()`` before each compilation of a kernel within the context.

    Kernels that are in the cache on disk are not compiled.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def compiling() -> None:
    """Call the watchers, before numba compiles a kernel."""
    for watcher in tuple(_watchers):
        watcher()
