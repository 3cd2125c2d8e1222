"""Starts of periods -> where a curve over time is broken."""

import numpy as np

from .._boundary.arguments import check_choice
from ._frames import _ALIASES, _PERIODS, start_of_periods

#: Length of each period, in a unit of numpy.
_LENGTHS = {
    "year": ("Y", 1),
    "quarter": ("M", 3),
    "month": ("M", 1),
    "week": ("D", 7),
    "day": ("D", 1),
    "hour": ("h", 1),
}


def after_gaps(starts, freq: str) -> np.ndarray:
    """Positions of the periods whose previous period is missing; the first is none."""
    unit, length = _LENGTHS[check_choice(freq, "freq", _PERIODS, _ALIASES)]
    starts = start_of_periods(starts, freq).astype(f"M8[{unit}]")
    return np.flatnonzero(np.diff(starts.astype(np.int64)) > length) + 1


def runs(known, gaps) -> list[np.ndarray]:
    """Positions of known values, in runs that end at unknown values and at gaps."""
    ends = np.union1d(np.flatnonzero(np.diff(known)) + 1, gaps).astype(np.intp)
    pieces = np.split(np.arange(len(known)), ends)
    return [piece for piece in pieces if len(piece) and known[piece[0]]]
