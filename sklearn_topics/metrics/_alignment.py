"""Distances between topics, matched topics of several models, sorted documents."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from .._boundary.arguments import check_choice
from .._boundary.documents import as_array
from .._boundary.proportions import strongest_topics
from .._boundary.topics import topic_distributions, total_variation
from .._boundary.transfer import like_input
from .._fit.consensus import find_consensus


@dataclass(frozen=True)
class TopicAlignment:
    """Matched pairs of topics, the result of :func:`align_topics`.

    If the numbers of topics differ, topics without a match are left out.

    Parameters
    ----------
    reference : ndarray of shape (n_pairs,)
        Topics of the reference, in ascending order.
    matched : ndarray of shape (n_pairs,)
        The topic matched to each: ``topics[matched]`` is in the order of the reference.
    distance : ndarray of shape (n_pairs,)
        Distance between the topics of each pair.

    See Also
    --------
    align_topics : Function that computes the pairs.

    Examples
    --------
    >>> from sklearn_topics.metrics import align_topics
    >>> align_topics([[1, 0], [0, 1]], [[1, 0], [0, 1]]).distance.tolist()
    [0.0, 0.0]
    """

    reference: np.ndarray
    matched: np.ndarray
    distance: np.ndarray


def topic_distances(topics, other=None, *, distance="hellinger") -> Any:
    """Compute the distances between the topics of one model or two models.

    Parameters
    ----------
    topics : fitted model, pipeline or search, or array-like of shape \
            (n_topics, n_features)
        The topics in the rows.
    other : fitted model, pipeline or search, or array-like of shape \
            (n_other_topics, n_features), default=None
        The topics in the columns, over the same terms. If None, `topics` are compared
        with each other.
    distance : {"hellinger", "total_variation", "jensen_shannon", "cosine"}, \
            default="hellinger"
        Distance between distributions over terms, from 0 to 1. "jensen_shannon" is the
        square root of the Jensen-Shannon divergence in bits.

    Returns
    -------
    distances : ndarray of shape (n_topics, n_other_topics)
        Distance of each topic to each other topic. A torch.Tensor on the device of
        `topics` if `topics` is a torch.Tensor.

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_distances
    >>> topic_distances([[1, 0], [0, 1]]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    between = _distances(topics, topics if other is None else other, distance)
    return like_input(between, topics)


def align_topics(reference, topics, *, distance="hellinger") -> TopicAlignment:
    """Match the topics of two models one to one.

    The matching minimises the sum of the distances of the pairs.

    Parameters
    ----------
    reference, topics : fitted model or pipeline, or array-like of shape \
            (n_topics, n_features)
        The topics of both models, over the same terms. If the numbers of topics
        differ, some topics are not matched.
    distance : {"hellinger", "total_variation", "jensen_shannon", "cosine"}, \
            default="hellinger"
        Distance between distributions over terms, from 0 to 1.

    Returns
    -------
    alignment : TopicAlignment
        The matched pairs, with ``reference``, ``matched`` and ``distance``.

    Examples
    --------
    >>> from sklearn_topics.metrics import align_topics
    >>> align_topics([[1, 0], [0, 1]], [[0.1, 0.9], [1, 0]]).matched.tolist()
    [1, 0]
    """
    between = _distances(reference, topics, distance)
    rows, columns = linear_sum_assignment(between)
    return TopicAlignment(rows, columns, between[rows, columns])


def topic_stability(models) -> float:
    """Measure how reproducible the topics of several fits are.

    The fits differ in their seeds or samples. The topics of all fits are clustered, as
    in :class:`sklearn_topics.ConsensusTopics`; the stability is the mean silhouette of
    the topics, the measure of consensus NMF. Fit TorchPoissonNMF with
    ``init="random"``: initialisations by ``init="auto"`` differ little, so that fits
    would agree even where the data have no topics.

    Parameters
    ----------
    models : sequence of fitted models or arrays of shape (n_topics, n_features)
        At least two fits, over the same terms.

    Returns
    -------
    stability : float
        1 if all fits have the same topics; about 0 if each fit has other topics, which
        are no more similar to topics of the other fits than to each other.

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_stability
    >>> topic_stability([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    1.0
    """
    topics = [topic_distributions(model) for model in _several(models)]
    if len({rows.shape[1] for rows in topics}) > 1:
        raise ValueError(
            "The fits have different numbers of terms: "
            f"{', '.join(str(rows.shape[1]) for rows in topics)}. Pass fits over the "
            "same terms."
        )
    return find_consensus(topics).stability


def sort_documents(theta) -> Any:
    """Sort documents by dominant topic, then by decreasing proportion of that topic.

    Documents without a dominant topic come last: all their proportions are equal.

    Parameters
    ----------
    theta : array-like of shape (n_samples, n_topics)
        Topic proportions.

    Returns
    -------
    order : ndarray of shape (n_samples,)
        Positions of the documents, for example for ``iloc`` of a DataFrame. A
        torch.Tensor on the device of `theta` if `theta` is a torch.Tensor.

    Examples
    --------
    >>> from sklearn_topics.metrics import sort_documents
    >>> sort_documents([[0.2, 0.8], [0.6, 0.4], [0.9, 0.1]]).tolist()
    [2, 1, 0]
    """
    values = as_array(theta, "theta")
    topic, proportion = strongest_topics(values)
    last = np.where(topic < 0, values.shape[1], topic)
    return like_input(np.lexsort((-proportion, last)), theta)


def _distances(topics, other, distance):
    distance = check_choice(distance, "distance", _DISTANCES)
    A = topic_distributions(topics)
    B = A if other is topics else topic_distributions(other)
    if A.shape[1] != B.shape[1]:
        raise ValueError(
            f"The topics have {A.shape[1]} and {B.shape[1]} terms and cannot be "
            "compared. Pass topics over the same terms."
        )
    return np.clip(_DISTANCES[distance](A, B), 0, 1)  # rounding may leave this range


def _several(models):
    """The fits to compare; a single fit is refused."""
    several = isinstance(models, list | tuple) or getattr(models, "ndim", 0) == 3
    if not several or len(models) < 2 or all(_is_row(model) for model in models):
        raise ValueError(
            "models must be a list of at least two fits, as in "
            f"topic_stability([model_a, model_b]). Got {models!r:.60}."
        )
    return models


def _is_row(model) -> bool:
    """Whether `model` is a single topic instead of the topics of a fit."""
    if isinstance(model, list | tuple):
        return len(model) > 0 and all(isinstance(value, Real) for value in model)
    return getattr(model, "ndim", 2) < 2


def _hellinger(A, B):
    return cdist(np.sqrt(A), np.sqrt(B)) / np.sqrt(2)


def _jensen_shannon(A, B):
    """Square root of the divergence in bits; scipy's is NaN for some equal rows."""
    divergence = [
        rel_entr(a, (a + B) / 2).sum(1) + rel_entr(B, (a + B) / 2).sum(1) for a in A
    ]
    return np.sqrt(np.maximum(divergence, 0) / (2 * np.log(2)))


_DISTANCES = {
    "hellinger": _hellinger,
    "total_variation": total_variation,
    "jensen_shannon": _jensen_shannon,
    "cosine": lambda A, B: cdist(A, B, "cosine"),
}
