"""Word vectors in any common form -> an array aligned with the columns of X."""

from collections.abc import Mapping, Set
from os import PathLike
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_array, check_random_state

from .._kernels.ranks import is_first
from .containers import readable
from .warning import warn_user

#: Coverage below which a warning is issued, and how many words it names.
_ENOUGH, _NAMED = 0.5, 5

#: Standard deviation of random vectors, as in the reference code of the ETM.
_UNKNOWN_SCALE = 0.6


def embedding_matrix(words, vectors, *, random_state=None, return_found=False) -> Any:
    """Look up word vectors and return them as an array, one row per word.

    For the parameter `embeddings` of :class:`TorchETM`. In a pipeline pass the same
    words to ``CountVectorizer(vocabulary=words)``, so that rows and columns agree.

    Parameters
    ----------
    words : sequence of str
        Words, in the order of the columns of X: ``get_feature_names_out()`` of a
        vectorizer.
    vectors : mapping or pandas DataFrame
        Anything with ``word in vectors`` and ``vectors[word]``: a dict, as
        :func:`sklearn_topics.datasets.load_word_vectors` reads it from a file, or
        gensim's KeyedVectors. A DataFrame has the words as index and vectors as rows.
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for words without a vector, which get a
        random one from N(0, 0.6^2). Pass an int for reproducible results.
    return_found : bool, default=False
        Whether to also return which words have a vector.

    Returns
    -------
    embeddings : ndarray of shape (len(words), embedding_dim), float32
        Word vectors.
    found : ndarray of shape (len(words),), bool
        Whether a word has a vector; its mean is the coverage. Only with
        `return_found`.

    Raises
    ------
    ValueError
        If no word has a vector, if vectors have different lengths, or if a vector
        contains NaN, infinity or masked cells.

    Warns
    -----
    UserWarning
        If fewer than half of the words have a vector; the others are random.

    Examples
    --------
    >>> from sklearn_topics import embedding_matrix
    >>> embedding_matrix(["cat", "dog"], {"dog": [0.0, 1.0], "cat": [1.0, 0.0]})
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    words = _check_list(words, "words")
    _check_mapping(vectors, "vectors")
    if hasattr(vectors, "columns"):
        vectors = _rows_of_frame(vectors, words)
    found = {
        row: _vector(vectors[word], word)
        for row, word in enumerate(words)
        if word in vectors
    }
    if not found:
        raise ValueError(
            f"None of the {len(words)} words has a vector. Check that the mapping is "
            "not empty, and that its words have the same spelling (case, accents)."
        )
    first, width = next(iter(found)), next(iter(found.values())).shape
    for row, vector in found.items():
        if vector.shape != width or vector.ndim != 1:
            raise ValueError(
                f"The vector of {words[row]!r} has the shape {vector.shape}, that of "
                f"{words[first]!r} has {width}. All must be one-dimensional and of the "
                "same length."
            )
    rng = check_random_state(random_state)
    out = rng.normal(scale=_UNKNOWN_SCALE, size=(len(words), *width))
    out = out.astype(np.float32)
    out[list(found)] = list(found.values())
    is_found = np.isin(np.arange(len(words)), list(found))
    if len(found) < _ENOUGH * len(words):
        if is_first():
            _warn_of_gaps(words, is_found)
    return (out, is_found) if return_found else out


def _vector(vector, word):
    vector = readable(_on_host(vector), f"vectors[{word!r}]")
    with np.errstate(over="ignore"):
        vector = np.asarray(vector, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(f"The vector of {word!r} contains NaN or infinity in float32.")
    return vector


def _rows_of_frame(frame, words) -> dict:
    """Word -> vector, from a DataFrame with words as index."""
    if not _has_words(frame):
        advice = "Set the column of words with vectors.set_index(column)"
        if any(word in frame.columns for word in words):
            advice = "Its columns are words: pass vectors.T"
        raise ValueError(f"vectors is a DataFrame without words as index. {advice}.")
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise ValueError(f"The index of vectors contains {twice!r} more than once.")
    if not frame.index.isin(words).any() and frame.columns.isin(words).any():
        raise ValueError("The columns of vectors are words, not the index: vectors.T.")
    return dict(zip(frame.index, frame.to_numpy(), strict=True))


def _has_words(embeddings) -> bool:
    """Whether embeddings are a pandas DataFrame with text as index."""
    index = getattr(embeddings, "index", None)
    if callable(index) or index is None or not hasattr(embeddings, "columns"):
        return False
    return len(index) > 0 and all(isinstance(word, str) for word in index)


def _warn_of_gaps(words, is_found):
    missing = [repr(str(words[i])) for i in np.flatnonzero(~is_found)]
    others = " and others" if len(missing) > _NAMED else ""
    warn_user(
        f"Only {is_found.sum()} of {len(words)} words have a vector "
        f"({is_found.mean():.0%}); {', '.join(missing[:_NAMED])}{others} get random "
        "ones. Check that words and vectors have the same spelling (case, accents, "
        "stems). If so, drop the other words, or use train_embeddings=True.",
        UserWarning,
    )


def check_embeddings(embeddings, vocabulary, names, n_features, dtype, random_state):
    """Validate an array, or look up words in a mapping.

    Parameters
    ----------
    embeddings : array-like, mapping or None
        A DataFrame with words as index is aligned with the columns of X if their words
        are known; any other array must be aligned already.
    vocabulary : sequence of str or None
        The parameter of the model.
    names : ndarray of str or None
        Column names of X.
    n_features : int
    dtype : numpy dtype
    random_state : int, RandomState instance or None

    Returns
    -------
    matrix : ndarray of shape (n_features, E), or None
    coverage : float
        Fraction of the terms whose embedding was given.
    """
    is_array = isinstance(embeddings, list | tuple) or hasattr(embeddings, "__array__")
    if embeddings is not None and not is_array:
        _check_mapping(embeddings, "embeddings")
    if _has_words(embeddings) and not (vocabulary is None and names is None):
        words = _check_words(vocabulary, names, n_features)
        return _check_array(_rows_of(embeddings, words), n_features, dtype), 1.0
    if embeddings is None or is_array:
        if vocabulary is not None:
            raise ValueError(
                "vocabulary can be used with a mapping of embeddings only. With an "
                "array, which must be aligned with the columns of X, use "
                "vocabulary=None."
            )
        if embeddings is None:
            return None, 0.0
        return _check_array(embeddings, n_features, dtype), 1.0
    words = _check_words(vocabulary, names, n_features)
    matrix, found = embedding_matrix(
        words, embeddings, random_state=random_state, return_found=True
    )
    return _check_array(matrix, n_features, dtype), float(found.mean())


def _rows_of(frame, words):
    """Rows of a DataFrame in the order of the words, which must be its index."""
    odd = set(words) ^ set(frame.index) or set(frame.index[frame.index.duplicated()])
    if odd:
        raise ValueError(
            "The index of embeddings and the words of the columns of X differ, for "
            f"example in {min(odd, key=str)!r}. Pass embedding_matrix(words, "
            "embeddings), or embeddings.to_numpy() if the rows are in the order of the "
            "columns."
        )
    return frame.loc[words]


def _check_mapping(vectors, name):
    kind = type(vectors)
    if isinstance(vectors, str | bytes | PathLike):
        raise ValueError(
            f"{name} is {vectors!r}, but files are not read. Load the file with "
            "sklearn_topics.datasets.load_word_vectors(path, vocabulary=words)."
        )
    if hasattr(vectors, "wv"):
        raise ValueError(f"{name} is a gensim model. Pass its vectors, {name}.wv.")
    if isinstance(vectors, torch.nn.Module):
        raise ValueError(f"{name} is a torch module. Pass its weight.")
    if not (hasattr(kind, "__getitem__") and hasattr(kind, "__contains__")):
        raise ValueError(
            f"{name} must be a mapping from words to vectors, such as a dict or "
            f"gensim's KeyedVectors. Got type {kind.__name__}."
        )


def _check_list(words, name):
    """Validate words in the order of the columns, which a dict or set has not."""
    if isinstance(words, str):
        raise ValueError(f"{name} is a single str. Pass a list of words.")
    if isinstance(words, Mapping | Set):
        raise ValueError(
            f"{name} is a {type(words).__name__}, whose order may differ from that of "
            "the columns. Pass get_feature_names_out() of the vectorizer."
        )
    return list(words)


def _check_words(vocabulary, names, n_features):
    if vocabulary is None and names is None:
        raise ValueError(
            "A mapping of embeddings needs vocabulary, the words of the columns of X, "
            "because X has no column names. In a pipeline, use "
            "CountVectorizer(vocabulary=words) and "
            "embeddings=embedding_matrix(words, vectors)."
        )
    if vocabulary is None:
        return list(names)
    vocabulary = _check_list(vocabulary, "vocabulary")
    if len(vocabulary) != n_features:
        raise ValueError(
            f"vocabulary has {len(vocabulary)} words, but X has {n_features} columns."
        )
    if names is not None and list(names) != list(vocabulary):
        raise ValueError(
            "vocabulary differs from the column names of X. Use vocabulary=None to "
            "look up the column names."
        )
    return vocabulary


def _check_array(embeddings, n_features, dtype):
    embeddings = readable(_on_host(embeddings), "embeddings")
    embeddings = check_array(embeddings, dtype=dtype, input_name="embeddings")
    if len(embeddings) != n_features:
        raise ValueError(
            f"embeddings has {len(embeddings)} rows, but X has {n_features} columns. "
            "Pass one row for each column, in the same order."
        )
    return embeddings


def _on_host(vectors):
    """Convert a tensor or parameter, on any device, to an array."""
    if isinstance(vectors, torch.Tensor):
        return vectors.detach().cpu().double().numpy()
    return vectors
