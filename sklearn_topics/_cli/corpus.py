"""Read the documents of a configuration and split them into train, valid and test."""

from dataclasses import dataclass

import numpy as np

from .choices import PARTS
from .documents import (
    check_vocabulary,
    count_documents,
    is_text,
    is_text_file,
    kind_of,
    read_file,
    read_vocabulary,
    select,
    split_documents,
)
from .errors import CommandError, within_key


@dataclass
class Corpus:
    """Documents of each part, and their numbers in their file, counted from 0.

    `names` are the terms of counts, if the file or a vocabulary has them.
    """

    documents: dict
    numbers: dict[str, np.ndarray]
    names: list[str] | None = None

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
    read, names = {}, None
    for key, path in data.files().items():
        with within_key(key):
            options = {"key": data.key, "n_terms": terms and len(terms)}
            read[key], found = read_file(path, data.format, data.field, **options)
            names = names or found  # of train, or of the only file
    if "path" in read:
        corpus = _split(read["path"], data.split, seed)
    else:
        corpus = Corpus(
            read, {key: np.arange(count_documents(read[key])) for key in read}
        )
        _check_same_kind(read)
    corpus.names = names
    if terms is not None:
        with within_key("vocabulary"):
            n_terms = corpus.documents["train"].shape[1]
            check_vocabulary(data.vocabulary, terms, n_terms)
        corpus.names = terms
    return corpus


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
