"""Counts on disk: rows are read when they are asked for."""

import reprlib
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from .errors import file_error

#: Stored entries in a block: some 50 MB, and some tenths of a second of a fit.
ENTRIES = 1 << 22


class Counts:
    """Document-term counts in a file, whose rows are read when they are asked for.

    :func:`open_counts` and :func:`read_counts` return this object. ``X[i:j]`` reads the
    documents i to j - 1 as a scipy CSR array. Models accept the object as X, and do not
    read it into memory as a whole: they use memory maps of the folder that
    :func:`write_counts` writes. Counts of another format are copied to such a folder
    first, a temporary one.

    Parameters
    ----------
    indptr : array-like of shape (n_documents + 1,)
        Where each document starts in the other two.
    indices, data : array-like of shape (nnz,)
        Terms and counts, with ``shape`` and ``dtype``; only slices of them are read.
    shape : tuple (n_documents, n_terms)
        Numbers of documents and terms.
    feature_names : list of str, default=None
        The terms, if they are known.
    path : path-like, default=None
        The file or folder, for messages.

    Attributes
    ----------
    shape : tuple (n_documents, n_terms)
        Numbers of documents and terms.
    feature_names : list of str or None
        The terms.
    path : path-like or None
        The file or folder.

    See Also
    --------
    open_counts : Open counts on disk.
    write_counts : Write counts to disk.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_topics import io
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> counts, *_ = make_topic_corpus(100, 30, 3, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     X = io.write_counts(f"{folder}/corpus", counts)
    ...     print(X.shape, X[10:20].shape, X.T.shape)
    (100, 30) (10, 30) (30, 100)
    """

    ndim = 2  # as of arrays and sparse matrices

    def __init__(
        self, indptr, indices, data, shape, *, feature_names=None, path=None
    ) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.path = path
        self.feature_names = feature_names
        self._indptr = np.asarray(indptr, np.int64)
        self._indices, self._data = indices, data
        self._transpose = None
        self.in_folder = None  # the copy that models use, if it is in another format
        self._check_structure()

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the counts."""
        return np.dtype(self._data.dtype)

    @property
    def nnz(self) -> int:
        """Number of stored counts."""
        return int(self._indptr[-1])

    @property
    def T(self) -> "Counts":
        """The transpose (terms x documents), as the same kind of object.

        The transpose of a folder is written into the folder when it is first asked for,
        in bounded memory, and found there afterwards.

        Raises
        ------
        ValueError
            If the counts are in a file of another format. Convert them first, with
            :func:`write_counts`.
        """
        if self._transpose is None:
            self._transpose = self._transposed()
            self._transpose._transpose = self
        return self._transpose

    def __getstate__(self):
        # A copy on disk is removed with the object that made it.
        return {**vars(self), "in_folder": None, "_transpose": None}

    def __repr__(self):
        kind = f"{self.shape[0]} x {self.shape[1]}, {self.nnz} stored, {self.dtype}"
        return f"<Counts: {kind}{f', {self.path}' if self.path else ''}>"

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows) -> sp.csr_array:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(
                "Read a range of documents, such as X[0:1000], or all of them with "
                f"X.tocsr(). Got X[{reprlib.repr(rows)}]. Counts in a folder of "
                "write_counts have any rows."
            )
        start, stop, _ = rows.indices(self.shape[0])
        stop = max(start, stop)
        indptr = self._indptr[start : stop + 1]
        first, last = int(indptr[0]), int(indptr[-1])
        indices = np.asarray(self._indices[first:last])
        self._check_indices(indices, first)
        data = np.asarray(self._data[first:last])
        narrow = max(self.shape[1], last - first) <= np.iinfo(np.int32).max
        width = np.int32 if narrow else np.int64
        parts = data, indices.astype(width, copy=False), (indptr - first).astype(width)
        return sp.csr_array(parts, shape=(stop - start, self.shape[1]))

    def blocks(
        self, entries: int = ENTRIES
    ) -> Iterator[tuple[tuple[int, int], sp.csr_array]]:
        """Read all documents in blocks, one after the other.

        Parameters
        ----------
        entries : int, default=4194304
            Stored counts in a block, about; a longer document is one block.

        Yields
        ------
        rows : tuple (start, stop)
            The numbers of the documents.
        block : csr_array of shape (stop - start, n_terms)
            Their counts.
        """
        start, n = 0, self.shape[0]
        while start < n:
            target = self._indptr[start] + entries
            stop = int(np.searchsorted(self._indptr, target, side="right")) - 1
            stop = min(max(stop, start + 1), n, start + entries)
            yield (start, stop), self[start:stop]
            start = stop

    def tocsr(self) -> sp.csr_array:
        """Read all documents into memory.

        Returns
        -------
        X : csr_array of shape (n_documents, n_terms)
            The counts.
        """
        return self[:]

    def _transposed(self) -> "Counts":
        raise file_error(
            self.path,
            "the transpose has no place in this format. Convert the counts with "
            "write_counts(folder, open_counts(...)), and use those of the folder",
        )

    def _check_structure(self):
        n, m = self.shape
        indptr, names = self._indptr, self.feature_names
        problem = ""
        if len(indptr) != n + 1:
            problem = f"{len(indptr)} row pointers; {n} documents need {n + 1}"
        elif indptr[0] != 0 or (np.diff(indptr) < 0).any():
            problem = "the row pointers do not ascend from 0"
        elif not self._indices.shape == self._data.shape == (self.nnz,):
            sizes = f"{self._indices.shape[0]} indices and {self._data.shape[0]}"
            found = f"{sizes} counts"
            problem = f"{found}; the row pointers need {self.nnz}"
        elif self.dtype.kind not in "biuf":
            problem = f"counts must be numbers. Got dtype {self.dtype}"
        elif names is not None and len(names) != m:
            problem = f"{len(names)} feature names for {m} columns"
        if problem:
            raise file_error(self.path, problem)

    def _check_indices(self, indices, first):
        m = self.shape[1]
        if len(indices) == 0 or (indices.min() >= 0 and indices.max() < m):
            return
        bad = int(np.flatnonzero((indices < 0) | (indices >= m))[0])
        row = int(np.searchsorted(self._indptr, first + bad, side="right")) - 1
        raise file_error(
            self.path,
            f"row {row} has the column {indices[bad]}; expected 0 to {m - 1}",
        )


class CountsInMemory(Counts):
    """Counts in memory, with the methods of `Counts`."""

    @classmethod
    def of(cls, X, *, feature_names=None, path=None) -> "CountsInMemory":
        """Counts of a CSR matrix, whose memory they share."""
        names = {"feature_names": feature_names, "path": path}
        return cls(X.indptr, X.indices, X.data, X.shape, **names)

    def _transposed(self):
        return CountsInMemory.of(self.tocsr().T.tocsr(), path=self.path)


class CountBlocks:
    """Counts of a file, in blocks; each iteration reads the file once more.

    Parameters
    ----------
    read : callable
        () -> iterator of CSR blocks of consecutive documents.
    shape : tuple (n_documents, n_terms)
    feature_names : list of str, default=None
        The terms, if they are known.
    """

    def __init__(self, read, shape, feature_names=None):
        self.read = read
        self.shape = shape
        self.feature_names = feature_names

    def __iter__(self) -> Iterator[sp.csr_array]:
        return self.read()
