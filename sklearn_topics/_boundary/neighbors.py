"""Terms near each other in an embedding space, by name where they have names."""

from numbers import Integral

import numpy as np

from .arguments import check_integer, check_sequence, did_you_mean


def nearest_terms(vectors, embeddings, names, n_terms: int, *, without=None):
    """Names (or indices) of the terms nearest to each vector, by cosine.

    Parameters
    ----------
    vectors : ndarray of shape (n, E)
    embeddings : ndarray of shape (n_features, E)
    names : ndarray of shape (n_features,) or None
    n_terms : int
    without : list of int, default=None
        A term for each vector that is left out.
    """
    n_terms = check_integer(n_terms, "n_terms")
    cosines = _unit_rows(vectors) @ _unit_rows(embeddings).T
    if without is not None:
        cosines[np.arange(len(without)), without] = -np.inf
        n_terms = min(n_terms, len(embeddings) - 1)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :n_terms]
    return nearest if names is None else names[nearest]


def neighbors_of_words(words, embeddings, names, n_terms: int):
    """The terms nearest to given ones, without these: one row a word.

    Parameters
    ----------
    words : str, int, or sequence of them
    embeddings : ndarray of shape (n_features, E)
    names : ndarray of shape (n_features,) or None
    n_terms : int
    """
    if isinstance(words, str | Integral):
        words = [words]
    words = check_sequence(words, "words", "str or int")
    rows = [column_of(word, names, len(embeddings)) for word in words]
    if not rows:
        raise ValueError("words is empty: name one term or more.")
    return nearest_terms(embeddings[rows], embeddings, names, n_terms, without=rows)


def column_of(word, names, n_features: int) -> int:
    """The column of a term given by its name or index."""
    if isinstance(word, Integral) and not isinstance(word, bool):
        if not 0 <= word < n_features:
            raise ValueError(f"There is no column {word}: X has {n_features}.")
        return int(word)
    if not isinstance(word, str):
        raise TypeError(f"words must be terms or their columns. Got {word!r}.")
    if names is None:
        raise ValueError(
            f"The columns of X had no names in fit, so {word!r} cannot be found. Of a "
            "pipeline, inspection.word_neighbors(pipe, ...) finds them; otherwise pass "
            "feature_names to that function, or the index of the term."
        )
    (found,) = np.nonzero(names == word)
    if len(found) == 0:
        raise ValueError(
            f"{word!r} is not a term of the fitted X.{did_you_mean(word, names)}"
        )
    return int(found[0])


def coinciding(topics, distance: float) -> list[tuple[int, int]]:
    """Pairs of topics whose total variation distance is below `distance`."""
    pairs = []
    for k, topic in enumerate(topics):
        away = np.abs(topics[k + 1 :] - topic).sum(1) / 2
        pairs += [(k, k + 1 + int(i)) for i in np.flatnonzero(away < distance)]
    return pairs


def rows_among(topics, known, distance: float) -> list[int]:
    """For each topic the row of `known` that it is.

    Raises
    ------
    ValueError
        If a topic is farther than `distance`, by total variation, from all of them.
    """
    if len(topics) == len(known):  # in their order, even where some coincide
        if (np.abs(topics - known).sum(1) / 2 < distance).all():
            return list(range(len(known)))
    rows = []
    for k, topic in enumerate(topics):
        away = np.abs(known - topic).sum(1) / 2
        nearest = int(away.argmin())
        if not away[nearest] < distance:
            raise ValueError(
                f"Row {k} of components_ is none of the topics of the fit. Rows may be "
                "dropped, repeated or reordered, but the encoder and the embeddings "
                "know no other topics: fit the model again."
            )
        rows.append(nearest)
    return rows


def _unit_rows(A):
    length = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(length > 0, length, 1)
