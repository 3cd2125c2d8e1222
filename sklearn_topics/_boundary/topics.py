"""Topics in any form (model, pipeline, array of weights) -> arrays and names."""

from contextlib import suppress
from itertools import pairwise

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .arguments import check_sequence, did_you_mean, is_integer
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
    """Topics x terms as `topic_weights`; raises an error for negative weights."""
    weights = topic_weights(topics)
    if weights.min() < 0:
        _, model = split_pipeline(topics)
        raise ValueError(
            f"{type(model).__name__} has topics with negative weights, which are not "
            "distributions over terms. Use a model with nonnegative components_."
        )
    return weights


def topic_distributions(topics) -> np.ndarray:
    """Topics as distributions over terms, float64; a row of zeros becomes uniform."""
    return normalize_rows(nonnegative_weights(topics))


def normalize_rows(A) -> np.ndarray:
    """Normalise rows to sum to one, float64; a row of zeros becomes uniform."""
    A = np.asarray(A, np.float64)
    total = A.sum(1, keepdims=True)
    return np.where(total > 0, A / np.where(total > 0, total, 1), 1 / A.shape[1])


def total_variation(A, B) -> np.ndarray:
    """Total variation distances between the rows of A and the rows of B."""
    return cdist(A, B, "cityblock") / 2


def coinciding_topics(topics, distance: float) -> list[tuple[int, int]]:
    """Pairs of topics whose total variation distance is below `distance`."""
    near = np.triu(total_variation(topics, topics) < distance, 1)
    return [(int(k), int(other)) for k, other in np.argwhere(near)]


def match_topics(topics, known, distance: float) -> list[int]:
    """Match each topic to a row of `known`.

    Raises
    ------
    ValueError
        If the total variation distance of a topic from all rows exceeds `distance`.
    """
    if len(topics) == len(known):  # in order, even if some coincide
        if (np.abs(topics - known).sum(1) / 2 < distance).all():
            return list(range(len(known)))
    away = total_variation(topics, known)
    nearest = away.argmin(axis=1)
    far = ~(away.min(axis=1) < distance)
    if far.any():
        raise ValueError(
            f"Row {far.argmax()} of components_ is not a topic of the fit. Rows may be "
            "dropped, repeated or reordered, but the encoder and the embeddings have "
            "no other topics. Fit the model again."
        )
    return nearest.tolist()


def check_topic_names(
    names, K: int, argument: str = "topic_names"
) -> np.ndarray | None:
    """Validate names of at most K topics; K names, "" for a topic without."""
    if names is None:
        return None
    if isinstance(names, str):
        raise ValueError(f"{argument} must be a list of names. Got {names!r}.")
    names = ["" if name is None else name for name in names]
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{argument} must contain texts. Got {wrong[0]!r}.")
    if len(names) > K:
        raise ValueError(f"{argument} has {len(names)} names for {K} topics.")
    given = sorted(filter(None, names))
    twice = [name for name, other in pairwise(given) if name == other]
    if twice:
        raise ValueError(f"{argument} has the name {twice[0]!r} twice.")
    return np.array(names + [""] * (K - len(names)), dtype=np.str_)


def topic_names(model) -> list[str] | None:
    """Names of the topics, "" for a topic without a name; None if none has a name."""
    _, last = split_pipeline(model)
    names = getattr(last, "topic_names_", None)
    if names is None:
        return None
    names, K = np.asarray(names).tolist(), len(topic_weights(last))
    if len(names) != K:
        raise ValueError(
            f"topic_names_ has {len(names)} names, but components_ has {K} rows. Drop, "
            "merge and reorder topics with sklearn_topics.curation, or set "
            "topic_names_ as well."
        )
    return names


def topic_labels(model) -> list[str | int]:
    """The name of each topic, or its number."""
    K = len(topic_weights(model))
    return [name or k for k, name in enumerate(topic_names(model) or [""] * K)]


def term_names(model, feature_names=None, *, numbers: bool = True) -> list | None:
    """Names of the terms, as passed or from the pipeline or the fitted data.

    Terms without names get their column numbers or, without `numbers`, None.
    """
    before, last = split_pipeline(model)
    m = topic_weights(model).shape[1]
    if feature_names is None and hasattr(before, "get_feature_names_out"):
        with suppress(AttributeError):  # a step without names: HashingVectorizer
            feature_names = before.get_feature_names_out()
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


def topic_number(model, topic) -> int:
    """The number of a topic that is given by its number or name."""
    K = len(topic_weights(model))
    if is_integer(topic):
        if 0 <= topic < K:
            return int(topic)
        raise ValueError(
            f"There is no topic {topic}: the topics are numbered 0 to {K - 1}."
        )
    names = topic_names(model) or []
    if isinstance(topic, str) and topic and topic in names:
        return names.index(topic)
    known = [name for name in names if name]
    if isinstance(topic, str):
        hint = did_you_mean(topic, known)
        hint = hint or ("" if known else " The topics have no names: pass a number.")
        raise ValueError(f"There is no topic {topic!r}.{hint}")
    raise TypeError(f"A topic must be given by its number or name. Got {topic!r}.")
