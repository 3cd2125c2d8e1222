"""Group labels of documents, in any container -> ordered groups."""

import numpy as np

from .._boundary.containers import readable
from .._boundary.documents import is_missing


def number_groups(groups):
    """The ordered groups, None last if labels are missing, and each label's number.

    Groups are in the order of the categories of a pandas Categorical or a polars Enum;
    other labels are sorted.
    """
    labels = _labels(readable(groups, "groups"))
    present = set(labels)
    missing = present & {None}
    categories = getattr(getattr(groups, "dtype", None), "categories", None)
    # A polars Categorical has no order; its `categories` are no array.
    if hasattr(categories, "__array__"):
        names = [name for name in np.asarray(categories) if name in present]
    else:
        names = _sorted(present - missing)
    names += missing
    number = {name: i for i, name in enumerate(names)}
    numbers = np.array([number[label] for label in labels], dtype=np.intp)
    return np.fromiter(names, labels.dtype, len(names)), numbers


def _labels(groups) -> np.ndarray:
    """One label per document; an object array with None if labels are missing."""
    # numpy would convert a NaN in a list of texts to the text "nan".
    values = groups if isinstance(groups, list | tuple) else np.asarray(groups)
    if np.ndim(values) != 1:
        raise ValueError(
            "groups must contain one label per document, in one dimension. Got shape "
            f"{np.shape(values)}."
        )
    missing = [is_missing(value) for value in values]
    if not any(missing):
        return np.asarray(values)
    pairs = zip(values, missing, strict=True)
    return np.array([None if is_na else value for value, is_na in pairs], dtype=object)


def _sorted(labels) -> list:
    try:
        return sorted(labels)
    except TypeError:  # types without a common order, such as numbers and texts
        return sorted(labels, key=str)
