"""Topics in any form -> arrays: of models, pipelines, weights, lists of terms."""

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._boundary.inputs import from_torch
from .._boundary.transfer import to_device

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


def model_input(before, X):
    """What the topic model gets of X after the steps before; values of lists, tensors.

    numpy warns of tensors that it shall copy, and cannot read sparse ones. The steps
    get X as it is, as they did in fit.
    """
    found = from_torch(X if before is None else before.transform(X))
    return found if hasattr(found, "sum") else np.asarray(found)


def topic_weights(topics) -> np.ndarray:
    """Topics x terms: of a fitted model or pipeline, or an array itself."""
    _, model = split_pipeline(topics)
    if isinstance(model, BaseEstimator) and not hasattr(model, "components_"):
        check_is_fitted(model)
        raise TypeError(f"{type(model).__name__} has no topics in components_.")
    weights = getattr(model, "components_", model)
    return check_array(weights, dtype=[np.float64, np.float32], input_name="topics")


def topic_distributions(topics) -> np.ndarray:
    """Topics as rows that sum to one, float64; a row of zeros becomes uniform."""
    weights = topic_weights(topics)
    if weights.min(initial=0) < 0:
        _, model = split_pipeline(topics)
        raise ValueError(
            f"{type(model).__name__} has topics with negative weights, which are no "
            "distributions over terms: use a model whose components_ are nonnegative."
        )
    return shares(weights)


def topic_proportions(model, counts) -> np.ndarray:
    """Proportions of topics in documents, by the model's own ``transform``.

    Weights whose rows do not sum to one are those of a factorisation W H; they become
    the proportions of the same topic model.
    """
    if isinstance(counts, np.ndarray) or sp.issparse(counts) or hasattr(counts, "iloc"):
        # NMF refuses another dtype than it was fitted to.
        counts = counts.astype(topic_weights(model).dtype)
    return given_proportions(model.transform(counts), model)


def given_proportions(theta, model, n_documents=None) -> np.ndarray:
    """Proportions that the user passes, in place of those by ``transform``."""
    weights = topic_weights(model)
    theta = np.asarray(from_torch(theta, "theta"), np.float64)
    n, K = len(theta) if n_documents is None else n_documents, len(weights)
    if theta.shape != (n, K):
        raise ValueError(
            f"theta must have a row for each of the {n} documents and a column for "
            f"each of the {K} topics. Got shape {theta.shape}."
        )
    if theta.min(initial=0) < 0:
        raise ValueError("theta has negative entries, which are no proportions.")
    if np.abs(theta.sum(1) - 1).max(initial=0) > _PROPORTIONS:
        theta = theta * weights.sum(1)
    return shares(theta)


def proportions(model, X, theta=None):
    """Proportions of topics (n x K), and the counts that the model gets.

    With `theta` the proportions are these; the model's ``transform`` is not called.
    """
    before, last = split_pipeline(model)
    counts = model_input(before, X)
    if theta is None:
        return topic_proportions(last, counts), counts
    return given_proportions(theta, last, counts.shape[0]), counts


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
        none |= _tokens(counts) == 0
    return none


def _tokens(counts) -> np.ndarray:
    counts = counts if sp.issparse(counts) else np.asarray(counts)
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def token_shares(theta, counts) -> np.ndarray:
    """Each topic's part of all tokens: proportions weighted by the documents' sizes."""
    weights = _tokens(counts) @ theta
    return weights / (weights.sum() or 1)


def upload(X):
    """Counts of any container as a float64 CSR, or dense tensor, on the CPU."""
    if not sp.issparse(X):
        return torch.from_numpy(np.array(X, np.float64))
    X = sp.csr_array(X, dtype=np.float64, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    return to_device(X, torch.device("cpu"))


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
    _, model = split_pipeline(topics)
    if not is_listed(model):
        return [_first(row, n_terms) for row in topic_weights(topics)]
    place = None
    if names is not None:
        place = {name: column for column, name in enumerate(names)}
    return [_columns(topic, place)[:n_terms] for topic in model]


def _first(weights, n) -> np.ndarray:
    """The n greatest, falling, equal ones in their order; without sorting the rest."""
    least = np.partition(weights, -n)[-n] if n < len(weights) else -np.inf
    candidates = np.flatnonzero(weights >= least)
    if weights.any():  # a term of weight 0 is not of the topic
        candidates = candidates[weights[candidates] > 0]
    return candidates[np.argsort(-weights[candidates], kind="stable")][:n]


def is_listed(topics) -> bool:
    """Whether topics are lists of terms."""
    return isinstance(topics, list | tuple) and not _is_numeric(topics)


def n_columns(X) -> int:
    return X.shape[1] if hasattr(X, "shape") else len(X[0])


def _is_numeric(rows) -> bool:
    """Whether lists are rows of weights: of one length, with a value of type float."""
    values = [value for row in rows for value in row]
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
