"""Synthetic corpora with known topics."""

import difflib
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state, check_scalar

_VOCABULARIES = ("zipf", "dirichlet")
_LENGTH_DISTRIBUTIONS = ("poisson", "lognormal", "fixed")
# Documents are drawn in blocks, so that temporary arrays do not grow with the corpus.
_TOKENS_PER_BLOCK = 2_000_000

#: Tokens per term from which a binomial draw for each term is faster.
_LONG = 8


def make_topic_corpus(
    n_samples=1000,
    n_features=1000,
    n_topics=10,
    *,
    doc_length=100,
    length_distribution="poisson",
    length_sigma=0.5,
    doc_topic_prior=0.1,
    vocabulary="zipf",
    zipf_exponent=1.0,
    topic_word_prior=None,
    random_state=None,
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Generate a synthetic corpus from known topics, to test and compare models.

    Each document has topic proportions theta_i ~ Dirichlet(`doc_topic_prior`) and a
    random length. Each token belongs to topic k with probability theta_ik, and is then
    term j with probability topics_kj [1]_. The counts of a document of length t_i are
    therefore exactly Multinomial(t_i, theta_i topics); with Poisson lengths, the counts
    are Poisson(`doc_length` * theta_i topics) [2]_.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of documents, at least 1.
    n_features : int, default=1000
        Number of terms, at least 1.
    n_topics : int, default=10
        Number of topics, at least 1.
    doc_length : float, default=100
        Mean number of tokens per document, at least 0.
    length_distribution : {"poisson", "lognormal", "fixed"}, default="poisson"
        Distribution of the document lengths: Poisson; Poisson with a log-normal rate,
        which gives a few very long documents, as in real corpora; or `doc_length`,
        rounded to an integer, for all documents. Documents may be empty unless lengths
        are ``"fixed"``.
    length_sigma : float, default=0.5
        Standard deviation of the logarithm of the rate, at least 0; used for
        ``length_distribution="lognormal"`` only.
    doc_topic_prior : float, default=0.1
        Parameter of the symmetric Dirichlet distribution of the proportions, above 0.
        Small values give documents with few topics.
    vocabulary : {"zipf", "dirichlet"}, default="zipf"
        Distribution of the topics over terms. Topics are independent draws from
        Dirichlet(c p) with base measure p and concentration c. For ``"dirichlet"``, p
        is uniform. For ``"zipf"``, p_j is proportional to 1 / (j + 1)^`zipf_exponent`:
        term 0 is the most frequent, and all topics share the frequent terms, with
        different frequencies, but use different rare terms.
    zipf_exponent : float, default=1.0
        Exponent of Zipf's law, at least 0; used for ``vocabulary="zipf"`` only.
    topic_word_prior : float, default=None
        Mean parameter, c / `n_features`, of the Dirichlet distribution of the topics,
        above 0. Small values give distinct topics. If None, 0.1 for ``"zipf"`` and 1
        for ``"dirichlet"``.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. Pass an int to get the same corpus on every call.

    Returns
    -------
    X : scipy.sparse.csr_matrix of shape (n_samples, n_features), dtype int64
        Counts, with sorted and distinct column indices and without stored zeros.
    theta : ndarray of shape (n_samples, n_topics)
        Topic proportions of the documents. Rows sum to one.
    topics : ndarray of shape (n_topics, n_features)
        Term probabilities of the topics. Rows sum to one.

    Raises
    ------
    TypeError
        If a number has the wrong type.
    ValueError
        If a number is out of range or a name is unknown.

    See Also
    --------
    load_docstrings : Real texts without a download.

    Notes
    -----
    The time is proportional to the number of tokens plus ``n_samples * n_topics`` plus
    ``n_topics * n_features``; for documents with many more tokens than terms, it is
    proportional to ``n_samples * n_features``. Documents are drawn in blocks, so no
    dense array of that size is created.

    The generator of tinytopics [3]_, with flat Dirichlet loadings and factors, is
    ``vocabulary="dirichlet", doc_topic_prior=1, topic_word_prior=1``.

    References
    ----------
    .. [1] D. M. Blei, A. Y. Ng, M. I. Jordan (2003). Latent Dirichlet allocation.
       Journal of Machine Learning Research 3.
    .. [2] P. Carbonetto, A. Sarkar, Z. Wang, M. Stephens (2021). Non-negative matrix
       factorization algorithms greatly improve topic model fits. arXiv:2105.13440.
    .. [3] https://nanx.me/tinytopics/

    Examples
    --------
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(50, 200, 4, random_state=0)
    >>> X.shape, theta.shape, topics.shape
    ((50, 200), (50, 4), (4, 200))
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(n_topics, "n_topics", Integral, min_val=1)
    _check_real(doc_length, "doc_length", "left")
    _check_real(length_sigma, "length_sigma", "left")
    _check_real(zipf_exponent, "zipf_exponent", "left")
    _check_real(doc_topic_prior, "doc_topic_prior", "neither")
    _check_name(vocabulary, "vocabulary", _VOCABULARIES)
    _check_name(length_distribution, "length_distribution", _LENGTH_DISTRIBUTIONS)
    if topic_word_prior is None:
        topic_word_prior = 0.1 if vocabulary == "zipf" else 1.0
    _check_real(topic_word_prior, "topic_word_prior", "neither")
    rng = check_random_state(random_state)

    base = np.ones(n_features)
    if vocabulary == "zipf":
        base /= np.arange(1.0, n_features + 1) ** zipf_exponent
    base *= topic_word_prior * n_features / base.sum()
    topics = _dirichlet(rng, base, n_topics)
    theta = _dirichlet(rng, np.full(n_topics, float(doc_topic_prior)), n_samples)
    lengths = _draw_lengths(
        rng, n_samples, doc_length, length_distribution, length_sigma
    )
    return _draw_counts(rng, theta, topics, lengths), theta, topics


def _check_real(value, name, include_boundaries):
    """Check that a number is finite and at least 0 ("left") or above 0 ("neither")."""
    limits = {"min_val": 0, "max_val": np.inf, "include_boundaries": include_boundaries}
    check_scalar(value, name, Real, **limits)
    if np.isnan(value):
        raise ValueError(f"{name} must be a number. Got nan.")


def _check_name(value, name, allowed):
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{name} must be one of {', '.join(allowed)}. Got {value!r}.{hint}"
        )


def _dirichlet(rng, alpha, size):
    """Draw rows from Dirichlet(alpha), shape (size, len(alpha)).

    Small parameters would give rows of 0 / 0. Therefore the draw uses logarithms and
    the identity Gamma(a) = Gamma(a + 1) * U^(1 / a).
    """
    shape = (size, len(alpha))
    alpha = np.maximum(alpha, 1e-300)  # keeps the quotient finite
    draws = np.log(rng.standard_gamma(alpha + 1.0, shape))
    # An exponential variate is minus the logarithm of a uniform one.
    draws -= rng.standard_exponential(shape) / alpha
    draws -= draws.max(axis=1, keepdims=True)
    np.exp(draws, out=draws)
    draws /= draws.sum(axis=1, keepdims=True)
    return draws


def _draw_lengths(rng, n_samples, doc_length, distribution, sigma):
    """Draw the numbers of tokens, shape (n_samples,), dtype int64."""
    if distribution == "fixed":
        return np.full(n_samples, round(doc_length), dtype=np.int64)
    rate = np.full(n_samples, float(doc_length))
    if distribution == "lognormal":
        # The factor has mean one.
        rate *= rng.lognormal(-0.5 * sigma**2, sigma, n_samples)
    return rng.poisson(rate).astype(np.int64)


def _draw_counts(rng, theta, topics, lengths):
    """Draw Multinomial(lengths_i, theta_i topics) for every row, as a csr_matrix."""
    n_samples = len(theta)
    cdf = np.cumsum(topics, axis=1)
    cdf /= cdf[:, -1:]  # ends in exactly one
    ends = np.cumsum(lengths)
    blocks = []
    start = 0
    while start < n_samples:
        done = ends[start - 1] if start else 0
        stop = np.searchsorted(ends, done + _TOKENS_PER_BLOCK, side="right")
        stop = max(int(stop), start + 1)
        weights, sizes = theta[start:stop], lengths[start:stop]
        if ends[stop - 1] - done > _LONG * (stop - start) * len(cdf.T):
            counts = _draw_multinomial(rng, sizes, weights @ topics)
            blocks.append(sp.csr_matrix(counts))
        else:
            blocks.append(_draw_block(rng, weights, sizes, cdf))
        start = stop
    return blocks[0] if len(blocks) == 1 else sp.vstack(blocks, format="csr")


def _draw_block(rng, theta, lengths, cdf):
    """Draw the counts of a block of documents, topic by topic."""
    n_samples, n_topics = theta.shape
    n_features = cdf.shape[1]
    per_topic = _draw_multinomial(rng, lengths, theta)
    documents = np.arange(n_samples)
    rows, columns = [], []
    for k in range(n_topics):
        token_documents = np.repeat(documents, per_topic[:, k])
        uniform = rng.random_sample(len(token_documents))
        # The first term whose cumulative probability exceeds the uniform number has
        # a positive probability.
        columns.append(np.searchsorted(cdf[k], uniform, side="right"))
        rows.append(token_documents)
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    ones = np.ones(len(rows), dtype=np.int64)
    X = sp.csr_matrix((ones, (rows, columns)), shape=(n_samples, n_features))
    X.sum_duplicates()
    return X


def _draw_multinomial(rng, totals, probabilities):
    """Draw Multinomial(totals_i, probabilities_i) for every row i.

    The columns are successive binomial draws, because `RandomState.multinomial` accepts
    a single vector of probabilities only.
    """
    counts = np.empty(probabilities.shape, dtype=np.int64)
    remaining = totals.copy()
    # Total probability of the columns from k on, summed from the last column.
    tails = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1]
    for k in range(probabilities.shape[1] - 1):
        share = np.divide(
            probabilities[:, k],
            tails[:, k],
            out=np.zeros(len(remaining)),
            where=tails[:, k] > 0,
        )
        counts[:, k] = rng.binomial(remaining, np.minimum(share, 1.0))
        remaining -= counts[:, k]
    counts[:, -1] = remaining
    return counts
