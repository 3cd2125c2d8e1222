"""Blei's ldac and SVMlight: a line is a document, with its terms and their counts."""

import io

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_svmlight_file

from .._disk.errors import file_error
from ._text import open_text, parsed_chunks


class Rows:
    """Documents of a file with one line for each of them.

    A first pass finds the number of terms, and in SVMlight whether they are counted
    from 0 or 1.

    Parameters
    ----------
    path : path-like
    format : {"ldac", "svmlight"}
    n_features : int, default=None
        Number of terms; None: as many as occur.

    Attributes
    ----------
    shape : tuple (n_documents, n_terms)
    """

    def __init__(self, path, format, n_features=None):
        self.path = path
        self._parse = {"ldac": _parse_ldac, "svmlight": _parse_svmlight}[format]
        n, least, most = 0, 1, -1
        for X in self._chunks():
            n += X.shape[0]
            least = min(least, X.indices.min(initial=least))
            most = max(most, X.indices.max(initial=most))
        # As scikit-learn decides: no term 0 means that terms are counted from 1.
        self._first = int(least) if format == "svmlight" and most >= 0 else 0
        found = int(most) + 1 - self._first
        if n_features is not None and found > n_features:
            raise file_error(
                path, f"the terms are 0 to {found - 1}; expected {n_features} terms"
            )
        self.shape = n, found if n_features is None else n_features

    def blocks(self):
        """Read blocks of consecutive documents; yields CSR arrays."""
        for X in self._chunks():
            parts = X.data, X.indices - X.indices.dtype.type(self._first), X.indptr
            yield sp.csr_array(parts, shape=(X.shape[0], self.shape[1]))

    def _chunks(self):
        with open_text(self.path) as file:
            yield from parsed_chunks(self.path, file, self._parse)


def _parse_ldac(lines):
    """Lines such as ``2 0:1 17:3``: number of terms, then each with its count."""
    sizes = np.array([len(line.split()) - 1 for line in lines])
    starts = np.concatenate([[0], np.cumsum(2 * sizes + 1)])
    text = b"".join(lines)
    expected = "expected the number of terms, then term:count for each"
    try:
        numbers = np.array(text.replace(b":", b" ").split(), np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(expected) from error
    whole = sizes.min() >= 0 and len(numbers) == starts[-1] and (numbers >= 0).all()
    if not whole or text.count(b":") != sizes.sum():
        raise ValueError(expected)
    if (numbers[starts[:-1]] != sizes).any():
        raise ValueError("the number of terms differs from the terms that follow")
    terms, counts = np.delete(numbers, starts[:-1]).reshape(-1, 2).T
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    shape = len(lines), int(terms.max(initial=0)) + 1
    return sp.csr_array((counts, terms, indptr), shape=shape)


def _parse_svmlight(lines):
    """Lines such as ``label 1:2 17:3``; labels are not read, nor comments."""
    X, _ = load_svmlight_file(io.BytesIO(b"".join(lines)), zero_based=True)
    return sp.csr_array(X)
