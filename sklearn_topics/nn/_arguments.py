"""Checks of the modules' arguments, which torch would name in its own terms."""

import math
from numbers import Integral, Real


def is_size(value) -> bool:
    """Whether this is an integer above 0; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def is_number(value, low=-math.inf, high=math.inf) -> bool:
    """Whether this is a finite number from low to high; True is none."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and low <= value <= high


def check_sizes(**sizes) -> None:
    """Raise for a size that is no positive integer."""
    for name, value in sizes.items():
        if not is_size(value):
            raise ValueError(f"{name} must be a positive integer; it is {value!r}.")


def check_shares(**shares) -> None:
    """Raise for a share that is not in [0, 1)."""
    for name, value in shares.items():
        if not (is_number(value, 0) and value < 1):
            raise ValueError(
                f"{name} must be at least 0 and less than 1; it is {value!r}."
            )
