"""Copies of fitted models with other topics, for our models and scikit-learn's."""

from copy import copy, deepcopy

import numpy as np
from scipy.special import digamma
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.utils.validation import check_is_fitted

from .._boundary.documents import as_array, count_tokens
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import nonnegative_weights, topic_names
from ..models._base import BaseBetaNMF, BaseTopicModel, set_topic_names

#: scikit-learn's attributes that describe the fit to the training data.
_OF_THE_FIT = "reconstruction_err_", "bound_"


def check_model(model):
    """The topic model, perhaps the last step of a pipeline."""
    _, last = split_pipeline(model)
    known = BaseTopicModel, BaseBetaNMF, NMF, LatentDirichletAllocation
    if not isinstance(last, known):
        inner = isinstance(getattr(last, "estimator_", None), known)
        raise TypeError(
            f"{type(last).__name__} cannot be edited. Expected a fitted "
            "TorchPoissonNMF, TorchBetaNMF, TorchETM or TorchDeepNMF, scikit-learn's "
            "NMF or LatentDirichletAllocation, or a pipeline that ends in one."
            f"{' Pass its estimator_.' * inner}"
        )
    check_is_fitted(last)
    nonnegative_weights(last)
    return last


def topic_tokens(model, X=None) -> np.ndarray:
    """Tokens of each topic in the training data or, if given, in X: float64 (K,)."""
    _, last = split_pipeline(model)
    H = nonnegative_weights(last).astype(np.float64)
    if X is not None:
        theta, counts = proportions_and_counts(model, X)
        return count_tokens(counts, axis=1) @ theta
    if isinstance(last, LatentDirichletAllocation):
        return H.sum(axis=1)
    tokens = getattr(last, "topic_tokens_", None)
    if tokens is None:
        raise ValueError(
            f"This {type(last).__name__} has no topic_tokens_, the weights of its "
            "topics. Pass the documents: X=X."
        )
    if len(tokens) != len(H):
        raise ValueError(
            f"topic_tokens_ has {len(tokens)} numbers, but components_ has {len(H)} "
            "rows. Pass the documents: X=X."
        )
    return as_array(np.asarray(tokens)[None], "topic_tokens_")[0].astype(np.float64)


def mixing_weights(model, X=None) -> np.ndarray:
    """Weights with which rows of ``components_`` add up when topics are merged: (K,).

    Expected counts add: of a topic model the tokens and pseudocounts of each topic, of
    a factorisation W H the column sums of W. The components of LDA are counts.
    """
    last = check_model(model)
    if isinstance(last, LatentDirichletAllocation):
        return np.ones(len(last.components_))
    tokens = topic_tokens(model, X)
    prior = prior_tokens(last)
    sums = last.components_.sum(axis=1, dtype=np.float64)
    return (tokens + prior) / np.where(sums > 0, sums, 1)


def prior_tokens(model):
    """The pseudocounts of all terms of each topic together: a number, or (K,)."""
    last = check_model(model)
    return last._prior_tokens() if hasattr(last, "_prior_tokens") else 0.0


def known_tokens(model, X=None) -> np.ndarray | None:
    """``topic_tokens_``; of a model that has none, those of X if given, else None."""
    last = check_model(model)
    if X is None or hasattr(last, "topic_tokens_"):
        return getattr(last, "topic_tokens_", None)
    is_counts = isinstance(last, LatentDirichletAllocation)
    return None if is_counts else topic_tokens(model, X)


def with_topics(model, components, names, tokens, *, mix, shares):
    """A copy of a fitted model or pipeline with other topics.

    Parameters
    ----------
    model : fitted model or pipeline
    components : ndarray of shape (n_new, n_features)
    names : list of str or None
    tokens : ndarray of shape (n_new,) or None
    mix, shares : ndarray of shape (n_new, n_old)
        See `BaseDecomposition._replace_topics`.
    """
    last = check_model(model)
    edited = deepcopy(last)
    components = np.ascontiguousarray(components, last.components_.dtype)
    if isinstance(last, NMF | LatentDirichletAllocation):
        _replace_sklearn_topics(edited, components, shares)
        if tokens is not None:
            edited.topic_tokens_ = tokens
    else:
        options = {"mix": mix, "shares": shares}
        edited._replace_topics(components, tokens, **options)
    return _in_pipeline(model, with_names(edited, names))


def renamed(model, names):
    """A copy of a fitted model or pipeline whose topics have these names."""
    return _in_pipeline(model, with_names(deepcopy(check_model(model)), names))


def with_names(model, names):
    """The model itself, with names or, for None, without."""
    set_topic_names(model, None if names is None else np.array(names, np.str_))
    if "topic_names" in model.get_params(deep=False):
        model.topic_names = topic_names(model)
    return model


def _in_pipeline(model, last):
    """The pipeline of a model with another last step; the model itself without."""
    if hasattr(model, "best_estimator_"):
        return _in_pipeline(model.best_estimator_, last)
    if not hasattr(model, "steps"):
        return last
    pipeline = copy(model)
    name, step = model.steps[-1]
    pipeline.steps = [*model.steps[:-1], (name, _in_pipeline(step, last))]
    return pipeline


def _replace_sklearn_topics(model, components, shares):
    same = (shares.max(axis=1) == 1) & ((shares > 0).sum(axis=1) == 1)
    if isinstance(model, LatentDirichletAllocation):
        # The mean of log probabilities under the posterior of the topics.
        total = components.sum(axis=1, keepdims=True, dtype=np.float64)
        rates = np.exp(digamma(components) - digamma(total))
        old = model.exp_dirichlet_component_[shares.argmax(axis=1)]
        rates = np.where(same[:, None], old, rates).astype(components.dtype)
        model.exp_dirichlet_component_ = rates
    else:
        model.n_components_ = len(components)
    model.components_, model.n_components = components, len(components)
    if not (same.all() and shares.shape[0] == shares.shape[1]):
        for name in _OF_THE_FIT:
            vars(model).pop(name, None)
