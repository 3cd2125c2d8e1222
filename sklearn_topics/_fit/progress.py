"""Progress of long computations: lines on standard error, by time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

from .._boundary.shards import exchanged
from .._kernels.cpu.compiling import watch_compiling
from .._kernels.ranks import current, is_first
from .run import Observer, Run

_WIDTH = 30
#: Seconds between two lines: at first, later, and on a terminal.
_SOON, _LATER, _IN_PLACE = 1.0, 5.0, 0.2


class Progress:
    """Print progress to standard error: at once, then every few seconds.

    On a terminal a single line is updated in place. Use it in a ``with`` statement,
    which ends that line.

    Parameters
    ----------
    total : int
        Number of units to do.
    unit : str
        Name of the unit, in the plural, such as "iterations".
    verbose : int or bool
        0 prints nothing; without standard error nothing is printed either, nor by other
        ranks of a process group than the first.
    """

    def __init__(self, total: int, unit: str, verbose: int):
        self._total, self._unit = total, unit
        self._out = sys.stderr if verbose > 0 and is_first() else None
        # A replacement of standard error, such as a window, may have only `write`.
        self._terminal = getattr(self._out, "isatty", bool)()
        self._begin = time.perf_counter()
        self._due, self._numbers_due = 0.0, _SOON
        self._shown, self._width, self._first = None, 0, None

    def __enter__(self):
        return self

    def show(self, done: int, numbers: dict | None = None, *, last: bool = False):
        """Print a line if one is due.

        Parameters
        ----------
        done : int
            Number of units done.
        numbers : dict of str to float, default=None
            Current metrics. A line with metrics need not wait for the next line that is
            due without.
        last : bool, default=False
            Whether this is the last line, which is always printed.
        """
        if self._out is None or (done, numbers) == self._shown:
            return
        seconds = time.perf_counter() - self._begin
        due = seconds >= (self._numbers_due if numbers else self._due)
        if not (last or due or seconds >= self._due):
            return
        gap = _IN_PLACE if self._terminal else np.clip(seconds, _SOON, _LATER)
        self._due = seconds + gap
        if numbers:
            self._numbers_due = self._due
        self._shown = done, numbers
        self._write(done, seconds, numbers or {})

    def _write(self, done, seconds, numbers):
        filled = round(_WIDTH * done / max(self._total, 1))
        bar = "#" * filled + "." * (_WIDTH - filled)
        line = f"[{bar}] {done:,}/{self._total:,} {self._unit}  {seconds:.1f} s"
        if self._first is None:  # done before, if the fit was resumed
            self._first = done
        if self._first < done < self._total:
            left = seconds * (self._total - done) / (done - self._first)
            line += f", up to {_duration(left)} left"
        line += "".join(f"  {name} {value:.6g}" for name, value in numbers.items())
        if self._terminal:
            line = line.ljust(self._width)  # to overwrite the previous line
            self._width = len(line.rstrip())
        end = "\r" if self._terminal else "\n"
        print(line, end=end, file=self._out, flush=self._terminal)

    def __exit__(self, *exception):
        if self._terminal and self._shown is not None:
            print(file=self._out)


def _duration(seconds: float) -> str:
    """Rounded to seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.0f} h"


class IterationProgress(Observer):
    """Print the progress of a run, with metrics when they were recorded."""

    def __init__(self, verbose: int):
        self._verbose, self._progress = verbose, None

    def begin(self, run: Run) -> None:
        self._progress = Progress(run.max_iter, "iterations", self._verbose)
        self._progress.show(run.n_iter)

    def end_iteration(self, run: Run) -> bool:
        self._progress.show(run.n_iter, run.last_metrics if run.recorded else None)
        return False

    def end(self, run: Run) -> None:
        with self._progress:
            self._progress.show(run.n_iter, run.last_metrics or None, last=True)


class PrintedIterations(Observer):
    """Print a line for each iteration to standard output, as scikit-learn's LDA does.

    Parameters
    ----------
    verbose : int or bool
    every : int
        Number of iterations between two lines with the perplexity.
    """

    def __init__(self, verbose: int, every: int):
        self._verbose, self._every = verbose, every

    def end_iteration(self, run: Run) -> bool:
        if self._verbose and is_first():
            line = f"iteration: {run.n_iter} of max_iter: {run.max_iter}"
            if run.n_iter % self._every == 0:
                line += f", perplexity: {run.last_metrics['perplexity']:.4f}"
            print(line)
        return False


@contextmanager
def announced_fit(estimator, X) -> Iterator[None]:
    """Print the model, the size of the data and the device before the fit.

    If kernels are compiled within the context, one line says so: nothing else is
    printed meanwhile.
    """
    asked = sys.stderr is not None and getattr(estimator, "verbose", 0) > 0
    shape = _whole_shape(X) if asked or current() is not None else ()
    nested = getattr(X, "is_nested", False)  # a tensor that is refused
    if nested or not (asked and is_first()):
        yield
        return
    parts = []
    if len(shape) == 2:
        parts = [f"{shape[0]:,} documents", f"{shape[1]:,} terms"]
    sizes = getattr(estimator, "layer_sizes", None) or [estimator.n_components]
    if all(isinstance(K, int | np.integer) for K in sizes):
        parts.append(f"{', '.join(map(str, sizes))} topics")
    where = f"on {estimator._resolve_device(X)}"
    name = type(estimator).__name__
    print(f"{name}: {', '.join([*parts, where])}", file=sys.stderr)
    with watch_compiling(cache(_announce_compiling)):
        yield


def _whole_shape(X) -> tuple:
    """The shape of the X of all ranks; () if X of one is no matrix."""
    nested = getattr(X, "is_nested", False)  # a tensor whose shape raises
    shape = () if nested else tuple(getattr(X, "shape", ()))
    if current() is None:
        return shape
    shapes = [one["shape"] for one in exchanged({"shape": shape})]
    if not all(len(shape) == 2 for shape in shapes):
        return ()
    return sum(n for n, _ in shapes), shapes[0][1]


def _announce_compiling() -> None:
    print(
        "Compiling CPU kernels (first run only); this takes several seconds.",
        file=sys.stderr,
    )
