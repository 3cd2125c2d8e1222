"""In how many documents, or windows of text, terms occur, alone and in pairs."""

from itertools import chain, islice

import numpy as np
import scipy.sparse as sp
import torch

from .._boundary.transfer import to_device
from .._kernels import ops

#: Texts whose windows are counted at once.
_TEXTS = 1 << 14


def document_counts(X, columns) -> tuple[np.ndarray, int]:
    """Documents of X that hold each pair of the columns, and how many documents.

    Returns
    -------
    counts : ndarray of shape (len(columns), len(columns))
        On the diagonal those that hold the term.
    n_documents : int
    """
    if sp.issparse(X):
        chosen = sp.csr_array(X.tocsr()[:, columns])
        chosen.sum_duplicates()
        chosen.eliminate_zeros()
    else:
        X = np.asarray(X)
        chosen = sp.csr_array(X[:, columns] > 0)
    return _count(chosen), X.shape[0]


def window_counts(texts, words, size: int) -> tuple[np.ndarray, int]:
    """The same for windows of `size` tokens, moved by one; a short text is one.

    Parameters
    ----------
    texts : iterable of list of str
        Tokens of each document.
    words : sequence of str
    size : int
    """
    place = {word: number for number, word in enumerate(words)}
    counts, total = np.zeros((len(place), len(place)), np.int64), 0
    texts = iter(texts)
    while portion := list(islice(texts, _TEXTS)):
        if any(isinstance(text, str) for text in portion):
            raise ValueError("texts must be lists of tokens, but one is a string.")
        found, n_windows = _windows(portion, place, size)
        counts += _count(found)
        total += n_windows
    return counts, total


def _count(present: sp.csr_array) -> np.ndarray:
    return ops.pair_counts(to_device(present, torch.device("cpu"))).numpy()


def _windows(texts, place, size) -> tuple[sp.csr_array, int]:
    """Which words each window holds (windows x words), and how many windows."""
    lengths = np.array([len(text) for text in texts])
    n_windows = np.maximum(1, lengths - size + 1)
    tokens = chain.from_iterable(texts)
    word = np.fromiter((place.get(t, -1) for t in tokens), np.int64, lengths.sum())
    (at,) = np.nonzero(word >= 0)
    text = np.repeat(np.arange(len(texts)), lengths)[at]
    position = at - (np.cumsum(lengths) - lengths)[text]
    # A token lies in the windows from `low` to `high`; of these, the ones that an
    # earlier token of the same word lies in are counted already.
    first = (np.cumsum(n_windows) - n_windows)[text]
    high = first + np.minimum(position, n_windows[text] - 1)
    low = first + np.maximum(position - size + 1, 0)
    word = word[at]
    order = np.argsort(word * len(texts) + text, kind="stable")
    word, text, low, high = (a[order] for a in (word, text, low, high))
    again = np.flatnonzero((word[1:] == word[:-1]) & (text[1:] == text[:-1])) + 1
    low[again] = np.maximum(low[again], high[again - 1] + 1)
    # Words ascend, and so do the windows of each: the rows of the transpose.
    length = np.maximum(high - low + 1, 0)
    ends = np.cumsum(length)
    windows = np.repeat(low - (ends - length), length) + np.arange(length.sum())
    per_word = np.bincount(word, weights=length, minlength=len(place)).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(per_word)])
    ones = np.ones(len(windows), np.float32)
    total = int(n_windows.sum())
    shape = len(place), total
    return sp.csr_array(sp.csr_array((ones, windows, indptr), shape=shape).T), total
