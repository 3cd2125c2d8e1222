"""Word vectors in common forms."""

import numpy as np
import pytest
import torch

from sklearn_topics import embedding_matrix
from sklearn_topics._boundary.embeddings import check_embeddings

VECTORS = {"cat": [1.0, 0.0], "dog": [0.0, 1.0]}


class KeyedVectors:
    """Has what gensim's class has, and no more."""

    def __contains__(self, word):
        return word in VECTORS

    def __getitem__(self, word):
        return np.array(VECTORS[word])


@pytest.mark.parametrize("vectors", [VECTORS, KeyedVectors()])
def test_rows_are_the_words_in_their_order(vectors):
    found = embedding_matrix(["dog", "cat", "dog"], vectors)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 1], [1, 0], [0, 1]])


def test_words_without_a_vector_are_drawn():
    words = ["cat", *(f"unknown{i}" for i in range(5000))]
    found = embedding_matrix(words, VECTORS, random_state=0)
    np.testing.assert_array_equal(found[0], [1, 0])
    assert found[1:].std() == pytest.approx(0.6, rel=0.02)
    assert found[1:].mean() == pytest.approx(0, abs=0.02)
    again = embedding_matrix(words, VECTORS, random_state=0)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    ("words", "vectors", "message"),
    [
        (["cat"], {}, "None of the 1 words has a vector"),
        (["Cat", "Dog"], VECTORS, "case, accents"),
        (["a", "b"], {"a": [1.0], "b": [1.0, 2.0]}, r"'b' has the shape \(2,\)"),
        (["a"], {"a": 1.0}, "one dimension"),
    ],
)
def test_what_is_wrong_is_named(words, vectors, message):
    with pytest.raises(ValueError, match=message):
        embedding_matrix(words, vectors)


def check(embeddings, vocabulary=None, names=None):
    return check_embeddings(embeddings, vocabulary, names, 2, np.float64, 0)[0]


def test_every_form_is_the_same_array():
    expected = np.eye(2)
    array = np.eye(2, dtype=np.float32)
    for embeddings, words in [
        (array, None),
        (array.tolist(), None),
        (torch.nn.Embedding.from_pretrained(torch.eye(2), freeze=False).weight, None),
        (VECTORS, ["cat", "dog"]),
        (KeyedVectors(), np.array(["cat", "dog"])),
    ]:
        found = check(embeddings, words)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)
    assert check(None) is None


@pytest.mark.parametrize(
    ("embeddings", "vocabulary", "message"),
    [
        (np.eye(3), None, "embeddings has 3 rows, but X has 2 columns"),
        (np.full((2, 2), np.nan), None, "NaN"),
        (np.ones(2), None, "2D array"),
        (np.eye(2), ["cat", "dog"], "aligned with"),
        (None, ["cat", "dog"], "leave it None"),
        ({"cat": [np.nan]}, ["cat", "dog"], "NaN"),
        (VECTORS, None, "needs vocabulary"),
        (VECTORS, ["cat"], "vocabulary has 1 words, but X has 2 columns"),
    ],
)
def test_embeddings_that_do_not_fit_x(embeddings, vocabulary, message):
    with pytest.raises(ValueError, match=message):
        check(embeddings, vocabulary)


def test_names_of_the_columns_are_looked_up():
    names = np.array(["dog", "cat"])
    np.testing.assert_array_equal(check(VECTORS, names=names), np.eye(2)[::-1])
    with pytest.raises(ValueError, match="differs from the names"):
        check(VECTORS, ["cat", "dog"], names=names)
