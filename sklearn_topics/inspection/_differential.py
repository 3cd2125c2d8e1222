"""Terms that distinguish a topic from the others, with standard errors."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from .._boundary.arguments import check_integer, check_number, did_you_mean, is_integer
from .._boundary.contexts import plain_torch
from .._boundary.documents import counts_to_tensor, row_labels, token_totals
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import normalize_rows, term_names, topic_weights
from .._boundary.transfer import to_numpy
from .._core.differential import term_rates
from .._fit.progress import Progress
from ._frames import data_frame, name_column

if TYPE_CHECKING:
    from ._frames import DataFrame

_LOG_2 = np.log(2)
#: Rate of a term that does not occur where descent begins, times the number of terms.
_LEAST = 1e-3


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
) -> "DataFrame":
    r"""Find the terms that distinguish each topic from the others, and their errors.

    Use it to name topics by their distinctive terms, as in fastTopics' differential
    expression analysis [1]_. The topic proportions are fixed, and the rate of every
    term in every topic is estimated again by the model
    :math:`x_{ij} \sim Poisson(\sum_k s_i \theta_{ik} f_{jk})`, where :math:`s_i` is
    the number of tokens in document i. The log fold change of term j in topic k is
    :math:`\log_2(f_{jk} / f_{jl})`. By default, l is the topic with the nearest rate:
    this least extreme change is large only for terms that distinguish topic k from all
    others.

    Standard errors come from the curvature of the likelihood (Laplace approximation
    for the logarithms of the rates) and take seconds, where fastTopics draws Markov
    chains. The log fold change of a term that occurs in no other topic has a large
    error, although the difference is certain. Therefore terms are ranked by ``Z``,
    which compares the square roots of the rates, whose errors do not grow towards
    zero: :math:`(\sqrt{f_{jk}} - \sqrt{f_{jl}}) / se`.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The model whose ``transform`` infers the topic proportions.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed, which takes about half of the time.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    against : {"least_extreme", "overall"} or int, default="least_extreme"
        The rate to compare with: the nearest rate among the other topics, the rate in
        all documents together (taken as known), or the rate in the topic of this
        number.
    pseudocount : float, default=0.01
        Number of occurrences of each term that is added to each topic, so that rates
        are positive.
    n_terms : int, default=10
        Number of terms per topic, largest ``Z`` first. None lists all terms.
    verbose : int, default=0
        If positive, the progress is shown on standard error.

    Returns
    -------
    table : DataFrame
        One row per topic and term: "Topic", "Term", "LFC" (log fold change, base 2),
        "SE" (its standard error), "Z", "Rate" (share of the term among the tokens of
        the topic) and, by default, "Against" (the topic that was compared). If topics
        have names, the last column is "Name", that of the topic.

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
    sizes, overall = token_totals(counts)
    n_topics = theta.shape[1]
    if n_topics == 1 and against != "overall":
        raise ValueError(
            "The model has a single topic and no other topic to compare with. Pass "
            "against='overall'."
        )
    compare = _comparison(against, n_topics)
    names = term_names(model, feature_names)
    overall /= sizes.sum()
    loadings = torch.from_numpy(np.ascontiguousarray(theta * sizes[:, None]))
    blocks = []
    with Progress(len(names), "terms", verbose) as progress:
        progress.show(0)
        for first, rates, covariance in term_rates(
            counts_to_tensor(counts),
            loadings,
            pseudocount=pseudocount,
            start=_start(model, overall),
        ):
            block = to_numpy(rates), to_numpy(covariance), overall[first:]
            blocks.append(compare(*block))
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
    columns = {name: column.ravel() for name, column in columns.items()}
    table = data_frame({**columns, **name_column(model, columns["Topic"])})
    if isinstance(against, int | np.integer):
        return table[table["Topic"] != against].reset_index(drop=True)
    return table


def _start(model, overall):
    """Rates where descent begins, terms x topics: the topics, and a little of all."""
    topics = 0.9 * normalize_rows(np.abs(topic_weights(model))) + 0.1 * overall
    return torch.from_numpy(np.ascontiguousarray(topics.T + _LEAST / len(overall)))


def _comparison(against, n_topics):
    """Function of (rates, covariance of their logs, overall rates) that compares."""
    if against == "overall":
        return _against_overall
    if against == "least_extreme":
        return _against_nearest
    if is_integer(against, 0) and against < n_topics:
        return lambda rates, covariance, overall: _against(
            rates, covariance, np.full(rates.shape, against)
        )
    raise ValueError(
        f"against must be 'least_extreme', 'overall' or a topic number from 0 to "
        f"{n_topics - 1}. Got {against!r}."
        f"{did_you_mean(against, ('least_extreme', 'overall'))}"
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
    distance = np.abs(logs[:, :, None] - logs[:, None, :])  # [terms, topics, topics]
    topics = np.arange(rates.shape[1])
    distance[:, topics, topics] = np.inf
    return _against(rates, covariance, distance.argmin(axis=2))


def _against(rates, covariance, other):
    """Compare each rate with that of the topic `other` (terms x topics)."""
    term, topic = np.indices(rates.shape)
    logs, roots = np.log(rates), np.sqrt(rates)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    shared = covariance[term, topic, other]
    error = _root(variance + variance[term, other] - 2 * shared)
    # d sqrt(f) = sqrt(f) / 2 d log f
    root_variance = roots**2 * variance + (roots**2 * variance)[term, other]
    root_error = _root(root_variance - 2 * roots * roots[term, other] * shared) / 2
    gap = roots - roots[term, other]
    z = np.divide(gap, root_error, out=np.zeros_like(gap), where=root_error > 0)
    return rates, (logs - logs[term, other]) / _LOG_2, error / _LOG_2, z, other


def _root(variance):
    """Square root; rounding may make a variance negative."""
    return np.sqrt(np.maximum(variance, 0))
