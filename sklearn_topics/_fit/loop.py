"""The loop around a solver: stopping, history, progress, callbacks, interruption."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._boundary.warning import warn_user
from .._core.solver import Diverged, Solver, State
from .._kernels.threads import threads_for
from .progress import Progress
from .task import FitTask


@dataclass
class FitResult:
    """The outcome of `run_fit`.

    Attributes
    ----------
    state : dict
        The best state seen (or the last one), or None if interrupted before the first
        iteration ended.
    found : dict of str to float
        What the solver said of `state`: its objective among others.
    n_iter : int
        Complete iterations.
    history : dict of str to list of float
        "iteration", "seconds" and what the solver says, one entry per look.
    interrupted : KeyboardInterrupt, Diverged or None
        To be raised once the fitted attributes are set.
    stopped : bool
        Whether a callback asked to stop.
    unconverged : str
        Why the fit may be far from its optimum, or "".
    """

    state: State | None
    found: dict[str, float] = field(default_factory=lambda: {"objective": -math.inf})
    n_iter: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    interrupted: KeyboardInterrupt | Diverged | None = None
    stopped: bool = False
    unconverged: str = ""

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The history as arrays: the fitted attribute ``loss_history_``."""
        return {name: np.array(column) for name, column in self.history.items()}

    def look(self, solver: Solver, X, state: State, seconds: float, keep: str) -> None:
        """Evaluate `state`, note it, and keep it if it is to be kept."""
        found = solver.evaluate(X, state)
        objective = found["objective"]
        self.require_finite("objective", objective, X.dtype)
        if keep == "last" or objective >= self.found["objective"]:
            self.state, self.found = state, found
        row = {"iteration": self.n_iter, "seconds": seconds, **found}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)

    @property
    def numbers(self) -> dict[str, float]:
        """What the solver said at the last look."""
        last = {name: column[-1] for name, column in self.history.items()}
        return {k: v for k, v in last.items() if k not in ("iteration", "seconds")}

    def snapshot(self) -> "FitResult":
        """As it is now; `look` changes the history in place."""
        history = {name: list(column) for name, column in self.history.items()}
        return replace(self, history=history)

    def require_finite(self, name: str, value: float, dtype) -> None:
        """Raise, and name the dtype, if a likelihood has overflowed or is undefined."""
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The {name} became {value} after {self.n_iter} iterations, computed "
                f"in {dtype}. Values may be too large or too small for it: rescale X "
                "or pass it as float64."
            )


class Criterion(Protocol):
    """When to stop.

    `every` is the number of iterations from one look at the solver's state to the
    next; with `from_start` there is one before the first.
    """

    every: int
    from_start: bool
    tol: float

    def reached(self, history: dict[str, list[float]]) -> bool:
        """Whether to stop after the last look."""

    def missed(self, history: dict[str, list[float]], max_iter: int) -> str:
        """What to warn of when `max_iter` iterations were not enough."""


@dataclass(frozen=True)
class SmallGain:
    """Stop when the objective gains at most ``tol * scale`` from look to look."""

    tol: float
    scale: float
    every: int = 10  # a look costs about half an iteration
    from_start: bool = False

    def _gain(self, history):
        objective = history["objective"]
        return objective[-1] - objective[-2] if len(objective) > 1 else math.inf

    def reached(self, history) -> bool:
        return self.tol > 0 and self._gain(history) <= self.tol * self.scale

    def missed(self, history, max_iter: int) -> str:
        gain = self._gain(history) / self.scale
        seen = "too few to see whether the objective still gains"
        if math.isfinite(gain):
            seen = (
                f"while the objective still gains {gain:.1e} a token between two looks"
            )
        return (
            f"Stopped after max_iter={max_iter} iterations, {seen} (tol={self.tol:g}). "
            "Increase max_iter or tol."
        )


@dataclass(frozen=True)
class _LikeNMF:
    """What scikit-learn's NMF says when `max_iter` iterations were not enough."""

    tol: float
    from_start: bool = False

    def missed(self, history, max_iter: int) -> str:
        return (
            f"Maximum number of iterations {max_iter} reached. Increase it to improve "
            "convergence."
        )


@dataclass(frozen=True)
class SmallDecrease(_LikeNMF):
    """Stop when the error falls by less than `tol` of the first one, look to look."""

    every: int = 10
    from_start: bool = True

    def reached(self, history) -> bool:
        error = history["error"]
        fell = error[-2] - error[-1] if len(error) > 1 else math.inf
        return self.tol > 0 and (fell < self.tol * error[0] or error[-1] == 0)


@dataclass(frozen=True)
class NoImprovement:
    """Stop when the objective has not risen for `patience` iterations."""

    patience: int | None  # None runs them all
    min_iter: int = 1
    every: int = 1
    from_start: bool = False
    tol: float = 0.0  # running all iterations is not worth a warning

    def reached(self, history) -> bool:
        objective = history["objective"]
        if self.patience is None or len(objective) < self.min_iter:
            return False
        return len(objective) - 1 - objective.index(max(objective)) >= self.patience

    def missed(self, history, max_iter: int) -> str:
        return ""


@dataclass(frozen=True)
class SmallViolation(_LikeNMF):
    """Stop when the violation is at most `tol` of that of the first iteration."""

    every: int = 1

    def reached(self, history) -> bool:
        violation = history["violation"]
        return violation[-1] <= self.tol * violation[0]


def run_fits(solver: Solver, X, starts: Iterable[State], **options) -> FitResult:
    """`run_fit` from each start in turn; returns the fit with the best objective.

    Ctrl-C and callbacks that ask to stop end all of it. Warns if the fit that is
    returned has not converged.
    """
    best = FitResult(state=None)
    interrupted = None
    task: FitTask = options["task"]
    task.resume(X)
    if task.best:
        best = FitResult(**task.best)
    try:
        for number, start in enumerate(starts):
            if number < task.start:
                continue  # done before; drawn once more, so that the next ones follow
            first = number * options["max_iter"]
            fit = run_fit(solver, X, start, first=first, **options)
            interrupted = fit.interrupted
            better = fit.found["objective"] > best.found["objective"]
            if best.state is None or better:
                best = fit
                task.best = _content(best)
            if interrupted or fit.stopped:
                break
    except KeyboardInterrupt as interruption:  # while a start was drawn
        interrupted = interruption
    best.interrupted = interrupted
    if best.unconverged:
        warn_user(best.unconverged, ConvergenceWarning)
    return best


def run_fit(
    solver: Solver,
    X,
    state: State,
    *,
    max_iter: int,
    criterion: Criterion,
    keep: str = "best",
    verbose: int = 0,
    first: int = 0,
    task: FitTask,
    attributes: Callable[[State, int], dict],
) -> FitResult:
    """Iterate until the criterion is reached.

    Parameters
    ----------
    solver : Solver
    X : CSR or Tensor
    state : dict
        Where to begin.
    max_iter : int
    criterion : Criterion
    keep : {"best", "last"}
        Which of the states that were looked at is returned.
    verbose : int
        Above 0: progress on standard error.
    first : int
        Iterations of earlier starts, for callbacks, which see all starts as one fit.
    task : FitTask
        Tells callbacks of each iteration; they may ask to stop, and to keep a state.
    attributes : callable
        (state, n_iter) -> the fitted attributes, for callbacks that want a model.

    Raises
    ------
    FloatingPointError
        If the objective is not finite.
    """
    fit = FitResult(state=None)
    begin = time.perf_counter()
    chosen = None  # by a callback
    clean = None  # the content of a checkpoint after the last complete iteration
    task.resume(X)
    saved = task.take_saved()
    if saved is not None:
        state, chosen, fit = saved["state"], saved["chosen"], FitResult(**saved["fit"])
        begin -= saved["seconds"]
    task.start, task.max_iter, task.history = first // max_iter, max_iter, fit.history

    def content(state, chosen, fit, own):
        """What a resumed run needs of this one."""
        seconds = time.perf_counter() - begin
        parts = {"state": state, "chosen": chosen, "seconds": seconds}
        return {**parts, **own, "fit": _content(fit)}

    def look():
        with threads_for(X):
            fit.look(solver, X, state, time.perf_counter() - begin, keep)

    def reconstruct():
        return {**attributes(state, fit.n_iter), "loss_history_": fit.columns}

    with Progress(max_iter, "iterations", verbose) as progress:
        try:
            progress.show(fit.n_iter)
            if criterion.from_start and saved is None:
                look()
            for number in range(fit.n_iter, max_iter):
                with task.iteration(first + number) as end_of_iteration:
                    with threads_for(X):
                        state = solver.step(X, state)
                    fit.n_iter = task.n_iter = number + 1
                    due = fit.n_iter % criterion.every == 0
                    looks = due or fit.n_iter == max_iter
                    if looks:
                        look()
                    progress.show(fit.n_iter, fit.numbers if looks else None)
                    done = due and criterion.reached(fit.history)
                    stop = end_of_iteration(reconstruct)
                    fit.stopped = bool(stop)
                    if task.take_kept():
                        chosen = state
                    if stop or done:
                        break
                if task.checkpoint and fit.n_iter < max_iter:
                    clean = partial(content, state, chosen, fit.snapshot(), task.own())
                    task.offer(clean)
            else:
                if criterion.tol > 0:
                    fit.unconverged = criterion.missed(fit.history, max_iter)
        except KeyboardInterrupt as interruption:
            fit.interrupted = interruption
            if clean is not None:
                task.write(clean())
        except Diverged as interruption:  # in a step, or in the look at its state
            fit.interrupted = interruption
            fit.n_iter = fit.history.get("iteration", [0])[-1]
        if fit.n_iter == 0:
            fit.state = None
        elif fit.n_iter not in fit.history.get("iteration", [])[-1:]:
            look()  # between two looks
        progress.show(fit.n_iter, fit.numbers or None, last=True)
        if chosen is not None:
            fit.state, fit.found = chosen, solver.evaluate(X, chosen)
    return fit


def _content(fit: FitResult) -> dict:
    """All of a result that another process can continue from."""
    names = "state", "found", "n_iter", "history", "stopped", "unconverged"
    return {name: getattr(fit, name) for name in names}
