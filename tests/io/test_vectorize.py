"""Texts to counts on disk: as scikit-learn counts them, in bounded memory."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.pipeline import make_pipeline

from sklearn_topics import io

from .conftest import same_bits

WORDS = [a + b for a in "abcd" for b in "xyz"]


@st.composite
def vectorizers(draw):
    share = st.one_of(st.integers(1, 4), st.floats(0, 1))
    return CountVectorizer(
        min_df=draw(share),
        max_df=draw(share),
        max_features=draw(st.one_of(st.none(), st.integers(1, 8))),
        ngram_range=draw(st.sampled_from([(1, 1), (1, 2)])),
        binary=draw(st.booleans()),
        stop_words=draw(st.sampled_from([None, ["ax", "by"]])),
        dtype=draw(st.sampled_from([np.int64, np.int32, np.float32, np.float64])),
    )


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("sklearn_topics.io._vectorize._TEXTS", 3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=12), max_size=14),
    vectorizers(),
)
def test_fits_as_scikit_learn(tmp_path_factory, small_batches, texts, vectorizer):
    texts = [" ".join(words) for words in texts]
    path = tmp_path_factory.mktemp("texts") / "counts"
    reference = clone(vectorizer)
    try:
        expected = sp.csr_array(reference.fit_transform(texts))
    except ValueError:
        with pytest.raises(ValueError, match="terms|max_df|no documents"):
            io.vectorize(iter(texts), vectorizer, path)
        assert not path.exists()
        assert list(path.parent.iterdir()) == []
        return
    X = io.vectorize(iter(texts), vectorizer, path)
    expected.sort_indices()
    assert same_bits(X[:], expected)
    assert vectorizer.vocabulary_ == reference.vocabulary_
    names = reference.get_feature_names_out()
    assert X.feature_names == list(names)
    assert np.array_equal(vectorizer.get_feature_names_out(), names)
    again = sp.csr_array(vectorizer.transform(texts))
    assert (again != expected).nnz == 0
    assert [p.name for p in path.parent.iterdir()] == ["counts"]


TEXTS = ["a moon and a star", "", "bread", "the moon", "star star bread"] * 3


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer().fit(TEXTS),
        CountVectorizer(vocabulary=["star", "moon"]),
        TfidfVectorizer().fit(TEXTS),
        make_pipeline(CountVectorizer(), TfidfTransformer()).fit(TEXTS),
    ],
)
def test_fitted_vectorizer_transforms(tmp_path, small_batches, vectorizer):
    X = io.vectorize(iter(TEXTS), vectorizer, tmp_path / "a")
    expected = sp.csr_array(vectorizer.transform(TEXTS))
    assert X.dtype == expected.dtype
    assert np.array_equal(X[:].toarray(), expected.toarray())
    assert X.feature_names == list(vectorizer.get_feature_names_out())


def test_hashed_terms_have_no_names(tmp_path):
    vectorizer = HashingVectorizer(n_features=64, alternate_sign=False, norm=None)
    X = io.vectorize(TEXTS, vectorizer, tmp_path / "a")
    assert (X[:] != sp.csr_array(vectorizer.transform(TEXTS))).nnz == 0
    assert X.feature_names is None


@pytest.mark.parametrize(
    ("texts", "vectorizer", "error", "expected"),
    [
        (TEXTS, TfidfVectorizer(), NotFittedError, "not fitted"),
        ("a text", CountVectorizer(), ValueError, "texts is a single text"),
        (TEXTS, CountVectorizer, TypeError, r"Pass an instance: CountVectorizer\(\)"),
        (TEXTS, CountVectorizer(min_df=-1), ValueError, "'min_df' parameter of Count"),
        (TEXTS, CountVectorizer(ngram_range=(2, 1)), ValueError, "ngram_range"),
        (["", "a"], CountVectorizer(), ValueError, "contain no terms"),
        (TEXTS, CountVectorizer(min_df=100), ValueError, "max_df corresponds to <"),
        (TEXTS, CountVectorizer(min_df=10, max_df=11), ValueError, "no terms remain"),
    ],
)
def test_errors(tmp_path, texts, vectorizer, error, expected):
    with pytest.raises(error, match=expected):
        io.vectorize(texts, vectorizer, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_folder_is_checked_before_texts_are_read(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError, match="a is a file"):
        io.vectorize(pytest.fail, CountVectorizer(), tmp_path / "a")


def test_warnings_are_those_of_scikit_learn(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectorizer = CountVectorizer(analyzer=str.split, ngram_range=(1, 2))
        io.vectorize(TEXTS, vectorizer, tmp_path / "a")
    assert ["ngram_range" in str(w.message) for w in caught] == [True]


def test_memory_does_not_grow_with_the_texts(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_topics.io._vectorize._TEXTS", 100)
    monkeypatch.setattr(io.Counts.blocks, "__defaults__", (4_000,))
    peaks = []
    for n in (600, 2_400):
        rng = np.random.default_rng(0)
        texts = (" ".join(map(str, rng.integers(100, 900, 40))) for _ in range(n))
        tracemalloc.start()
        X = io.vectorize(texts, CountVectorizer(), tmp_path / str(n))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert X.shape == (n, 800)
    assert peaks[1] < 1.5 * peaks[0] + 1e6
