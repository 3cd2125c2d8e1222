"""Agreement between dominant topics and known labels."""

from numbers import Real

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from .._boundary.containers import readable
from .._boundary.documents import as_array, is_missing, row_labels
from .._boundary.proportions import strongest_topics
from .._boundary.warning import warn_user


def purity(labels, theta):
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


def label_agreement(labels, theta):
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
    labels, topics = _one_each(labels, "labels"), _dominant(theta)
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
        topics = _one_each(theta, "theta")
        for topic in topics.tolist():
            if isinstance(topic, Real) and topic < 0 and topic != -1:
                raise ValueError(
                    f"theta contains topic {topic}. Topics are numbered from 0; -1 "
                    "means no topic."
                )
        return topics
    return strongest_topics(as_array(theta, "theta"))[0]


def _one_each(values, name) -> np.ndarray:
    """Labels or topics in one dimension, none of them missing."""
    array = np.asarray(readable(values, name))
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{name} must contain one value per document. Got shape {array.shape}."
        )
    missing = np.array([is_missing(value) for value in array.tolist()])
    if missing.any():
        raise ValueError(
            f"{missing.sum()} of {len(array)} {name} are missing (None or NaN). Leave "
            "these documents out."
        )
    return array
