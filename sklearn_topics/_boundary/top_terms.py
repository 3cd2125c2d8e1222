"""Top terms of topics, from weights or from lists of words or columns."""

from numbers import Integral

import numpy as np

from .arguments import check_integer
from .pipelines import split_pipeline
from .topics import topic_weights


def top_columns(topics, n_terms: int, names=None) -> list[np.ndarray]:
    """Columns of the top terms of each topic, best first, without duplicates.

    Parameters
    ----------
    topics : fitted model, array of shape (n_topics, n_features), or list of lists
        Lists contain terms, best first: names or columns. A name that is not among
        `names` becomes column -1: a term that does not occur.
    n_terms : int
    names : sequence of str, default=None
        Names of the columns.
    """
    n_terms = check_integer(n_terms, "n_terms")
    _, model = split_pipeline(topics)
    if not is_listed(model):
        return [_top(row, n_terms) for row in topic_weights(topics)]
    check_listed(model)
    place = None if names is None else {name: j for j, name in enumerate(names)}
    return [_columns(topic, place)[:n_terms] for topic in model]


def _top(weights, n) -> np.ndarray:
    """The n greatest weights; weights of 0 only if all are 0."""
    top = greatest(weights, n)
    return top[weights[top] > 0] if weights.any() else top


def greatest(values, n: int) -> np.ndarray:
    """Positions of the n greatest values, descending, ties in order; no full sort."""
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
    """Raise an error for an empty list, an empty topic, or an invalid term."""
    if len(topics) == 0:
        raise ValueError("topics is an empty list. Pass at least one topic.")
    for k, topic in enumerate(topics):
        if isinstance(topic, str | bytes) or not hasattr(topic, "__len__"):
            raise ValueError(
                "topics must be weights (n_topics x n_features), or a list of terms "
                f"for each topic. Got topics[{k}] = {topic!r}."
            )
        if len(topic) == 0:
            raise ValueError(f"topics[{k}] has no terms.")
        for term in topic:
            if not isinstance(term, str | Integral):
                raise ValueError(
                    f"topics[{k}] contains {term!r}, not a word or column number of X."
                )


def _is_numeric(rows) -> bool:
    """Whether lists are rows of weights: one of their values is a float."""
    values = [value for row in rows if hasattr(row, "__iter__") for value in row]
    return any(isinstance(value, float | np.floating) for value in values)


def _columns(topic, place) -> np.ndarray:
    terms = list(dict.fromkeys(topic))  # without duplicates, in order
    if any(isinstance(term, str) for term in terms):
        if place is None:
            raise ValueError(
                "Topics given as words need feature_names, the words of the columns of "
                "X."
            )
        terms = [place.get(term, -1) for term in terms]
    return np.array(terms, dtype=np.intp)
