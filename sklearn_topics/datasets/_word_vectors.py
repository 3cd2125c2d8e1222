"""Read word vectors from text files of GloVe, word2vec and fastText."""

import gzip
import re
import zlib
from io import TextIOWrapper
from pathlib import Path

import numpy as np

#: First bytes of a gzip file, and the separator of a word and its numbers.
_GZIP, _BLANKS = b"\x1f\x8b", re.compile(r"[ \t]+")


def load_word_vectors(
    path, *, vocabulary=None, encoding="utf-8"
) -> dict[str, np.ndarray]:
    """Read word vectors from a text file of GloVe, word2vec or fastText.

    Use them for the parameter `embeddings` of `TorchETM`. The file is read line by
    line and only the vectors of `vocabulary` are stored, so that even a file of 5 GB
    needs little memory.

    Parameters
    ----------
    path : str or path-like
        File with one word and its numbers per line, separated by blanks or tabs; a word
        may contain single blanks. The first line may contain the number of words and
        the number of dimensions instead. Files with names ending in ``.gz`` are
        decompressed. Use gensim to read binary files (``.bin``).
    vocabulary : iterable of str, default=None
        Words to read, such as ``get_feature_names_out()`` of a vectorizer. If None, all
        words are read.
    encoding : str, default="utf-8"
        Encoding of the file.

    Returns
    -------
    vectors : dict of str to ndarray of shape (n_dimensions,), float32
        Vectors of the words of `vocabulary` that the file contains. If the file
        contains a word twice, the first vector is used.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not text in this encoding, is an incomplete gzip file, contains
        no word vectors, or has an invalid line for a word of `vocabulary` (the message
        contains the line number), or if an item of `vocabulary` is not a str.

    See Also
    --------
    sklearn_topics.embedding_matrix : Sorts the vectors in the order of the columns.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_topics.datasets import load_word_vectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "glove.txt")
    ...     with open(path, "w") as file:
    ...         print("the 0.1 0.2", "cat 1 0", "dog 0 1", sep="\\n", file=file)
    ...     load_word_vectors(path, vocabulary=["dog", "bird"])
    {'dog': array([0., 1.], dtype=float32)}
    """
    wanted = _Wanted(vocabulary)
    vectors, n_numbers = {}, None
    for number, line in _lines(path, encoding):
        if n_numbers is None:
            pieces = _single_blanks(line).split(" ")
            header = number == 1 and _header(pieces)
            n_numbers = header or _trailing_numbers(pieces)
            if header:
                continue
            if n_numbers == 0:
                raise _broken(path, number, "a word and its numbers")
        if line and wanted.may_be(line.split(" ", 1)[0].split("\t", 1)[0]):
            word, *numbers = _single_blanks(line).rsplit(" ", n_numbers)
            _check_line(path, number, line, word, numbers, n_numbers)
            if word in wanted and word not in vectors:
                vectors[word] = _vector(path, number, numbers)
    if n_numbers is None or (not vectors and vocabulary is None):
        raise ValueError(
            f"{path} contains no word vectors. Expected a word and its numbers in "
            "each line."
        )
    return vectors


def _lines(path, encoding):
    """Number and text of each line, without trailing blanks."""
    zipped = Path(path).suffix == ".gz"
    number = 0
    with open(path, "rb") as raw:
        if not zipped and raw.peek(2)[:2] == _GZIP:
            raise ValueError(
                f"{path} is compressed by gzip. Decompress it, or rename it so that it "
                "ends in .gz."
            )
        binary = gzip.GzipFile(fileobj=raw) if zipped else raw
        try:
            # No universal newlines, because a word may contain a carriage return.
            with TextIOWrapper(binary, encoding=encoding, newline="\n") as file:
                for number, line in enumerate(file, 1):
                    line = line.rstrip(" \t\r\n")
                    yield number, line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not text in {encoding} (after line {number}). Pass the "
                "encoding of the file, as in encoding='latin-1'. Read a binary file "
                "with gensim.models.KeyedVectors.load_word2vec_format(path, "
                "binary=True), whose result is a mapping too."
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is not a complete gzip file (after line {number}): {error}. "
                "Download the file again; if it is not compressed, remove .gz from its "
                "name."
            ) from error


class _Wanted:
    """The words to read; None means all words."""

    def __init__(self, words):
        if isinstance(words, str):
            raise ValueError(
                f"vocabulary is a single str, {words!r}. Pass a list of words."
            )
        self._words = None if words is None else set(words)
        for word in self._words or ():
            if not isinstance(word, str):
                raise ValueError(
                    f"vocabulary contains {word!r} of type {type(word).__name__}. Pass "
                    "a list of words of type str."
                )
        # To check the first piece of a line only, although words may contain blanks.
        self._first = {word.split(" ", 1)[0] for word in self._words or ()}

    def __contains__(self, word):
        return self._words is None or word in self._words

    def may_be(self, piece) -> bool:
        return self._words is None or piece in self._first


def _single_blanks(line):
    """The line with single blanks instead of tabs and runs of blanks."""
    return _BLANKS.sub(" ", line)


def _header(parts) -> int:
    """Number of dimensions in a header line of two integers, else 0."""
    is_header = len(parts) == 2 and all(part.isdecimal() for part in parts)
    return int(parts[1]) if is_header else 0


def _trailing_numbers(parts) -> int:
    """Count the numbers at the end of a line, after a word of at least one piece."""
    count = 0
    while count < len(parts) - 1 and _is_number(parts[-1 - count]):
        count += 1
    return count


def _check_line(path, number, line, word, numbers, n_numbers):
    """Refuse a line with too few or too many numbers, or with unusual blanks.

    If the word ends with a number, the line has too many numbers.
    """
    pieces = word.split(" ")
    too_long = len(pieces) > 1 and _is_number(pieces[-1])
    if len(numbers) != n_numbers or too_long:
        raise _broken(path, number, f"a word and {n_numbers} numbers, as before")
    if "" in pieces or not line.startswith(word):  # `word` has single blanks only
        raise _broken(path, number, "a word without tabs, double or leading blanks")


def _vector(path, number, numbers):
    try:
        vector = np.array(numbers, dtype=np.float32)
    except ValueError:
        vector = np.array([np.nan])
    if not np.isfinite(vector).all():
        raise _broken(path, number, f"a word and {len(numbers)} finite numbers")
    return vector


def _is_number(text) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _broken(path, number, expected):
    return ValueError(f"{path}: line {number}: expected {expected}.")
