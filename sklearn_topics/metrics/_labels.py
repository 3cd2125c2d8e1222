"""Agreement of dominant topics with known labels."""

from numbers import Real

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from .._boundary.containers import readable
from .._boundary.documents import as_array, is_missing, row_labels
from .._boundary.proportions import strongest_topics
from .._boundary.warning import warn_user


def purity(labels, theta):
    """Share of the documents whose label is the most frequent of their topic.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels. Indexes of pandas must agree with those of `theta`.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the greatest counts; or a topic for each document,
        -1 for none.

    Returns
    -------
    purity : float
        Between 0 and 1. It grows with the number of topics.

    Warns
    -----
    UserWarning
        If documents without a dominant topic are left out: those of topic -1, or whose
        proportions are all equal, as they are without known terms.

    Examples
    --------
    >>> from sklearn_topics.metrics import purity
    >>> purity(["a", "a", "b", "b"], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    0.75
    """
    table = contingency_matrix(*_labelled(labels, theta))
    return float(table.max(axis=0).sum() / table.sum())


def label_agreement(labels, theta):
    """Normalised mutual information of known labels and dominant topics.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels. Indexes of pandas must agree with those of `theta`.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the greatest counts; or a topic for each document,
        -1 for none.

    Returns
    -------
    agreement : float
        Between 0 and 1; normalised by the arithmetic mean, see
        :func:`sklearn.metrics.normalized_mutual_info_score`.

    Warns
    -----
    UserWarning
        If documents without a dominant topic are left out: those of topic -1, or whose
        proportions are all equal, as they are without known terms.

    Examples
    --------
    >>> from sklearn_topics.metrics import label_agreement
    >>> label_agreement(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    return float(normalized_mutual_info_score(*_labelled(labels, theta)))


def _labelled(labels, theta):
    """Labels and dominant topics of the documents that have one."""
    row_labels(labels=labels, theta=theta)
    labels, topics = _one_each(labels, "labels"), _dominant(theta)
    if len(labels) != len(topics):
        raise ValueError(
            f"There are {len(labels)} labels, but theta has {len(topics)} documents."
        )
    none = topics == -1
    if none.all():
        raise ValueError(
            f"None of the {len(none)} documents in theta has a dominant topic: all "
            "are topic -1, or of equal proportions."
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
    """A topic for each document, -1 for none."""
    if np.ndim(theta) == 1:
        topics = _one_each(theta, "theta")
        for topic in topics.tolist():
            if isinstance(topic, Real) and topic < 0 and topic != -1:
                raise ValueError(
                    f"theta holds topic {topic}: topics are numbered from 0, and only "
                    "-1 stands for none."
                )
        return topics
    return strongest_topics(as_array(theta, "theta"))[0]


def _one_each(values, name) -> np.ndarray:
    """Labels or topics in one dimension, none of them missing."""
    found = np.asarray(readable(values, name))
    if found.ndim != 1 or len(found) == 0:
        raise ValueError(
            f"{name} must hold one value a document. Got shape {found.shape}."
        )
    missing = np.array([is_missing(value) for value in found.tolist()])
    if missing.any():
        raise ValueError(
            f"{missing.sum()} of {len(found)} {name} are missing (None or NaN): leave "
            "these documents out."
        )
    return found
