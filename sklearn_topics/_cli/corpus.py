"""The documents of a configuration: read, divided into parts, with their terms."""

from dataclasses import dataclass

import numpy as np

from .choices import PARTS
from .documents import (
    divide,
    is_text,
    number_of,
    read_documents,
    read_vocabulary,
    take,
)
from .errors import CommandError, within_key


@dataclass
class Corpus:
    """Part -> its documents, and part -> their numbers in their file, from 0.

    `names` are the terms of counts, if there is a vocabulary.
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
    """Documents of the section `data` of the settings."""
    read = {}
    for key, path in data.files().items():
        with within_key(key):
            read[key] = read_documents(path, data.format, data.field)
    if "path" in read:
        corpus = _divided(read["path"], data.split, seed)
    else:
        corpus = Corpus(read, {key: np.arange(number_of(read[key])) for key in read})
        _check_alike(read)
    if data.vocabulary is not None:
        with within_key("vocabulary"):
            if corpus.is_text:
                raise CommandError(
                    "only counts have a vocabulary beside them; of text the vectorizer "
                    "finds it, or gets it as params.vocabulary"
                )
            n_terms = corpus.documents["train"].shape[1]
            corpus.names = read_vocabulary(data.vocabulary, n_terms)
    return corpus


def _divided(documents, split, seed) -> Corpus:
    n = number_of(documents)
    numbers = {"train": np.arange(n)}
    if split is not None:
        with within_key("split"):
            numbers = divide(n, split.model_dump(), seed)
    return Corpus({part: take(documents, numbers[part]) for part in numbers}, numbers)


def _check_alike(read):
    train = read["train"]
    for part in PARTS[1:]:
        if part not in read:
            continue
        if is_text(read[part]) != is_text(train):
            raise CommandError(f"train and {part} must both be text or counts", part)
        if not is_text(train) and read[part].shape[1] != train.shape[1]:
            raise CommandError(
                f"{read[part].shape[1]} columns, but train has {train.shape[1]}", part
            )
