"""Fits with several numbers of topics, and the recommendation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import ConsensusTopics, TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import choose_n_topics
from sklearn_topics.inspection._topic_number import _recommend
from sklearn_topics.metrics import coherence, completion_score, topic_stability

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 8


@pytest.fixture(scope="module")
def X():
    return make_topic_corpus(300, 100, 5, random_state=0)[0]


def test_the_true_number_is_recommended(X):
    choice = choose_n_topics(TorchPoissonNMF(), X, [8, 2, 5], random_state=0)
    assert choice.numbers == [2, 5, 8]
    assert choice.n_topics == 5
    table = choice.table
    assert table.index.tolist() == [2, 5, 8]
    assert table["completion"].idxmax() == table["stability"].idxmax() == 5
    assert (np.diff(table["error"]) < 0).all()
    assert "5 topics" in choice.recommendation
    assert choice.recommendation in str(choice)


def test_scores_are_those_of_the_fits(X):
    seen = []

    class Watched(TorchPoissonNMF):
        def fit(self, X, y=None):
            seen.append((super().fit(X), X))
            return self

    model = Watched(max_iter=20, tol=0)
    choice = choose_n_topics(model, X, [2, 3], n_fits=3, random_state=0)
    assert [fit.n_components for fit, _ in seen] == [2, 2, 2, 3, 3, 3]
    assert {fit.init for fit, _ in seen} == {"random"}
    assert all(given.shape == (270, 100) for _, given in seen)
    scores = choice.scores
    for i, (fit, given) in enumerate(seen):
        place = divmod(i, 3)
        assert (given != seen[i % 3][1]).nnz == 0  # the same splits for each number
        assert scores["coherence"][place] == coherence(fit, X).mean
        assert scores["error"][place] == fit.deviance_
    for row in range(2):
        fits = [fit for fit, _ in seen[3 * row : 3 * row + 3]]
        assert scores["stability"][row].mean() == pytest.approx(topic_stability(fits))
    total = X.sum(axis=0)
    left_out = total - seen[0][1].sum(axis=0)
    assert left_out.sum() > 0
    assert np.isfinite(scores["completion"]).all()
    again = choose_n_topics(
        TorchPoissonNMF(max_iter=20, tol=0),
        X,
        [2, 3],
        n_fits=3,
        random_state=0,
        n_jobs=2,
    )
    np.testing.assert_array_equal(again.scores["completion"], scores["completion"])


def test_completion_is_of_documents_that_were_left_out(X):
    marked = X.tolil()
    fits = []

    class Watched(TorchPoissonNMF):
        def fit(self, X, y=None):
            fits.append(super().fit(X))
            self.rows = {tuple(row) for row in X.toarray()}
            return self

    choice = choose_n_topics(
        Watched(max_iter=20, tol=0), X, [2, 3], n_fits=2, test_size=0.5, random_state=0
    )
    dense = marked.toarray()
    test = [i for i, row in enumerate(dense) if tuple(row) not in fits[0].rows]
    assert len(test) == 150
    expected = completion_score(fits[0], X[test])
    assert choice.scores["completion"][0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (NMF(max_iter=400), {}),
        (LatentDirichletAllocation(max_iter=3), {}),
        (TorchETM(max_iter=2, hidden_layer_sizes=(5,), embedding_dim=4), {}),
        (ConsensusTopics(TorchPoissonNMF(max_iter=11, tol=0), n_fits=2), {}),
        (make_pipeline(CountVectorizer(), TorchPoissonNMF()), {"n_jobs": 2}),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_model(estimator, options, X):
    data = TEXTS if hasattr(estimator, "steps") else X
    choice = choose_n_topics(
        estimator, data, [1, 2], n_fits=2, random_state=0, **options
    )
    assert choice.table.shape == (2, 8)
    assert np.isfinite(choice.scores["completion"]).all()
    known = not isinstance(estimator, TorchETM)
    assert np.isfinite(choice.scores["error"]).all() == known


def scores(completion, coherence, stability):
    shape = len(completion), 3
    noise = np.random.default_rng(0).normal(0, 1e-4, shape)
    columns = {"completion": completion, "coherence": coherence, "stability": stability}
    return {name: np.reshape(v, (-1, 1)) + noise for name, v in columns.items()}


def test_recommendations():
    numbers = [5, 10, 20, 40]
    found = scores([-8, -7.5, -7.005, -7], [0.1, 0.3, 0.2, 0.1], [0.9, 0.5, 0.5, 0.4])
    K, text = _recommend(numbers, found)
    assert K == 20
    assert "smallest number" in text
    assert "coherence is best with 10 topics (0.30, against 0.20 with 20)" in text
    assert "stability is best with 5 topics" in text
    assert "end of the grid" not in text
    K, text = _recommend(numbers, scores([-8, -7.5, -7.1, -7], [0.1] * 4, [0] * 4))
    assert K == 40
    assert "try more topics" in text
    assert "may have no topics" in text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"grid": [5]}, ValueError, "at least two numbers"),
        ({"grid": [5, 0]}, ValueError, "grid must be an integer of at least 1"),
        ({"grid": 5}, TypeError, "grid must be a sequence"),
        ({"n_fits": 1}, ValueError, "n_fits must be an integer of at least 2"),
        ({"test_size": 1.5}, ValueError, "test_size must be between 0 and 1"),
        ({"test_size": 0.001}, ValueError, "leaves 0 to evaluate"),
        ({"parameter": "k"}, ValueError, "has no parameter 'k'"),
        ({"estimator": CountVectorizer()}, ValueError, "unclear which parameter"),
        ({"estimator": NMF(init="nndsvd")}, ValueError, "Use init='random'"),
    ],
)
def test_errors(options, error, message, X):
    options = {"estimator": TorchPoissonNMF(), "grid": [2, 3], **options}
    estimator = options.pop("estimator")
    with pytest.raises(error, match=message):
        choose_n_topics(estimator, X, **options)


def test_a_table_of_texts_is_refused():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF())
    frame = pd.DataFrame({"text": ["one two", "two three"] * 5})
    with pytest.raises(ValueError, match="X is a table"):
        choose_n_topics(pipe, frame, [2, 3])
