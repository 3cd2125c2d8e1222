"""Files of word vectors, as GloVe, word2vec and fastText write them in text."""

import gzip
from pathlib import Path

import numpy as np

from .documents import reading
from .errors import CommandError, within


def read_word_vectors(path, words) -> dict[str, np.ndarray]:
    """Vectors of those of `words` that the file has.

    A line holds a word and its numbers, between single blanks; the first may hold the
    number of words and of dimensions instead. The file may be compressed by gzip.
    """
    wanted, found, n_numbers = set(words), {}, None
    opener = gzip.open if Path(path).suffix == ".gz" else open
    with reading(path), opener(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip().split(" ")
            if number == 1 and len(parts) == 2:
                continue
            if n_numbers is None:
                n_numbers = len(parts) - 1
            word = " ".join(parts[:-n_numbers])  # that of some has blanks
            if word in wanted:
                with within(f"line {number}"):
                    found[word] = _vector(parts[-n_numbers:])
        if not found:
            raise CommandError(
                f"none of the {len(wanted)} terms has a vector; expected lines of a "
                "word and its numbers, words written as the vectorizer writes them"
            )
    return found


def _vector(parts):
    try:
        return np.array(parts, dtype=np.float32)
    except ValueError as error:
        raise CommandError(
            f"expected a word and {len(parts)} numbers, as in the lines before"
        ) from error
