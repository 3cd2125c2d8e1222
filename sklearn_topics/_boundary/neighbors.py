"""Terms near each other in an embedding space, by name where they have names."""

from numbers import Integral

import numpy as np


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
    cosines = _unit_rows(vectors) @ _unit_rows(embeddings).T
    if without is not None:
        cosines[np.arange(len(without)), without] = -np.inf
        n_terms = min(n_terms, len(embeddings) - 1)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :n_terms]
    return nearest if names is None else names[nearest]


def column_of(word, names, n_features: int) -> int:
    """The column of a term given by its name or index."""
    if isinstance(word, Integral):
        if not 0 <= word < n_features:
            raise ValueError(f"There is no column {word}: X has {n_features}.")
        return int(word)
    if names is None:
        raise ValueError(
            f"The columns of X had no names in fit: pass the index of {word!r}."
        )
    (found,) = np.nonzero(names == word)
    if len(found) == 0:
        raise ValueError(f"{word!r} is not a term of the fitted X.")
    return int(found[0])


def coinciding(topics, distance: float) -> list[tuple[int, int]]:
    """Pairs of topics whose total variation distance is below `distance`."""
    pairs = []
    for k, topic in enumerate(topics):
        away = np.abs(topics[k + 1 :] - topic).sum(1) / 2
        pairs += [(k, k + 1 + int(i)) for i in np.flatnonzero(away < distance)]
    return pairs


def _unit_rows(A):
    length = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(length > 0, length, 1)
