"""Stopping rules: when a fit has converged, and the warning if it has not."""

import math
from dataclasses import dataclass
from typing import Protocol

History = dict[str, list[float]]


class StoppingRule(Protocol):
    """Decides when to stop.

    Attributes
    ----------
    every : int
        Number of iterations between records of the metrics and tests of the rule.
    from_start : bool
        Whether to record metrics before the first iteration, too.
    tol : float
        Tolerance; 0 runs all iterations and never warns.
    """

    every: int
    from_start: bool
    tol: float

    def reached(self, history: History) -> bool:
        """Whether to stop after the last record."""

    def missed(self, history: History, max_iter: int) -> str:
        """The warning if `max_iter` iterations were not enough."""


@dataclass(frozen=True)
class SmallGain:
    """Stop when the objective increases by at most ``tol * scale`` between records."""

    tol: float
    scale: float
    every: int = 10  # a record costs about half an iteration
    from_start: bool = False

    def _gain(self, history: History) -> float:
        objective = history["objective"]
        return objective[-1] - objective[-2] if len(objective) > 1 else math.inf

    def reached(self, history: History) -> bool:
        return self.tol > 0 and self._gain(history) <= self.tol * self.scale

    def missed(self, history: History, max_iter: int) -> str:
        gain = self._gain(history) / self.scale
        seen = "too few to tell whether the objective has converged"
        if math.isfinite(gain):
            seen = f"while the objective still increased by {gain:.1e} per token"
            seen += f" in {self.every} iterations"
        return (
            f"Stopped after max_iter={max_iter} iterations, {seen} (tol={self.tol:g}). "
            "Increase max_iter or tol."
        )


@dataclass(frozen=True)
class _AsNMF:
    """The convergence warning of scikit-learn's NMF."""

    tol: float
    from_start: bool = False

    def missed(self, history: History, max_iter: int) -> str:
        return (
            f"Maximum number of iterations {max_iter} reached. Increase it to improve "
            "convergence."
        )


@dataclass(frozen=True)
class SmallDecrease(_AsNMF):
    """Stop when the error decreases by less than `tol` times the first error."""

    every: int = 10
    from_start: bool = True

    def reached(self, history: History) -> bool:
        error = history["error"]
        decrease = error[-2] - error[-1] if len(error) > 1 else math.inf
        return self.tol > 0 and (decrease < self.tol * error[0] or error[-1] == 0)


@dataclass(frozen=True)
class SmallViolation(_AsNMF):
    """Stop when the violation is at most `tol` times the first violation."""

    every: int = 1

    def reached(self, history: History) -> bool:
        violation = history["violation"]
        return violation[-1] <= self.tol * violation[0]


@dataclass(frozen=True)
class NoImprovement:
    """Stop when the objective has not improved for `patience` iterations."""

    patience: int | None  # None runs all iterations
    min_iter: int = 1
    every: int = 1
    from_start: bool = False
    tol: float = 0.0

    def reached(self, history: History) -> bool:
        objective = history["objective"]
        if self.patience is None or len(objective) < self.min_iter:
            return False
        return len(objective) - 1 - objective.index(max(objective)) >= self.patience

    def missed(self, history: History, max_iter: int) -> str:
        return ""


@dataclass(frozen=True)
class SmallPerplexityChange:
    """Stop when the perplexity changes by less than `tol` between two records."""

    tol: float
    every: int
    from_start: bool = False

    def reached(self, history: History) -> bool:
        values = history["perplexity"]
        return len(values) > 1 and abs(values[-2] - values[-1]) < self.tol

    def missed(self, history: History, max_iter: int) -> str:
        return ""  # as in scikit-learn
