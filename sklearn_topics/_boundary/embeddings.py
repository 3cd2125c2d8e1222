"""Word vectors in any common form -> one array, aligned with the columns of X."""

import numpy as np
import torch
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
        row: np.asarray(_on_host(vectors[word]), dtype=np.float32)
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


def check_embeddings(embeddings, vocabulary, names, n_features, dtype, random_state):
    """Validate an array, or look words up in a mapping: (n_features, E), or None.

    `vocabulary` is a parameter, `names` those of X's columns; either may be None.
    """
    is_array = isinstance(embeddings, list | tuple) or hasattr(embeddings, "__array__")
    if embeddings is None or is_array:
        if vocabulary is not None:
            raise ValueError(
                "vocabulary is used with a mapping of embeddings; without one, or with "
                "an array, which is aligned with the columns of X, leave it None."
            )
        return (
            None if embeddings is None else _check_array(embeddings, n_features, dtype)
        )
    words = _check_words(vocabulary, names, n_features)
    matrix = embedding_matrix(words, embeddings, random_state=random_state)
    return _check_array(matrix, n_features, dtype)


def _check_words(vocabulary, names, n_features):
    if vocabulary is None and names is None:
        raise ValueError(
            "A mapping of embeddings needs vocabulary, the words of the columns of X."
        )
    if vocabulary is None:
        return list(names)
    if len(vocabulary) != n_features:
        raise ValueError(
            f"vocabulary has {len(vocabulary)} words, but X has {n_features} columns."
        )
    if names is not None and list(names) != list(vocabulary):
        raise ValueError(
            "vocabulary differs from the names of X's columns. Leave it None: the "
            "names are looked up."
        )
    return list(vocabulary)


def _check_array(embeddings, n_features, dtype):
    embeddings = check_array(_on_host(embeddings), dtype=dtype, input_name="embeddings")
    if len(embeddings) != n_features:
        raise ValueError(
            f"embeddings has {len(embeddings)} rows, but X has {n_features} columns: "
            "one row for each term is needed, in their order."
        )
    return embeddings


def _on_host(vectors):
    """Tensors of any device and dtype, parameters too, as an array."""
    if isinstance(vectors, torch.Tensor):
        return vectors.detach().cpu().double().numpy()
    return vectors
