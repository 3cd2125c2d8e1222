"""Agreement between dominant topics and known labels."""

from numbers import Real

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from .._boundary.containers import readable
from .._boundary.documents import as_array, row_labels
from .._boundary.proportions import strongest_topics
from .._boundary.warning import warn_user


def purity(labels, theta) -> float:
    """Compute the share of documents with the most frequent label of their topic.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels. A pandas index must equal that of `theta`.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the highest counts; or one topic per document, -1
        for documents without a topic.

    Returns
    -------
    purity : float
        Between 0 and 1. Purity tends to increase with the number of topics.

    Warns
    -----
    UserWarning
        If documents without a dominant topic are left out: documents of topic -1, or
        with equal proportions of all topics, such as documents without known terms.

    Examples
    --------
    >>> from sklearn_topics.metrics import purity
    >>> purity(["a", "a", "b", "b"], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    0.75
    """
    table = contingency_matrix(*_labelled(labels, theta))
    return float(table.max(axis=0).sum() / table.sum())


def label_agreement(labels, theta) -> float:
    """Compute the normalised mutual information of labels and dominant topics (NMI).

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels. A pandas index must equal that of `theta`.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the highest counts; or one topic per document, -1
        for documents without a topic.

    Returns
    -------
    agreement : float
        Between 0 and 1, normalised by the arithmetic mean as in
        :func:`sklearn.metrics.normalized_mutual_info_score`.

    Warns
    -----
    UserWarning
        If documents without a dominant topic are left out: documents of topic -1, or
        with equal proportions of all topics, such as documents without known terms.

    Examples
    --------
    >>> from sklearn_topics.metrics import label_agreement
    >>> label_agreement(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    return float(normalized_mutual_info_score(*_labelled(labels, theta)))


def _labelled(labels, theta):
    """Labels and dominant topics of the documents with a dominant topic."""
    row_labels(labels=labels, theta=theta)
    labels, topics = _known(labels, "labels"), _dominant(theta)
    if len(labels) != len(topics):
        raise ValueError(
            f"labels has {len(labels)} items, but theta has {len(topics)} documents. "
            "Pass one label per document."
        )
    none = topics == -1
    if none.all():
        raise ValueError(
            f"None of the {len(none)} documents in theta has a dominant topic: their "
            "topic is -1, or their proportions are equal."
        )
    if none.any():
        warn_user(
            f"{none.sum()} of {len(none)} documents have no dominant topic (no known "
            "terms) and are left out.",
            UserWarning,
            once=True,
        )
    return labels[~none], topics[~none]


def _dominant(theta) -> np.ndarray:
    """One topic per document, -1 for documents without a dominant topic."""
    if np.ndim(theta) == 1:
        topics = _known(theta, "theta")
        for topic in topics.tolist():
            if isinstance(topic, Real) and topic < 0 and topic != -1:
                raise ValueError(
                    f"theta contains topic {topic}. Topics are numbered from 0; -1 "
                    "means no topic."
                )
        return topics
    return strongest_topics(as_array(theta, "theta"))[0]


def _known(values, name) -> np.ndarray:
    """Labels or topics in one dimension, none of them missing."""
    values, missing = one_each(values, name)
    if missing.any():
        raise ValueError(
            f"{missing.sum()} of {len(values)} {name} are missing (None or NaN). Leave "
            "these documents out."
        )
    return values


def one_each(values, name) -> tuple[np.ndarray, np.ndarray]:
    """One value per document, None where it is missing, and whether it is."""
    values = readable(values, name)
    # numpy would convert a NaN in a list of texts to the text "nan".
    values = values if isinstance(values, list | tuple) else np.asarray(values)
    if np.ndim(values) != 1 or len(values) == 0:
        raise ValueError(
            f"{name} must contain one value per document, in one dimension. Got shape "
            f"{np.shape(values)}."
        )
    missing = np.array([_is_missing(value) for value in values])
    if not missing.any():
        return np.asarray(values), missing
    pairs = zip(values, missing, strict=True)
    return np.array([None if none else value for value, none in pairs], object), missing


def _is_missing(value) -> bool:
    """Whether a value is None, NaN, NaT, or NA of pandas, whose comparison is NA."""
    same = value == value
    return value is None or not isinstance(same, bool | np.bool_) or not same
