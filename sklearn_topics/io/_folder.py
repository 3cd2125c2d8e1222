"""Open a folder of counts."""

import json
from pathlib import Path

from ._counts import Counts
from ._errors import file_error
from ._layout import DATA, INDICES, INDPTR, NAMES, TRANSPOSE, read_meta
from ._npy import NpyArray
from ._transpose import write_transpose


def open_folder(path) -> Counts:
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
    return _FolderCounts(
        indptr[:], indices, data, shape, feature_names=names, path=path
    )


class _FolderCounts(Counts):
    def _transposed(self):
        target = Path(self.path, TRANSPOSE)
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
