"""Dot plots and volcano plots: what is drawn is what the tables contain."""

from copy import copy

import numpy as np
import pytest

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import differential_terms
from sklearn_topics.plot import (
    StabilityDisplay,
    StructureDisplay,
    TermDotsDisplay,
    TopicEffectsDisplay,
    TopicGroupsDisplay,
    TopicHierarchyDisplay,
    TopicMapDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
    VolcanoDisplay,
)

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [f"${j}" for j in range(20)]


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(80, 20, 3, random_state=0)[0]
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    return X, rename_topics(model, {1: "space"}), model.transform(X)


def test_dots(fitted):
    X, model, theta = fitted
    display = TermDotsDisplay.from_estimator(model, NAMES, n_terms=4)
    assert len(set(display.terms)) == len(display.terms) <= 12
    assert display.topic_names == ["0", "space", "2"]
    np.testing.assert_allclose(display.exclusivity.sum(axis=1), 1)
    topics = model.components_ / model.components_.sum(axis=1, keepdims=True)
    places = [NAMES.index(term) for term in display.terms]
    np.testing.assert_allclose(display.probabilities, topics[:, places].T, rtol=1e-5)
    (dots, *_) = display.ax_.collections
    assert dots.get_sizes().max() == pytest.approx(110)
    chosen = TermDotsDisplay.from_estimator(
        model, NAMES, terms=["$3", "$1"], topics=["space"]
    )
    assert chosen.probabilities.shape == (2, 1)
    assert TermDotsDisplay.from_estimator(model, NAMES, terms="$3").terms == ["$3"]
    with pytest.raises(ValueError, match="terms contains 'x'"):
        TermDotsDisplay.from_estimator(model, NAMES, terms=["x"])
    with pytest.raises(ValueError, match="terms is empty"):
        TermDotsDisplay.from_estimator(model, NAMES, terms=[])


def test_differential_terms_as_labels(fitted):
    X, model, theta = fitted
    options = {"by": "differential", "X": X, "theta": theta}
    display = TopTermsDisplay.from_estimator(model, NAMES, n_terms=2, **options)
    names = {"theta": theta, "feature_names": NAMES, "n_terms": 2}
    table = differential_terms(model, X, **names)
    found = [pair for row in display.terms for pair in row]
    assert found == list(zip(table["Term"], table["Z"], strict=True))
    assert display.by == "z-score"
    dots = TermDotsDisplay.from_estimator(model, NAMES, n_terms=2, **options)
    assert dots.terms == list(dict.fromkeys(table["Term"]))
    with pytest.raises(ValueError, match="Pass them as X"):
        TopTermsDisplay.from_estimator(model, NAMES, by="differential")
    with pytest.raises(ValueError, match="Did you mean 'differential'"):
        TopTermsDisplay.from_estimator(model, NAMES, by="diferential")


GROUPS = ["a", "b"] * 40

#: Displays whose legends, titles or ticks are names of topics; their names in order.
LABELLED = {
    "structure": lambda model, X, **options: (
        StructureDisplay.from_estimator(model, X, n_documents=20, **options).topic_names
    ),
    "groups": lambda model, X, **options: (
        TopicGroupsDisplay.from_estimator(model, X, GROUPS, **options).topic_names
    ),
    "effects": lambda model, X, **options: (
        TopicEffectsDisplay.from_estimator(
            model, X, {"group": GROUPS}, **options
        ).topic_names
    ),
    "map": lambda model, X, **options: (
        TopicMapDisplay.from_estimator(model, X, **options).topic_names
    ),
    "hierarchy": lambda model, X, **options: (
        TopicHierarchyDisplay.from_estimator(model, X, **options).topic_names
    ),
    "similarity": lambda model, X, **options: (
        TopicSimilarityDisplay.from_estimator(model, X=X, **options).row_names
    ),
}


@pytest.mark.parametrize("draw", LABELLED.values(), ids=LABELLED)
def test_names_of_topics_by_differential_terms(fitted, draw):
    X, model, theta = fitted
    table = differential_terms(model, X, theta=theta, feature_names=NAMES, n_terms=4)
    label = {"0": 0, "space": 1, "2": 2}
    calls = []

    class Counted(TorchPoissonNMF):
        def transform(self, X):
            calls.append(X.shape)
            return super().transform(X)

    counted = copy(model)
    counted.__class__ = Counted
    names = draw(counted, X, by="differential", feature_names=NAMES)
    assert sorted(name.split(": ")[0] for name in names) == sorted(label)
    for name in names:
        topic, _, terms = name.partition(": ")
        expected = table["Term"][table["Topic"] == label[topic]].tolist()
        assert terms.split() == expected[: len(terms.split())]
    # The hierarchy weights the topics by documents that it transforms itself.
    n_calls = 2 if draw is LABELLED["hierarchy"] else 1
    assert calls == [X.shape] * n_calls
    usual = draw(model, X, feature_names=NAMES)
    assert sorted(usual) != sorted(names)


def test_names_in_a_consensus_by_differential_terms(fitted):
    X, _, _ = fitted
    model = ConsensusTopics(TorchPoissonNMF(3), n_fits=3, random_state=0).fit(X)
    options = {"by": "differential", "feature_names": NAMES}
    names = StabilityDisplay.from_estimator(model, X=X, **options).topic_names
    table = differential_terms(model, X, feature_names=NAMES, n_terms=3)
    terms = [" ".join(rows) for _, rows in table.groupby("Topic")["Term"]]
    assert names == [f"{k}: {row}" for k, row in enumerate(terms)]
    with pytest.raises(ValueError, match="Pass them as X"):
        StabilityDisplay.from_estimator(model, **options)


def test_differential_terms_of_one_topic(fitted):
    X, _, _ = fitted
    model = TorchPoissonNMF(1, random_state=0).fit(X)
    (row,) = TopTermsDisplay.from_estimator(model, by="differential", X=X).terms
    assert len(row) == 8


def test_volcano(fitted):
    X, model, theta = fitted
    options = {"theta": theta, "feature_names": NAMES}
    display = VolcanoDisplay.from_estimator(model, X, topics=[2, "space"], **options)
    assert display.topic_names == ["topic 2", "space"]
    table = differential_terms(model, X, n_terms=None, **options)
    for row, k in enumerate([2, 1]):
        expected = table[table["Topic"] == k].set_index("Term").loc[display.terms]
        np.testing.assert_array_equal(display.changes[row], expected["LFC"])
        np.testing.assert_array_equal(display.z[row], expected["Z"])
        points = display.axes_[row].collections[0].get_offsets()
        np.testing.assert_array_equal(points[:, 0], display.changes[row])
    labels = [text for text in display.axes_[0].texts if text.get_visible()]
    best = display.terms[display.z[0].argmax()]
    assert labels[0].get_text() == best
    with pytest.raises(ValueError, match="against must be"):
        VolcanoDisplay.from_estimator(model, X, against=1, **options)
