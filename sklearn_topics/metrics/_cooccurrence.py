"""Co-occurrence counts: documents or text windows that contain both terms of a pair."""

from itertools import chain, islice

import numpy as np
import scipy.sparse as sp
import torch

from .._boundary.tensors import to_csr
from .._boundary.transfer import to_device, to_numpy
from .._disk.canonical import canonical_csr
from .._kernels import CSR, ops

#: Number of texts whose windows are counted at once.
_TEXTS = 1 << 14


def document_counts(X, columns, pairs) -> tuple[np.ndarray, int]:
    """Number of documents that contain both terms of each pair, and of all documents.

    Parameters
    ----------
    X : {ndarray, sparse matrix, CSR, Tensor} of shape (n_samples, n_features)
        Counts. Those of a CSR or Tensor are counted on its device.
    columns : ndarray of shape (n_terms,)
        Distinct columns of X.
    pairs : ndarray of shape (n_pairs, 2)
        Positions in `columns`. A term paired with itself counts the documents that
        contain it.

    Returns
    -------
    counts : ndarray of shape (n_pairs,)
    n_documents : int
    """
    if sp.issparse(X):
        X = canonical_csr(sp.csr_array(X))
    elif not isinstance(X, CSR):
        X = X[:, columns] > 0
        columns = np.arange(len(columns))
        dense = isinstance(X, torch.Tensor)
        X = to_csr(X.to_sparse_csr()) if dense else sp.csr_array(X)
    return _count(X, columns, pairs), X.shape[0]


def window_counts(texts, words, size: int, pairs) -> tuple[np.ndarray, int]:
    """Number of text windows that contain both terms of each pair, and of all windows.

    A window has `size` tokens and moves by one token; a shorter text is one window.

    Parameters
    ----------
    texts : iterable of list of str
        Tokens of each document.
    words : sequence of str
        Distinct terms.
    size : int
        Number of tokens in a window.
    pairs : ndarray of shape (n_pairs, 2)
        Positions in `words`.

    Returns
    -------
    counts : ndarray of shape (n_pairs,)
    n_windows : int
    """
    place = {word: number for number, word in enumerate(words)}
    if len(place) < len(words):
        repeated = next(w for i, w in enumerate(words) if place[w] != i)
        raise ValueError(
            f"feature_names contains {str(repeated)!r} more than once. Pass distinct "
            "names."
        )
    counts, total = np.zeros(len(pairs), np.int64), 0
    if not hasattr(texts, "__iter__"):
        raise TypeError(f"texts must be a list of lists of tokens. Got {texts!r}.")
    texts = iter(texts)
    while portion := list(islice(texts, _TEXTS)):
        if any(isinstance(text, str) for text in portion):
            raise ValueError(
                "texts must contain lists of tokens, but one of them is a str. Split "
                "each text into tokens."
            )
        if not all(hasattr(text, "__len__") for text in portion):
            raise ValueError(
                "texts must contain lists of tokens, but one of them is not a list."
            )
        windows, n_windows = _windows(portion, place, size)
        counts += _count(windows, np.arange(len(place)), pairs)
        total += n_windows
    if total == 0:
        raise ValueError("texts is empty. Pass at least one document.")
    return counts, total


def _count(X, columns, pairs) -> np.ndarray:
    # A boolean matrix for all dtypes, so that one kernel suffices; NaN is unobserved.
    if isinstance(X, CSR):
        present = X.with_data(X.data > 0)
    else:
        present = sp.csr_array((X.data > 0, X.indices, X.indptr), shape=X.shape)
        present = to_device(present, torch.device("cpu"))
    where = (
        to_device(a.astype(np.int64, copy=False), present.device)
        for a in (columns, pairs)
    )
    return to_numpy(ops.pair_counts(present, *where))


def _windows(texts, place, size) -> tuple[sp.csr_array, int]:
    """Words in each window (n_windows x n_words), and the number of windows."""
    lengths = np.array([len(text) for text in texts])
    n_windows = np.maximum(1, lengths - size + 1)
    tokens = chain.from_iterable(texts)
    word = np.fromiter((place.get(t, -1) for t in tokens), np.int64, lengths.sum())
    (at,) = np.nonzero(word >= 0)
    text = np.repeat(np.arange(len(texts)), lengths)[at]
    position = at - (np.cumsum(lengths) - lengths)[text]
    # A token lies in the windows from `low` to `high`. Windows that also contain an
    # earlier token of the same word are already counted.
    first = (np.cumsum(n_windows) - n_windows)[text]
    high = first + np.minimum(position, n_windows[text] - 1)
    low = first + np.maximum(position - size + 1, 0)
    word = word[at]
    order = np.argsort(word * len(texts) + text, kind="stable")
    word, text, low, high = (a[order] for a in (word, text, low, high))
    again = np.flatnonzero((word[1:] == word[:-1]) & (text[1:] == text[:-1])) + 1
    low[again] = np.maximum(low[again], high[again - 1] + 1)
    # Words are sorted, and so are the windows of each word: rows of the transpose.
    length = np.maximum(high - low + 1, 0)
    ends = np.cumsum(length)
    windows = np.repeat(low - (ends - length), length) + np.arange(length.sum())
    per_word = np.bincount(word, weights=length, minlength=len(place)).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(per_word)])
    ones = np.ones(len(windows), bool)
    total = int(n_windows.sum())
    shape = len(place), total
    return sp.csr_array(sp.csr_array((ones, windows, indptr), shape=shape).T), total
