"""Topics in any form -> arrays: of models, pipelines, weights, lists of terms."""

from copy import copy
from numbers import Integral

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from .._boundary.arguments import check_integer
from .._boundary.containers import readable
from .._boundary.transfer import to_device
from ..models._base import BaseBetaNMF, BaseDecomposition, BaseTopicModel
from ._containers import (
    as_array,
    as_counts,
    check_tokens,
    count_tokens,
    like_frame,
)

#: Rows of weights whose sums differ from one by less are proportions.
_PROPORTIONS = 1e-3


def split_pipeline(estimator):
    """What comes before the topic model (or None), and the topic model."""
    if hasattr(estimator, "best_estimator_"):  # a fitted search
        return split_pipeline(estimator.best_estimator_)
    if not hasattr(estimator, "steps"):
        return None, estimator
    before = estimator[:-1] if len(estimator) > 1 else None
    within, last = split_pipeline(estimator[-1])  # a pipeline or search at the end
    if within is not None:
        before = within if before is None else make_pipeline(before, within)
    return before, last


def may_miss(model) -> bool:
    """Whether cells of a model's data may be unobserved."""
    return getattr(split_pipeline(model)[1], "_may_miss", False)


def model_input(before, X, missing=False):
    """What the topic model gets of X after the steps before; values of lists, tensors.

    numpy warns of tensors that it shall copy, and cannot read sparse ones. The steps
    get X as it is, as they did in fit.
    """
    found = readable(X if before is None else before.transform(X), missing=missing)
    return found if hasattr(found, "sum") else as_counts(found)


def topic_weights(topics) -> np.ndarray:
    """Topics x terms: of a fitted model or pipeline, or an array itself."""
    _, model = split_pipeline(topics)
    if isinstance(model, BaseEstimator) and not hasattr(model, "components_"):
        check_is_fitted(model)
        raise TypeError(f"{type(model).__name__} has no topics in components_.")
    weights = as_array(getattr(model, "components_", model), "topics")
    return weights if weights.dtype.kind == "f" else weights.astype(np.float64)


def topic_distributions(topics) -> np.ndarray:
    """Topics as rows that sum to one, float64; a row of zeros becomes uniform."""
    weights = topic_weights(topics)
    _refuse_negative(weights, topics)
    return shares(weights)


def topic_proportions(model, X) -> np.ndarray:
    """Proportions of topics in documents, by the model's own ``transform``.

    Weights whose rows do not sum to one are those of a factorisation W H; they become
    the proportions of the same topic model.
    """
    weights = topic_weights(model)
    _refuse_negative(weights, model)
    if not hasattr(model, "transform"):
        raise TypeError(
            f"model is a {type(model).__name__}, which has no transform: pass a fitted "
            "model, or the proportions of the documents as theta."
        )
    name = f"What {type(model).__name__}.transform returns"
    W = as_array(model.transform(_for_transform(model, X)), name)
    if isinstance(model, BaseBetaNMF | NMF | MiniBatchNMF):
        return _scaled(W, weights, name)
    return _proportions(W, model, name)


def given_proportions(theta, model, n_documents=None) -> np.ndarray:
    """Proportions that the user passes, in place of those by ``transform``."""
    _, model = split_pipeline(model)
    weights = topic_weights(model)
    _refuse_negative(weights, model)
    theta = as_array(theta, "theta")
    check_shape(theta, len(theta) if n_documents is None else n_documents, len(weights))
    return _proportions(theta, model, "theta")


def check_shape(theta, n_documents: int, n_topics: int) -> None:
    if theta.shape != (n_documents, n_topics):
        raise ValueError(
            f"theta must have a row for each of the {n_documents} documents and a "
            f"column for each of the {n_topics} topics. Got shape {theta.shape}."
        )


def proportions(model, X, theta=None, verbose=0):
    """Proportions of topics (n x K), and the counts that the model gets.

    With `theta` the proportions are these; the model's ``transform`` is not called.
    With `verbose` the ``transform`` of one of our models shows its progress.
    """
    before, last = split_pipeline(model)
    n_terms = topic_weights(last).shape[1]
    given = model_input(before, X, may_miss(last))
    counts = documents_of(given, n_terms)
    if theta is None:
        if verbose > 0 and isinstance(last, BaseDecomposition):
            last = copy(last)  # shallow: the parameter belongs to the user
            last.verbose = verbose
        return topic_proportions(last, given), counts
    check_tokens(counts)
    return given_proportions(theta, last, counts.shape[0]), counts


def documents_of(X, n_terms: int):
    """Counts of at least one document over the terms of a model."""
    counts = as_counts(X)
    if counts.shape[0] == 0:
        raise ValueError("X has no documents.")
    if counts.shape[1] != n_terms:
        raise ValueError(
            f"X has {counts.shape[1]} columns, but the topics have {n_terms} terms."
        )
    return counts


def unassigned(theta, counts=None) -> np.ndarray:
    """Whether each document has no dominant topic: a boolean array (n_documents,).

    A document without known terms has none, where its counts are at hand; nor has one
    whose proportions are equal to the last bit, as those of such a document are.
    """
    theta = np.asarray(theta)
    none = np.zeros(len(theta), dtype=bool)
    if theta.shape[1] > 1:
        none |= (theta == theta[:, :1]).all(axis=1)
    if counts is not None:
        none |= count_tokens(as_counts(counts), axis=1) == 0
    return none


def strongest_topics(theta, counts=None) -> tuple[np.ndarray, np.ndarray]:
    """The dominant topic of each document and its proportion; -1 and NaN for none."""
    none = unassigned(theta, counts)
    topic = np.where(none, -1, theta.argmax(axis=1))
    return topic, np.where(none, np.nan, theta.max(axis=1))


def token_shares(theta, counts) -> np.ndarray:
    """Each topic's part of all tokens: proportions weighted by the documents' sizes."""
    weights = count_tokens(as_counts(counts), axis=1) @ theta
    return weights / (weights.sum() or 1)


def upload(X):
    """Counts of any container as a float64 CSR, or dense tensor, on the CPU."""
    X = as_counts(X)
    if sp.issparse(X):
        X = X.astype(np.float64, copy=False)
    else:
        X = np.ascontiguousarray(X, np.float64)
    return to_device(X, torch.device("cpu"))


def _for_transform(model, X):
    """Counts in a container and dtype that the model's ``transform`` takes."""
    narrow = isinstance(model, NMF | MiniBatchNMF)
    if hasattr(X, "columns") and not narrow:
        return X
    counts = as_counts(X)
    if narrow:  # they refuse another dtype than they were fitted to
        counts = counts.astype(model.components_.dtype, copy=False)
    return like_frame(counts, X)


def _proportions(W, model, name) -> np.ndarray:
    """W if it holds proportions, by its model or by its sums; else scaled."""
    total = W.sum(axis=1, dtype=np.float64)
    away = np.abs(total[total != 0] - 1).max(initial=0)
    known = isinstance(model, BaseTopicModel | LatentDirichletAllocation)
    topics = topic_weights(model)
    if known or away <= _PROPORTIONS:
        topics = np.ones_like(topics[:, :1])
    return _scaled(W, topics, name)


def _scaled(W, topics, name) -> np.ndarray:
    """Proportions of the topic model that is the factorisation of W and the topics."""
    if W.min() < 0:
        raise ValueError(f"{name} has negative entries, which are no proportions.")
    return shares(W * topics.sum(axis=1, dtype=np.float64))


def _refuse_negative(weights, topics) -> None:
    if weights.min() < 0:
        _, model = split_pipeline(topics)
        raise ValueError(
            f"{type(model).__name__} has topics with negative weights, which are no "
            "distributions over terms: use a model whose components_ are nonnegative."
        )


def shares(A) -> np.ndarray:
    A = np.asarray(A, np.float64)
    total = A.sum(1, keepdims=True)
    return np.where(total > 0, A / np.where(total > 0, total, 1), 1 / A.shape[1])


def top_terms(topics, n_terms: int, names=None) -> list[np.ndarray]:
    """Columns of each topic's first terms, best first, each once.

    Parameters
    ----------
    topics : fitted model, array of shape (n_topics, n_features), or list of lists
        Lists hold terms, best first: names, or columns. A name that is not among
        `names` is column -1: a term that occurs nowhere.
    """
    n_terms = check_integer(n_terms, "n_terms")
    _, model = split_pipeline(topics)
    if not is_listed(model):
        return [_first(row, n_terms) for row in topic_weights(topics)]
    check_listed(model)
    place = None
    if names is not None:
        place = {name: column for column, name in enumerate(names)}
    return [_columns(topic, place)[:n_terms] for topic in model]


def _first(weights, n) -> np.ndarray:
    """The n greatest; a term of weight 0 is not of the topic, if any is."""
    first = greatest(weights, n)
    return first[weights[first] > 0] if weights.any() else first


def greatest(values, n: int) -> np.ndarray:
    """Places of the n greatest, falling, equal ones in their order; no full sort."""
    if n == 0:
        return np.arange(0)
    least = np.partition(values, -n)[-n] if n < len(values) else -np.inf
    candidates = np.flatnonzero(values >= least)
    return candidates[np.argsort(-values[candidates], kind="stable")][:n]


def is_listed(topics) -> bool:
    """Whether topics are lists of terms, or an array of words."""
    if isinstance(topics, np.ndarray):
        return topics.ndim == 2 and topics.size > 0 and isinstance(topics.flat[0], str)
    return isinstance(topics, list | tuple) and not _is_numeric(topics)


def check_listed(topics) -> None:
    """Refuse lists of terms in which there is no topic, or a topic has no term."""
    if len(topics) == 0:
        raise ValueError("topics is an empty list: there are no topics.")
    for k, topic in enumerate(topics):
        if isinstance(topic, str | bytes) or not hasattr(topic, "__len__"):
            raise ValueError(
                "topics must be weights (n_topics x n_features), or a list of the "
                f"terms of each topic; topics[{k}] is {topic!r}."
            )
        if len(topic) == 0:
            raise ValueError(f"topics[{k}] has no terms.")
        for term in topic:
            if not isinstance(term, str | Integral):
                raise ValueError(
                    f"topics[{k}] lists {term!r}: a term is a word or a column of X."
                )


def _is_numeric(rows) -> bool:
    """Whether lists are rows of weights: of one length, with a value of type float."""
    values = [value for row in rows if hasattr(row, "__iter__") for value in row]
    return any(isinstance(value, float | np.floating) for value in values)


def _columns(topic, place):
    terms = dict.fromkeys(topic)  # each once, in their order
    if any(isinstance(term, str) for term in terms):
        if place is None:
            raise ValueError(
                "Topics given as words need feature_names, the words of X's columns."
            )
        return np.array([place.get(term, -1) for term in terms], dtype=np.intp)
    return np.array([int(term) for term in terms], dtype=np.intp)
