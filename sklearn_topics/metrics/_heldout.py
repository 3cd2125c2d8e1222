"""Held-out likelihood of any topic model: document completion."""

import math

import torch

from .._boundary.contexts import plain_torch
from .._boundary.documents import (
    check_documents,
    check_tokens,
    counts_from_tensor,
    counts_to_tensor,
    like_frame,
)
from .._boundary.pipelines import model_input, split_pipeline
from .._boundary.proportions import topic_proportions
from .._boundary.topics import topic_distributions
from .._core.heldout import completion_score as _completion_score
from .._core.heldout import split_counts


@plain_torch
def completion_score(estimator, X, y=None):
    """Mean log-probability of a held-out token: greater is better.

    The tokens of every document are split in two halves, as the topic models' own
    ``score`` does; the proportions come from ``estimator.transform`` of one half, the
    other is scored.

    Parameters
    ----------
    estimator : fitted model or pipeline
        Any that has ``transform`` and ``components_``. Weights whose rows do not sum
        to one, those of a factorisation W H, are turned into the proportions of the
        same topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input. Documents that were
        not fitted on.
    y : Ignored
        So that it can be a scorer.

    Returns
    -------
    score : float
        Natural logarithm per token. For our topic models equal to ``score(X)``.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.metrics import completion_score
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X[:150])
    >>> round(completion_score(model, X[150:]) - model.score(X[150:]), 5) == 0
    True
    """
    before, model = split_pipeline(estimator)
    topics = topic_distributions(model)
    X = model_input(before, X)
    counts = check_documents(X, topics.shape[1])
    check_tokens(counts)
    shown, held_out = split_counts(counts_to_tensor(counts))
    theta = topic_proportions(model, like_frame(counts_from_tensor(shown), X))
    parts = map(torch.from_numpy, (theta, topics))
    return _completion_score(held_out, *parts)


def perplexity(estimator, X, y=None):
    """Held-out perplexity per token, ``exp(-completion_score(estimator, X))``.

    Parameters
    ----------
    estimator : fitted model or pipeline
        Any that has ``transform`` and ``components_``.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    y : Ignored
        So that it can be a scorer.

    Returns
    -------
    perplexity : float
        Smaller is better; `n_features` for the uniform distribution.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.metrics import perplexity
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X[:150])
    >>> perplexity(model, X[150:]) < 50
    True
    """
    return math.exp(-completion_score(estimator, X))
