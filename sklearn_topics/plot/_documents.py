"""What displays are given -> proportions of documents, and names of topics."""

import numpy as np

from .._boundary.containers import readable
from .._boundary.inputs import count_rows
from .._boundary.pipelines import accepts_missing, split_pipeline
from .._boundary.proportions import (
    given_proportions,
    proportions_and_counts,
    unassigned,
)
from ..inspection import top_terms

#: How far the sum of a row of proportions may be from one.
_TOLERANCE = 1e-2


def name_topics(model, feature_names, n_terms: int) -> list[str]:
    """Number and first terms of each topic, as in "3: cat dog"."""
    return [
        f"{k}: {' '.join(str(term) for term, _ in row)}"
        for k, row in enumerate(top_terms(model, feature_names, n_terms))
    ]


def count_documents(X, theta=None, model=None) -> int:
    """How many documents there are, by the proportions or the data.

    Without a pipeline, the data must be in a container that its `model` reads.
    """
    if X is None and theta is None:
        raise ValueError(
            "Pass the documents as X, or their topic proportions as theta."
        )
    if theta is not None:
        readable(theta, "theta")
    if X is not None and split_pipeline(model)[0] is None:
        readable(X, missing=accepts_missing(model))
    if isinstance(X, str):
        raise ValueError("X is one string. Pass a list of texts.")
    for name, given in (("X", X), ("theta", theta)):
        if given is not None and not hasattr(given, "__len__"):
            raise TypeError(f"{name} must hold documents. Got {given!r}.")
    n = count_rows(X if theta is None else theta)
    if X is not None and count_rows(X) != n:
        raise ValueError(f"X has {count_rows(X)} documents, but theta has {n} rows.")
    if n == 0:
        raise ValueError("There are no documents to draw.")
    return n


def require_transform(model) -> None:
    """Refuse what has topics, but cannot find them in documents."""
    _, last = split_pipeline(model)
    if not hasattr(last, "transform"):
        raise TypeError(
            f"X needs a fitted model; topics of type {type(last).__name__} cannot "
            "transform documents. Pass the proportions that are known as theta."
        )


def known_proportions(model, X, theta):
    """Proportions by the model, or given; a row of NaN where there is no topic."""
    if theta is None:
        require_transform(model)
    if X is None:
        found, counts = given_proportions(theta, split_pipeline(model)[1]), None
    else:
        found, counts = proportions_and_counts(model, X, theta)
    return without_topic(found, counts)


def check_proportions(theta) -> np.ndarray:
    """Validate proportions without a model: float64, a row of NaN for no topic."""
    try:
        theta = np.array(readable(theta, "theta"), np.float64)
    except (TypeError, ValueError) as error:
        reason = f"theta must hold numbers, in rows of one length: {error}."
        raise ValueError(reason) from error
    if theta.ndim != 2 or theta.shape[1] == 0:
        raise ValueError(
            "theta must have a row for each document and a column for each topic. Got "
            f"shape {theta.shape}."
        )
    if np.nanmin(theta, initial=0) < 0:
        raise ValueError("theta has negative entries, which are no proportions.")
    theta[theta.sum(axis=1) == 0] = np.nan
    total = theta.sum(axis=1)
    wrong = np.flatnonzero(np.abs(total - 1) > _TOLERANCE)
    if len(wrong):
        raise ValueError(
            f"Rows of theta must sum to one; row {wrong[0]} sums to "
            f"{total[wrong[0]]:.3g}. Divide each by its sum, or pass the model too: "
            "from_estimator(model, theta=...) knows the scale of its topics."
        )
    return without_topic(theta)


def without_topic(theta, counts=None) -> np.ndarray:
    """Proportions with NaN for the documents that have no dominant topic."""
    return np.where(unassigned(theta, counts)[:, None], np.nan, theta)
