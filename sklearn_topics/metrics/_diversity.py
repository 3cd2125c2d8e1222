"""How different topics are from each other."""

from itertools import combinations

import numpy as np

from .._boundary.arguments import check_number
from .._boundary.top_terms import is_listed, top_columns
from ._coherence import coherence


def topic_diversity(topics, *, n_terms=25):
    """Share of distinct terms among the first terms of all topics.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like of shape (n_topics, n_features), or \
            list of lists
        Weights of the terms, or the terms of each topic, best first.
    n_terms : int, default=25
        First terms of each topic.

    Returns
    -------
    diversity : float
        1 if no term is shared, 1 / n_topics if all are (Dieng, Ruiz and Blei 2020,
        section 6).

    Examples
    --------
    >>> from sklearn_topics.metrics import topic_diversity
    >>> topic_diversity([[0, 1], [1, 2]])
    0.75
    """
    top = np.concatenate(_lists(topics, n_terms))
    return len(np.unique(top)) / len(top)


def rbo_diversity(topics, *, n_terms=10, p=0.9):
    """One minus the mean rank-biased overlap of pairs of topics.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like of shape (n_topics, n_features), or \
            list of lists
        Weights of the terms, or the terms of each topic, best first.
    n_terms : int, default=10
        First terms of each topic.
    p : float, default=0.9
        Between 0 and 1: how much the later ranks count.

    Returns
    -------
    diversity : float
        From 0, all topics have the same terms in the same order, to 1. The overlap is
        extrapolated from the first terms (Webber, Moffat and Zobel 2010, equation 32);
        a single topic has diversity 1.

    Examples
    --------
    >>> from sklearn_topics.metrics import rbo_diversity
    >>> rbo_diversity([["a", "b"], ["c", "d"]])
    1.0
    """
    p = check_number(p, "p", 0, 1, open=True)
    lists = _lists(topics, n_terms)
    overlaps = [_overlap(a, b, p) for a, b in combinations(lists, 2)]
    return 1 - float(np.mean(overlaps)) if overlaps else 1.0


def topic_quality(
    topics, X=None, *, texts=None, measure="npmi", n_terms=10, feature_names=None
):
    """Coherence times diversity (Dieng, Ruiz and Blei 2020, section 6).

    Parameters
    ----------
    topics : fitted model or pipeline, array-like, or list of lists
        As for :func:`coherence`. The diversity is that of the first 25 terms.
    X : {array-like, sparse matrix, torch.Tensor} of shape \
            (n_samples, n_features), default=None
        As for :func:`coherence`.
    texts : iterable of list of str, default=None
        As for :func:`coherence`.
    measure : {"npmi", "umass", "u_mass", "c_v", "c_uci", "c_npmi"}, default="npmi"
        As for :func:`coherence`.
    n_terms : int, default=10
        Terms of each topic by which coherence is judged.
    feature_names : sequence of str, default=None
        As for :func:`coherence`.

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
    found = coherence(topics, X, texts=texts, **options)
    return found.mean * topic_diversity(topics)


def _lists(topics, n_terms):
    names = None
    if is_listed(topics):  # words need no columns to be told apart
        names = dict.fromkeys(
            term
            for topic in topics
            if isinstance(topic, list | tuple | np.ndarray)
            for term in topic
            if isinstance(term, str)
        )
    return top_columns(topics, n_terms, names or None)


def _overlap(a, b, p):
    """Extrapolated rank-biased overlap of two lists of one length."""
    depth = min(len(a), len(b))
    if depth == 0:
        return 0.0
    shared = np.array([len(np.intersect1d(a[:d], b[:d])) for d in range(1, depth + 1)])
    d = np.arange(1, depth + 1)
    return (1 - p) / p * ((shared / d) @ p**d) + shared[-1] / depth * p**depth
