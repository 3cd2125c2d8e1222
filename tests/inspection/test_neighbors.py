"""Terms near words and topics, by the names that a pipeline has."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, TorchPoissonNMF
from sklearn_topics.inspection import top_terms, topic_neighbors, word_neighbors

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 8
NAMES = ["cat", "dog", "moon", "sun"]


def etm(embedding_dim=4, **options):
    options |= {"embedding_dim": embedding_dim, "max_iter": 30, "random_state": 0}
    return TorchETM(2, **options)


@pytest.fixture(scope="module")
def pipe():
    return make_pipeline(CountVectorizer(), etm()).fit(TEXTS)


def test_names_of_a_pipeline(pipe):
    numbers = pipe[-1].word_neighbors(range(4), 3)
    found = word_neighbors(pipe, NAMES, n_terms=3)
    assert found.tolist() == np.array(NAMES)[numbers].tolist()
    assert word_neighbors(pipe, "cat").tolist() == found[:1].tolist()  # no letters
    assert word_neighbors(pipe, 0).tolist() == found[:1].tolist()
    assert word_neighbors(pipe, torch.arange(4)).tolist() == found.tolist()
    assert word_neighbors(pipe, np.array(NAMES), 3).tolist() == found.tolist()
    assert word_neighbors(pipe, pd.Series(NAMES), 3).tolist() == found.tolist()
    of_topics = topic_neighbors(pipe, n_terms=2)
    assert of_topics.tolist() == (np.array(NAMES)[pipe[-1].topic_neighbors(2)].tolist())


def test_names_that_are_given_or_fitted(pipe):
    model = pipe[-1]
    expected = word_neighbors(pipe, ["cat"])
    given = word_neighbors(model, ["cat"], feature_names=NAMES)
    assert given.tolist() == expected.tolist()
    frame = pd.DataFrame(pipe[0].transform(TEXTS).toarray(), columns=NAMES)
    fitted = etm().fit(frame)
    assert set(word_neighbors(fitted, "cat")[0]) == {"dog", "moon", "sun"}
    assert fitted.word_neighbors("cat").tolist() == (
        word_neighbors(fitted, "cat").tolist()
    )
    # Without any names: the numbers of the columns.
    assert set(word_neighbors(model, [0])[0]) == {1, 2, 3}
    assert topic_neighbors(model).tolist() == model.topic_neighbors().tolist()


def test_vocabulary_names_the_terms_of_every_table():
    vectors = {word: np.eye(4)[i] for i, word in enumerate(NAMES)}
    X = CountVectorizer().fit_transform(TEXTS)
    model = etm(None, embeddings=vectors, vocabulary=NAMES).fit(X)
    assert set(word_neighbors(model, "cat")[0]) == {"dog", "moon", "sun"}
    assert {term for term, _ in top_terms(model, n_terms=4)[0]} <= set(NAMES)


def test_searches_and_steps_without_names(pipe):
    search = GridSearchCV(
        make_pipeline(CountVectorizer(), etm()), {"torchetm__max_iter": [2]}, cv=2
    ).fit(TEXTS)
    assert word_neighbors(search, ["cat"]).shape == (1, 3)
    hashing = HashingVectorizer(n_features=32, alternate_sign=False, norm=None)
    hashed = make_pipeline(hashing, etm()).fit(TEXTS)
    assert word_neighbors(hashed, [3], 2).shape == (1, 2)
    with pytest.raises(ValueError, match="had no column names in fit"):
        word_neighbors(hashed, ["cat"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["catt"], "'catt' is not a term .* Did you mean 'cat'"),
        (["CAT"], "Did you mean 'cat'"),
        (["xyzzy"], "'xyzzy' is not a term of the fitted X.$"),
        ("ca", "'ca' is not a term .* Did you mean 'cat'"),
        ([4], "There is no column 4"),
        ([-1], "There is no column -1"),
        ([], "words is empty"),
        ([1.5], "words must be terms"),
        ([True], "words must be terms"),
        (None, "words must be a sequence"),
        (1.5, "words must be a sequence"),
    ],
)
def test_words_that_are_not_there(pipe, words, complaint):
    with pytest.raises((TypeError, ValueError), match=complaint):
        word_neighbors(pipe, words)


def test_the_method_names_the_function(pipe):
    with pytest.raises(ValueError, match=r"inspection.word_neighbors with the pipe"):
        pipe[-1].word_neighbors(["cat"])


def test_models_without_embeddings():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2)).fit(TEXTS)
    for function in (lambda pipe: word_neighbors(pipe, "cat"), topic_neighbors):
        with pytest.raises(TypeError, match="TorchPoissonNMF has no word embeddings"):
            function(pipe)
