"""Topic proportions of documents, by any model or passed; dominant topics."""

from copy import copy

import numpy as np
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF

from .documents import (
    as_array,
    as_counts,
    check_documents,
    check_tokens,
    count_tokens,
    like_frame,
)
from .pipelines import accepts_missing, model_input, split_pipeline
from .topics import nonnegative_weights, normalize_rows, topic_weights

#: Largest difference from one of the row sums of proportions.
_SUM_TOLERANCE = 1e-3


def topic_proportions(model, X) -> np.ndarray:
    """Topic proportions [n, K] of documents, by the ``transform`` of the model.

    Weights whose rows do not sum to one are those of a factorisation W H; they are
    converted to the proportions of the equivalent topic model.
    """
    weights = nonnegative_weights(model)
    if not hasattr(model, "transform"):
        raise TypeError(
            f"model is a {type(model).__name__}, which has no transform. Pass a fitted "
            "model, or the topic proportions of the documents as theta."
        )
    name = f"The output of {type(model).__name__}.transform"
    W = as_array(model.transform(_for_transform(model, X)), name)
    told = _gives_proportions(model)
    return _proportions(W, weights, _sum_to_one(W) if told is None else told, name)


def given_proportions(theta, model, n_documents: int | None = None) -> np.ndarray:
    """Proportions [n, K] that the user passes, in place of calling ``transform``.

    The user may also pass the weights of a factorisation W H.
    """
    _, model = split_pipeline(model)
    weights = nonnegative_weights(model)
    theta = as_array(theta, "theta")
    check_shape(theta, len(theta) if n_documents is None else n_documents, len(weights))
    known = _gives_proportions(model) or _sum_to_one(theta)
    return _proportions(theta, weights, known, "theta")


def check_shape(theta, n_documents: int, n_topics: int) -> None:
    if theta.shape != (n_documents, n_topics):
        raise ValueError(
            f"theta must have a row for each of the {n_documents} documents and a "
            f"column for each of the {n_topics} topics. Got shape {theta.shape}."
        )


def proportions_and_counts(model, X, theta=None, verbose=0):
    """Topic proportions (n x K), and the counts that the topic model gets.

    If `theta` is given, ``transform`` is not called. With `verbose` the ``transform``
    of our models prints progress.
    """
    before, last = split_pipeline(model)
    n_terms = topic_weights(last).shape[1]
    given = model_input(before, X, missing=accepts_missing(last))
    counts = check_documents(given, n_terms)
    if theta is None:
        if verbose > 0 and getattr(last, "_shows_progress", False):
            last = copy(last)  # shallow: the parameter belongs to the user
            last.verbose = verbose
        return topic_proportions(last, given), counts
    check_tokens(counts)
    return given_proportions(theta, last, counts.shape[0]), counts


def _gives_proportions(model) -> bool | None:
    """Whether ``transform`` returns proportions: True, False, or None if unknown."""
    if isinstance(model, LatentDirichletAllocation):
        return True
    if isinstance(model, NMF | MiniBatchNMF):
        return False
    return getattr(model, "_gives_proportions", None)


def _sum_to_one(W) -> bool:
    """Whether the rows of W that are not zero sum to one."""
    total = W.sum(axis=1, dtype=np.float64)
    return np.abs(total[total != 0] - 1).max(initial=0) <= _SUM_TOLERANCE


def _proportions(W, weights, known: bool, name: str) -> np.ndarray:
    """Normalise the rows of W, after scaling by the topics' sums unless `known`."""
    if W.min() < 0:
        raise ValueError(f"{name} has negative entries, not proportions.")
    return normalize_rows(W if known else W * weights.sum(axis=1, dtype=np.float64))


def _for_transform(model, X):
    """Counts in a container and dtype that the model's ``transform`` accepts."""
    narrow = isinstance(model, NMF | MiniBatchNMF)
    if hasattr(X, "columns") and not narrow:
        return X
    counts = as_counts(X)
    if narrow:  # NMF accepts only the dtype of its fit
        counts = counts.astype(model.components_.dtype, copy=False)
    return like_frame(counts, X)


def unassigned(theta, counts=None) -> np.ndarray:
    """Whether each document has no dominant topic: a boolean array (n_documents,).

    It has none if all its proportions are equal to the last bit or, with `counts`, if
    it contains no known terms.
    """
    theta = np.asarray(theta)
    none = np.zeros(len(theta), dtype=bool)
    if theta.shape[1] > 1:
        none |= (theta == theta[:, :1]).all(axis=1)
    if counts is not None:
        none |= count_tokens(as_counts(counts), axis=1) == 0
    return none


def strongest_topics(theta, counts=None) -> tuple[np.ndarray, np.ndarray]:
    """The dominant topic of each document and its proportion; -1 and NaN for none."""
    none = unassigned(theta, counts)
    topic = np.where(none, -1, theta.argmax(axis=1))
    return topic, np.where(none, np.nan, theta.max(axis=1))


def token_shares(theta, counts) -> np.ndarray:
    """Each topic's share of all tokens: proportions weighted by document lengths."""
    weights = count_tokens(as_counts(counts), axis=1) @ theta
    return weights / (weights.sum() or 1)
