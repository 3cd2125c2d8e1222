"""The solver protocol: what `iterate` needs from an algorithm."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.csr import accumulation_dtype

#: Factors, moments and the generator are tensors; metrics that a step computes stay
#: on the device as tensors of shape (); rates and counters are plain numbers. None is
#: unknown.
State = dict[str, Tensor | float | int | None]


class Solver(Protocol):
    """One iterative algorithm, one step at a time.

    A state is a flat dict that holds all that a resumed run needs. ``init_state``,
    whose arguments are the solver's own, returns the first one. `step` returns a new
    state and leaves the old one as it was: the best state can be kept by reference, and
    an interrupted step loses nothing. A solver knows nothing of tolerances, progress
    bars, callbacks or files.

    Attributes
    ----------
    repeatable : bool
        Whether a step does the same operations from all states that are alike, and
        draws nothing: see `_kernels.graphs`.
    """

    repeatable: bool

    def step(self, X: CSR | Tensor, state: State) -> State:
        """One iteration."""

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """The metrics of a state: its objective, which is maximised, and others.

        It reads from the device once or twice; a step reads nothing.
        """


def select(condition: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` if the condition, of shape (), holds, else `old`.

    On a device the choice is made there: nothing is read. On the CPU one of the two is
    returned: nothing is copied.
    """
    if condition.device.type == "cpu":
        return new if condition else old
    return torch.where(condition, new, old)


def on_host(numbers: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Metrics as plain numbers; one read fetches all tensors of shape ()."""
    there = {
        name: value
        for name, value in numbers.items()
        if isinstance(value, Tensor) and value.device.type != "cpu"
    }
    if there:
        wide = accumulation_dtype(next(iter(there.values())).device)
        values = torch.stack([value.to(wide) for value in there.values()]).tolist()
        numbers = {**numbers, **dict(zip(there, values, strict=True))}
    return {name: float(value) for name, value in numbers.items()}


class Diverged(FloatingPointError):
    """The step produced non-finite values; the previous state is intact."""
