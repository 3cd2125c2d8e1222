"""The unit in which data are computed on, so that constants mean the same for all.

Floors of a reconstruction and thresholds for zeros are numbers. They mean the same
whatever X is measured in only where a typical entry of X is about one. Data that are
far from there are multiplied by a power of four, and each factor by its root: both are
exact, so that nothing else changes. What is near stays, for scikit-learn's constants to
be its constants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import wide_sums
from .._kernels.ranks import agreed_numbers, all_sum
from .solver import Solver, State

#: Between these powers of two a typical entry stays as it is.
_NEAR = -8.0, 20.0

#: Largest exponent of two in float64.
_DOUBLE = 1000

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
    def of(cls, X: CSR | Tensor, least: float = 0.0) -> "Unit":
        """The unit of data: another one where their geometric mean is far from one.

        What is added to the data, of size `least`, is data too.
        """
        typical = log2(geometric_mean(X))
        typical = max(typical, log2(least)) if least > 0 else typical
        if _NEAR[0] <= typical <= _NEAR[1]:
            return cls()
        return cls(max(-_MOST, min(_MOST, -round(typical / 2))))

    @classmethod
    def of_factor(cls, H: CSR | Tensor) -> "Unit":
        """The unit of data that are the product of this factor and one like it."""
        return cls(2 * cls.of(H).exponent)

    @property
    def data(self) -> float:
        return 4.0**self.exponent

    @property
    def factor(self) -> float:
        return 2.0**self.exponent

    def power(self, beta: float) -> float:
        """``data**beta``: what a beta-divergence is multiplied by."""
        exponent = 2 * self.exponent * beta
        if abs(exponent) > _DOUBLE:
            raise FloatingPointError(
                f"beta_loss={beta:g} of values as small or large as those of X is no "
                "number in float64: rescale X."
            )
        return 2.0**exponent

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


def geometric_mean(X: CSR | Tensor) -> float:
    """Geometric mean of the positive entries; 1 if there is none."""
    sums = wide_sums(X, lambda x: x.where(x > 0, 1).log2_(), lambda x: (x > 0).to(x))
    total, count = all_sum(sums).tolist()  # NaN is not positive
    mean = {"mean": 2.0 ** (total / max(count, 1))}
    return agreed_numbers(mean)["mean"]  # it decides on the unit


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

    @property
    def repeatable(self) -> bool:
        return self.solver.repeatable

    def step(self, X: CSR | Tensor, state: State) -> State:
        return self.solver.step(X, state)

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        found = self.solver.evaluate(X, state)
        return {name: self.scales.get(name, 1.0) * v for name, v in found.items()}
