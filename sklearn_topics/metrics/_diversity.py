"""Diversity of topics: how many top terms they share."""

from itertools import combinations

import numpy as np

from .._boundary.arguments import check_number
from .._boundary.top_terms import is_listed, top_columns
from ._coherence import coherence


def topic_diversity(topics, *, n_terms=25) -> float:
    """Compute the share of distinct terms among the top terms of all topics.

    Low values indicate redundant topics.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like of shape (n_topics, n_features), or \
            list of lists
        Weights of the terms, or the top terms of each topic, best first.
    n_terms : int, default=25
        Number of top terms per topic.

    Returns
    -------
    diversity : float
        1 if no term is shared, 1 / n_topics if all terms are shared (Dieng, Ruiz and
        Blei 2020, section 6).

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_diversity
    >>> topic_diversity([[0, 1], [1, 2]])
    0.75
    """
    top = np.concatenate(_top_lists(topics, n_terms))
    return len(np.unique(top)) / len(top)


def rbo_diversity(topics, *, n_terms=10, p=0.9) -> float:
    """Compute 1 minus the mean rank-biased overlap of pairs of topics.

    In contrast to :func:`topic_diversity`, shared terms at high ranks count more.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like of shape (n_topics, n_features), or \
            list of lists
        Weights of the terms, or the top terms of each topic, best first.
    n_terms : int, default=10
        Number of top terms per topic.
    p : float, default=0.9
        Weight of lower ranks, between 0 and 1: the overlap of the top d terms has a
        weight proportional to ``p ** d``.

    Returns
    -------
    diversity : float
        0 if all topics have the same terms in the same order, 1 if no term is shared.
        The overlap is extrapolated from the top terms (Webber, Moffat and Zobel 2010,
        equation 32). A single topic has diversity 1.

    Examples
    --------
    >>> from sklearn_topics.metrics import rbo_diversity
    >>> rbo_diversity([["a", "b"], ["c", "d"]])
    1.0
    """
    p = check_number(p, "p", 0, 1, open=True)
    lists = _top_lists(topics, n_terms)
    overlaps = [_overlap(a, b, p) for a, b in combinations(lists, 2)]
    return 1 - float(np.mean(overlaps)) if overlaps else 1.0


def topic_quality(
    topics, X=None, *, texts=None, measure="npmi", n_terms=10, feature_names=None
) -> float:
    """Compute coherence times diversity (Dieng, Ruiz and Blei 2020, section 6).

    Parameters
    ----------
    topics : fitted model or pipeline, array-like, or list of lists
        Topics, as in :func:`coherence`. The diversity uses the top 25 terms.
    X : {array-like, sparse matrix, torch.Tensor} of shape \
            (n_samples, n_features), default=None
        Counts, as in :func:`coherence`.
    texts : iterable of list of str, default=None
        Tokenised documents, as in :func:`coherence`.
    measure : {"npmi", "umass", "u_mass", "c_v", "c_uci", "c_npmi"}, default="npmi"
        Measure of coherence, as in :func:`coherence`.
    n_terms : int, default=10
        Number of top terms per topic for the coherence.
    feature_names : sequence of str, default=None
        Names of the terms, as in :func:`coherence`.

    Returns
    -------
    quality : float
        The product of the mean coherence and :func:`topic_diversity`.

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_quality
    >>> X = [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 1, 1]]
    >>> round(topic_quality([[0, 1], [2, 3]], X), 6)
    1.0
    """
    options = {"measure": measure, "n_terms": n_terms, "feature_names": feature_names}
    mean_coherence = coherence(topics, X, texts=texts, **options).mean
    return mean_coherence * topic_diversity(topics)


def _top_lists(topics, n_terms):
    names = None
    if is_listed(topics):  # words are distinct without column numbers
        names = dict.fromkeys(
            term
            for topic in topics
            if isinstance(topic, list | tuple | np.ndarray)
            for term in topic
            if isinstance(term, str)
        )
    return top_columns(topics, n_terms, names or None)


def _overlap(a, b, p):
    """Extrapolated rank-biased overlap of two lists, up to the shorter length."""
    depth = min(len(a), len(b))
    if depth == 0:
        return 0.0
    shared = np.array([len(np.intersect1d(a[:d], b[:d])) for d in range(1, depth + 1)])
    d = np.arange(1, depth + 1)
    return (1 - p) / p * ((shared / d) @ p**d) + shared[-1] / depth * p**depth
