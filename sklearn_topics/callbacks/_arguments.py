"""Validation of the parameters of callbacks."""

from numbers import Integral


def check_count(name: str, value, least: int = 1) -> int:
    """Validate an integer parameter of a callback, at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}. Got {value!r}."
        )
    return int(value)
