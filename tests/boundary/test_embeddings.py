"""Word vectors in common forms."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from sklearn_topics import TorchETM, embedding_matrix
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
        (["a"], {"a": 1.0}, "one-dimensional"),
        (["a", "b"], {"a": [1.0], "b": [np.nan]}, "The vector of 'b' contains NaN"),
        (["a", "b"], {"a": [1.0], "b": np.array([1e300])}, "vector of 'b' contains"),
        (["b"], {"b": np.ma.array([1, 2], mask=[0, 1])}, r"vectors\['b'\] is a masked"),
    ],
)
def test_what_is_wrong_is_named(words, vectors, message):
    with pytest.raises(ValueError, match=message):
        embedding_matrix(words, vectors)


def _coverage_warnings(words, vectors):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        embedding_matrix(words, vectors, random_state=0)
    return [str(w.message) for w in caught]


def test_little_coverage_is_said():
    (said,) = _coverage_warnings(["cat", *"abcdefg"], VECTORS)
    assert "Only 1 of 8 words have a vector (12%)" in said
    assert "'a', 'b', 'c', 'd', 'e' and others get random ones" in said
    (said,) = _coverage_warnings(["cat", "a", "b"], VECTORS)
    assert "'a', 'b' get random ones" in said
    assert _coverage_warnings(["cat", "a"], VECTORS) == []
    assert _coverage_warnings(["cat", "dog"], VECTORS) == []


def test_which_words_are_found():
    words = ["a", "dog", "b", "cat"]
    matrix, found = embedding_matrix(words, VECTORS, random_state=0, return_found=True)
    assert found.tolist() == [False, True, False, True]
    np.testing.assert_array_equal(matrix[found], [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("words", "vectors", "message"),
    [
        ("cat", VECTORS, "words is a single str"),
        ({"dog": 1, "cat": 0}, VECTORS, r"words is a dict.*get_feature_names_out"),
        ({"cat"}, VECTORS, "words is a set"),
        (["cat"], "glove.txt", "vectors is 'glove.txt', but files.*load_word_vectors"),
        (["cat"], Path("glove.txt"), "files are not read"),
        (["cat"], None, "vectors must be a mapping"),
        (["cat"], SimpleNamespace(wv=VECTORS), r"a gensim model.*vectors\.wv"),
    ],
)
def test_what_is_no_list_or_mapping(words, vectors, message):
    with pytest.raises(ValueError, match=message):
        embedding_matrix(words, vectors)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ("glove.txt", "'glove.txt', but files are not read.*load_word_vectors"),
        (Path("glove.txt"), "files are not read"),
        (b"glove.txt", "files are not read"),
        (torch.nn.Embedding(2, 2), "a torch module. Pass its weight"),
        (SimpleNamespace(wv=VECTORS), r"a gensim model.*embeddings\.wv"),
        (3, "embeddings must be a mapping.*Got type int"),
        (np.ma.array(np.eye(2), mask=np.eye(2)), "embeddings is a masked array"),
    ],
)
def test_embeddings_of_another_kind(embeddings, message):
    for vocabulary in None, ["cat", "dog"]:
        if vocabulary is not None and hasattr(embeddings, "__array__"):
            continue
        with pytest.raises(ValueError, match=message):
            check(embeddings, vocabulary)
    with pytest.raises(ValueError, match=message):
        TorchETM(2, embeddings=embeddings, vocabulary=None).fit(np.eye(2) + 1)


def test_vocabulary_of_a_vectorizer_is_in_no_order():
    with pytest.raises(ValueError, match="vocabulary is a dict"):
        check(VECTORS, {"dog": 1, "cat": 0})


def test_coverage_of_a_model():
    X, names = np.eye(4, dtype=int) + 1, ["cat", "dog", "sun", "moon"]
    small = {"max_iter": 1, "hidden_layer_sizes": (3,), "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Topics")
        model = TorchETM(2, embeddings=VECTORS, vocabulary=names, **small)
        assert model.fit(X).embedding_coverage_ == 0.5
        model.set_params(warm_start=True)
        assert model.fit(X).embedding_coverage_ == 0.5
        matrix = np.random.default_rng(0).normal(size=(4, 3))
        assert TorchETM(2, embeddings=matrix, **small).fit(X).embedding_coverage_ == 1
        assert TorchETM(2, **small).fit(X).embedding_coverage_ == 0


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
        (np.eye(2), ["cat", "dog"], "must be aligned with"),
        (None, ["cat", "dog"], "vocabulary=None"),
        ({"cat": [np.nan]}, ["cat", "dog"], "NaN"),
        (VECTORS, None, r"needs vocabulary.*CountVectorizer\(vocabulary=words\)"),
        (VECTORS, ["cat"], "vocabulary has 1 words, but X has 2 columns"),
    ],
)
def test_embeddings_that_do_not_fit_x(embeddings, vocabulary, message):
    with pytest.raises(ValueError, match=message):
        check(embeddings, vocabulary)


def test_names_of_the_columns_are_looked_up():
    names = np.array(["dog", "cat"])
    np.testing.assert_array_equal(check(VECTORS, names=names), np.eye(2)[::-1])
    with pytest.raises(ValueError, match="differs from the column names"):
        check(VECTORS, ["cat", "dog"], names=names)


# ------------------------------------------------------------------------- DataFrames

FRAME = pd.DataFrame.from_dict(VECTORS, orient="index")


@pytest.mark.parametrize("words", [["cat", "dog"], ["dog", "cat"]])
def test_a_frame_is_looked_up_by_its_index(words):
    expected = [VECTORS[word] for word in words]
    for frame in FRAME, FRAME[::-1], FRAME.astype(np.float32):
        np.testing.assert_array_equal(check(frame, words), expected)
        np.testing.assert_array_equal(check(frame, names=np.array(words)), expected)
        np.testing.assert_array_equal(embedding_matrix(words, frame), expected)
    np.testing.assert_array_equal(check(FRAME[::-1]), np.eye(2)[::-1])  # no names
    plain = FRAME.reset_index(drop=True)
    np.testing.assert_array_equal(check(plain, names=np.array(words)), np.eye(2))


@pytest.mark.parametrize(
    "index", [["cat", "bird"], ["cat", "cat"], ["Cat", "dog"], ["cat", "dog", "sun"]]
)
def test_a_frame_of_other_words_is_refused(index):
    frame = pd.DataFrame(np.eye(len(index)), index)
    for options in {"vocabulary": ["cat", "dog"]}, {"names": np.array(["cat", "dog"])}:
        with pytest.raises(ValueError, match="The index of embeddings and the words"):
            check(frame, **options)


def test_a_frame_to_look_up_in():
    more = pd.DataFrame(np.eye(3), ["sun", "dog", "cat"])
    np.testing.assert_array_equal(embedding_matrix(["cat"], more), [[0, 0, 1]])
    for frame, message in [
        (FRAME.T, r"pass vectors\.T"),
        (FRAME.T.rename(str), r"not the index: vectors\.T"),
        (FRAME.reset_index(drop=True), "without words as index. .*vectors.set_index"),
        (pl.DataFrame({"word": ["cat"], "0": [1.0]}), "without words as index"),
        (FRAME.iloc[[0, 0]], "contains 'cat' more than once"),
    ]:
        with pytest.raises(ValueError, match=message):
            embedding_matrix(["cat", "dog"], frame)
