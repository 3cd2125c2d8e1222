"""The transpose of counts on disk, and counts whose entries are in any order."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from . import sorting
from .layout import DATA, INDICES, INDPTR, TRANSPOSE, complete, index_dtype
from .npy import NpyFile


def write_transpose(X, target) -> None:
    """Write the transpose of X into the folder `target`, in bounded memory.

    First it has another name: it is there as a whole or not there.
    """
    part = Path(tempfile.mkdtemp(prefix=f"{TRANSPOSE}.", dir=target.parent))
    try:
        indptr = column_starts(X)
        write_sorted(part, transposed_entries(X), indptr, X.shape[::-1], X.dtype)
        shutil.copymode(target.parent, part)
        try:
            part.rename(target)
        except OSError:
            if not target.exists():
                raise
            # Another process was faster; its files are the same.
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_sorted(path, chunks, indptr, shape, dtype) -> None:
    """Write entries in any order as a folder of counts.

    Parameters
    ----------
    path : path-like
        The folder.
    chunks : iterable of (rows, columns, values)
        All entries.
    indptr : ndarray of shape (n + 1,)
        Where each row starts.
    shape : tuple (n, m)
    dtype : dtype
        Dtype of the values.
    """
    path = Path(path)
    path.mkdir(exist_ok=True)
    with NpyFile(path / INDPTR, np.int64) as starts:
        starts.append(indptr)
    with (
        NpyFile(path / INDICES, index_dtype(shape[1])) as indices,
        NpyFile(path / DATA, dtype) as data,
    ):
        sorting.sort_by_rows(chunks, indptr, indices, data, path)
    complete(path, shape, dtype)


def column_starts(X) -> np.ndarray:
    """Where each column starts among the entries of the transpose."""
    starts = np.zeros(X.shape[1] + 1, np.int64)
    for _, block in X.blocks(sorting.ENTRIES):
        starts[1:] += np.bincount(block.indices, minlength=X.shape[1])
    return np.cumsum(starts, out=starts)


def transposed_entries(X):
    """The entries of the transpose, in chunks: rows, columns, values."""
    for (start, stop), block in X.blocks(sorting.ENTRIES):
        columns = np.repeat(np.arange(start, stop), np.diff(block.indptr))
        yield block.indices, columns, block.data
