"""Checks of arguments whose errors torch would report in its own terms."""

import math
from numbers import Real

from .._boundary.arguments import is_integer


def is_number(value, low=-math.inf, high=math.inf) -> bool:
    """Whether `value` is a finite number from `low` to `high`; True is not."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and low <= value <= high


def check_sizes(**sizes) -> None:
    _check(sizes, lambda value: is_integer(value, 1), "a positive integer")


def check_finite(**numbers) -> None:
    _check(numbers, is_number, "a finite number")


def check_nonnegative(**numbers) -> None:
    _check(numbers, lambda value: is_number(value, 0), "a nonnegative number")


def check_rates(**rates) -> None:
    expected = "at least 0 and less than 1"
    _check(rates, lambda value: is_number(value, 0) and value < 1, expected)


def _check(arguments, is_valid, expected: str) -> None:
    for name, value in arguments.items():
        if not is_valid(value):
            raise ValueError(f"{name} must be {expected}. Got {value!r}.")
