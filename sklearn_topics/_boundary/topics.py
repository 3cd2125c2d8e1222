"""Topics in any form -> arrays: those of models, pipelines and arrays of weights."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .arguments import check_sequence
from .documents import as_array
from .pipelines import split_pipeline


def topic_weights(topics) -> np.ndarray:
    """Topics x terms: ``components_`` of a fitted model or pipeline, or an array."""
    _, model = split_pipeline(topics)
    if isinstance(model, BaseEstimator) and not hasattr(model, "components_"):
        check_is_fitted(model)
        raise TypeError(f"{type(model).__name__} has no topics in components_.")
    weights = as_array(getattr(model, "components_", model), "topics")
    return weights if weights.dtype.kind == "f" else weights.astype(np.float64)


def nonnegative_weights(topics) -> np.ndarray:
    """The same, or an error where a weight is negative."""
    weights = topic_weights(topics)
    if weights.min() < 0:
        _, model = split_pipeline(topics)
        raise ValueError(
            f"{type(model).__name__} has topics with negative weights, which are no "
            "distributions over terms: use a model whose components_ are nonnegative."
        )
    return weights


def topic_distributions(topics) -> np.ndarray:
    """Topics as rows that sum to one, float64; a row of zeros becomes uniform."""
    return normalize_rows(nonnegative_weights(topics))


def normalize_rows(A) -> np.ndarray:
    """Rows that sum to one, float64; a row of zeros becomes uniform."""
    A = np.asarray(A, np.float64)
    total = A.sum(1, keepdims=True)
    return np.where(total > 0, A / np.where(total > 0, total, 1), 1 / A.shape[1])


def term_names(model, feature_names=None, *, numbers: bool = True) -> list | None:
    """Names of the terms: given, of the pipeline, of the fitted data, or numbers.

    Without `numbers`, None if the terms have no names.
    """
    before, last = split_pipeline(model)
    m = topic_weights(model).shape[1]
    if feature_names is None and hasattr(before, "get_feature_names_out"):
        try:
            feature_names = before.get_feature_names_out()
        except AttributeError:  # a step that has none, such as HashingVectorizer
            feature_names = None
    for attribute in ("feature_names_in_", "vocabulary"):
        if feature_names is None:
            feature_names = getattr(last, attribute, None)
    if feature_names is None:
        return list(range(m)) if numbers else None
    names = check_sequence(feature_names, "feature_names", "str")
    if len(names) != m:
        raise ValueError(
            f"feature_names has {len(names)} names, but the topics have {m} terms."
        )
    return names
