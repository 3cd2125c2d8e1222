"""Counts of any source in a folder, so that models can use them as memory maps."""

import shutil
import tempfile
import weakref
from contextlib import ExitStack
from multiprocessing.util import Finalize
from pathlib import Path

import scipy.sparse as sp

from .counts import ENTRIES, Counts
from .folder import FolderCounts
from .write import write_counts

#: Documents by which the number of documents in a block is chosen.
_FIRST = 256


def is_row_source(X) -> bool:
    """Whether X is none of the usual containers, and its rows are sparse matrices.

    So are AnnData's datasets in files, and dask arrays of sparse chunks.
    """
    shape = getattr(X, "shape", ())
    if sp.issparse(X) or len(shape) != 2 or shape[0] == 0 or not hasattr(X, "dtype"):
        return False
    if hasattr(X, "columns") or not hasattr(X, "__getitem__"):  # a DataFrame
        return False
    if _is_dataset(X):
        return True
    lazy = getattr(X, "_meta", None)  # of dask: an empty chunk
    return sp.issparse(X[0:1] if lazy is None else lazy)


def _is_dataset(X) -> bool:
    """Whether X is a sparse matrix in a file, as AnnData has it."""
    return hasattr(X, "group") and getattr(X, "format", "") in ("csr", "csc")


def in_folder(X) -> FolderCounts:
    """X, if it is in a folder; else a copy of it in a temporary one.

    `Counts` keep their copy; it is removed with them. That of anything else is removed
    with the returned object.

    Parameters
    ----------
    X : Counts, or what `is_row_source`
    """
    if isinstance(X, FolderCounts):
        return X
    if not isinstance(X, Counts):
        return _copy(_of_dataset(X) if _is_dataset(X) else _blocks(X))
    if X.in_folder is None:
        X.in_folder = _copy(X)
    return X.in_folder


def _copy(blocks) -> FolderCounts:
    folder = tempfile.mkdtemp(prefix="sklearn_topics_")  # TMPDIR says where
    with ExitStack() as unfinished:
        unfinished.callback(shutil.rmtree, folder, ignore_errors=True)
        X = write_counts(Path(folder, "counts"), blocks)
        unfinished.pop_all()
    remove = weakref.finalize(X, shutil.rmtree, folder, ignore_errors=True)
    # Processes of multiprocessing and joblib end without `atexit`.
    Finalize(None, remove, exitpriority=0)
    return X


def _of_dataset(X) -> Counts:
    """Its arrays are read here: anndata's rows fail with some versions of scipy."""
    if X.format == "csc":
        raise ValueError(
            "X is stored by columns in its file, so that its rows cannot be read one "
            "by one. Convert the file with sklearn_topics.io: write_counts(folder, "
            "iter_counts(file)), and pass the result."
        )
    indptr, indices, data = (X.group[part] for part in ("indptr", "indices", "data"))
    return Counts(indptr[:], indices, data, X.shape)


def _blocks(X):
    """The rows in blocks: a dask array's chunks, else of about `ENTRIES` counts."""
    if X.shape[0] != X.shape[0]:  # NaN, in dask
        raise ValueError(
            "X is a dask array with an unknown number of rows. Call "
            "X.compute_chunk_sizes() first."
        )
    start, n, chunks = 0, X.shape[0], getattr(X, "chunks", None)
    ends = iter(()) if chunks is None else iter(chunks[0])
    step = _FIRST
    while start < n:
        stop = min(n, start + next(ends, step))
        block = sp.csr_array(_read(X, start, stop))
        yield block
        if start == 0:
            step = max(1, ENTRIES * stop // max(block.nnz, 1))
        start = stop


def _read(X, start, stop):
    block = X[start:stop]
    return block.compute() if hasattr(block, "compute") else block
