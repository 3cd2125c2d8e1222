"""The state of a running fit, and its observers."""

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .._core.solver import Diverged, Solver, State
from .._kernels import CSR
from .._kernels.graphs import RepeatedStep, is_worth_recording
from .._kernels.ranks import agreed, agreed_numbers, current, of_all
from .._kernels.threads import threads_for


@dataclass
class Outcome:
    """The current result of the iterations from one initial state.

    Attributes
    ----------
    state : dict or None
        The best state recorded, or the last one; None before the first iteration.
    metrics : dict of str to float
        The solver's metrics of `state`, including the objective.
    n_iter : int
        Number of complete iterations.
    history : dict of str to list of float
        "iteration", "seconds" and the solver's metrics, one entry per record.
    unconverged : str
        The warning if `state` may be far from the optimum, else "".
    start : int
        Number of the initial state.
    """

    state: State | None = None
    metrics: dict[str, float] = field(default_factory=lambda: {"objective": -math.inf})
    n_iter: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    unconverged: str = ""
    start: int = 0

    @property
    def loss_history(self) -> dict[str, np.ndarray]:
        """The history as arrays: the fitted attribute ``loss_history_``."""
        return {name: np.array(column) for name, column in self.history.items()}

    def content(self) -> dict:
        """The fields; the history is copied, because it grows in place."""
        history = {name: list(column) for name, column in self.history.items()}
        return {**vars(self), "history": history}


@dataclass
class Run:
    """A fit from one or several initial states, as observers see it.

    Parameters
    ----------
    solver : Solver
    X : CSR or Tensor
    max_iter : int
        Maximum number of iterations from each initial state.
    select : {"best", "last", "current"}
        Which of the recorded states is the outcome of a start; "current": the last
        state, of a solver that never lowers the objective and cannot diverge, so that
        no recorded state takes memory during the next iterations.
    attributes : callable
        (state, n_iter) -> fitted attributes, for observers that need a model.
    data : mapping of str to object
        Other data that determine the fit, besides X and the parameters.

    Attributes
    ----------
    start : int
        Number of the current start (initial state), from 0.
    state : dict or None
        State after the last complete iteration.
    outcome : Outcome
        Result of the current start.
    best : Outcome
        Best result of the starts that have ended.
    pinned : dict or None
        State that an observer has chosen as the outcome of the current start.
    memories : dict
        State of each callback: plain values.
    stopped : bool
        Whether an observer has requested to stop.
    interrupted : KeyboardInterrupt, Diverged or None
        Exception to raise once the fitted attributes are set.
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
        self._step = None

    @property
    def n_iter(self) -> int:
        return self.outcome.n_iter

    @property
    def history(self) -> dict[str, list[float]]:
        return self.outcome.history

    @property
    def seconds(self) -> float:
        """Seconds since the beginning of the current start."""
        return time.perf_counter() - self._began

    @property
    def last_metrics(self) -> dict[str, float]:
        """Metrics of the last record."""
        last = {name: column[-1] for name, column in self.history.items()}
        return {k: v for k, v in last.items() if k not in ("iteration", "seconds")}

    @property
    def recorded(self) -> bool:
        """Whether the last iteration is recorded."""
        return self.history.get("iteration", [])[-1:] == [self.n_iter]

    def begin(self, start: int, state: State) -> None:
        """Begin a start."""
        self.start, self.outcome = start, Outcome(start=start)
        self.state = _with_agreed_topics(state)
        self.pinned, self._began = None, time.perf_counter()

    def step(self) -> None:
        """Do one iteration."""
        if self._step is None:
            self._step = partial(self.solver.step, self.X)
            if is_worth_recording(self.X, self.state) and self.solver.repeatable:
                self._step = RepeatedStep(self._step)
        with threads_for(self.X):
            state = self._step(self.state)
        self.state, self.outcome.n_iter = state, self.n_iter + 1
        if self.select == "current":
            self.outcome.state = None

    def record(self) -> None:
        """Evaluate the state, append to the history, and select the better state.

        Raises
        ------
        FloatingPointError
            If the objective is not finite.
        """
        with threads_for(self.X):
            metrics = self.solver.evaluate(self.X, self.state)
        metrics = agreed_numbers(metrics)
        outcome, objective = self.outcome, metrics["objective"]
        self.require_finite("objective", objective, self.n_iter)
        if self.select != "best" or objective >= outcome.metrics["objective"]:
            outcome.state, outcome.metrics = self.state, metrics
        row = {"iteration": self.n_iter, "seconds": self.seconds, **metrics}
        for name, value in row.items():
            outcome.history.setdefault(name, []).append(value)

    def finish(self) -> None:
        """Complete the outcome of a start whose iterations have ended."""
        if isinstance(self.interrupted, Diverged):  # the last record is valid
            self.outcome.n_iter = self.history.get("iteration", [0])[-1]
        if self.n_iter == 0:
            self.outcome.state = None
        elif not self.recorded:
            self.record()
        if self.pinned is not None:
            self.outcome.state = self.pinned
            metrics = self.solver.evaluate(self.X, self.pinned)
            self.outcome.metrics = agreed_numbers(metrics)
        self.outcome.state = _with_agreed_topics(self.outcome.state)

    def pin(self) -> None:
        """Choose the current state as the outcome of the start, whatever follows."""
        self.pinned = self.state

    def fitted_attributes(self) -> dict:
        """Fitted attributes as of the last iteration."""
        history = self.outcome.loss_history
        return {**self.attributes(self.state, self.n_iter), "loss_history_": history}

    def require_finite(self, name: str, value: float, n_iter: int) -> None:
        """Raise an error if a value, such as the objective, is not finite."""
        if not math.isfinite(value):
            raise of_all(
                FloatingPointError(
                    f"The {name} became {value} after {n_iter} iterations, computed in "
                    f"{self.X.dtype}. Values of X may be too large or too small for "
                    "it: rescale X, or pass it as float64."
                )
            )

    def content(self) -> dict:
        """Content of a checkpoint, from which another process can resume the fit."""
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
        """Restore the run from the `content` of another process."""
        self.begin(content["start"], None)
        self.state = content["state"]
        self.outcome, self.best = (Outcome(**content[n]) for n in ("outcome", "best"))
        self.pinned, self.memories = content["pinned"], content["memories"]
        self._began -= content["seconds"]


#: Names of the topics in the states of solvers.
_TOPICS = "HT", "components"


def _with_agreed_topics(state: State | None) -> State | None:
    """In a process group with the topics of rank 0, to the last bit.

    Processors of different kinds round differently. In between, all ranks take the same
    sums of documents, which keep their topics together. Modules are agreed on in each
    epoch.
    """
    if state is None or current() is None:
        return state
    return {**state, **{n: agreed(state[n]) for n in _TOPICS if n in state}}


class Observer:
    """Base class of observers of a run; methods do nothing unless overridden."""

    def resume(self, run: Run) -> None:
        """Called once, before the first start."""

    def begin(self, run: Run) -> None:
        """Called when a start begins, or is resumed."""

    def begin_iteration(self, run: Run) -> None:
        """Called before each iteration."""

    def end_iteration(self, run: Run) -> bool:
        """Called after each iteration; return True to stop."""
        return False

    def end(self, run: Run) -> None:
        """Called when a start has ended, also by an error."""
