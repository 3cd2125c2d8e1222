"""The unit in which data are computed on, so that constants mean the same for all.

Floors of a reconstruction and thresholds for zeros are numbers. They mean the same
whatever X is measured in only where a typical entry of X is about one. Data that are
far from there are multiplied by a power of four, and each factor by its root: both are
exact, so that nothing else changes. What is near stays, for scikit-learn's constants to
be its constants.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.csr import wide_dtype
from .solver import Solver, State

#: Between these powers of two a typical entry stays as it is.
_NEAR = -5.0, 20.0

#: Largest exponent: its power of four is a number in float32.
_MOST = 60


@dataclass(frozen=True)
class Unit:
    """X is computed on as ``X * data``, and its factors as ``W * factor``.

    Parameters
    ----------
    exponent : int
        Of four in `data`, and of two in `factor`.
    """

    exponent: int = 0

    @classmethod
    def of(cls, X: CSR | Tensor) -> "Unit":
        """That of data whose geometric mean, over positive entries, is far from one."""
        typical = _mean_log2(X.data if isinstance(X, CSR) else X)
        if _NEAR[0] <= typical <= _NEAR[1]:
            return cls()
        return cls(max(-_MOST, min(_MOST, -round(typical / 2))))

    @classmethod
    def of_factor(cls, H: CSR | Tensor) -> "Unit":
        """That of data of which this is one of two factors of about equal size."""
        return cls(2 * cls.of(H).exponent)

    @property
    def data(self) -> float:
        return 4.0**self.exponent

    @property
    def factor(self) -> float:
        return 2.0**self.exponent

    def measure(self, X: CSR | Tensor) -> CSR | Tensor:
        """X in this unit: itself where that is the same, else with other values."""
        if self.exponent == 0:
            return X
        if isinstance(X, CSR):
            return X.with_data(X.data * self.data)
        return X * self.data

    def measure_factor(self, A: Tensor) -> Tensor:
        return A if self.exponent == 0 else A * self.factor

    def restore_factor(self, A: Tensor) -> Tensor:
        return A if self.exponent == 0 else A / self.factor


def _mean_log2(values: Tensor) -> float:
    """Mean of log2 over the positive values; 0 if there is none."""
    wide = wide_dtype(values.device)
    total = torch.zeros((), dtype=wide, device=values.device)
    count = torch.zeros((), dtype=torch.int64, device=values.device)
    step = max(1, (1 << 18) // max(values[:1].numel(), 1))
    for part in values.split(step):  # no wide copy of all of them
        positive = part > 0  # not NaN
        logs = part.to(wide).where(positive, 1).log2_()
        total += logs.sum()
        count += positive.sum()
    return float(total / count.clamp(min=1))


@dataclass(frozen=True)
class Rescaled:
    """A solver whose metrics are given in another unit than it computes in.

    Parameters
    ----------
    solver : Solver
    scales : mapping of str to float
        What some of the metrics are multiplied by.
    """

    solver: Solver
    scales: Mapping[str, float]

    def step(self, X: CSR | Tensor, state: State) -> State:
        return self.solver.step(X, state)

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        found = self.solver.evaluate(X, state)
        return {name: self.scales.get(name, 1.0) * v for name, v in found.items()}
