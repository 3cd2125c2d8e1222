"""Read files of documents: text in lines, JSONL or CSV, and counts."""

import csv
import gzip
import json
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .choices import FORMATS, PARTS
from .counts import is_counts, read_counts
from .errors import CommandError, choice, within

_EXTENSIONS = {
    ".txt": "lines",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
}


@contextmanager
def reading(path):
    """Report a missing or unreadable file or folder in one line."""
    with within(path):
        if not Path(path).exists():
            raise CommandError("file not found")
        try:
            yield
        except UnicodeDecodeError as error:
            raise CommandError("not UTF-8 text; convert the file to UTF-8") from error
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(f"cannot be read: {error}") from error


def read_documents(path, format=None, field="text"):
    """Read the documents of one file, as `read_file`, without the names of terms."""
    return read_file(path, format, field)[0]


def read_file(path, format=None, field="text", *, key=None, n_terms=None):
    """Read the documents of one file, and the names of their terms.

    Parameters
    ----------
    path : str
        Path of the file; text files may be compressed by gzip (.gz).
    format : {"lines", "jsonl", "csv", "counts", ...}, default=None
        Format of the file. If None, the file name determines it.
    field : str, default="text"
        JSONL field or CSV column with the text.
    key : str, default=None
        Place of the counts in a file of AnnData or 10x Genomics.
    n_terms : int, default=None
        Number of columns of counts in a format that does not say it.

    Returns
    -------
    documents : list of str or CSR matrix of counts
    names : list of str or None
        The terms, if a file of counts contains them.
    """
    with reading(path):
        format = format or _format_of(path)
        if format in _READERS:
            documents, names = _READERS[format](path, field), None
        else:
            documents, names = read_counts(path, format, key, n_terms)
        if count_documents(documents) == 0:
            raise CommandError("the file contains no documents")
        if format == "lines" and not any(map(str.strip, documents)):
            raise CommandError("the file contains blank lines only")
        return documents, names


def read_column(path, format, field) -> list[str | None]:
    """Read a field of metadata: text for each document, None where it is missing."""
    with reading(path):
        format = format or _format_of(path)
        if format == "jsonl":
            return _read_jsonl(path, field, _plain_of)
        if format == "csv":
            return [value or None for value in _read_csv(path, field)]
        raise CommandError(
            f"has no field {field!r}: only JSON lines and CSV have fields"
        )


def is_text(documents) -> bool:
    return not sp.issparse(documents)


def kind_of(documents) -> str:
    return "text" if is_text(documents) else "counts"


def count_documents(documents) -> int:
    return len(documents) if is_text(documents) else documents.shape[0]


def select(documents, rows):
    """The documents in these rows."""
    return [documents[i] for i in rows] if is_text(documents) else documents[rows]


def read_vocabulary(path) -> list[str]:
    """Read one term per line."""
    with reading(path):
        return _read_lines(path, None)


def check_vocabulary(path, terms, n_terms) -> None:
    """Raise an error unless there is one term for each column of the counts."""
    if len(terms) != n_terms:
        raise CommandError(
            f"{path}: {len(terms)} terms, but the counts have {n_terms} columns; "
            "expected one term per line, in the order of the columns"
        )


def split_documents(n, shares, seed) -> dict[str, np.ndarray]:
    """Draw the document numbers of each part by the seed, in ascending order."""
    order = np.random.default_rng(seed).permutation(n)
    ends = np.rint(np.cumsum([shares[part] for part in PARTS]) * n).astype(int)
    starts = [0, *ends[:-1]]
    parts = {}
    for part, start, end in zip(PARTS, starts, ends, strict=True):
        if shares[part] > 0 and start == end:
            raise CommandError(
                f"{shares[part]:g} of {n} documents rounds to 0 documents; use a "
                "larger share",
                part,
            )
        if start < end:
            parts[part] = np.sort(order[start:end])
    return parts


def is_text_file(path, format=None) -> bool:
    """Whether a file is text by its format or its name."""
    return (format or _named_format(path)) in _READERS


def _named_format(path) -> str | None:
    if is_counts(path):
        return "counts"
    return _EXTENSIONS.get(_extension(path))


def _format_of(path) -> str:
    format = _named_format(path)
    if format is None:
        raise CommandError(
            f"the file extension {_extension(path)!r} is unknown; set format to one of "
            f"{', '.join(FORMATS)}"
        )
    return format


def _extension(path) -> str:
    name = Path(path)
    return Path(name.stem if name.suffix == ".gz" else name).suffix.lower()


def _open(path, newline=None):
    opener = gzip.open if Path(path).suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", newline=newline)


def _read_lines(path, field):
    with _open(path) as file:
        return [line.rstrip("\n") for line in file]


def _read_jsonl(path, field, value_of=None):
    values = []
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            with within(f"line {number}"):
                values.append((value_of or _text_of)(_record(line, field), field))
    return values


def _record(line, field) -> dict:
    """The JSON object of a line, which has a field."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise CommandError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise CommandError(f"expected a JSON object with the field {field!r}")
    if field not in record:
        raise CommandError(f"no field {field!r}; {choice(field, list(record))}")
    return record


def _plain_of(record, field) -> str | None:
    """A value of metadata as text; None if it is null."""
    value = record[field]
    if isinstance(value, dict | list):
        kind = type(value).__name__
        raise CommandError(
            f"the field {field!r} must be text, a number or null. Got type {kind}"
        )
    if value is not None:
        _check_characters(str(value), field)
    return None if value is None else str(value)


def _text_of(record, field) -> str:
    if not isinstance(record[field], str):
        kind = type(record[field]).__name__
        raise CommandError(f"the field {field!r} must be text. Got type {kind}")
    _check_characters(record[field], field)
    return record[field]


def _check_characters(text, field):
    """Refuse half of a surrogate pair, which JSON can contain and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise CommandError(
            f"the field {field!r} contains the lone surrogate \\u{ord(character):04x} "
            f"at character {error.start + 1}, which UTF-8 cannot encode; remove or "
            "replace it"
        ) from error


def _read_csv(path, field):
    # The default of 131072 characters is too small for documents.
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


_READERS = {
    "lines": _read_lines,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
}
