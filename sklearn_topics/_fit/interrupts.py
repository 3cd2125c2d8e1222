"""Ctrl-C in a process group: all ranks stop after the same iteration."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .._kernels.ranks import all_any, current, of_all
from .run import Observer, Run


@contextmanager
def interrupts() -> Iterator[list[Observer]]:
    """Yield what observes Ctrl-C meanwhile; nothing outside a group.

    The second Ctrl-C raises KeyboardInterrupt at once, as usual.
    """
    if current() is None:
        yield []
        return
    watch = _Interrupts()
    with _calling(watch.receive):
        yield [watch]
    if all_any(watch.received):  # after the last iteration
        raise of_all(KeyboardInterrupt())


@contextmanager
def _calling(receive: Callable[[], None]) -> Iterator[None]:
    """Call a function at the first Ctrl-C; other threads do not get any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def on_signal(number, frame):
        signal.signal(signal.SIGINT, before)
        receive()

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Interrupts(Observer):
    """Raise KeyboardInterrupt on all ranks before an iteration, if any received it."""

    received = False

    def receive(self) -> None:
        self.received = True

    def begin_iteration(self, run: Run) -> None:
        if all_any(self.received):
            self.received = False
            raise of_all(KeyboardInterrupt())
