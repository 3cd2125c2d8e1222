"""Checks of arguments whose errors torch would report in its own terms."""

import math
from numbers import Real

from .._boundary.arguments import is_integer


def is_number(value, low=-math.inf, high=math.inf) -> bool:
    """Whether `value` is a finite number from `low` to `high`; True is not."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and low <= value <= high


def check_sizes(**sizes) -> None:
    for name, value in sizes.items():
        if not is_integer(value, 1):
            raise ValueError(f"{name} must be a positive integer. Got {value!r}.")


def check_finite(**numbers) -> None:
    for name, value in numbers.items():
        if not is_number(value):
            raise ValueError(f"{name} must be a finite number. Got {value!r}.")


def check_nonnegative(**numbers) -> None:
    for name, value in numbers.items():
        if not is_number(value, 0):
            raise ValueError(f"{name} must be a nonnegative number. Got {value!r}.")


def check_rates(**rates) -> None:
    """Check that rates are in [0, 1)."""
    for name, value in rates.items():
        if not (is_number(value, 0) and value < 1):
            raise ValueError(
                f"{name} must be at least 0 and less than 1. Got {value!r}."
            )
