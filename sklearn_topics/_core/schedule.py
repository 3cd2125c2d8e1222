"""Learning-rate schedules: constant, cosine, a function, or one of torch's schedulers.

A solver asks its `Schedule` for the rate and passes on its loss after each epoch; it
does not know which kind of schedule it has.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch.optim import lr_scheduler

from .solver import State

#: torch's schedulers that take one step per epoch.
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

#: Schedules with a name.
SCHEDULES = ("constant", "cosine", *SCHEDULERS)

# Parameters of torch that are not the user's: the loss is minimised, and the solver's
# state is what a fit resumes from.
_NOT_PARAMETERS = "optimizer", "last_epoch", "mode"
_PREFIX = "schedule."


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate of each epoch of a fit.

    An epoch is an iteration of the solver.

    Parameters
    ----------
    learning_rate : float
        The rate that the schedule multiplies.
    """

    learning_rate: float

    def init_state(self) -> State:
        """Entries of the solver's state for the schedule, before the first epoch."""
        return {}

    @abstractmethod
    def rate(self, state: State, epochs: float) -> float:
        """The learning rate after so many epochs, of which the last may be partial."""

    def advance(self, state: State, loss: Callable[[], float]) -> State:
        """These entries after an epoch with this loss."""
        return {}


@dataclass(frozen=True)
class FactorSchedule(Schedule):
    """A factor of the learning rate for each number of epochs done.

    Parameters
    ----------
    factor : callable
        Epochs done -> factor.
    """

    factor: Callable[[float], float]

    def rate(self, state: State, epochs: float) -> float:
        return self.learning_rate * self.factor(epochs)


@dataclass(frozen=True)
class TorchSchedule(Schedule):
    """A scheduler of `torch.optim.lr_scheduler` that does not depend on the loss.

    Parameters
    ----------
    name : str
        One of `SCHEDULERS`.
    params : mapping of str to object
        The scheduler's own parameters.
    n_epochs : int
        Most epochs of the fit.
    """

    name: str
    params: Mapping
    n_epochs: int

    @cached_property
    def _rates(self) -> list[float]:
        optimizer, scheduler = _make_torch(self.name, self.params, self.learning_rate)
        rates = []
        for _ in range(self.n_epochs):
            rates.append(_rate_of(optimizer))
            optimizer.step()  # torch warns if no step comes before the scheduler's
            scheduler.step()
        return rates

    def rate(self, state: State, epochs: float) -> float:
        return self._rates[int(epochs)]


@dataclass(frozen=True)
class PlateauSchedule(Schedule):
    """torch's ReduceLROnPlateau, whose state between two epochs is numbers.

    Parameters
    ----------
    params : mapping of str to object
        The scheduler's own parameters.
    """

    params: Mapping = field(default_factory=dict)

    def init_state(self) -> State:
        return _numbers(*self._make())

    def rate(self, state: State, epochs: float) -> float:
        return state[f"{_PREFIX}lr"]

    def advance(self, state: State, loss: Callable[[], float]) -> State:
        optimizer, scheduler = self._make()
        optimizer.param_groups[0]["lr"] = state[f"{_PREFIX}lr"]
        parts = scheduler.state_dict().keys()
        own = {name: state[_PREFIX + name] for name in parts if _PREFIX + name in state}
        scheduler.load_state_dict(own)
        scheduler.step(loss())
        return _numbers(optimizer, scheduler)

    def _make(self):
        return _make_torch("ReduceLROnPlateau", self.params, self.learning_rate)


def make_schedule(
    choice: str | Callable[[int], float],
    params: Mapping | None,
    learning_rate: float,
    n_epochs: int,
) -> Schedule:
    """The schedule that a user's parameters choose.

    Parameters
    ----------
    choice : str or callable
        One of `SCHEDULES`, or epochs done -> factor of `learning_rate`.
    params : mapping of str to object, or None
        Parameters of a scheduler of torch.
    learning_rate : float
    n_epochs : int
        Most epochs of the fit: "cosine" falls to zero in so many.

    Raises
    ------
    ValueError
        If there are parameters for a schedule that takes none, or wrong ones.
    """
    if choice in SCHEDULERS:
        params = dict(params or {})
        _check_params(choice, params, learning_rate)
        if choice == "ReduceLROnPlateau":
            return PlateauSchedule(learning_rate, params)
        return TorchSchedule(learning_rate, choice, params, n_epochs)
    if params is not None:
        raise ValueError(
            "schedule_params are those of torch's schedulers, "
            f"{', '.join(SCHEDULERS)}; learning_rate_schedule is {choice!r}. Leave "
            "them None, or choose one of these."
        )
    if choice == "constant":
        return FactorSchedule(learning_rate, lambda epochs: 1.0)
    if choice == "cosine":
        return FactorSchedule(learning_rate, partial(_cosine, n_epochs))
    return FactorSchedule(learning_rate, choice)


def _cosine(n_epochs: int, epochs: float) -> float:
    """From 1 to 0 in `n_epochs`."""
    return 0.5 * (1 + math.cos(math.pi * min(epochs / n_epochs, 1.0)))


def _check_params(name: str, params: Mapping, learning_rate: float) -> None:
    known = inspect.signature(getattr(lr_scheduler, name)).parameters
    known = [parameter for parameter in known if parameter not in _NOT_PARAMETERS]
    unknown = [parameter for parameter in params if parameter not in known]
    if unknown:
        raise ValueError(
            f"schedule_params has {', '.join(map(repr, unknown))}, but the parameters "
            f"of {name} are {', '.join(known)}."
        )
    try:
        optimizer, scheduler = _make_torch(name, params, learning_rate)
        optimizer.step()
        scheduler.step(*[0.0] * (name == "ReduceLROnPlateau"))
    except (TypeError, ValueError, ArithmeticError) as refusal:
        raise ValueError(
            f"torch's {name} refuses schedule_params={dict(params)}: {refusal}"
        ) from refusal


def _make_torch(name: str, params: Mapping, learning_rate: float):
    """An optimizer of nothing, which holds the rate, and its scheduler."""
    nothing = torch.zeros((), device="cpu", requires_grad=True)
    optimizer = torch.optim.SGD([nothing], lr=learning_rate)
    return optimizer, getattr(lr_scheduler, name)(optimizer, **params)


def _rate_of(optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def _numbers(optimizer, scheduler) -> State:
    state = {f"{_PREFIX}lr": _rate_of(optimizer)}
    for name, value in scheduler.state_dict().items():
        if type(value) in (int, float):
            state[_PREFIX + name] = value
    return state
