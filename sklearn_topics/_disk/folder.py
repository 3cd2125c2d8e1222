"""Counts in a folder of .npy files, which models use as memory maps."""

import json
import os
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
        path = self._derived() / f"data.{np.dtype(dtype)}.npy"
        if not path.exists():
            handle, part = tempfile.mkstemp(".part", "data.", path.parent)
            os.close(handle)
            try:
                with NpyFile(part, dtype) as file:
                    for start in range(0, self.nnz, _VALUES):
                        file.append(self._data[start : start + _VALUES])
                os.replace(part, path)
            finally:
                Path(part).unlink(missing_ok=True)
        return NpyArray(path)

    def _transposed(self) -> "FolderCounts":
        target = self._derived() / TRANSPOSE
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

    def _derived(self) -> Path:
        """The folder of the transpose and of values in other dtypes."""
        if os.access(self.path, os.W_OK):
            return Path(self.path)
        if self._beside is None:
            self._beside = tempfile.TemporaryDirectory(prefix="sklearn_topics_")
        return Path(self._beside.name)
