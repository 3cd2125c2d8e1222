"""Write counts to a folder, block by block."""

import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .canonical import canonical_csr, summable
from .counts import CountBlocks, Counts
from .folder import open_folder
from .layout import DATA, INDICES, INDPTR, META, NAMES, complete, index_dtype
from .npy import NpyFile

#: Files that write_counts may leave behind if it is interrupted.
_OURS = {INDPTR, INDICES, DATA, NAMES, f"{META}.part"}


def write_counts(path, blocks, *, feature_names=None, dtype=None) -> Counts:
    """Write counts to a folder on disk, block by block, in bounded memory.

    Parameters
    ----------
    path : path-like
        The folder; it must not exist, or be empty.
    blocks : iterable of sparse matrices, sparse matrix, or Counts
        Blocks of consecutive documents (documents x terms), such as a generator
        yields, or :func:`iter_counts` reads from a file. Or all documents at once.
    feature_names : array-like of shape (n_terms,), default=None
        The terms. If None, those of `blocks`, if it has any.
    dtype : dtype, default=None
        Dtype of the counts on disk: a narrow one, such as "float32" or "int32", saves
        space and time. If None, that of the blocks.

    Returns
    -------
    X : Counts
        The counts, opened as by :func:`open_counts`.

    Raises
    ------
    FileExistsError
        If the folder contains files.
    ValueError
        If a block has another number of columns, or counts that `dtype` cannot
        represent; floats may be rounded to narrower ones.

    Notes
    -----
    The folder contains the three arrays of a CSR matrix, ``indptr.npy``,
    ``indices.npy`` and ``data.npy``, the terms in ``feature_names.json``, and
    ``meta.json``, which is written last: a folder without it was cut off, and
    :func:`open_counts` refuses it. The counts of one cell are summed, and zeros are not
    stored.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import scipy.sparse as sp
    >>> from sklearn_topics import io
    >>> blocks = (sp.random_array((100, 30), density=0.2) for _ in range(5))
    >>> with TemporaryDirectory() as folder:
    ...     io.write_counts(f"{folder}/corpus", blocks).shape
    (500, 30)
    """
    if feature_names is None:
        feature_names = getattr(blocks, "feature_names", None)
    path = Path(path)
    check_new_folder(path)
    path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as unfinished:
        unfinished.callback(_remove_files, path)
        with _Writer(path, feature_names, dtype) as writer:
            for block in _each_block(blocks):
                writer.append(block)
        writer.complete()
        unfinished.pop_all()  # the folder is complete: nothing is removed
    return open_folder(path)


class _Writer:
    """The files of a folder, while blocks are appended."""

    def __init__(self, path, names, dtype):
        self._path, self._dtype = path, dtype
        self._names = None if names is None else [str(name) for name in names]
        self._columns, self._rows = None, 0
        self._files = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._files.close()

    def append(self, block):
        block = self._checked(block)
        if self._columns is None:
            self._open(block)
        block = canonical_csr(summable(block))
        self._indptr.append(block.indptr[1:] + np.int64(self._indices.length))
        self._indices.append(block.indices)
        self._data.append(self._converted(block))
        self._rows += block.shape[0]

    def complete(self):
        if self._columns is None:
            raise ValueError("There are no blocks: the counts have no documents.")
        shape = self._rows, self._columns
        complete(self._path, shape, self._dtype, self._names)

    def _open(self, block):
        self._columns = block.shape[1]
        if self._names is not None and len(self._names) != self._columns:
            raise ValueError(
                f"feature_names has {len(self._names)} names, but the counts have "
                f"{self._columns} columns."
            )
        self._dtype = np.dtype(block.dtype if self._dtype is None else self._dtype)
        if self._dtype.kind not in "biuf":
            raise ValueError(f"Counts must be numbers. Got dtype {self._dtype}.")
        types = np.int64, index_dtype(self._columns), self._dtype
        self._indptr, self._indices, self._data = (
            self._files.enter_context(NpyFile(self._path / name, kind))
            for name, kind in zip((INDPTR, INDICES, DATA), types, strict=True)
        )
        self._indptr.append(np.zeros(1, np.int64))

    def _checked(self, block):
        if not sp.issparse(block) or block.ndim != 2:
            raise TypeError(
                "blocks must contain scipy sparse matrices (documents x terms). Got "
                f"{type(block).__name__} after {self._rows} documents."
            )
        if self._columns not in (None, block.shape[1]):
            raise ValueError(
                f"The block after {self._rows} documents has {block.shape[1]} columns; "
                f"those before it have {self._columns}."
            )
        return block.tocsr()

    def _converted(self, block):
        if block.data.dtype == self._dtype:
            return block.data
        with np.errstate(all="ignore"):  # what is not represented is found below
            data = block.data.astype(self._dtype)
        if self._dtype.kind == block.dtype.kind == "f":  # may be rounded
            changed = np.isinf(data) & np.isfinite(block.data)
        else:
            changed = data != block.data
        if changed.any():
            first = int(np.flatnonzero(changed)[0])
            row = int(np.searchsorted(block.indptr, first, side="right")) - 1
            raise ValueError(
                f"Row {self._rows + row}, column {block.indices[first]} contains "
                f"{block.data[first]}, which {self._dtype} cannot represent."
            )
        return data


def _each_block(blocks):
    if isinstance(blocks, Counts):
        return (block for _, block in blocks.blocks())
    if sp.issparse(blocks):
        return [blocks]
    if isinstance(blocks, str | os.PathLike):
        raise TypeError(
            f"blocks is a path. Pass iter_counts({str(blocks)!r}), which reads it."
        )
    if hasattr(blocks, "shape") and not isinstance(blocks, CountBlocks):
        raise TypeError(
            f"blocks is a {type(blocks).__name__}. Pass blocks of its rows as sparse "
            "matrices, for example (csr_array(X[i : i + 1000]) for i in range(0, "
            "len(X), 1000))."
        )
    return blocks


def check_new_folder(path: Path) -> None:
    """Raise an error for a folder with files, but those of a cut-off writing."""
    if not path.exists():
        return
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file. Name a folder for the counts.")
    present = {file.name for file in path.iterdir()}
    if META in present:
        raise FileExistsError(
            f"{path} contains counts. Remove the folder, or name another one."
        )
    others = sorted(present - _OURS)
    if others:
        raise FileExistsError(
            f"{path} contains other files, such as {others[0]}. Name another folder."
        )


def _remove_files(path):
    for name in _OURS:
        (path / name).unlink(missing_ok=True)
    path.rmdir()
