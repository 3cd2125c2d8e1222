"""Labels beside topics: rows that belong together, and labels that are hidden."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import ShuffleSplit, cross_val_score

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import (
    differential_terms,
    dominant_topics,
    summary,
    to_pyldavis,
)
from sklearn_topics.metrics import coherence, label_agreement, purity, topic_scorer
from sklearn_topics.plot import StructureDisplay, TopicMapDisplay

COUNTS = make_topic_corpus(60, 20, 3, doc_length=40, random_state=0)[0].toarray()
ROWS = [f"d{i}" for i in range(60)]
DISAGREE = "and {} have different indexes"


@pytest.fixture(scope="module")
def X():
    return pd.DataFrame(COUNTS, ROWS, [f"t{j}" for j in range(20)])


@pytest.fixture(scope="module")
def model(X):
    return TorchPoissonNMF(3, random_state=0).fit(X)


@pytest.fixture(scope="module")
def theta(X, model):
    return pd.DataFrame(model.transform(X), ROWS)


@pytest.fixture(scope="module")
def y(theta):
    return theta.to_numpy().argmax(axis=1)


AGREEMENTS = {
    "purity": lambda y, model, X, theta: purity(y, theta),
    "of topics": lambda y, model, X, theta: purity(
        y, pd.Series(theta.to_numpy().argmax(axis=1), theta.index)
    ),
    "label_agreement": lambda y, model, X, theta: label_agreement(y, theta),
    "scorer": lambda y, model, X, theta: topic_scorer("nmi")(model, X, y),
    "from_estimator": lambda y, model, X, theta: StructureDisplay.from_estimator(
        model, X, groups=y, n_documents=20
    ),
    "from_predictions": lambda y, model, X, theta: StructureDisplay.from_predictions(
        theta, groups=y, n_documents=20
    ),
}


@pytest.mark.parametrize("function", AGREEMENTS)
def test_labels_in_another_order_are_refused(X, model, theta, y, function):
    call = AGREEMENTS[function]
    for labels in (y, pd.Series(y), pd.Series(y, ROWS)):  # which belong to the rows
        found = call(labels, model, X, theta)
        if isinstance(found, float):
            assert found == 1
    with pytest.raises(ValueError, match="have different indexes"):
        call(pd.Series(y, ROWS).sort_values(), model, X, theta)


def test_shuffled_topics_are_refused(X, model, y):
    table = dominant_topics(model, X)
    assert purity(pd.Series(y, ROWS), table["Topic"]) == 1
    shuffled = table.sample(frac=1, random_state=0)["Topic"]
    with pytest.raises(ValueError, match=DISAGREE.format("theta")):
        purity(pd.Series(y, ROWS), shuffled)


@pytest.mark.parametrize(
    "function",
    [differential_terms, summary, to_pyldavis, TopicMapDisplay.from_estimator],
    ids=lambda function: function.__qualname__,
)
def test_proportions_in_another_order_are_refused(X, model, theta, function):
    function(model, X, theta=theta)
    with pytest.raises(ValueError, match=DISAGREE.format("theta")):
        function(model, X, theta=theta[::-1])


def test_folds_keep_labels_beside_their_documents(X, model, y):
    """A fold of a default index is not one, and must not be taken for another."""
    folds = {"cv": ShuffleSplit(2, random_state=0), "error_score": "raise"}
    scorer, numbered = topic_scorer("nmi"), X.reset_index(drop=True)
    for data in (X, numbered, X.sample(frac=1, random_state=0)):
        cross_val_score(model, data, pd.Series(y), scoring=scorer, **folds)
    cross_val_score(model, numbered, pd.Series(y, ROWS), scoring=scorer, **folds)
    labels = pd.Series(y, ROWS).sort_values()
    with pytest.raises(ValueError, match=DISAGREE.format("y")):
        cross_val_score(model, X, labels, scoring=scorer, **folds)


HIDDEN = np.ma.array([0, 0, 1, 1], mask=[0, 1, 0, 0])
PARTS = np.ma.array(np.full((4, 2), 0.5), mask=[[0, 1], *[[0, 0]] * 3])


@pytest.mark.parametrize(
    "call",
    [
        lambda: purity(HIDDEN, [0, 0, 1, 1]),
        lambda: purity([0, 0, 1, 1], HIDDEN),
        lambda: label_agreement([0, 0, 1, 1], PARTS),
        lambda: label_agreement([0, 0, 1, 1], list(PARTS)),
        lambda: StructureDisplay.from_predictions(PARTS),
        lambda: StructureDisplay.from_predictions(list(PARTS), n_documents=2),
        lambda: StructureDisplay.from_predictions(np.eye(4), groups=HIDDEN),
    ],
)
def test_what_is_hidden_is_no_label(call):
    with pytest.raises(ValueError, match="is a masked array with 1 masked cell"):
        call()


def test_only_minus_one_is_no_topic():
    with pytest.warns(UserWarning, match="1 of 4 documents have no dominant topic"):
        assert purity([0, 0, 1, 1], [0, 0, 1, -1]) == 1
    for topics in ([0, 0, 1, -2], np.array([0, 0, -3.0, -1])):
        with pytest.raises(ValueError, match=re.escape("-1 means no topic")):
            purity([0, 0, 1, 1], topics)


def test_nmi_is_label_agreement(X, model, y):
    expected = topic_scorer("label_agreement")(model, X, y)
    assert topic_scorer("nmi")(model, X, y) == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda: coherence([[0, 1], [2, 3]], COUNTS, measure="c_v"),
        lambda: purity([0, 0, 1, 1, 1], [0, 0, 1, 1, -1]),
    ],
)
def test_warnings_come_once_for_each_line(call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            call()
            warnings.simplefilter("default")  # as scikit-learn does in each fit
    assert len(seen) == 1
