"""Counts in a folder of .npy files, which models use as memory maps."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .canonical import shared_csr
from .counts import Counts
from .errors import file_error
from .layout import DATA, INDICES, INDPTR, NAMES, TRANSPOSE, read_meta
from .npy import NpyArray, NpyFile
from .transpose import write_transpose

#: Values that are converted at once.
_VALUES = 1 << 22


def open_folder(path) -> "FolderCounts":
    """Open a folder that `write_counts` completed."""
    path = Path(path)
    meta = read_meta(path)
    for name, size in meta["files"].items():
        found = (path / name).stat().st_size if (path / name).exists() else 0
        if found != size:
            raise file_error(
                path / name,
                f"{found} bytes, but meta.json says {size}: the folder was cut off or "
                "changed. Write it again with write_counts",
            )
    indptr, indices, data = (NpyArray(path / name) for name in (INDPTR, INDICES, DATA))
    if str(data.dtype) != meta["dtype"] or indices.dtype.kind != "i":
        found = f"indices are {indices.dtype} and counts {data.dtype}"
        raise file_error(path, f"{found}, but meta.json says {meta['dtype']}")
    names = None
    if NAMES in meta["files"]:
        names = json.loads((path / NAMES).read_text(encoding="utf-8"))
    shape = meta["shape"]
    return FolderCounts(indptr[:], indices, data, shape, feature_names=names, path=path)


class FolderCounts(Counts):
    """Counts in a folder: their arrays can be mapped into memory."""

    _beside = (
        None  # a temporary folder for what is derived, if this one cannot be written
    )

    def __init__(self, *parts, path, **names):
        super().__init__(*parts, path=path, **names)
        self._folder = Path(os.path.abspath(path))  # the working folder may change

    def __getitem__(self, rows):
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]  # as scikit-learn indexes
        if isinstance(rows, list | np.ndarray):  # the documents of a fold
            return self.mapped()[np.asarray(rows)]
        return super().__getitem__(rows)

    def arrays(self, dtype=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """indptr, and memory maps of the indices and of the values in this dtype.

        None is the dtype on disk. Values of another dtype are written into the folder
        when they are first asked for.
        """
        return self._indptr, self._indices.mapped(), self._values(dtype).mapped()

    def mapped(self) -> sp.csr_array:
        """All documents as a CSR array whose entries are memory maps."""
        return shared_csr(*self.arrays(), self.shape)

    def _values(self, dtype) -> NpyArray:
        if dtype is None or self.dtype == dtype:
            return self._data
        path = self._derived(f"data.{np.dtype(dtype)}.npy")
        if not path.exists():
            self._write_values(path, dtype)
        found = NpyArray(path)
        if found.shape != (self.nnz,):
            problem = f"{found.shape[0]} values for {self.nnz} counts. Remove this file"
            raise file_error(path, f"{problem}; it will be made again")
        return found

    def _write_values(self, path, dtype) -> None:
        """Write the values in this dtype: the file is there as a whole or not there."""
        handle, part = tempfile.mkstemp(".part", "data.", path.parent)
        os.close(handle)
        try:
            with NpyFile(part, dtype) as file:
                for start in range(0, self.nnz, _VALUES):
                    file.append(self._data[start : start + _VALUES])
            shutil.copymode(self._folder / DATA, part)
            os.replace(part, path)
        finally:
            Path(part).unlink(missing_ok=True)

    def _transposed(self) -> "FolderCounts":
        target = self._derived(TRANSPOSE)
        if not target.exists():
            write_transpose(self, target)
        found = open_folder(target)
        if (found.shape, found.nnz) != (self.shape[::-1], self.nnz):
            raise file_error(
                target,
                f"not the transpose of {self.path}: its shape is {found.shape} with "
                f"{found.nnz} counts. Remove this folder; it will be made again",
            )
        return found

    def _derived(self, name) -> Path:
        """Place of the transpose, or of values in another dtype; it may not exist."""
        place = self._folder / name
        if place.exists() or os.access(self._folder, os.W_OK):
            return place
        if self._beside is None:
            self._beside = tempfile.TemporaryDirectory(prefix="sklearn_topics_")
        return Path(self._beside.name, name)

    def __getstate__(self):
        return {**super().__getstate__(), "_beside": None}
