"""How well the first terms of a topic go together."""

from dataclasses import dataclass

import numpy as np

from ._cooccurrence import document_counts, window_counts
from ._models import (
    is_listed,
    model_input,
    n_columns,
    split_pipeline,
    top_terms,
    topic_weights,
)

#: In the logarithms of the measures that have it, as in gensim.
_EPSILON = 1e-12

#: Tokens of a window, as in gensim.
_WINDOWS = {"c_v": 110, "c_uci": 10, "c_npmi": 10}


@dataclass(frozen=True)
class Coherence:
    """The coherence of topics, as :func:`coherence` finds it.

    ``float`` makes their mean of it.

    Parameters
    ----------
    per_topic : ndarray of shape (n_topics,)
        The coherence of each topic.
    mean : float
        Their mean.

    See Also
    --------
    coherence : Finds it.

    Examples
    --------
    >>> from sklearn_topics.metrics import coherence
    >>> found = coherence([[0, 1], [1, 2]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> found.per_topic.round(3).tolist()
    [1.0, -1.0]
    """

    per_topic: np.ndarray
    mean: float

    def __float__(self):
        return self.mean


def coherence(
    topics,
    X=None,
    *,
    texts=None,
    measure="npmi",
    n_terms=10,
    feature_names=None,
    window_size=None,
):
    r"""Coherence of topics by the co-occurrence of their first terms.

    One pass over the first terms alone; X stays sparse.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like, or list of lists
        Weights of the terms (n_topics x n_features), or the terms of each topic, best
        first: names, or columns of X.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Counts, also as torch.Tensor. Terms co-occur in documents. With a pipeline:
        what goes into it.
    texts : iterable of list of str, default=None
        Tokens of documents, in place of X. Terms co-occur in windows of `window_size`
        tokens, moved by one; needs `feature_names`, unless topics are words.
    measure : {"npmi", "umass", "c_v", "c_uci", "c_npmi"}, default="npmi"
        With :math:`p_{ij}` the share of documents or windows that hold both terms:

        - "npmi": the mean over pairs of :math:`\log(p_{ij} / p_i p_j) / -\log p_{ij}`
          [1]_; -1 for a pair that never co-occurs, 1 for one that always does;
        - "umass": the mean over pairs, j before i, of
          :math:`\log((p_{ij} + \epsilon) / p_j)` [2]_;
        - "c_uci": the mean over pairs of :math:`\log((p_{ij} + \epsilon) / p_i p_j)`;
        - "c_npmi": "npmi" with :math:`p_{ij} + \epsilon`, as gensim has it;
        - "c_v": the mean cosine of each term's vector of "c_npmi" values to the terms
          of the topic with the sum of these vectors [3]_.

        :math:`\epsilon` is 1e-12, as in gensim. The last three are defined on windows
        (of 10, and 110 tokens for "c_v"); with X a document is one window.
    n_terms : int, default=10
        First terms of each topic. A term that is listed twice counts once.
    feature_names : sequence of str, default=None
        Words of the columns of X.
    window_size : int, default=None
        Tokens of a window. None is 110 for "c_v", 10 otherwise.

    Returns
    -------
    result : Coherence
        ``per_topic`` and ``mean``. A topic of one term has coherence 0.

    References
    ----------
    .. [1] G. Bouma, "Normalized (pointwise) mutual information in collocation
       extraction", GSCL 2009, equation 7.
    .. [2] D. Mimno et al., "Optimizing semantic coherence in topic models", EMNLP 2011,
       equation 1, with the mean in place of the sum.
    .. [3] M. Röder, A. Both, A. Hinneburg, "Exploring the space of topic coherence
       measures", WSDM 2015, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics.metrics import coherence
    >>> X = np.array([[1, 1, 0, 0], [2, 1, 0, 0], [0, 0, 1, 3], [0, 1, 1, 1]])
    >>> coherence([[0, 1], [2, 3]], X).per_topic.round(3).tolist()
    [0.415, 1.0]
    """
    if measure not in _MEASURES:
        raise ValueError(
            f"measure must be one of {', '.join(_MEASURES)}. Got {measure!r}."
        )
    if (X is None) == (texts is None):
        raise ValueError("Pass either X or texts, from which terms co-occur.")
    before, _ = split_pipeline(topics)
    if X is not None:
        X = model_input(before, X)
    if feature_names is None and before is not None and texts is not None:
        feature_names = before.get_feature_names_out()
    if texts is not None and feature_names is None:
        feature_names = _listed_words(topics)
    if window_size is not None and texts is None:
        raise ValueError("window_size is for texts; with X a document is one window.")
    if texts is None:
        _check_columns(topics, n_columns(X))
    topics = top_terms(topics, n_terms, feature_names)
    sizes = np.array([len(topic) for topic in topics], dtype=np.intp)
    # Padded to one length by -1, which also stands for terms that occur nowhere.
    columns = np.full((len(topics), sizes.max(initial=0)), -1)
    for row, topic in zip(columns, topics, strict=True):
        row[: len(topic)] = topic
    known = np.unique(columns[columns >= 0])

    def counts(pairs):
        if texts is None:
            return document_counts(X, known, pairs)
        words = [feature_names[column] for column in known]
        size = window_size or _WINDOWS.get(measure, 10)
        return window_counts(texts, words, size, pairs)

    shares = _pair_shares(columns, known, counts)
    values = np.zeros(len(topics))
    for size in np.unique(sizes[sizes > 1]):
        same = sizes == size
        values[same] = _MEASURES[measure](shares[same, :size, :size])
    return Coherence(values, float(values.mean()) if len(values) else 0.0)


def _pair_shares(columns, known, counts):
    """Shares of documents or windows with both of two terms: n_topics x L x L.

    `columns` (n_topics x L) are the terms, of which the `known` ones occur; `counts`
    counts pairs of these.
    """
    i, j = np.tril_indices(columns.shape[1])
    pairs = np.stack([columns[:, i], columns[:, j]], axis=2)
    occur = (pairs >= 0).all(axis=2)
    found, total = counts(np.searchsorted(known, pairs[occur]))
    of_pairs = np.zeros(occur.shape)
    of_pairs[occur] = found / max(total, 1)
    shares = np.empty((*columns.shape, columns.shape[1]))
    shares[:, i, j] = shares[:, j, i] = of_pairs
    return shares


def _check_columns(topics, m):
    """Refuse topics over other terms than the m columns of X."""
    if is_listed(topics):
        columns = [c for topic in topics for c in topic if not isinstance(c, str)]
        wrong = [c for c in columns if not 0 <= c < m]
        if wrong:
            raise ValueError(f"X has columns 0 to {m - 1}; topics list {wrong[0]}.")
        return
    n_terms = topic_weights(topics).shape[1]
    if n_terms != m:
        raise ValueError(
            f"The topics have {n_terms} terms, but X has {m} columns. (Columns listed "
            "as first terms must be a list of lists of int.)"
        )


def _listed_words(topics):
    words = is_listed(topics) and all(isinstance(t, str) for row in topics for t in row)
    if not words:
        raise ValueError("texts need feature_names, the words of the topics' columns.")
    return list(dict.fromkeys(word for topic in topics for word in topic))


# The measures take shares of several topics: n_topics x n_terms x n_terms.


def _pairs(p):
    """Shares of the pairs of each topic's terms, j before i: both, i, j."""
    i, j = np.tril_indices(p.shape[1], -1)
    single = np.diagonal(p, axis1=1, axis2=2)
    return p[:, i, j], single[:, i], single[:, j]


def _npmi(p):
    both, first, second = _pairs(p)
    value = np.full(both.shape, -1.0)
    some = (both > 0) & (both < 1)
    ratio = both[some] / (first * second)[some]
    value[some] = np.log(ratio) / -np.log(both[some])
    value[both == 1] = 1.0
    return value.mean(1)


def _umass(p):
    both, _, before = _pairs(p)
    return _log_ratio(both, before).mean(1)


def _uci(p):
    both, first, second = _pairs(p)
    return _log_ratio(both, first * second).mean(1)


def _npmi_of(both, first, second):
    return _log_ratio(both, first * second) / -np.log(both + _EPSILON)


def _c_npmi(p):
    return _npmi_of(*_pairs(p)).mean(1)


def _c_v(p):
    single = np.diagonal(p, axis1=1, axis2=2)
    vectors = _npmi_of(p, single[:, :, None], single[:, None, :])
    whole = vectors.sum(1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=2) * np.linalg.norm(whole, axis=2)
    cosines = (vectors * whole).sum(2) / np.where(lengths > 0, lengths, 1)
    return cosines.mean(1)


def _log_ratio(both, alone):
    """log((both + epsilon) / alone); 0 where a term occurs nowhere."""
    occurs = alone > 0
    ratio = (both + _EPSILON) / np.where(occurs, alone, 1)
    return np.where(occurs, np.log(ratio), 0.0)


_MEASURES = {
    "npmi": _npmi,
    "umass": _umass,
    "c_v": _c_v,
    "c_uci": _uci,
    "c_npmi": _c_npmi,
}
