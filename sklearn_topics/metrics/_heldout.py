"""Held-out likelihood and perplexity of any topic model, by document completion."""

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
def completion_score(estimator, X, y=None) -> float:
    """Compute the mean log-likelihood per held-out token; higher is better.

    Use it to compare topic models on new documents. The tokens of each document are
    split into two halves: topic proportions are inferred by ``estimator.transform``
    from one half, and the other half is scored. The ``score`` of our topic models uses
    the same split.

    Parameters
    ----------
    estimator : fitted model or pipeline
        A model with ``transform`` and ``components_``. The weights of a factorisation
        W H, whose rows do not sum to one, are converted to topic proportions.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input. The model should
        not have been fitted on these documents.
    y : Ignored
        Not used, present so that the function can be a scorer.

    Returns
    -------
    score : float
        Log-likelihood per token (natural logarithm). For our topic models, it equals
        ``score(X)``.

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
    observed, held_out = split_counts(counts_to_tensor(counts))
    theta = topic_proportions(model, like_frame(counts_from_tensor(observed), X))
    parts = map(torch.from_numpy, (theta, topics))
    return _completion_score(held_out, *parts)


def perplexity(estimator, X, y=None) -> float:
    """Compute the held-out perplexity per token; lower is better.

    The perplexity is ``exp(-completion_score(estimator, X))``.

    Parameters
    ----------
    estimator : fitted model or pipeline
        A model with ``transform`` and ``components_``.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    y : Ignored
        Not used, present so that the function can be a scorer.

    Returns
    -------
    perplexity : float
        Perplexity per token; `n_features` for the uniform distribution over terms.

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
