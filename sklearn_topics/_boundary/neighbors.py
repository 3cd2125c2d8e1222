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
    names : list of str or None
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
    return nearest if names is None else np.asarray(names, dtype=object)[nearest]


def neighbors_of_words(words, embeddings, names, n_terms: int):
    """The terms nearest to given ones, without these: one row a word.

    Parameters
    ----------
    words : str, int, or sequence of them
    embeddings : ndarray of shape (n_features, E)
    names : list of str or None
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
    if word not in names:
        raise ValueError(
            f"{word!r} is not a term of the fitted X.{did_you_mean(word, names)}"
        )
    return names.index(word)


def _unit_rows(A):
    length = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(length > 0, length, 1)
