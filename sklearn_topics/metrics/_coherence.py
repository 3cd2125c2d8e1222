"""How well the first terms of a topic go together."""

from dataclasses import dataclass

import numpy as np

from .._boundary.arguments import check_choice, check_integer, check_sequence
from .._boundary.documents import as_counts
from .._boundary.pipelines import model_input, split_pipeline
from .._boundary.top_terms import check_listed, is_listed, top_columns
from .._boundary.topics import term_names, topic_weights
from .._boundary.warning import warn_user
from ._cooccurrence import document_counts, window_counts

#: In the logarithms of the measures that have it, as in gensim.
_EPSILON = 1e-12

#: Tokens of a window, as in gensim, for the measures that are defined on windows.
_WINDOWS = {"c_v": 110, "c_uci": 10, "c_npmi": 10}

#: gensim's spelling.
ALIASES = {"u_mass": "umass"}


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
    measure : {"npmi", "umass", "u_mass", "c_v", "c_uci", "c_npmi"}, default="npmi"
        With :math:`p_{ij}` the share of documents or windows that hold both terms:

        - "npmi": the mean over pairs of :math:`\log(p_{ij} / p_i p_j) / -\log p_{ij}`
          [1]_; -1 for a pair that never co-occurs, 1 for one that always does;
        - "umass" ("u_mass" in gensim): the mean over pairs, j before i, of
          :math:`\log((p_{ij} + \epsilon) / p_j)` [2]_;
        - "c_uci": the mean over pairs of :math:`\log((p_{ij} + \epsilon) / p_i p_j)`;
        - "c_npmi": "npmi" with :math:`p_{ij} + \epsilon`, as gensim has it;
        - "c_v": the mean cosine of each term's vector of "c_npmi" values to the terms
          of the topic with the sum of these vectors [3]_.

        :math:`\epsilon` is 1e-12, as in gensim. The last three are defined on windows
        (of 10, and 110 tokens for "c_v"), and equal gensim's with `texts`. With X a
        document is one window: another quantity, of which a warning says so.
        Documents without tokens count as documents, as in gensim.
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

    Warns
    -----
    UserWarning
        If `measure` is one of "c_v", "c_uci" and "c_npmi" and X is given, whose
        documents are no windows.

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
    measure = check_choice(measure, "measure", _MEASURES, ALIASES)
    n_terms = check_integer(n_terms, "n_terms")
    if (X is None) == (texts is None):
        raise ValueError("Pass either X or texts, from which terms co-occur.")
    if feature_names is not None:
        feature_names = check_sequence(feature_names, "feature_names", "str")
    if texts is None:
        X = _documents(topics, X, measure, window_size, feature_names)
    else:
        feature_names = _names_for_texts(topics, feature_names)
        window = _WINDOWS.get(measure, 10)
        if window_size is not None:
            window = check_integer(window_size, "window_size")
    topics = top_columns(topics, n_terms, feature_names)
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
        return window_counts(texts, words, window, pairs)

    shares = _pair_shares(columns, known, counts)  # [n_topics, L, L]
    values = np.zeros(len(topics))
    for size in np.unique(sizes[sizes > 1]):
        same = sizes == size
        values[same] = _MEASURES[measure](shares[same, :size, :size])
    return Coherence(values, float(values.mean()))


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
    of_pairs[occur] = found / total
    shares = np.empty((*columns.shape, columns.shape[1]))
    shares[:, i, j] = shares[:, j, i] = of_pairs
    return shares


def _documents(topics, X, measure, window_size, feature_names):
    """Counts of X, whose columns are the terms of the topics."""
    if window_size is not None:
        raise ValueError("window_size is for texts; with X a document is one window.")
    before, _ = split_pipeline(topics)
    X = as_counts(model_input(before, X))
    if X.shape[0] == 0:
        raise ValueError("X has no documents, in which terms could co-occur.")
    _check_columns(topics, X.shape[1])
    if feature_names is not None and len(feature_names) != X.shape[1]:
        raise ValueError(
            f"feature_names has {len(feature_names)} names, but X has {X.shape[1]} "
            "columns."
        )
    if measure in _WINDOWS:
        instead = " (or choose measure='npmi')" if measure == "c_npmi" else ""
        warn_user(
            f"measure={measure!r} is defined on windows of {_WINDOWS[measure]} tokens, "
            "but X has whole documents: where these are longer, the result is not "
            "comparable with gensim's. Pass texts=, the tokens of each document, for "
            f"that one{instead}.",
            UserWarning,
            once=True,
        )
    return X


def _check_columns(topics, m):
    """Refuse topics over other terms than the m columns of X."""
    if is_listed(topics):
        check_listed(topics)
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


def _names_for_texts(topics, feature_names):
    """The words of the topics' columns, or of lists of words."""
    if not is_listed(topics):
        feature_names = term_names(topics, feature_names, numbers=False)
    elif feature_names is not None:
        _check_columns(topics, len(feature_names))
    else:
        check_listed(topics)
        words = [word for topic in topics for word in topic]
        if all(isinstance(word, str) for word in words):
            return list(dict.fromkeys(words))
    if feature_names is None:
        raise ValueError("texts need feature_names, the words of the topics' columns.")
    return feature_names


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
