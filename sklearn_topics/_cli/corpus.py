"""Read the documents of a configuration and split them into train, valid and test."""

import re
from dataclasses import dataclass, field

import numpy as np

from .choices import PARTS
from .documents import (
    check_vocabulary,
    count_documents,
    is_text,
    is_text_file,
    kind_of,
    read_column,
    read_file,
    read_vocabulary,
    select,
    split_documents,
)
from .errors import CommandError, within_key

#: Years, months, days and times (group 1); what follows a time, such as the offset, is
#: ignored.
_DATE = re.compile(
    r"(\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)?)?)((?<=:\d\d).*)?",
    re.DOTALL,
)


@dataclass
class Corpus:
    """Documents of each part, and their numbers in their file, counted from 0.

    `names` are the terms of counts, if the file or a vocabulary has them. `metadata`
    has the values of each part: "id" and "label" as text, "date" as datetime64.
    """

    documents: dict
    numbers: dict[str, np.ndarray]
    names: list[str] | None = None
    metadata: dict[str, dict] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        return is_text(self.documents["train"])

    def __str__(self):
        sizes = (f"{len(numbers)} {part}" for part, numbers in self.numbers.items())
        return f"documents: {', '.join(sizes)}"


def read_corpus(data, seed) -> Corpus:
    """Read the documents of the settings section `data`."""
    with within_key("vocabulary"):
        terms = _read_terms(data)
    read, names, columns = {}, None, {}
    for key, path in data.files().items():
        with within_key(key):
            options = {"key": data.key, "n_terms": terms and len(terms)}
            read[key], found = read_file(path, data.format, data.field, **options)
            names = names or found  # of train, or of the only file
            columns[key] = _read_metadata(path, data)
    if "path" in read:
        corpus = _split(read["path"], data.split, seed)
        whole = columns["path"]
        columns = {
            part: {name: values[rows] for name, values in whole.items()}
            for part, rows in corpus.numbers.items()
        }
    else:
        corpus = Corpus(
            read, {key: np.arange(count_documents(read[key])) for key in read}
        )
        _check_same_kind(read)
    corpus.names, corpus.metadata = names, columns
    if terms is not None:
        with within_key("vocabulary"):
            n_terms = corpus.documents["train"].shape[1]
            check_vocabulary(data.vocabulary, terms, n_terms)
        corpus.names = terms
    return corpus


def _read_metadata(path, data) -> dict[str, np.ndarray]:
    """The metadata of the documents in one file, by "id", "label" and "date"."""
    found = {}
    for name, column in data.columns().items():
        values = read_column(path, data.format, column)
        found[name] = _dates(values, column) if name == "date" else _objects(values)
    return found


def _objects(values) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _dates(values, column) -> np.ndarray:
    """Dates as of ISO 8601, in local time; NaT where they are missing."""
    found = [value and _DATE.fullmatch(value) for value in values]
    wrong = [v for v, match in zip(values, found, strict=True) if v and not match]
    if wrong:
        raise CommandError(
            f"the field {column!r} must contain dates such as 2020-05-31 or 2020. Got "
            f"{wrong[0]!r}"
        )
    try:
        return np.array([match and match[1] for match in found], dtype="M8[s]")
    except ValueError as error:  # such as February 30
        raise CommandError(
            f"the field {column!r} has no valid dates: {error}"
        ) from error


def _read_terms(data) -> list[str] | None:
    """The terms of the vocabulary's file; counts of some formats need their number."""
    if data.vocabulary is None:
        return None
    if any(is_text_file(path, data.format) for path in data.files().values()):
        raise CommandError(
            "allowed for counts only; the vectorizer learns the vocabulary of text, or "
            "gets it as vectorizer.params.vocabulary"
        )
    return read_vocabulary(data.vocabulary)


def _split(documents, split, seed) -> Corpus:
    n = count_documents(documents)
    numbers = {"train": np.arange(n)}
    if split is not None:
        with within_key("split"):
            numbers = split_documents(n, split.model_dump(), seed)
    return Corpus({part: select(documents, numbers[part]) for part in numbers}, numbers)


def _check_same_kind(read):
    train = read["train"]
    for part in PARTS[1:]:
        if part not in read:
            continue
        kind, expected = kind_of(read[part]), kind_of(train)
        if kind != expected:
            raise CommandError(f"contains {kind}, but train contains {expected}", part)
        if not is_text(train) and read[part].shape[1] != train.shape[1]:
            raise CommandError(
                f"has {read[part].shape[1]} columns, but train has {train.shape[1]}",
                part,
            )
