"""Files of word vectors in the forms that people have."""

import gzip

import numpy as np
import pytest

from sklearn_topics import embedding_matrix
from sklearn_topics.datasets import load_word_vectors

EXPECTED = {"sun": [1, 2, 0.5], "moon": [-1, 0, 1e-3], ". . .": [3, 3, 3]}
GLOVE = "sun 1 2 .5\nmoon -1 0 1e-3\n. . . 3 3 3\n"

FILES = {
    "GloVe": GLOVE,
    "word2vec": "3 3\n" + GLOVE,
    "CRLF": GLOVE.replace("\n", "\r\n"),
    "trailing blanks": "3 3 \n" + GLOVE.replace("\n", " \n"),
    "no last newline": GLOVE[:-1],
    "byte-order mark": "\ufeff" + GLOVE,
    "tabs": GLOVE.replace(" ", "\t").replace(".\t.\t.", ". . ."),
    "blank lines": GLOVE + "\n\n",
    "repeated": GLOVE + "sun 9 9 9\n",
    "a tab after the word": GLOVE.replace("sun ", "sun\t").replace(". 3", ".\t3"),
    "double blanks": GLOVE.replace(" 1", "  1").replace(" 3", "  3"),
    "blanks after tabs": GLOVE.replace(" 2", "\t 2"),
    "a header with a blank, tabs": "3 3\n"
    + GLOVE.replace(" ", "\t").replace(".\t.\t.", ". . ."),
    "a header with a tab": "3\t3\n" + GLOVE,
    "spaces in the first word": ". . . 3 3 3\n" + GLOVE,
}


def write(folder, content, name="v.txt"):
    path = folder / name
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for word, vector in found.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, expected[word])


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
def test_forms_of_files(tmp_path, content, name):
    path = write(tmp_path, content, name)
    assert_same(load_word_vectors(path), EXPECTED)
    assert_same(load_word_vectors(str(path)), EXPECTED)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("make", [list, np.array, tuple, set, iter])
def test_only_the_vocabulary_is_kept(tmp_path, content, make):
    path = write(tmp_path, content)
    words = [". . .", "moon", "star"]
    found = load_word_vectors(path, vocabulary=make(words))
    assert_same(found, {word: EXPECTED[word] for word in words[:2]})
    assert load_word_vectors(path, vocabulary=["."]) == {}


def test_words_of_numbers_and_odd_blanks(tmp_path):
    """A word may be a number, and hold blanks that are no separators."""
    path = write(tmp_path, "2019 1 2\n7 3 4\nno\xa0break 5 6\n\x85 7 8\n")
    found = load_word_vectors(path)
    expected = {"2019": [1, 2], "7": [3, 4], "no\xa0break": [5, 6], "\x85": [7, 8]}
    assert_same(found, expected)


def test_another_encoding(tmp_path):
    path = write(tmp_path, "café 1 2\n".encode("latin-1"))
    assert list(load_word_vectors(path, encoding="latin-1")) == ["café"]
    with pytest.raises(ValueError, match=r"not text in utf-8.*encoding=.*binary=True"):
        load_word_vectors(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sun 1 2\nmoon 1\n", "line 2: expected a word and 2 numbers"),
        ("sun 1 2\nmoon 1 2 3\n", "line 2: expected a word and 2 numbers"),
        ("sun 1 2\nmoon 1 x\n", "line 2: expected a word and 2 finite numbers"),
        ("sun 1 2\nmoon 1 nan\n", "line 2: expected a word and 2 finite numbers"),
        ("2 3\nsun 1 2 3\nmoon 1 2\n", "line 3: expected a word and 3 numbers"),
        ("sun 1 2\nnew  moon 1 2\n", "line 2: expected a word without tabs"),
        ("sun 1 2\nnew\tmoon 1 2\n", "line 2: expected a word without tabs"),
        ("sun 1 2\n moon 1 2\n", "line 2: expected a word without tabs"),
        ("sun 1 2\n 1 2\n", "line 2: expected a word without tabs"),
        ("sun\nmoon\n", "line 1: expected a word and its numbers"),
        ("", "contains no word vectors"),
        ("400000 300\n", "contains no word vectors"),
    ],
)
def test_broken_files(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message) as caught:
        load_word_vectors(path)
    assert str(path) in str(caught.value)


def test_broken_lines_of_other_words_are_passed_over(tmp_path):
    path = write(tmp_path, "sun 1 2\nmoon 1\nstar 3 4\n")
    assert_same(load_word_vectors(path, vocabulary=["star"]), {"star": [3, 4]})


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_word_vectors(tmp_path / "nowhere.txt")
    path = write(tmp_path, GLOVE)
    with pytest.raises(ValueError, match="vocabulary is a single str, 'sun'"):
        load_word_vectors(path, vocabulary="sun")


def test_words_that_are_no_text(tmp_path):
    with pytest.raises(ValueError, match="vocabulary contains 1 of type int"):
        load_word_vectors(write(tmp_path, GLOVE), vocabulary=[1])


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_files_of_gzip_that_are_none(tmp_path, encoding):
    whole = gzip.compress((GLOVE * 5000).encode())
    broken = whole[:10] + b"\xff" * 20 + whole[30:]
    for name, content, message in [
        ("v.txt", whole, "Decompress it, or rename it"),
        ("a.gz", whole[: len(whole) // 2], "not a complete gzip file"),
        ("b.gz", broken, "not a complete gzip file"),
        ("c.gz", GLOVE.encode(), "not a complete gzip file.*remove .gz from its name"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            load_word_vectors(tmp_path / name, encoding=encoding)
        assert name in str(caught.value)


def test_vectors_are_a_mapping_for_an_embedding_matrix(tmp_path):
    vectors = load_word_vectors(write(tmp_path, GLOVE), vocabulary=["sun", "moon"])
    matrix = embedding_matrix(["moon", "sun"], vectors)
    np.testing.assert_allclose(matrix, [EXPECTED["moon"], EXPECTED["sun"]])
