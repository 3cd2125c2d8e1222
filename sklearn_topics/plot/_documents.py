"""Arguments of displays -> topic proportions of the documents, and topic names."""

from numbers import Integral

import numpy as np

from .._boundary.arguments import check_choice, check_sequence
from .._boundary.containers import readable
from .._boundary.documents import require_documents
from .._boundary.inputs import count_rows
from .._boundary.pipelines import accepts_missing, split_pipeline
from .._boundary.proportions import (
    given_proportions,
    proportions_and_counts,
    unassigned,
)
from .._boundary.topics import topic_labels, topic_number
from ..inspection import differential_terms, top_terms

#: Orders of terms.
ORDERS = "probability", "relevance", "lift", "differential"

#: Largest deviation from one of the sum of a row of proportions.
_TOLERANCE = 1e-2


def name_topics(model, feature_names, n_terms, by="probability", *, X=None, theta=None):
    """Name or number, and top terms, of each topic, as in "3: cat dog"."""
    rows = ranked_terms(model, feature_names, n_terms, by, X=X, theta=theta)
    return join_terms(topic_labels(model), rows)


def join_terms(labels, rows) -> list[str]:
    """Labels of topics with their terms; rows of pairs (term, weight)."""
    return [
        f"{label}: {' '.join(str(term) for term, _ in row)}"
        for label, row in zip(labels, rows, strict=True)
    ]


def theta_for_labels(model, X, theta, by):
    """The proportions that both the labels and the display need, inferred once.

    They are `theta` as it was passed, unless ``by="differential"`` needs them.
    """
    if check_choice(by, "by", ORDERS) != "differential" or theta is not None:
        return theta
    return None if X is None else proportions_and_counts(model, X)[0]


def topic_titles(labels) -> list[str]:
    """Titles of panels: the names of the topics, or "topic 3"."""
    return [k if isinstance(k, str) else f"topic {k}" for k in labels]


def ranked_terms(model, feature_names, n_terms, by, *, X=None, theta=None, **options):
    """The pairs (term, weight) of each topic, as `top_terms`, or by differential terms.

    The weight of a differential term is its z-score.
    """
    if check_choice(by, "by", ORDERS) != "differential":
        rows = top_terms(model, feature_names, n_terms, by=by, **options)
        return [[pair for pair in row if np.isfinite(pair[1])] for row in rows]
    if X is None:
        raise ValueError(
            "by='differential' estimates the rates of the terms from the documents. "
            "Pass them as X."
        )
    K = len(topic_labels(model))
    options = {"theta": theta, "feature_names": feature_names, "n_terms": n_terms}
    # A single topic has no other one to compare with.
    against = "least_extreme" if K > 1 else "overall"
    table = differential_terms(model, X, against=against, **options)
    pairs = list(zip(table["Term"], table["Z"].tolist(), strict=True))
    topics = table["Topic"].to_numpy()
    return [[pairs[i] for i in np.flatnonzero(topics == k)] for k in range(K)]


def count_documents(X, theta=None, model=None) -> int:
    """Number of documents in the proportions or the data.

    Without a pipeline, X must be in a container that the `model` itself reads.
    """
    require_documents(X, theta)
    if theta is not None:
        readable(theta, "theta")
    if X is not None and split_pipeline(model)[0] is None:
        readable(X, missing=accepts_missing(model))
    if isinstance(X, str):
        raise ValueError("X is a single text. Pass a list of texts.")
    for name, given in (("X", X), ("theta", theta)):
        if given is not None and not hasattr(given, "__len__"):
            expected = "documents" if name == "X" else "one row per document"
            raise TypeError(f"{name} must contain {expected}. Got {given!r}.")
    n = count_rows(X if theta is None else theta)
    if X is not None and count_rows(X) != n:
        raise ValueError(
            f"X has {count_rows(X)} documents, but theta has {n} rows. Pass one row "
            "per document."
        )
    if n == 0:
        name = "X" if theta is None else "theta"
        raise ValueError(f"{name} has no rows. Pass at least one document.")
    return n


def require_transform(model) -> None:
    """Refuse topics without a ``transform`` that infers topic proportions."""
    _, last = split_pipeline(model)
    if not hasattr(last, "transform"):
        raise TypeError(
            f"{type(last).__name__} cannot transform the documents in X. Pass a fitted "
            "model, or the topic proportions of the documents as theta."
        )


def known_proportions(model, X, theta):
    """Topic proportions, inferred or given; NaN for a document without a topic."""
    if theta is None:
        require_transform(model)
    if X is None:
        return without_topic(given_proportions(theta, split_pipeline(model)[1]))
    return without_topic(*proportions_and_counts(model, X, theta))


def check_proportions(theta) -> np.ndarray:
    """Validate given proportions: float64, NaN for a document without a topic."""
    try:
        theta = np.array(readable(theta, "theta"), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"theta must contain numbers, in rows of equal length: {error}."
        ) from error
    if theta.ndim != 2 or theta.shape[1] == 0:
        raise ValueError(
            "theta must have one row per document and one column per topic. Got shape "
            f"{theta.shape}."
        )
    if np.nanmin(theta, initial=0) < 0:
        raise ValueError(
            "theta has negative entries. Expected topic proportions, which are at "
            "least 0."
        )
    theta[theta.sum(axis=1) == 0] = np.nan
    total = theta.sum(axis=1)
    wrong = np.flatnonzero(np.abs(total - 1) > _TOLERANCE)
    if len(wrong):
        raise ValueError(
            f"The rows of theta must sum to one. Row {wrong[0]} sums to "
            f"{total[wrong[0]]:.3g}. Divide each row by its sum, or call "
            "from_estimator(model, theta=...), which scales the weights of the model."
        )
    return without_topic(theta)


def without_topic(theta, counts=None) -> np.ndarray:
    """Proportions, NaN in the rows of documents without a dominant topic."""
    return np.where(unassigned(theta, counts)[:, None], np.nan, theta)


def choose_topics(model, topics) -> list[int]:
    """Numbers of the topics that are given by number or name; all if None."""
    if topics is None:
        return list(range(len(topic_labels(model))))
    given = [topics] if isinstance(topics, str | Integral) else topics
    chosen = [
        topic_number(model, topic)
        for topic in check_sequence(given, "topics", "int or str")
    ]
    if not chosen:
        raise ValueError("topics is empty. Pass at least one topic, or None for all.")
    return chosen
