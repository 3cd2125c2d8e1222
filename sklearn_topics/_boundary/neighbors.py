"""Nearest terms in an embedding space, by name if terms have names."""

from numbers import Integral

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from .arguments import check_integer, check_sequence, did_you_mean, is_integer


def nearest_terms(vectors, embeddings, names, n_terms: int, *, without=None):
    """Names (or indices) of the terms nearest to each vector, by cosine.

    Parameters
    ----------
    vectors : ndarray of shape (n, E)
    embeddings : ndarray of shape (n_features, E)
    names : list of str or None
    n_terms : int
    without : list of int, default=None
        For each vector a term to leave out.
    """
    n_terms = check_integer(n_terms, "n_terms")
    cosines = cosine_similarity(vectors, embeddings)
    if without is not None:
        cosines[np.arange(len(without)), without] = -np.inf
        n_terms = min(n_terms, len(embeddings) - 1)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :n_terms]
    return nearest if names is None else np.asarray(names, dtype=object)[nearest]


def neighbors_of_words(words, embeddings, names, n_terms: int):
    """The terms nearest to each given word, without the word itself.

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
        raise ValueError("words is empty. Pass at least one term.")
    return nearest_terms(embeddings[rows], embeddings, names, n_terms, without=rows)


def column_of(word, names, n_features: int) -> int:
    """The column of a term, given by name or index."""
    if is_integer(word):
        if not 0 <= word < n_features:
            raise ValueError(f"There is no column {word}: X has {n_features} columns.")
        return int(word)
    if not isinstance(word, str):
        raise TypeError(f"words must be terms or column numbers. Got {word!r}.")
    if names is None:
        raise ValueError(
            f"{word!r} cannot be found, because X had no column names in fit. Use "
            "sklearn_topics.inspection.word_neighbors with the pipeline, or pass "
            "feature_names, or the column number of the term."
        )
    if word not in names:
        raise ValueError(
            f"{word!r} is not a term of the fitted X.{did_you_mean(word, names)}"
        )
    return names.index(word)
