"""Counts on disk, and readers of the formats that corpora come in."""

from .._disk.counts import Counts
from .._disk.write import write_counts
from ._open import iter_counts, open_counts, read_counts
from ._vectorize import vectorize

__all__ = [
    "Counts",
    "iter_counts",
    "open_counts",
    "read_counts",
    "vectorize",
    "write_counts",
]
