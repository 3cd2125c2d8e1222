"""Checks of the callbacks' parameters."""

from numbers import Integral


def check_count(name: str, value, least: int = 1) -> int:
    """An integer parameter of a callback, of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}; got {value!r}."
        )
    return int(value)
