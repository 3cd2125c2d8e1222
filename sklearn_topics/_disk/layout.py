"""The files of a folder of counts, the package's own format, and its meta.json."""

import json
import os
from pathlib import Path

import numpy as np

from .errors import file_error

INDPTR, INDICES, DATA = "indptr.npy", "indices.npy", "data.npy"
NAMES, META, TRANSPOSE = "feature_names.json", "meta.json", "transpose"
_FORMAT, _VERSION = "sklearn_topics counts", 1


def index_dtype(columns) -> np.dtype:
    """The dtype of column numbers, as in scipy."""
    return np.dtype(np.int32 if columns <= np.iinfo(np.int32).max else np.int64)


def complete(path, shape, dtype, feature_names=None) -> None:
    """Write the terms and meta.json, by renaming: it is there or not there."""
    files = [INDPTR, INDICES, DATA]
    if feature_names is not None:
        (path / NAMES).write_text(json.dumps(feature_names), encoding="utf-8")
        files.append(NAMES)
    meta = {
        "format": _FORMAT,
        "version": _VERSION,
        "shape": [int(size) for size in shape],
        "dtype": str(np.dtype(dtype)),
        "files": {name: (path / name).stat().st_size for name in files},
    }
    part = path / f"{META}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(meta, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path / META)


def read_meta(path: Path) -> dict:
    """Read and check meta.json; a folder without it was cut off."""
    place = path / META
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: folder not found")
    if not place.is_file():
        raise file_error(
            path,
            "no meta.json: not a folder of counts, or its writing was cut off. Write "
            "it again with write_counts",
        )
    try:
        meta = json.loads(place.read_text(encoding="utf-8"))
        if meta["format"] != _FORMAT:
            raise ValueError(f"the format is {meta['format']!r}")
        if meta["version"] != _VERSION:
            raise ValueError(
                f"the version is {meta['version']!r}; this release reads {_VERSION}"
            )
        _, _ = (int(size) for size in meta["shape"])
        if not {INDPTR, INDICES, DATA} <= meta["files"].keys():
            raise ValueError("it does not list the three arrays")
        np.dtype(meta["dtype"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise file_error(place, f"not the description of counts: {error}") from error
    return meta
