"""Word vectors in any common form -> one array, aligned with the columns of X."""

import numpy as np
from sklearn.utils import check_array, check_random_state

#: Standard deviation of the vectors of words that have none, as in the ETM's code.
_UNKNOWN_SCALE = 0.6


def embedding_matrix(words, vectors, *, random_state=None):
    """Word vectors as an array, one row a word.

    For `TorchETM`'s parameter `embeddings`. In a pipeline give the same words to
    ``CountVectorizer(vocabulary=words)``, so that rows and columns are aligned.

    Parameters
    ----------
    words : sequence of str
        Words, in the order of the columns of X.
    vectors : mapping
        Anything with ``word in vectors`` and ``vectors[word]``: a dict, or gensim's
        KeyedVectors.
    random_state : int, RandomState instance or None, default=None
        Draws the vectors of words that have none, from N(0, 0.6^2). Pass an int for
        reproducible results.

    Returns
    -------
    embeddings : ndarray of shape (len(words), embedding_dim), float32
        Vectors of the words.

    Raises
    ------
    ValueError
        If no word has a vector, or if two vectors have different lengths.

    Examples
    --------
    >>> from sklearn_topics import embedding_matrix
    >>> embedding_matrix(["cat", "dog"], {"dog": [0.0, 1.0], "cat": [1.0, 0.0]})
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    words = list(words)
    found = {
        row: np.asarray(vectors[word], dtype=np.float32)
        for row, word in enumerate(words)
        if word in vectors
    }
    if not found:
        raise ValueError(
            f"None of the {len(words)} words has a vector: the mapping is empty, or "
            "its keys are written in another way (case, accents)."
        )
    first, width = next(iter(found)), next(iter(found.values())).shape
    for row, vector in found.items():
        if vector.shape != width or vector.ndim != 1:
            raise ValueError(
                f"The vector of {words[row]!r} has the shape {vector.shape}, that of "
                f"{words[first]!r} has {width}; all must have one dimension, of the "
                "same length."
            )
    rng = check_random_state(random_state)
    out = rng.normal(scale=_UNKNOWN_SCALE, size=(len(words), *width))
    out = out.astype(np.float32)
    out[list(found)] = list(found.values())
    return out


def check_embeddings(embeddings, vocabulary, n_features, dtype, random_state):
    """Validate an array, or look words up in a mapping: (n_features, E), or None."""
    if embeddings is None:
        if vocabulary is not None:
            raise ValueError(
                "vocabulary is used with a mapping of embeddings, but embeddings is "
                "None."
            )
        return None
    if not hasattr(embeddings, "__contains__") or hasattr(embeddings, "__array__"):
        return _check_array(embeddings, vocabulary, n_features, dtype)
    if isinstance(embeddings, list | tuple):
        return _check_array(embeddings, vocabulary, n_features, dtype)
    if vocabulary is None:
        raise ValueError(
            "A mapping of embeddings needs vocabulary, the words of the columns of X."
        )
    if len(vocabulary) != n_features:
        raise ValueError(
            f"vocabulary has {len(vocabulary)} words, but X has {n_features} columns."
        )
    matrix = embedding_matrix(vocabulary, embeddings, random_state=random_state)
    return matrix.astype(dtype, copy=False)


def _check_array(embeddings, vocabulary, n_features, dtype):
    if vocabulary is not None:
        raise ValueError(
            "vocabulary is used with a mapping of embeddings; an array is aligned with "
            "the columns of X already."
        )
    embeddings = check_array(embeddings, dtype=dtype, input_name="embeddings")
    if len(embeddings) != n_features:
        raise ValueError(
            f"embeddings has {len(embeddings)} rows, but X has {n_features} columns: "
            "one row for each term is needed, in their order."
        )
    return embeddings
