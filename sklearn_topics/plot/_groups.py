"""Labels of documents in any container -> groups in a telling order."""

import numpy as np

from .._boundary.containers import readable
from .._boundary.documents import is_missing


def number_groups(groups):
    """The groups in their order, None last if labels are missing; each label's number.

    The order is that of the categories if `groups` has such, as a pandas Categorical
    and a polars Enum have, and the sorted one otherwise.
    """
    labels = _labels(readable(groups, "groups"))
    present = set(labels)
    missing = present & {None}
    categories = getattr(getattr(groups, "dtype", None), "categories", None)
    # A polars Categorical has no order, and what it lists there is no array.
    if hasattr(categories, "__array__"):
        names = [name for name in np.asarray(categories) if name in present]
    else:
        names = _sorted(present - missing)
    names += missing
    number = {name: i for i, name in enumerate(names)}
    numbers = np.array([number[label] for label in labels], dtype=np.intp)
    return np.fromiter(names, labels.dtype, len(names)), numbers


def _labels(groups) -> np.ndarray:
    """One label a document; objects, with None for those missing, if any is."""
    # numpy would make the text "nan" of a NaN in a list of texts.
    values = groups if isinstance(groups, list | tuple) else np.asarray(groups)
    if np.ndim(values) != 1:
        raise ValueError(
            "groups must be one label a document, in one dimension. Got an array of "
            f"shape {np.shape(values)}."
        )
    missing = [is_missing(value) for value in values]
    if not any(missing):
        return np.asarray(values)
    pairs = zip(values, missing, strict=True)
    return np.array([None if gone else value for value, gone in pairs], dtype=object)


def _sorted(labels) -> list:
    try:
        return sorted(labels)
    except TypeError:  # of types without a common order, as numbers and texts
        return sorted(labels, key=str)
