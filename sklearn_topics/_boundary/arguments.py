"""Validation of arguments; messages name the argument and what was expected."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real

import numpy as np


def is_integer(value, least: float = -np.inf) -> bool:
    """Whether a value is an integer of at least `least`; a bool is not."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and value >= least


def are_sizes(values) -> bool:
    """Whether there are values, and all are positive integers."""
    return len(values) > 0 and all(is_integer(value, 1) for value in values)


def check_layer_sizes(sizes, name: str) -> None:
    """Raise an error unless there are sizes, and all are positive integers."""
    if not (isinstance(sizes, Sequence) and are_sizes(sizes)):
        raise ValueError(
            f"{name} must contain positive integers only, at least one. Got {sizes!r}."
        )


def check_integer(value, name: str, *, least: int = 1, also: str = "") -> int:
    """Validate an integer >= `least`; `also` describes other allowed values."""
    problem = f"{name} must be an integer of at least {least}{also}. Got {value!r}."
    if not is_integer(value):
        raise TypeError(problem)
    if value < least:
        raise ValueError(problem)
    return int(value)


def check_number(value, name: str, least: float, most: float, *, open: bool) -> float:
    """Validate a number between two bounds, which are included unless `open`."""
    between = (
        f"above {least:g}" if most == np.inf else f"between {least:g} and {most:g}"
    )
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number {between}. Got {value!r}.")
    inside = least < value < most if open else least <= value <= most  # NaN is not
    if not inside:
        raise ValueError(f"{name} must be {between}. Got {value!r}.")
    return float(value)


def check_choice(value, name: str, choices, aliases: Mapping | None = None) -> str:
    """Validate a name among `choices`; aliases are replaced by their choice."""
    aliases = aliases or {}
    if isinstance(value, str) and (value in choices or value in aliases):
        return aliases.get(value, value)
    suggestion = did_you_mean(value, [*choices, *aliases])
    raise ValueError(
        f"{name} must be one of {', '.join(choices)}. Got {value!r}.{suggestion}"
    )


def check_sequence(values, name: str, of: str) -> list:
    """Validate a sequence, not a single str or number; returns a list."""
    found = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(found, str | bytes) or not hasattr(found, "__iter__"):
        raise TypeError(f"{name} must be a sequence of {of}. Got {values!r}.")
    return list(found)


def did_you_mean(word, words) -> str:
    """A sentence that suggests those of `words` with similar spelling, or ""."""
    spelled = {str(known).lower(): str(known) for known in words}
    near = get_close_matches(str(word).lower(), spelled, n=3)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(spelled[match]) for match in near)}?"
