"""The solver protocol: what `run_fit` needs from an algorithm."""

from typing import Protocol

from torch import Tensor

from .._kernels import CSR

State = dict[str, Tensor | int]


class Solver(Protocol):
    """One iterative algorithm, one step at a time.

    A state is a flat dict that holds all that a resumed run needs. `step` returns a
    new state and leaves the old one as it was: the best state can be kept by
    reference, and an interrupted step loses nothing. A solver knows nothing of
    tolerances, progress bars, callbacks or files.
    """

    def step(self, X: CSR | Tensor, state: State) -> State:
        """One iteration."""

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """The objective (to be maximised) and the KKT residual at `state`."""


class Diverged(FloatingPointError):
    """A step has left the numbers; the state before it is as it was."""
