"""Which topic of one model is which of another, and documents in a telling order."""

from dataclasses import dataclass
from itertools import combinations
from numbers import Real

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from .._boundary.arguments import check_choice
from .._boundary.documents import as_array
from .._boundary.proportions import strongest_topics
from .._boundary.topics import topic_distributions, total_variation
from .._boundary.transfer import like_input


@dataclass(frozen=True)
class TopicAlignment:
    """Pairs of topics, as :func:`align_topics` finds them.

    Topics without a partner, where the numbers of topics differ, are left out.

    Parameters
    ----------
    reference : ndarray of shape (n_pairs,)
        Topics of the reference, ascending.
    matched : ndarray of shape (n_pairs,)
        The topic that belongs to each: ``topics[matched]`` is in the reference's order.
    distance : ndarray of shape (n_pairs,)
        Between the two.

    See Also
    --------
    align_topics : Finds the pairs.

    Examples
    --------
    >>> from sklearn_topics.metrics import align_topics
    >>> align_topics([[1, 0], [0, 1]], [[1, 0], [0, 1]]).distance.tolist()
    [0.0, 0.0]
    """

    reference: np.ndarray
    matched: np.ndarray
    distance: np.ndarray


def topic_distances(topics, other=None, *, distance="hellinger"):
    """Compute the distances between the topics of a model, or of two.

    Parameters
    ----------
    topics : fitted model, pipeline or search, or array-like of shape \
            (n_topics, n_features)
        Whose topics, in the rows.
    other : the same, default=None
        Whose topics are in the columns, over the same terms. None takes `topics`.
    distance : {"hellinger", "total_variation", "jensen_shannon", "cosine"}, \
            default="hellinger"
        Between distributions over terms; all are between 0 and 1. "jensen_shannon" is
        the square root of the divergence in bits.

    Returns
    -------
    distances : ndarray of shape (n_topics, n_other_topics)
        Of every topic of the first to every one of the second. A torch.Tensor on the
        device of `topics` if that is one.

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_distances
    >>> topic_distances([[1, 0], [0, 1]]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    between = _distances(topics, topics if other is None else other, distance)
    return like_input(between, topics)


def align_topics(reference, topics, *, distance="hellinger"):
    """Match the topics of one model with those of another, one to one.

    Parameters
    ----------
    reference, topics : fitted model or pipeline, or array-like of shape \
            (n_topics, n_features)
        Over the same terms. Where the numbers of topics differ, some stay single.
    distance : {"hellinger", "total_variation", "jensen_shannon", "cosine"}, \
            default="hellinger"
        Between distributions over terms; all are between 0 and 1. The sum over the
        pairs is the least that there is.

    Returns
    -------
    alignment : TopicAlignment
        ``reference``, ``matched`` and ``distance``.

    Examples
    --------
    >>> from sklearn_topics.metrics import align_topics
    >>> align_topics([[1, 0], [0, 1]], [[0.1, 0.9], [1, 0]]).matched.tolist()
    [1, 0]
    """
    between = _distances(reference, topics, distance)
    rows, columns = linear_sum_assignment(between)
    return TopicAlignment(rows, columns, between[rows, columns])


def topic_stability(models, *, distance="hellinger"):
    """How alike the topics of several fits are, of other seeds or samples.

    Parameters
    ----------
    models : sequence of fitted models or arrays of shape (n_topics, n_features)
        Two fits or more, over the same terms.
    distance : str, default="hellinger"
        As for :func:`align_topics`.

    Returns
    -------
    stability : float
        1 minus the mean distance of matched topics, over all pairs of models: 1 if all
        have the same topics.

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_stability
    >>> topic_stability([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    1.0
    """
    topics = [topic_distributions(model) for model in _several(models)]
    distances = [
        align_topics(a, b, distance=distance).distance.mean()
        for a, b in combinations(topics, 2)
    ]
    return 1 - float(np.mean(distances))


def sort_documents(theta):
    """Order documents by dominant topic, then by its proportion, falling.

    Documents without a dominant topic, whose proportions are all equal, come last.

    Parameters
    ----------
    theta : array-like of shape (n_samples, n_topics)
        Topic proportions.

    Returns
    -------
    order : ndarray of shape (n_samples,)
        Positions of the documents, for ``iloc`` of a DataFrame. A torch.Tensor on the
        device of `theta` if that is one.

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
            f"Topics of {A.shape[1]} and of {B.shape[1]} terms cannot be compared."
        )
    return np.clip(_DISTANCES[distance](A, B), 0, 1)  # but for rounding they are


def _several(models):
    """The fits that are compared; a single one is refused."""
    several = isinstance(models, list | tuple) or getattr(models, "ndim", 0) == 3
    if not several or len(models) < 2 or all(_is_row(model) for model in models):
        raise ValueError(
            "topic_stability needs two fits or more: a list of at least two models, "
            f"as in topic_stability([model_a, model_b]). Got models={models!r}."
        )
    return models


def _is_row(model) -> bool:
    """Whether it is a topic, of a single fit, and not a fit."""
    if isinstance(model, list | tuple):
        return len(model) > 0 and all(isinstance(value, Real) for value in model)
    return getattr(model, "ndim", 2) < 2


def _hellinger(A, B):
    return cdist(np.sqrt(A), np.sqrt(B)) / np.sqrt(2)


def _jensen_shannon(A, B):
    """Square root of the divergence in bits. (scipy's is NaN for some equal rows.)"""
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
