"""Agreement of dominant topics with known labels."""

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def purity(labels, theta):
    """Share of the documents whose label is the most frequent of their topic.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the greatest counts; or a topic for each document.

    Returns
    -------
    purity : float
        Between 0 and 1. It grows with the number of topics.

    Examples
    --------
    >>> from sklearn_topics.metrics import purity
    >>> purity(["a", "a", "b", "b"], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    0.75
    """
    table = contingency_matrix(labels, dominant_topics(theta))
    return float(table.max(axis=0).sum() / table.sum())


def label_agreement(labels, theta):
    """Normalised mutual information of known labels and dominant topics.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Known labels.
    theta : array-like of shape (n_samples, n_topics) or (n_samples,)
        Topic proportions, of which the greatest counts; or a topic for each document.

    Returns
    -------
    agreement : float
        Between 0 and 1; normalised by the arithmetic mean, see
        :func:`sklearn.metrics.normalized_mutual_info_score`.

    Examples
    --------
    >>> from sklearn_topics.metrics import label_agreement
    >>> label_agreement(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    return float(normalized_mutual_info_score(labels, dominant_topics(theta)))


def dominant_topics(theta):
    theta = np.asarray(theta)
    return theta.argmax(axis=1) if theta.ndim == 2 else theta
