"""Group labels of documents, in any container -> ordered groups."""

import numpy as np

from ..metrics._labels import one_each


def number_groups(groups):
    """The ordered groups, None last if labels are missing, and each label's number.

    Groups are in the order of the categories of a pandas Categorical or a polars Enum;
    other labels are sorted.
    """
    labels, missing = one_each(groups, "groups")
    present = set(labels[~missing])
    categories = getattr(getattr(groups, "dtype", None), "categories", None)
    # A polars Categorical has no order; its `categories` are no array.
    if hasattr(categories, "__array__"):
        names = [name for name in np.asarray(categories) if name in present]
    else:
        names = _sorted(present)
    if missing.any():
        names.append(None)
    number = {name: i for i, name in enumerate(names)}
    numbers = np.array([number[label] for label in labels], dtype=np.intp)
    return np.fromiter(names, labels.dtype, len(names)), numbers


def _sorted(labels) -> list:
    try:
        return sorted(labels)
    except TypeError:  # types without a common order, such as numbers and texts
        return sorted(labels, key=str)
