"""Files of documents: text in lines, JSONL or CSV, and counts in .npz."""

import csv
import gzip
import json
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .choices import FORMATS, PARTS
from .errors import CommandError, choice, within

_ENDINGS = {
    ".txt": "lines",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".npz": "counts",
}


@contextmanager
def reading(path):
    """One line about a file that is not there, or cannot be read."""
    with within(path):
        if not Path(path).is_file():
            raise CommandError("there is no such file")
        try:
            yield
        except UnicodeDecodeError as error:
            raise CommandError("not UTF-8 text") from error
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(f"cannot be read: {error}") from error


def read_documents(path, format=None, field="text"):
    """The documents of one file.

    Parameters
    ----------
    path : str
        Text files may be compressed by gzip (.gz).
    format : {"lines", "jsonl", "csv", "counts"}, default=None
        None goes by the file's ending.
    field : str, default="text"
        Field of JSONL or column of CSV that holds the text.

    Returns
    -------
    documents : list of str or CSR matrix of counts
    """
    with reading(path):
        format = format or _format_of(path)
        documents = _READERS[format](path, field)
        if number_of(documents) == 0:
            raise CommandError("the file holds no documents")
        if format == "lines" and not any(map(str.strip, documents)):
            raise CommandError("the file holds blank lines only")
        return documents


def is_text(documents) -> bool:
    return not sp.issparse(documents)


def number_of(documents) -> int:
    return len(documents) if is_text(documents) else documents.shape[0]


def take(documents, rows):
    """The documents with these numbers."""
    return [documents[i] for i in rows] if is_text(documents) else documents[rows]


def read_vocabulary(path, n_terms) -> list[str]:
    """One term a line, as many as the counts have columns."""
    with reading(path):
        terms = _read_lines(path, None)
        if len(terms) != n_terms:
            raise CommandError(
                f"{len(terms)} terms, but the counts have {n_terms} columns; expected "
                "one term a line, in the order of the columns"
            )
        return terms


def divide(n, shares, seed) -> dict[str, np.ndarray]:
    """Numbers of the documents of each part, drawn by the seed, in ascending order."""
    order = np.random.default_rng(seed).permutation(n)
    ends = np.rint(np.cumsum([shares[part] for part in PARTS]) * n).astype(int)
    starts = [0, *ends[:-1]]
    found = {}
    for part, start, end in zip(PARTS, starts, ends, strict=True):
        if shares[part] > 0 and start == end:
            raise CommandError(
                f"{shares[part]:g} of {n} documents is none; give it more", part
            )
        if start < end:
            found[part] = np.sort(order[start:end])
    return found


def _format_of(path) -> str:
    name = Path(path)
    ending = Path(name.stem).suffix if name.suffix == ".gz" else name.suffix
    if ending.lower() not in _ENDINGS:
        raise CommandError(
            f"the ending {ending!r} does not tell the format; set format to one of "
            f"{', '.join(FORMATS)}"
        )
    return _ENDINGS[ending.lower()]


def _open(path, newline=None):
    opener = gzip.open if Path(path).suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", newline=newline)


def _read_lines(path, field):
    with _open(path) as file:
        return [line.rstrip("\n") for line in file]


def _read_jsonl(path, field):
    texts = []
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            with within(f"line {number}"):
                texts.append(_text_of(line, field))
    return texts


def _text_of(line, field):
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise CommandError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise CommandError(f"expected an object with the field {field!r}")
    if field not in record:
        raise CommandError(f"no field {field!r}; {choice(field, list(record))}")
    if not isinstance(record[field], str):
        kind = type(record[field]).__name__
        raise CommandError(f"the field {field!r} must be text, but is of type {kind}")
    _check_characters(record[field], field)
    return record[field]


def _check_characters(text, field):
    """JSON can write half of a surrogate pair; no file in UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = text[error.start]
        raise CommandError(
            f"the field {field!r} holds the lone surrogate \\u{ord(found):04x} at "
            f"character {error.start + 1}, which is no text; expected characters that "
            "UTF-8 can hold; remove or replace it"
        ) from error


def _read_csv(path, field):
    # The default, 131072 characters, is too little for documents.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    delimiter = "\t" if ".tsv" in Path(path).suffixes else ","
    with _open(path, newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        try:
            if field not in (rows.fieldnames or []):
                columns = [str(name) for name in rows.fieldnames or []]
                raise CommandError(f"no column {field!r}; {choice(field, columns)}")
            texts = []
            for row in rows:
                if row[field] is None:
                    raise CommandError(
                        f"line {rows.line_num}: the row ends before column {field!r}"
                    )
                texts.append(row[field])
        except csv.Error as error:
            raise CommandError(f"line {rows.line_num}: not CSV: {error}") from error
    return texts


def _read_counts(path, field):
    try:
        counts = sp.csr_matrix(sp.load_npz(path))
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise CommandError(
            "no sparse matrix; expected a file by scipy.sparse.save_npz"
        ) from error
    if counts.dtype.kind not in "buif":
        raise CommandError(f"counts must be numbers, but are of dtype {counts.dtype}")
    if counts.nnz and not counts.data.min() >= 0:
        (at,) = np.nonzero(~(counts.data >= 0))[0][:1]
        row = int(np.searchsorted(counts.indptr, at, side="right")) - 1
        raise CommandError(
            f"counts must not be negative or missing; row {row}, column "
            f"{counts.indices[at]} holds {counts.data[at]}"
        )
    return counts


_READERS = {
    "lines": _read_lines,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "counts": _read_counts,
}
