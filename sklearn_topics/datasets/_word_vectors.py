"""Files of word vectors, as GloVe, word2vec and fastText write them in text."""

import gzip
import re
import zlib
from io import TextIOWrapper
from pathlib import Path

import numpy as np

#: What a file of gzip begins with, and what lies between a word and its numbers.
_GZIP, _BLANKS = b"\x1f\x8b", re.compile(r"[ \t]+")


def load_word_vectors(path, *, vocabulary=None, encoding="utf-8"):
    """Read word vectors from a text file of GloVe, word2vec or fastText.

    For `TorchETM`'s parameter `embeddings`. The file is read line by line and only
    the vectors of `vocabulary` are kept, so that a file of 5 GB takes no more memory
    than they do.

    Parameters
    ----------
    path : str or path-like
        A line holds a word and its numbers, between blanks or tabs; a word may hold
        single blanks. The first line may hold the number of words and the number of
        dimensions instead. A file whose
        name ends in ``.gz`` is decompressed. Binary files (``.bin``) are not read;
        gensim does.
    vocabulary : iterable of str, default=None
        The words to keep, such as a vectorizer's ``get_feature_names_out()``. None
        keeps all.
    encoding : str, default="utf-8"
        Of the file.

    Returns
    -------
    vectors : dict of str to ndarray of shape (n_dimensions,), float32
        Vectors of those words of `vocabulary` that the file has. Of a word that the
        file has twice, the first.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no text in this encoding or no whole file of gzip, holds no word
        vectors, or the line of a wanted word is broken; the message has the line's
        number. If an item of `vocabulary` is no str.

    See Also
    --------
    sklearn_topics.embedding_matrix : Puts the vectors in the order of the columns.

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
        raise ValueError(f"{path} holds no word vectors.")
    return vectors


def _lines(path, encoding):
    """Number and text of each line, without blanks at its end."""
    zipped = Path(path).suffix == ".gz"
    number = 0
    with open(path, "rb") as raw:
        if not zipped and raw.peek(2)[:2] == _GZIP:
            raise ValueError(
                f"{path} is compressed by gzip: unzip it, or give it a name that ends "
                "in .gz."
            )
        binary = gzip.GzipFile(fileobj=raw) if zipped else raw
        try:
            # No universal newlines: a word may hold a carriage return.
            with TextIOWrapper(binary, encoding=encoding, newline="\n") as file:
                for number, line in enumerate(file, 1):
                    line = line.rstrip(" \t\r\n")
                    yield number, line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}: after line {number}: not text in {encoding}. Name the "
                "encoding that it is in, as in encoding='latin-1'. A binary file is "
                "read by gensim.models.KeyedVectors.load_word2vec_format(path, "
                "binary=True), whose result is a mapping too."
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: after line {number}: not a whole file of gzip: {error}. Get "
                "it again, or take .gz from the name of a file that is not compressed."
            ) from error


class _Wanted:
    """The words to keep; None is all."""

    def __init__(self, words):
        if isinstance(words, str):
            raise ValueError(f"vocabulary is one str, {words!r}; pass a list of words.")
        self._words = None if words is None else set(words)
        for word in self._words or ():
            if not isinstance(word, str):
                raise ValueError(
                    f"vocabulary holds {word!r}, of type {type(word).__name__}; pass a "
                    "list of words, which are of type str."
                )
        # To look at the line's first piece alone, though a word may hold blanks.
        self._first = {word.split(" ", 1)[0] for word in self._words or ()}

    def __contains__(self, word):
        return self._words is None or word in self._words

    def may_be(self, piece) -> bool:
        return self._words is None or piece in self._first


def _single_blanks(line):
    """The line with a blank in place of tabs and of several blanks."""
    return _BLANKS.sub(" ", line)


def _header(parts) -> int:
    """Dimensions that a first line of two integers gives, else 0."""
    is_header = len(parts) == 2 and all(part.isdecimal() for part in parts)
    return int(parts[1]) if is_header else 0


def _trailing_numbers(parts) -> int:
    """How many numbers a line ends with, after a word of one piece at least."""
    count = 0
    while count < len(parts) - 1 and _is_number(parts[-1 - count]):
        count += 1
    return count


def _check_line(path, number, line, word, numbers, n_numbers):
    """A number at the end of the word is one too many on the line."""
    pieces = word.split(" ")
    too_long = len(pieces) > 1 and _is_number(pieces[-1])
    if len(numbers) != n_numbers or too_long:
        raise _broken(path, number, f"a word and {n_numbers} numbers, as before")
    if "" in pieces or not line.startswith(word):  # which had single blanks alone
        raise _broken(path, number, "a word without tabs and double or leading blanks")


def _vector(path, number, numbers):
    try:
        vector = np.array(numbers, dtype=np.float32)
    except ValueError:
        vector = np.array([np.nan])
    if not np.isfinite(vector).all():
        raise _broken(path, number, f"a word and {len(numbers)} numbers, all finite")
    return vector


def _is_number(text) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _broken(path, number, expected):
    return ValueError(f"{path}: line {number}: expected {expected}.")
