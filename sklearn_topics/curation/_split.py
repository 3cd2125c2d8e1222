"""Split a topic of a fitted model into several."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import LatentDirichletAllocation

from .._boundary.arguments import check_integer
from .._boundary.documents import counts_from_tensor, counts_to_tensor
from .._boundary.proportions import proportions_and_counts
from .._boundary.shards import require_no_group
from .._boundary.topics import topic_distributions, topic_names
from .._kernels import CSR, ops
from ..models._poisson_nmf import TorchPoissonNMF
from ._copies import check_model, known_tokens, prior_tokens, with_topics
from ._merge import find_topics

#: Least probability of a term in a document.
_LEAST = 1e-12


def split_topic(model, topic, X, n=2, *, random_state=0) -> Any:
    """Split a topic of a fitted model into `n` topics.

    Fits a :class:`~sklearn_topics.TorchPoissonNMF` with `n` topics to the tokens of X
    that belong to the topic, and divides the topic among them: the expected counts of
    the new topics sum to those of the topic, so that :func:`merge_topics` restores it.
    The model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        TorchPoissonNMF, TorchBetaNMF, scikit-learn's NMF or LatentDirichletAllocation,
        or a pipeline that ends in one. TorchETM and TorchDeepNMF raise an error.
    topic : int or str
        The topic, by number or name.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Documents, such as those of the fit; with a pipeline, the pipeline's input.
    n : int, default=2
        Number of topics in its place.
    random_state : int, RandomState instance or None, default=0
        Seed of the fit.

    Returns
    -------
    edited : fitted model or pipeline
        A copy with `n` topics in place of one, largest first; if the topic has a name,
        they have this name and a number.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import split_topic
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> split_topic(model, 1, X).n_components_
    4
    """
    require_no_group("split_topic")
    last = check_model(model)
    components = last.components_.astype(np.float64)
    K = len(components)
    (k,) = find_topics(model, [topic], K, "topic")
    n = check_integer(n, "n", least=2)
    part = _topic_counts(model, X, k)
    parts = _parts(part, n, random_state)
    weights = parts.topic_tokens_ + parts._prior_tokens()
    order = np.argsort(-weights, kind="stable")
    counts = (weights[:, None] * parts.components_)[order].astype(np.float64)
    fractions = counts / np.maximum(counts.sum(axis=0), np.finfo(np.float64).tiny)
    new = components[k] * fractions  # [n, m]
    mass = new.sum(axis=1) / max(components[k].sum(), np.finfo(np.float64).tiny)
    if not isinstance(last, LatentDirichletAllocation):  # whose rows are counts
        new /= np.where(mass > 0, mass, 1)[:, None]
    shares = np.insert(np.eye(K), [k] * (n - 1), 0, axis=0)
    shares[k : k + n, k] = 1 / n
    return with_topics(
        model,
        np.vstack([components[:k], new, components[k + 1 :]]),
        _numbered_names(model, k, n),
        _split_tokens(model, k, mass),
        mix=None,
        shares=shares,
    )


def _topic_counts(model, X, k):
    """The expected counts of topic k in each document and term; sparse as X."""
    theta, counts = proportions_and_counts(model, X)
    topics = topic_distributions(model).T
    data = counts_to_tensor(counts)
    theta, topics = (
        torch.from_numpy(np.array(A, np.float64, order="C")) for A in (theta, topics)
    )
    if isinstance(data, CSR):
        own = ops.sddmm(data, *(A[:, [k]].contiguous() for A in (theta, topics)))
        every = ops.sddmm(data, theta, topics).clamp_(min=_LEAST)
        return counts_from_tensor(data.with_data(data.data * own / every))
    every = (theta @ topics.T).clamp_(min=_LEAST)
    return counts_from_tensor(data * theta[:, [k]] * topics[:, k] / every)


def _parts(counts, n, random_state):
    """Poisson NMF of counts, which need be no integers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # and ConvergenceWarning
        return TorchPoissonNMF(n, random_state=random_state).fit(counts)


def _split_tokens(model, k, mass):
    """``topic_tokens_`` that, with shares of the pseudocounts, are the parts' mass."""
    tokens = known_tokens(model)
    if tokens is None:
        return None
    prior = np.broadcast_to(prior_tokens(model), len(tokens))
    own = (tokens[k] + prior[k]) * mass - prior[k] / len(mass)
    return np.concatenate([tokens[:k], np.maximum(own, 0), tokens[k + 1 :]])


def _numbered_names(model, k, n):
    names = topic_names(model)
    if names is None:
        return None
    parts = [f"{names[k]} {i}" if names[k] else "" for i in range(1, n + 1)]
    return [*names[:k], *parts, *names[k + 1 :]]
