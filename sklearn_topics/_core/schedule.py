"""torch's learning-rate schedulers, whose state between two steps is numbers."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch.optim import lr_scheduler

from .solver import State

#: Those that know all they need from their parameters, one step an epoch.
SCHEDULERS = (
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "LinearLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ReduceLROnPlateau",
)

# What is not the user's: the loss is minimised, and states are resumed by us.
_NOT_PARAMETERS = "optimizer", "last_epoch", "mode"
_PREFIX = "schedule."


@dataclass(frozen=True)
class Scheduler:
    """A scheduler of `torch.optim.lr_scheduler`, for solvers without an optimizer.

    Parameters
    ----------
    name : str
        One of `SCHEDULERS`.
    params : mapping of str to object
        The scheduler's own parameters.
    learning_rate : float
        The one to begin with.

    Raises
    ------
    ValueError
        If the scheduler refuses the parameters.
    """

    name: str
    params: Mapping = field(default_factory=dict)
    learning_rate: float = 1.0

    def __post_init__(self):
        known = inspect.signature(getattr(lr_scheduler, self.name)).parameters
        known = [name for name in known if name not in _NOT_PARAMETERS]
        unknown = [name for name in self.params if name not in known]
        if unknown:
            raise ValueError(
                f"schedule_params has {', '.join(map(repr, unknown))}, but the "
                f"parameters of {self.name} are {', '.join(known)}."
            )
        try:
            self.advance(self.begin(), 0.0)
        except (TypeError, ValueError, ArithmeticError) as refusal:
            raise ValueError(
                f"torch's {self.name} refuses schedule_params={dict(self.params)}: "
                f"{refusal}"
            ) from refusal

    @property
    def needs_loss(self) -> bool:
        """Whether `advance` looks at the loss."""
        return self.name == "ReduceLROnPlateau"

    def begin(self) -> State:
        """What a solver's state holds of the schedule before the first epoch."""
        return _numbers(*self._make())

    @staticmethod
    def rate(state: State) -> float:
        """The learning rate of the next epoch."""
        return state[f"{_PREFIX}lr"]

    def advance(self, state: State, loss: float) -> State:
        """The same after an epoch, which ended with this loss."""
        optimizer, scheduler = self._make()
        optimizer.param_groups[0]["lr"] = self.rate(state)
        scheduler.load_state_dict(
            {
                name.removeprefix(_PREFIX): value
                for name, value in state.items()
                if name.startswith(_PREFIX) and name != f"{_PREFIX}lr"
            }
        )
        optimizer.step()  # of nothing; torch warns if it has not been called
        if self.needs_loss:
            scheduler.step(loss)
        else:
            scheduler.step()
        return _numbers(optimizer, scheduler)

    def _make(self):
        nothing = torch.zeros((), device="cpu", requires_grad=True)
        optimizer = torch.optim.SGD([nothing], lr=self.learning_rate)
        return optimizer, getattr(lr_scheduler, self.name)(optimizer, **self.params)


def _numbers(optimizer, scheduler) -> State:
    state = {f"{_PREFIX}lr": float(optimizer.param_groups[0]["lr"])}
    for name, value in scheduler.state_dict().items():
        if type(value) in (int, float):
            state[_PREFIX + name] = value
    return state


def make_schedule(name: str, params: Mapping | None, learning_rate: float):
    """A `Scheduler` for one of torch's names; any other name as it is.

    Raises
    ------
    ValueError
        If there are parameters for a name that takes none, or wrong ones.
    """
    if name in SCHEDULERS:
        return Scheduler(name, dict(params or {}), learning_rate)
    if params is not None:
        raise ValueError(
            "schedule_params are those of torch's schedulers, "
            f"{', '.join(SCHEDULERS)}; learning_rate_schedule is {name!r}. Leave them "
            "None, or choose one of these."
        )
    return name
