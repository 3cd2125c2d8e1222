"""The solver protocol: what `iterate` needs from an algorithm."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.csr import accumulation_dtype

#: Factors, moments and the generator's state are tensors. A number that a step computes
#: stays on the device, as a tensor of shape (); rates and counters are plain numbers.
#: None stands for what is not known.
State = dict[str, Tensor | float | int | None]


class Solver(Protocol):
    """One iterative algorithm, one step at a time.

    A state is a flat dict that holds all that a resumed run needs. ``init_state``,
    whose arguments are the solver's own, returns the first one. `step` returns a new
    state and leaves the old one as it was: the best state can be kept by reference, and
    an interrupted step loses nothing. A solver knows nothing of tolerances, progress
    bars, callbacks or files.
    """

    def step(self, X: CSR | Tensor, state: State) -> State:
        """One iteration."""

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """The objective (to be maximised), and what else there is to record.

        It reads the device once or twice; a step once at most.
        """


def on_host(numbers: Mapping[str, Tensor | float]) -> dict[str, float]:
    """The same as floats: tensors of shape () on a device are read all at once."""
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
    """A step has left the numbers; the state before it is as it was."""
