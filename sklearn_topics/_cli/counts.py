"""Read counts in any format of `sklearn_topics.io`, for one error line."""

from pathlib import Path

import numpy as np

from .. import io
from ..io._formats import KEYED, ROWS, format_of, named_format
from .errors import CommandError, one_line


def is_counts(path) -> bool:
    """Whether the name of a file, or a folder, says that it contains counts."""
    return named_format(path) is not None


def takes_key(path) -> bool:
    """Whether a file may contain several matrices of counts."""
    return named_format(path) in KEYED


def read_counts(path, format, key, n_terms):
    """Counts (CSR) of a file, and the names of the terms, or None.

    `format` is "counts", which leaves it to the file, or a format of `io.read_counts`.
    """
    try:
        found = format_of(path, None if format == "counts" else format)
        # Other formats say themselves how many terms there are.
        size = {"n_features": n_terms} if found in ROWS else {}
        named = {"format": found} if format != "counts" else {}
        X = io.read_counts(path, key=key, **named, **size)
    except (ValueError, ImportError) as error:
        problem = one_line(error).removeprefix(f"{Path(path)}: ")
        raise CommandError(problem) from error
    counts = X.tocsr()
    _check_values(counts)
    return counts, X.feature_names


def _check_values(counts):
    if counts.nnz and not counts.data.min() >= 0:
        (first,) = np.nonzero(~(counts.data >= 0))[0][:1]
        row = int(np.searchsorted(counts.indptr, first, side="right")) - 1
        raise CommandError(
            f"counts must be at least 0 and not NaN. Row {row}, column "
            f"{counts.indices[first]} contains {counts.data[first]}"
        )
