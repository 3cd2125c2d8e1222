"""Dot plots and volcano plots: what is drawn is what the tables contain."""

import numpy as np
import pytest

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import differential_terms
from sklearn_topics.plot import TermDotsDisplay, TopTermsDisplay, VolcanoDisplay

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
