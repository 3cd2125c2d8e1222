"""A fit while it runs, and what watches it."""

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from .._core.solver import Diverged, Solver, State
from .._kernels import CSR
from .._kernels.threads import threads_for


@dataclass
class Outcome:
    """The result of the iterations from one start, until now.

    Attributes
    ----------
    state : dict or None
        The best state recorded, or the last one; None before the first iteration.
    metrics : dict of str to float
        The solver's metrics of `state`, its objective among them.
    n_iter : int
        Complete iterations.
    history : dict of str to list of float
        "iteration", "seconds" and the solver's metrics, one entry a record.
    unconverged : str
        Why `state` may be far from the optimum, or "".
    """

    state: State | None = None
    metrics: dict[str, float] = field(default_factory=lambda: {"objective": -math.inf})
    n_iter: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    unconverged: str = ""

    @property
    def loss_history(self) -> dict[str, np.ndarray]:
        """The history as arrays: the fitted attribute ``loss_history_``."""
        return {name: np.array(column) for name, column in self.history.items()}

    def content(self) -> dict:
        """Its fields; the history is copied, since it grows in place."""
        history = {name: list(column) for name, column in self.history.items()}
        return {**vars(self), "history": history}


@dataclass
class Run:
    """A fit from one or several starts; observers see it after each iteration.

    Parameters
    ----------
    solver : Solver
    X : CSR or Tensor
    max_iter : int
        Most iterations from each start.
    select : {"best", "last"}
        Which of the recorded states a start results in.
    attributes : callable
        (state, n_iter) -> fitted attributes, for observers that need a model.
    data : mapping of str to object
        What decides the fit besides X and the parameters.

    Attributes
    ----------
    start : int
        Number of the current start.
    state : dict or None
        The state after the last complete iteration.
    outcome : Outcome
        The result of the current start.
    best : Outcome
        The best result of the starts that have ended.
    pinned : dict or None
        The state that an observer wants the current start to result in.
    memories : dict
        What callbacks remember of the fit, by callback: plain values.
    stopped : bool
        Whether an observer asked to stop.
    interrupted : KeyboardInterrupt, Diverged or None
        To be raised once the fitted attributes are set.
    """

    solver: Solver
    X: CSR
    max_iter: int
    select: str = "best"
    attributes: Callable[[State, int], dict] = lambda state, n_iter: {}
    data: Mapping = field(default_factory=dict)
    start: int = 0
    state: State | None = None
    outcome: Outcome = field(default_factory=Outcome)
    best: Outcome = field(default_factory=Outcome)
    pinned: State | None = None
    memories: dict = field(default_factory=dict)
    stopped: bool = False
    interrupted: KeyboardInterrupt | Diverged | None = None

    def __post_init__(self):
        self._began = time.perf_counter()

    @property
    def n_iter(self) -> int:
        return self.outcome.n_iter

    @property
    def history(self) -> dict[str, list[float]]:
        return self.outcome.history

    @property
    def seconds(self) -> float:
        """Time since the current start began."""
        return time.perf_counter() - self._began

    @property
    def last_metrics(self) -> dict[str, float]:
        """The metrics of the last record."""
        last = {name: column[-1] for name, column in self.history.items()}
        return {k: v for k, v in last.items() if k not in ("iteration", "seconds")}

    @property
    def recorded(self) -> bool:
        """Whether the metrics of the last iteration are recorded."""
        return self.history.get("iteration", [])[-1:] == [self.n_iter]

    def begin(self, start: int, state: State) -> None:
        """Go to the beginning of a start."""
        self.start, self.state, self.outcome = start, state, Outcome()
        self.pinned, self._began = None, time.perf_counter()

    def step(self) -> None:
        """One iteration."""
        with threads_for(self.X):
            state = self.solver.step(self.X, self.state)
        self.state, self.outcome.n_iter = state, self.n_iter + 1

    def record(self) -> None:
        """Evaluate the state, add to the history, and select the state if it is best.

        Raises
        ------
        FloatingPointError
            If the objective is not finite.
        """
        with threads_for(self.X):
            metrics = self.solver.evaluate(self.X, self.state)
        outcome, objective = self.outcome, metrics["objective"]
        self.require_finite("objective", objective)
        if self.select == "last" or objective >= outcome.metrics["objective"]:
            outcome.state, outcome.metrics = self.state, metrics
        row = {"iteration": self.n_iter, "seconds": self.seconds, **metrics}
        for name, value in row.items():
            outcome.history.setdefault(name, []).append(value)

    def finish(self) -> None:
        """Complete the outcome of a start whose iterations have ended."""
        if isinstance(self.interrupted, Diverged):  # the state of the last record holds
            self.outcome.n_iter = self.history.get("iteration", [0])[-1]
        if self.n_iter == 0:
            self.outcome.state = None
        elif not self.recorded:
            self.record()
        if self.pinned is not None:
            self.outcome.state = self.pinned
            self.outcome.metrics = self.solver.evaluate(self.X, self.pinned)

    def pin(self) -> None:
        """Have the start result in the state of this iteration, whatever follows."""
        self.pinned = self.state

    def fitted_attributes(self) -> dict:
        """The attributes of a model as if fit had stopped after this iteration."""
        history = self.outcome.loss_history
        return {**self.attributes(self.state, self.n_iter), "loss_history_": history}

    def require_finite(self, name: str, value: float) -> None:
        """Raise an error that names the dtype, where a likelihood is not finite."""
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The {name} became {value} after {self.best.n_iter or self.n_iter} "
                f"iterations, computed in {self.X.dtype}. Values may be too large or "
                "too small for it: rescale X or pass it as float64."
            )

    def content(self) -> dict:
        """What another process needs to continue the fit; a copy of what changes."""
        return {
            "start": self.start,
            "state": self.state,
            "outcome": self.outcome.content(),
            "best": self.best.content(),
            "pinned": self.pinned,
            "memories": deepcopy(self.memories),
            "seconds": self.seconds,
        }

    def restore(self, content: Mapping) -> None:
        """Go to where another process was, by its `content`."""
        self.begin(content["start"], content["state"])
        self.outcome, self.best = (Outcome(**content[n]) for n in ("outcome", "best"))
        self.pinned, self.memories = content["pinned"], content["memories"]
        self._began -= content["seconds"]


class Observer:
    """What watches a run; each method does nothing until it is overridden."""

    def resume(self, run: Run) -> None:
        """Called once, before the first start is begun."""

    def begin(self, run: Run) -> None:
        """Called when the iterations from a start begin, or go on."""

    def begin_iteration(self, run: Run) -> None:
        """Called before each iteration."""

    def end_iteration(self, run: Run) -> bool:
        """Called after each iteration; True asks to stop."""
        return False

    def end(self, run: Run) -> None:
        """Called when the iterations from a start have ended, also by an error."""
