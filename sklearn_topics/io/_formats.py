"""The format of a file, by its name and first bytes."""

from pathlib import Path

from .._disk.errors import file_error
from ._text import open_text

#: Formats of text: a line is an entry, or a document.
COORDINATES, ROWS = ("matrix_market", "uci"), ("ldac", "svmlight")
#: Formats with several matrices in a file, of which a key names one.
KEYED = "h5ad", "zarr", "10x"

_SUFFIXES = {
    ".npz": "npz",
    ".h5ad": "h5ad",
    ".zarr": "zarr",
    ".h5": "10x",
    ".mtx": "matrix_market",
    ".mm": "matrix_market",
    ".ldac": "ldac",
    ".lda-c": "ldac",
    ".dat": "ldac",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
    ".svm": "svmlight",
}


def named_format(path) -> str | None:
    """The format that the name of a file says, or that of a folder; None: unknown."""
    path = Path(path)
    if path.is_dir() and path.suffix != ".zarr":
        return "folder"
    name = path.name.removesuffix(".gz").lower()
    if name.startswith("docword"):
        return "uci"
    return _SUFFIXES.get(Path(name).suffix)


def format_of(path, format: str | None = None) -> str:
    """The format of a file or folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the format is unknown.
    """
    known = (*COORDINATES, *ROWS)
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: file not found")
    if format is not None and format not in known:
        raise ValueError(f"format must be one of {', '.join(known)}. Got {format!r}.")
    found = format or named_format(path)
    if found is None and _is_matrix_market(path):
        return "matrix_market"
    if found is None:
        endings = ", ".join(_SUFFIXES)
        raise file_error(
            path,
            f"unknown format. Expected a folder of write_counts, docword*.txt or one "
            f"of {endings}; or pass format, one of {', '.join(known)}",
        )
    return found


def _is_matrix_market(path) -> bool:
    with open_text(path) as file:
        return file.read(14) == b"%%MatrixMarket"
