"""The loop around a solver: stopping, history, progress, callbacks, interruption."""

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from sklearn.exceptions import ConvergenceWarning

from .._core.solver import Solver, State
from .sklearn_private import FitTask

#: Iterations from one look to the next: at stationarity, which costs about half an
#: iteration, and at the gain in the objective.
CHECK_EVERY = 10

_HISTORY = "iteration", "seconds", "objective", "kkt"


@dataclass
class FitResult:
    """The outcome of `run_fit`.

    Attributes
    ----------
    state : dict
        The best state seen, or None if interrupted before the first iteration ended.
    best, kkt : float
        The objective and the KKT residual of `state`.
    n_iter : int
        Complete iterations.
    history : dict of str to list of float
        "iteration", "seconds", "objective" and "kkt", one entry per check.
    interrupted : KeyboardInterrupt or None
        To be raised once the fitted attributes are set.
    stopped : bool
        Whether a callback asked to stop.
    unconverged : str
        Why the fit may be far from its optimum, or "".
    """

    state: State | None
    best: float = -math.inf
    kkt: float = math.nan
    n_iter: int = 0
    history: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in _HISTORY}
    )
    interrupted: KeyboardInterrupt | None = None
    stopped: bool = False
    unconverged: str = ""

    def look(self, solver: Solver, X, state: State, seconds: float) -> None:
        """Evaluate `state`, note it, and keep it if it is the best."""
        found = solver.evaluate(X, state)
        objective = found["objective"]
        self.require_finite("objective", objective, X.dtype)
        if objective >= self.best:
            self.state, self.best, self.kkt = state, objective, found["kkt"]
        row = self.n_iter, seconds, objective, found["kkt"]
        for column, value in zip(self.history.values(), row, strict=True):
            column.append(value)

    def require_finite(self, name: str, value: float, dtype) -> None:
        """Raise, and name the dtype, if a likelihood has overflowed or is undefined."""
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The {name} became {value} after {self.n_iter} iterations, computed "
                f"in {dtype}. Values may be too large or too small for it: rescale X "
                "or pass it as float64."
            )

    def gain(self) -> float:
        """What the last check added to the objective."""
        objective = self.history["objective"]
        return objective[-1] - objective[-2] if len(objective) > 1 else math.inf


def run_fits(solver: Solver, X, starts: Iterable[State], **options) -> FitResult:
    """`run_fit` from each start in turn; returns the fit with the best objective.

    Ctrl-C and callbacks that ask to stop end all of it. Warns if the fit that is
    returned has not converged.
    """
    best = FitResult(state=None)
    interrupted = None
    try:
        for number, start in enumerate(starts):
            first = number * options["max_iter"]
            fit = run_fit(solver, X, start, first=first, **options)
            interrupted = fit.interrupted
            if best.state is None or fit.best > best.best:
                best = fit
            if interrupted or fit.stopped:
                break
    except KeyboardInterrupt as interruption:  # while a start was drawn
        interrupted = interruption
    best.interrupted = interrupted
    if best.unconverged:
        # Past the estimator's _fit, its fit and the decorator of that: the user.
        warnings.warn(best.unconverged, ConvergenceWarning, stacklevel=5)
    return best


def run_fit(
    solver: Solver,
    X,
    state: State,
    *,
    max_iter: int,
    tol: float,
    scale: float,
    verbose: int = 0,
    first: int = 0,
    task: FitTask,
    attributes: Callable[[State, int], dict],
) -> FitResult:
    """Iterate until the objective gains less than ``tol * scale`` between two checks.

    Parameters
    ----------
    solver : Solver
    X : CSR or Tensor
    state : dict
        Where to begin.
    max_iter : int
    tol : float
        0 runs all iterations, without a warning.
    scale : float
        What the gain in the objective is measured against.
    verbose : int
        1 shows a progress line on standard error.
    first : int
        The number by which callbacks know the first iteration.
    task : FitTask
        The callbacks of this fit.
    attributes : callable
        (state, n_iter) -> the fitted attributes, for callbacks that want a model.

    Raises
    ------
    FloatingPointError
        If the objective is not finite.
    """
    fit = FitResult(state=None)
    begin = time.perf_counter()
    with _Progress(max_iter, verbose) as progress:
        try:
            for number in range(max_iter):
                with task.iteration(first + number) as end_of_iteration:
                    state = solver.step(X, state)
                    fit.n_iter = number + 1
                    last = fit.n_iter == max_iter
                    if fit.n_iter % CHECK_EVERY == 0 or last:
                        fit.look(solver, X, state, time.perf_counter() - begin)
                        progress.show(fit)
                    done = fit.n_iter % CHECK_EVERY == 0 and fit.gain() <= tol * scale
                    stop = end_of_iteration(partial(attributes, state, fit.n_iter))
                    fit.stopped = bool(stop)
                    if stop or (done and tol > 0):
                        break
            else:
                if tol > 0:
                    fit.unconverged = _not_converged(max_iter, fit.gain() / scale, tol)
        except KeyboardInterrupt as interruption:
            fit.interrupted = interruption
        if fit.n_iter not in (0, *fit.history["iteration"][-1:]):  # between two checks
            fit.look(solver, X, state, time.perf_counter() - begin)
    return fit


def _not_converged(max_iter: int, gain: float, tol: float) -> str:
    seen = "too few to see whether the objective still gains"
    if math.isfinite(gain):
        seen = f"while the objective still gains {gain:.1e} a token between two checks"
    return (
        f"Stopped after max_iter={max_iter} iterations, {seen} (tol={tol:g}). Increase "
        "max_iter or tol."
    )


class _Progress:
    """One line on standard error; rewritten in place on a terminal."""

    _WIDTH = 30

    def __init__(self, max_iter: int, verbose: int):
        self._max_iter, self._on = max_iter, verbose > 0
        self._terminal = self._on and sys.stderr.isatty()

    def __enter__(self):
        return self

    def show(self, fit: FitResult) -> None:
        if not self._on:
            return
        last = {name: column[-1] for name, column in fit.history.items()}
        filled = round(self._WIDTH * fit.n_iter / self._max_iter)
        bar = "#" * filled + "." * (self._WIDTH - filled)
        line = (
            f"[{bar}] {fit.n_iter}/{self._max_iter}  {last['seconds']:.1f} s  "
            f"objective {last['objective']:.6g}  KKT {last['kkt']:.2g}"
        )
        end = "\r" if self._terminal else "\n"
        print(line, end=end, file=sys.stderr, flush=True)

    def __exit__(self, *exception):
        if self._terminal:
            print(file=sys.stderr)
