"""Tell who waits that kernels are being compiled. Imports no numba."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_watchers: list[Callable[[], None]] = []


@contextmanager
def watch_compiling(watcher: Callable[[], None]) -> Iterator[None]:
    """Call ``watcher()`` before each compilation of a kernel within the context.

    Kernels that are found in the cache on disk are not compiled.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def compiling() -> None:
    """Call the watchers: `jit` does so when numba compiles a kernel."""
    for watcher in tuple(_watchers):
        watcher()
