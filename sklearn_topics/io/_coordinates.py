"""Matrix Market and UCI's bag of words: a line is a document, a term and a count."""

import io
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from .._disk.counts import Counts
from .._disk.errors import file_error
from .._disk.folder import open_folder
from .._disk.npy import NpyArray, NpyFile
from .._disk.transpose import write_sorted
from ._text import open_text, parsed_chunks

_BANNER = b"%%MatrixMarket"
#: Values by the name of their field; "pattern" has none, which counts as 1.
_DTYPES = {"real": np.float64, "pattern": None} | dict.fromkeys(
    ("integer", "unsigned-integer"), np.int64
)
_ENTRIES = 1 << 21


class Coordinates:
    """The header of a file of coordinates, and its entries.

    Parameters
    ----------
    path : path-like
    format : {"matrix_market", "uci"}
        UCI's bag of words has three lines with the numbers of documents, terms and
        entries; then both have a line for each entry, counted from 1.

    Attributes
    ----------
    shape : tuple (n_documents, n_terms)
    """

    def __init__(self, path, format):
        self.path = path
        read = {"matrix_market": _matrix_market_header, "uci": _uci_header}[format]
        with open_text(path) as file:
            self._line, values, (n, m, self._nnz) = read(path, file)
        self._has_values = values is not None
        self._dtype = values or np.int64
        self.shape = n, m

    def blocks(self):
        """Read blocks of consecutive documents; yields CSR arrays.

        The entries may be in any order: they are first written to a temporary folder,
        and sorted there if they must be.
        """
        with tempfile.TemporaryDirectory() as folder:
            for _, block in self._written(Path(folder)).blocks():
                yield block

    def _written(self, folder) -> Counts:
        """The entries in files of the folder, sorted by documents."""
        places = [folder / f"{name}.npy" for name in ("rows", "indices", "data")]
        sizes, ascends = self._write(places)
        indptr = np.cumsum(sizes)
        rows, indices, data = map(NpyArray, places)
        if ascends:
            return Counts(indptr, indices, data, self.shape, path=self.path)
        chunks = (
            tuple(part[i : i + _ENTRIES] for part in (rows, indices, data))
            for i in range(0, self._nnz, _ENTRIES)
        )
        write_sorted(folder / "sorted", chunks, indptr, self.shape, self._dtype)
        return open_folder(folder / "sorted")

    def _write(self, places) -> tuple[np.ndarray, bool]:
        """Write the three parts of all entries in the order of the file.

        Returns the sizes of the documents, after a zero, and whether their numbers
        ascend.
        """
        n, last, ascends = self.shape[0], 0, True
        sizes = np.zeros(n + 1, np.int64)
        types = np.int64, np.int64, self._dtype
        with ExitStack() as stack:
            files = [
                stack.enter_context(NpyFile(place, kind))
                for place, kind in zip(places, types, strict=True)
            ]
            for entries in self._chunks():
                rows = entries[0]
                sizes[1:] += np.bincount(rows, minlength=n)
                steps = np.diff(rows, prepend=last)
                ascends = ascends and bool((steps >= 0).all())
                last = rows[-1] if len(rows) else last
                for file, values in zip(files, entries, strict=True):
                    file.append(values)
        return sizes, ascends

    def _chunks(self):
        """Rows and columns, from 0, and values of the entries, in the file's order."""
        found = 0
        with open_text(self.path) as file:
            for _ in range(self._line - 1):
                file.readline()
            parse = self._parse
            for entries in parsed_chunks(self.path, file, parse, line=self._line):
                found += len(entries[0])
                yield entries
        if found != self._nnz:
            raise file_error(
                self.path,
                f"{found} entries, but the header says {self._nnz}: the file was cut "
                "off or changed",
            )

    def _parse(self, lines):
        fields = [("row", np.int64), ("column", np.int64)]
        fields += [("value", self._dtype)] if self._has_values else []
        text = b"".join(lines)
        if not text.strip():
            entries = np.empty(0, fields)
        else:
            options = {"dtype": fields, "comments": None, "ndmin": 1}
            try:
                entries = np.loadtxt(io.BytesIO(text), **options)
            except ValueError as error:
                expected = " ".join(name for name, _ in fields)
                raise ValueError(f"expected the numbers {expected}") from error
        for name, size in zip(("row", "column"), self.shape, strict=True):
            numbers = entries[name]
            if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= size):
                raise ValueError(f"the {name} must be from 1 to {size}")
        values = entries["value"] if self._has_values else np.ones(len(entries), int)
        return entries["row"] - 1, entries["column"] - 1, values


def _matrix_market_header(path, file):
    """Number of the first line of entries, dtype of the values, and the sizes."""
    banner = file.readline()
    words = banner.decode("ascii", "replace").lower().split()
    expected = "expected %%MatrixMarket matrix coordinate integer (or real, or pattern)"
    if not banner.startswith(_BANNER) or words[1:3] != ["matrix", "coordinate"]:
        raise file_error(path, f"{expected} general. Got {banner[:60]!r}", line=1)
    if len(words) != 5 or words[3] not in _DTYPES or words[4] != "general":
        shown = " ".join(words[3:])
        raise file_error(path, f"{expected} general. Got {shown!r}", line=1)
    number, line = 2, file.readline()
    while line.startswith(b"%") or (line and not line.strip()):
        number, line = number + 1, file.readline()
    return number + 1, _DTYPES[words[3]], _sizes(path, line.split(), number)


def _uci_header(path, file):
    fields = [file.readline().strip() for _ in range(3)]
    return 4, np.int64, _sizes(path, fields, 1)


def _sizes(path, fields, line):
    try:
        documents, terms, entries = (int(field) for field in fields)
        if min(documents, terms, entries) < 0:
            raise ValueError("a number is negative")
    except ValueError as error:
        shown = " ".join(field.decode("utf-8", "replace") for field in fields)[:60]
        problem = "expected the numbers of documents, terms and entries"
        raise file_error(path, f"{problem}. Got {shown!r}", line=line) from error
    return documents, terms, entries
