"""Which terms tell a topic from the others, and how sure that is."""

import numpy as np
import torch

from .._boundary.arguments import check_integer, check_number
from .._boundary.contexts import plain_torch
from .._boundary.documents import (
    check_tokens,
    count_tokens,
    counts_to_tensor,
    row_labels,
)
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import term_names
from .._boundary.transfer import to_numpy
from .._core.differential import term_rates
from .._fit.progress import Progress
from ._tables import data_frame

_LOG_2 = np.log(2)


@plain_torch
def differential_terms(
    model,
    X,
    *,
    theta=None,
    feature_names=None,
    against="least_extreme",
    pseudocount=0.01,
    n_terms=10,
    verbose=0,
):
    r"""Find the terms that tell each topic from the others, with standard errors.

    The proportions of the topics are held and the rate of every term in every topic is
    estimated again, :math:`x_{ij} \sim Poisson(\sum_k s_i \theta_{ik} f_{jk})` with
    :math:`s_i` the tokens of document i, as in fastTopics' analysis of differential
    expression [1]_. The log fold change of term j in topic k is
    :math:`\log_2(f_{jk} / f_{jl})`, by default to the topic l whose rate is nearest:
    the least extreme change, large only for terms that tell the topic from all others.

    Its standard error comes from the curvature of the likelihood (Laplace's
    approximation on the logarithms of the rates) where fastTopics draws Markov chains;
    it takes seconds. A term that other topics do not have at all is told from them
    surely, but by how many powers of two is unknown: its error is large. Therefore
    ``Z``, by which terms are ranked, compares the square roots of the rates, whose
    errors do not grow towards zero:
    :math:`(\sqrt{f_{jk}} - \sqrt{f_{jl}}) / se`.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics, by its ``transform``.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        What the model's ``transform`` returns of X, which is not called then: that is
        about half of the time.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    against : {"least_extreme", "overall"} or int, default="least_extreme"
        What the rate is compared with: the nearest among the other topics; the rate in
        all documents together, taken as known; or the topic of that number.
    pseudocount : float, default=0.01
        Occurrences of each term added to each topic; keeps rates above zero.
    n_terms : int, default=10
        Terms for each topic, largest ``Z`` first. None lists all.
    verbose : int, default=0
        Above 0: shows the progress on standard error.

    Returns
    -------
    table : DataFrame
        One row a topic and term: "Topic", "Term", "LFC" (in units of log2), its "SE",
        "Z", "Rate" (of the term among the topic's tokens) and, by default, "Against",
        the topic that it was compared with.

    References
    ----------
    .. [1] P. Carbonetto, K. Luo, A. Sarkar et al., "GoM DE: interpreting structure in
       sequence count data with differential expression analysis allowing for grades of
       membership", Genome Biology 24, 236 (2023), equations 5 and 6.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import differential_terms
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> table = differential_terms(model, X, n_terms=5)
    >>> len(table), bool((table["LFC"] > 0).all())
    (15, True)
    """
    pseudocount = check_number(pseudocount, "pseudocount", 0, np.inf, open=True)
    if n_terms is not None:
        n_terms = check_integer(n_terms, "n_terms", also=", or None for all")
    row_labels(X=X, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    check_tokens(counts)
    n_topics = theta.shape[1]
    if n_topics == 1 and against != "overall":
        raise ValueError(
            "A single topic has no others to be compared with: pass against='overall'."
        )
    compare = _comparison(against, n_topics)
    names = term_names(model, feature_names)
    sizes, overall = count_tokens(counts, axis=1), count_tokens(counts, axis=0)
    if not sizes.any():
        raise ValueError("X has no tokens, by which terms could differ.")
    overall /= sizes.sum()
    loadings = torch.from_numpy(np.ascontiguousarray(theta * sizes[:, None]))
    blocks = []
    with Progress(len(names), "terms", verbose) as progress:
        progress.show(0)
        for first, rates, covariance in term_rates(
            counts_to_tensor(counts), loadings, pseudocount=pseudocount
        ):
            found = compare(to_numpy(rates), to_numpy(covariance), overall[first:])
            blocks.append(found)
            done = first + len(rates)
            progress.show(done, last=done == len(names))
    rates, change, error, z, other = map(np.concatenate, zip(*blocks, strict=True))
    first = np.argsort(-z, axis=0, kind="stable")[:n_terms].T  # [topics, terms]
    topic = np.arange(n_topics)[:, None]
    columns = {
        "Topic": np.broadcast_to(topic, first.shape),
        "Term": np.asarray(names, dtype=object)[first],
        "LFC": change[first, topic],
        "SE": error[first, topic],
        "Z": z[first, topic],
        "Rate": rates[first, topic],
    }
    if against == "least_extreme":
        columns["Against"] = other[first, topic]
    table = data_frame({name: column.ravel() for name, column in columns.items()})
    if isinstance(against, int | np.integer):
        return table[table["Topic"] != against].reset_index(drop=True)
    return table


def _comparison(against, n_topics):
    """What takes (rates, covariance of their logarithms, overall rates) apart."""
    if against == "overall":
        return _against_overall
    if against == "least_extreme":
        return _against_nearest
    numbered = isinstance(against, int | np.integer) and not isinstance(against, bool)
    if numbered and 0 <= against < n_topics:
        return lambda rates, covariance, overall: _against(
            rates, covariance, np.full(rates.shape, against)
        )
    raise ValueError(
        "against must be 'least_extreme', 'overall' or the number of a topic, 0 to "
        f"{n_topics - 1}. Got {against!r}."
    )


def _against_overall(rates, covariance, overall):
    overall = overall[: len(rates), None]
    spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    occurs = overall > 0
    change = np.where(occurs, np.log2(rates / np.where(occurs, overall, 1)), 0.0)
    roots = np.sqrt(rates)
    z = np.where(occurs, (roots - np.sqrt(overall)) / (roots * spread / 2), 0.0)
    return rates, change, spread / _LOG_2, z, np.zeros(rates.shape, int)


def _against_nearest(rates, covariance, overall):
    logs = np.log(rates)
    apart = np.abs(logs[:, :, None] - logs[:, None, :])
    topics = np.arange(rates.shape[1])
    apart[:, topics, topics] = np.inf
    return _against(rates, covariance, apart.argmin(axis=2))


def _against(rates, covariance, other):
    """Changes to the topic `other` (terms x topics) of each."""
    term, topic = np.indices(rates.shape)
    logs, roots = np.log(rates), np.sqrt(rates)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    shared = covariance[term, topic, other]
    error = _root(variance + variance[term, other] - 2 * shared)
    # d sqrt(f) = sqrt(f) / 2 d log f
    by_roots = roots**2 * variance + (roots**2 * variance)[term, other]
    by_roots = _root(by_roots - 2 * roots * roots[term, other] * shared) / 2
    apart = roots - roots[term, other]
    z = np.divide(apart, by_roots, out=np.zeros_like(apart), where=by_roots > 0)
    return rates, (logs - logs[term, other]) / _LOG_2, error / _LOG_2, z, other


def _root(variance):
    return np.sqrt(np.maximum(variance, 0))
