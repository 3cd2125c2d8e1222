"""Arguments that are wrong are named, and what was expected."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics.plot import (
    ConvergenceDisplay,
    StructureDisplay,
    TopicMapDisplay,
    TopicNumberDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
)

X = np.random.default_rng(0).poisson(1.0, (30, 8)).astype(float)
THETA = np.random.default_rng(0).dirichlet([0.5] * 3, 30)


@pytest.fixture(scope="module")
def model():
    return TorchPoissonNMF(3, random_state=0).fit(X)


OF_A_MODEL = [
    lambda model: StructureDisplay.from_estimator(model, X),
    lambda model: StructureDisplay.from_estimator(model, theta=THETA),
    TopTermsDisplay.from_estimator,
    TopicMapDisplay.from_estimator,
    TopicSimilarityDisplay.from_estimator,
    ConvergenceDisplay.from_estimators,
]


@pytest.mark.parametrize("draw", OF_A_MODEL)
def test_models_that_are_not_fitted(draw):
    with pytest.raises(NotFittedError, match="TorchPoissonNMF instance is not fitted"):
        draw(TorchPoissonNMF(3))
    with pytest.raises(NotFittedError, match="TorchPoissonNMF instance is not fitted"):
        draw(make_pipeline(TorchPoissonNMF(3)))


@pytest.mark.parametrize("draw", OF_A_MODEL)
def test_models_without_topics(draw):
    with pytest.raises((TypeError, ValueError), match="LinearRegression has no"):
        draw(LinearRegression().fit(X, X[:, 0]))


@pytest.mark.parametrize("draw", OF_A_MODEL[:5])
def test_topics_with_negative_weights(draw):
    with pytest.raises(ValueError, match="TorchTruncatedSVD has topics with negative"):
        draw(TorchTruncatedSVD(3).fit(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "X and theta are both None. Pass the documents as X, or their topic"),
        ({"theta": THETA[:, :2]}, "column for each of the 3 topics. Got shape (30, 2)"),
        ({"X": X, "theta": THETA[:9]}, "30 documents"),
        ({"theta": -THETA}, "theta has negative entries"),
        ({"X": X[:0]}, "X has no rows"),
        ({"X": "a text"}, "X is a single text. Pass a list of documents"),
        ({"theta": 3}, "theta must contain one row per document. Got 3"),
        ({"X": X, "feature_names": ["a"]}, "8 terms"),
    ],
)
def test_documents_and_proportions_that_do_not_fit(model, arguments, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        StructureDisplay.from_estimator(model, **arguments)
    if arguments and set(arguments) & {"theta", "feature_names"}:
        with pytest.raises((TypeError, ValueError)):
            TopicMapDisplay.from_estimator(model, **arguments)


@pytest.mark.parametrize("kind", [StructureDisplay, TopicMapDisplay])
def test_topics_alone_transform_nothing(kind, model):
    with pytest.raises(TypeError, match="ndarray cannot transform the documents in X"):
        kind.from_estimator(model.components_, X)
    assert kind.from_estimator(model.components_, X, theta=THETA)


@pytest.mark.parametrize(
    ("theta", "options", "message"),
    [
        ([0.5, 0.5], {}, "one row per document and one column per topic"),
        ([[0.5, 0.5], [3, 4]], {}, "must sum to one. Row 1 sums to 7"),
        ([[-1, 2]], {}, "negative entries"),
        ([["a", "b"]], {}, "must contain numbers"),
        ([[np.inf, 0]], {}, "Row 0 sums to inf"),
        (np.ones((0, 3)), {}, "theta has no rows"),
        (
            THETA,
            {"topic_names": ["a"]},
            "1 names, but theta has 3 topics",
        ),
        (THETA, {"groups": ["a"]}, "groups has 1 labels, but there are 30 documents"),
        (THETA, {"n_documents": 0}, "n_documents must be an integer of at least 1"),
        (THETA, {"n_documents": 1.5}, "n_documents must be an integer of at least 1"),
        (THETA, {"max_topics": 2.5}, "max_topics must be an integer"),
        (THETA, {"ax": np.zeros(2)}, "ax must be a matplotlib Axes. Got ndarray"),
    ],
)
def test_predictions_that_do_not_fit(theta, options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        StructureDisplay.from_predictions(theta, **options)


@pytest.mark.parametrize("labels", ["ab", "topics", ("a",), ("a", "b", "c")])
def test_labels_of_similarities(model, labels):
    with pytest.raises(ValueError, match="labels must be a tuple of two texts"):
        TopicSimilarityDisplay.from_estimator(model, labels=labels)


# ------------------------------------------------------------------- histories


def test_lists_of_models_are_labelled_by_what_differs(model):
    by_solver = [
        TorchPoissonNMF(2, solver=solver, random_state=0, max_iter=15, tol=0).fit(X)
        for solver in ("scd", "em")
    ]
    etm = TorchETM(2, max_iter=2, random_state=0).fit(X)
    for models, labels in [
        ([model], ["TorchPoissonNMF"]),
        ((model, model), ["TorchPoissonNMF (1)", "TorchPoissonNMF (2)"]),
        (by_solver, ["solver=scd", "solver=em"]),
        ([*by_solver, by_solver[0]], ["solver=scd (1)", "solver=em", "solver=scd (2)"]),
        ([make_pipeline(model), etm], ["TorchPoissonNMF", "TorchETM"]),
        ({1: model, "$b$": etm}, [1, "$b$"]),
    ]:
        display = ConvergenceDisplay.from_estimators(models)
        assert list(display.traces) == labels
        legend = display.ax_.get_legend()
        if len(labels) > 1:
            shown = [text.get_text() for text in legend.get_texts()]
            assert shown == [str(label) for label in labels]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "models is empty"),
        ({}, "models is empty"),
        ("model", "fitted models, or a dict {label: model}. Got 'model'"),
        (3, "fitted models, or a dict {label: model}. Got 3"),
        (TorchPoissonNMF, "a dict {label: model}. Got <class"),
        ([3], "models[0] must be a fitted model. Got 3"),
        ({"a": "b"}, "models['a'] must be a fitted model. Got 'b'"),
    ],
)
def test_what_has_no_history(models, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        ConvergenceDisplay.from_estimators(models)


@pytest.mark.parametrize("search", ["a", 3, [3], TorchPoissonNMF(2)])
def test_what_is_no_search(search):
    with pytest.raises(ValueError, match="needs a fitted search with cv_results_"):
        TopicNumberDisplay.from_search(search)
