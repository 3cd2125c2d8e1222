"""The dendrogram shows the tree of topics, with its names."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import dendrogram

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import rename_topics, topic_hierarchy
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.plot import (
    StructureDisplay,
    TopicHierarchyDisplay,
    TopicMapDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(100, 30, 5, random_state=0)[0]
    model = TorchPoissonNMF(5, random_state=0).fit(X)
    return X, rename_topics(model, {1: "$name$", 3: "other: name"})


def test_the_lines_are_the_tree(fitted):
    X, model = fitted
    display = TopicHierarchyDisplay.from_estimator(model)
    linkage = topic_hierarchy(model).linkage
    np.testing.assert_array_equal(display.linkage, linkage)
    drawn = [line.get_xdata() for line in display.ax_.get_lines()]
    np.testing.assert_allclose(drawn, dendrogram(linkage, no_plot=True)["dcoord"])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    order = dendrogram(linkage, no_plot=True)["leaves"]
    starts = ["0:", "$name$:", "2:", "other: name:", "4:"]
    for label, k in zip(labels, order, strict=True):
        assert label.startswith(starts[k])
    # The leaves lie on the ticks.
    leaves = {y for line in display.ax_.get_lines() for y in line.get_ydata()}
    assert set(display.ax_.get_yticks()) <= leaves


def test_one_topic():
    X = make_topic_corpus(30, 20, 2, random_state=0)[0]
    model = TorchPoissonNMF(1, random_state=0).fit(X)
    assert TopicHierarchyDisplay.from_estimator(model).linkage.shape == (0, 4)


@pytest.mark.parametrize(
    "draw",
    [
        lambda model, X: TopTermsDisplay.from_estimator(model),
        lambda model, X: TopicMapDisplay.from_estimator(model),
        lambda model, X: TopicSimilarityDisplay.from_estimator(model),
        lambda model, X: StructureDisplay.from_estimator(model, X),
        lambda model, X: TopicHierarchyDisplay.from_estimator(model, X),
    ],
)
def test_displays_show_the_names(fitted, draw):
    from matplotlib.text import Text

    X, model = fitted
    texts = [text.get_text() for text in draw(model, X).figure_.findobj(Text)]
    for name in "$name$", "other":
        assert any(name in text for text in texts), texts
