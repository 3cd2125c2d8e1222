"""Counts on disk, and readers of the formats that corpora come in."""

from ._counts import Counts
from ._open import iter_counts, open_counts, read_counts
from ._vectorize import vectorize
from ._write import write_counts

__all__ = [
    "Counts",
    "iter_counts",
    "open_counts",
    "read_counts",
    "vectorize",
    "write_counts",
]
