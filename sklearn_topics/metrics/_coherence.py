"""Coherence: how often the top terms of a topic co-occur."""

from dataclasses import dataclass

import numpy as np

from .._boundary.arguments import check_choice, check_integer, check_sequence
from .._boundary.documents import as_counts
from .._boundary.pipelines import model_input, split_pipeline
from .._boundary.tensors import canonical, stays_on_device
from .._boundary.top_terms import check_listed, is_listed, top_columns
from .._boundary.topics import term_names, topic_weights
from .._boundary.warning import warn_user
from ._cooccurrence import document_counts, window_counts

#: Added to co-occurrence probabilities in logarithms, as in gensim.
_EPSILON = 1e-12

#: Window size in tokens, as in gensim, of the measures that are defined on windows.
_WINDOWS = {"c_v": 110, "c_uci": 10, "c_npmi": 10}

#: Names of the measures in gensim.
ALIASES = {"u_mass": "umass"}


@dataclass(frozen=True)
class Coherence:
    """Coherence of topics, the result of :func:`coherence`.

    ``float(result)`` is the mean coherence.

    Parameters
    ----------
    per_topic : ndarray of shape (n_topics,)
        The coherence of each topic.
    mean : float
        Mean coherence of the topics.

    See Also
    --------
    coherence : Function that computes the coherence.

    Examples
    --------
    >>> from sklearn_topics.metrics import coherence
    >>> result = coherence([[0, 1], [1, 2]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> result.per_topic.round(3).tolist()
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
) -> Coherence:
    r"""Measure how well the top terms of each topic fit together by co-occurrence.

    Coherent topics are easier to interpret. The function reads the data once and
    counts the top terms only; X stays sparse.

    Parameters
    ----------
    topics : fitted model or pipeline, array-like, or list of lists
        Weights of the terms (n_topics x n_features), or the top terms of each topic,
        best first, as names or column numbers of X.
    X : {array-like, sparse matrix, torch.Tensor}, default=None
        Document-term counts of shape (n_samples, n_features); with a pipeline, the
        pipeline's input. Co-occurrences are counted in documents.
    texts : iterable of list of str, default=None
        Tokenised documents, an alternative to X. Co-occurrences are counted in sliding
        windows of `window_size` tokens. `feature_names` are needed unless topics are
        given as words.
    measure : {"npmi", "umass", "u_mass", "c_v", "c_uci", "c_npmi"}, default="npmi"
        The measure. Let :math:`p_{ij}` be the share of documents or windows that
        contain both terms:

        - "npmi": the mean over pairs of :math:`\log(p_{ij} / p_i p_j) / -\log p_{ij}`
          [1]_, which is -1 for a pair that never co-occurs and 1 for a pair that always
          does;
        - "umass" ("u_mass" in gensim): the mean over pairs, j before i, of
          :math:`\log((p_{ij} + \epsilon) / p_j)` [2]_;
        - "c_uci": the mean over pairs of :math:`\log((p_{ij} + \epsilon) / p_i p_j)`;
        - "c_npmi": "npmi" with :math:`p_{ij} + \epsilon`, as in gensim;
        - "c_v": each term has a vector of its "c_npmi" values with all terms of the
          topic; the mean cosine of these vectors with their sum [3]_.

        :math:`\epsilon` is 1e-12, as in gensim. The last three measures are defined on
        windows of 10 tokens (110 for "c_v"). With `texts`, they equal those of gensim;
        with X, each document is one window, which gives other values and a warning.
        Documents without tokens count as documents, as in gensim.
    n_terms : int, default=10
        Number of top terms per topic. A term that is listed twice counts once.
    feature_names : sequence of str, default=None
        Names of the terms, in the order of the columns of X.
    window_size : int, default=None
        Number of tokens in a window of `texts`. If None, 110 for "c_v" and 10
        otherwise.

    Returns
    -------
    result : Coherence
        The coherence ``per_topic`` and its ``mean``. A topic with one term has
        coherence 0.

    Warns
    -----
    UserWarning
        If `measure` is "c_v", "c_uci" or "c_npmi", which are defined on windows, and X
        is given instead of `texts`.

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
        given = "Neither X nor texts is" if X is None else "Both X and texts are"
        raise ValueError(
            f"{given} given. Pass either X or texts to count co-occurrences."
        )
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
    # Rows are padded by -1, which also stands for terms that do not occur.
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
    """Shares of documents or windows that contain both terms: n_topics x L x L.

    `columns` (n_topics x L) are the terms; `known` lists those that occur, and `counts`
    counts pairs of positions in `known`.
    """
    i, j = np.tril_indices(columns.shape[1])
    pairs = np.stack([columns[:, i], columns[:, j]], axis=2)
    occur = (pairs >= 0).all(axis=2)
    both, total = counts(np.searchsorted(known, pairs[occur]))
    pair_shares = np.zeros(occur.shape)
    pair_shares[occur] = both / total
    shares = np.empty((*columns.shape, columns.shape[1]))
    shares[:, i, j] = shares[:, j, i] = pair_shares
    return shares


def _documents(topics, X, measure, window_size, feature_names):
    """Counts of X, checked to have the terms of the topics as columns.

    A tensor on a device stays there, as CSR or Tensor.
    """
    if window_size is not None:
        raise ValueError(
            f"window_size={window_size!r} has no effect with X, whose documents are "
            "the windows. Pass texts, or leave window_size out."
        )
    before, _ = split_pipeline(topics)
    if before is None and stays_on_device(X):
        X = canonical(X)
    else:
        X = as_counts(model_input(before, X))
    if X.shape[0] == 0:
        raise ValueError("X has no rows. Pass at least one document.")
    _check_columns(topics, X.shape[1])
    if feature_names is not None and len(feature_names) != X.shape[1]:
        raise ValueError(
            f"feature_names has {len(feature_names)} names, but X has {X.shape[1]} "
            "columns."
        )
    if measure in _WINDOWS:
        instead = ", or choose measure='npmi'" if measure == "c_npmi" else ""
        warn_user(
            f"measure={measure!r} is defined on windows of {_WINDOWS[measure]} tokens, "
            "but X contains whole documents. The values are not comparable with those "
            "of gensim. Pass the tokens of each document as texts= for comparable "
            f"values{instead}.",
            UserWarning,
            once=True,
        )
    return X


def _check_columns(topics, m):
    """Refuse topics whose terms are not the m columns of X."""
    if is_listed(topics):
        check_listed(topics)
        columns = [c for topic in topics for c in topic if not isinstance(c, str)]
        wrong = [c for c in columns if not 0 <= c < m]
        if wrong:
            raise ValueError(
                f"topics contains column {wrong[0]}, but X has columns 0 to {m - 1}."
            )
        return
    n_terms = topic_weights(topics).shape[1]
    if n_terms != m:
        raise ValueError(
            f"topics has {n_terms} terms, but X has {m} columns. Pass weights of the "
            "columns of X, or the top terms of each topic as a list of lists of int."
        )


def _names_for_texts(topics, feature_names):
    """Names of the terms: of the columns, or the words in lists of words."""
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
        raise ValueError(
            "texts needs the words of the topics. Pass feature_names, one word per "
            "column of the topics."
        )
    return feature_names


# Each measure takes the pair shares p of several topics: n_topics x n_terms x n_terms.


def _pairs(p):
    """Shares of both terms, of term i and of term j, over pairs with j before i."""
    i, j = np.tril_indices(p.shape[1], -1)
    single = np.diagonal(p, axis1=1, axis2=2)
    return p[:, i, j], single[:, i], single[:, j]


def _npmi(p):
    both, first, second = _pairs(p)
    value = np.full(both.shape, -1.0)
    defined = (both > 0) & (both < 1)
    ratio = both[defined] / (first * second)[defined]
    value[defined] = np.log(ratio) / -np.log(both[defined])
    value[both == 1] = 1.0
    return value.mean(1)


def _umass(p):
    both, _, before = _pairs(p)
    return _log_ratio(both, before).mean(1)


def _uci(p):
    both, first, second = _pairs(p)
    return _log_ratio(both, first * second).mean(1)


def _smoothed_npmi(both, first, second):
    return _log_ratio(both, first * second) / -np.log(both + _EPSILON)


def _c_npmi(p):
    return _smoothed_npmi(*_pairs(p)).mean(1)


def _c_v(p):
    single = np.diagonal(p, axis1=1, axis2=2)
    vectors = _smoothed_npmi(p, single[:, :, None], single[:, None, :])
    whole = vectors.sum(1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=2) * np.linalg.norm(whole, axis=2)
    cosines = (vectors * whole).sum(2) / np.where(lengths > 0, lengths, 1)
    return cosines.mean(1)


def _log_ratio(both, alone):
    """log((both + epsilon) / alone); 0 if a term does not occur."""
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
