"""What the displays draw: the data of their artists."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics.inspection import top_terms
from sklearn_topics.plot import ConvergenceDisplay, StructureDisplay, TopTermsDisplay
from sklearn_topics.plot._figure import topic_colors

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4


@pytest.fixture(scope="module")
def pipe():
    nmf = TorchPoissonNMF(2, random_state=0)
    return make_pipeline(CountVectorizer(), nmf).fit(TEXTS)


@pytest.fixture
def theta():
    return np.random.default_rng(0).dirichlet([0.3] * 5, 300)


# ------------------------------------------------------------------- structure


def test_areas_are_the_stacked_proportions(theta):
    display = StructureDisplay.from_predictions(theta)
    stairs = display.ax_.patches
    assert len(stairs) == 5
    stacked = np.cumsum(display.theta, axis=1)
    for k, patch in enumerate(stairs):
        np.testing.assert_allclose(patch.get_data().values, stacked[:, k])
        below = stacked[:, k - 1] if k else np.zeros(300)
        np.testing.assert_allclose(patch.get_data().baseline, below)
    assert sorted(map(tuple, display.theta)) == sorted(map(tuple, theta))


def test_documents_are_sorted_within_groups(theta):
    groups = np.arange(300) % 3
    display = StructureDisplay.from_predictions(theta, groups=groups)
    assert (np.diff(display.groups) >= 0).all()
    for group in range(3):
        block = display.theta[display.groups == group]
        topic, top = block.argmax(1), block.max(1)
        assert (np.diff(topic) >= 0).all()
        assert (np.diff(top)[np.diff(topic) == 0] <= 0).all()
        rows = {tuple(row) for row in block}
        assert rows == {tuple(row) for row in theta[groups == group]}
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["0", "1", "2"]
    np.testing.assert_allclose(display.ax_.get_xticks(), [50, 150, 250])


def test_many_documents_are_sampled(theta):
    display = StructureDisplay.from_predictions(theta, n_documents=40)
    again = StructureDisplay.from_predictions(theta, n_documents=40)
    other = StructureDisplay.from_predictions(theta, n_documents=40, random_state=1)
    assert display.theta.shape == (40, 5)
    np.testing.assert_array_equal(display.theta, again.theta)
    assert not np.array_equal(display.theta, other.theta)
    assert len({tuple(row) for row in display.theta}) == 40


def test_structure_of_a_pipeline_names_its_topics(pipe):
    display = StructureDisplay.from_estimator(pipe, TEXTS)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    first = [" ".join(term for term, _ in row[:3]) for row in top_terms(pipe)]
    assert legend == [f"{k}: {terms}" for k, terms in enumerate(first)]
    proportions = pipe.transform(TEXTS)
    assert sorted(display.theta[:, 0]) == pytest.approx(sorted(proportions[:, 0]))


def test_long_legends_say_what_they_leave_out():
    theta = np.random.default_rng(0).dirichlet([0.1] * 50, 30)
    legend = StructureDisplay.from_predictions(theta).ax_.get_legend()
    assert len(legend.get_texts()) == 20
    assert legend.get_title().get_text() == "the first 20 of 50 topics"


def test_groups_must_fit(theta):
    with pytest.raises(ValueError, match="2 groups, but 300 documents"):
        StructureDisplay.from_predictions(theta, groups=["a", "b"])


# ------------------------------------------------------------------- first terms


@pytest.mark.parametrize("by", ["probability", "lift", "relevance"])
def test_bars_are_the_weights(pipe, by):
    display = TopTermsDisplay.from_estimator(pipe, n_terms=3, by=by)
    for panel, row in zip(display.axes_, top_terms(pipe, None, 3, by=by), strict=True):
        names = [label.get_text() for label in panel.get_yticklabels()]
        assert names[::-1] == [term for term, _ in row]
        ends = [bar.get_x() + bar.get_width() for bar in panel.patches][::-1]
        np.testing.assert_allclose(ends, [weight for _, weight in row])
        widths = [bar.get_width() for bar in panel.patches]
        assert widths == sorted(widths)
        assert min(widths) > 0


@pytest.mark.parametrize("K", [1, 5, 12, 50])
def test_a_panel_for_each_topic(K):
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, K)
    display = TopTermsDisplay.from_estimator(topics)
    assert len(display.axes_) == K
    assert [panel.get_title() for panel in display.axes_] == [
        f"topic {k}" for k in range(K)
    ]


def test_terms_of_no_weight_are_left_out():
    display = TopTermsDisplay.from_estimator([[1, 0], [1, 1]], by="relevance")
    assert [len(panel.patches) for panel in display.axes_] == [1, 2]


# ------------------------------------------------------------------- convergence


def test_lines_are_the_histories(pipe):
    X = pipe[0].transform(TEXTS)
    models = {"nmf": pipe, "etm": TorchETM(2, random_state=0).fit(X)}
    display = ConvergenceDisplay.from_estimators(models, x="iteration")
    for line, model in zip(display.ax_.lines, (pipe[-1], models["etm"]), strict=True):
        np.testing.assert_array_equal(
            line.get_xdata(), model.loss_history_["iteration"]
        )
        np.testing.assert_array_equal(
            line.get_ydata(), model.loss_history_["objective"]
        )
    assert display.ax_.get_xlabel() == "iteration"
    one = ConvergenceDisplay.from_estimators(models["etm"], y="kl")
    assert list(one.traces) == ["TorchETM"]
    assert one.ax_.get_legend() is None


def test_scale_is_logarithmic_where_that_helps():
    for values, scale in [
        ([100.0, 1], "log"),
        ([2.0, 1], "linear"),
        ([-9.0, 1], "linear"),
    ]:
        x = np.arange(2)
        display = ConvergenceDisplay({"a": (x, np.array(values))}).plot()
        assert display.ax_.get_yscale() == scale


def test_history_that_is_not_there(pipe):
    X = pipe[0].transform(TEXTS)
    with pytest.raises(
        ValueError, match=r"'elbo' in loss_history_: iteration, seconds"
    ):
        ConvergenceDisplay.from_estimators(pipe, y="elbo")
    with pytest.raises(ValueError, match="no column 'seconds' in loss_history_: none"):
        ConvergenceDisplay.from_estimators({"svd": TorchTruncatedSVD(2).fit(X)})


# ------------------------------------------------------------------- all of them


def test_given_axes_are_used(theta, pipe):
    _, (left, right) = plt.subplots(1, 2)
    display = StructureDisplay.from_predictions(theta, ax=left)
    assert display.ax_ is left
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    figure, ax = plt.subplots()
    assert TopTermsDisplay.from_estimator(pipe, ax=ax).figure_ is figure
    assert ConvergenceDisplay.from_estimators(pipe, ax=ax).ax_ is ax


def test_fifty_colors_differ():
    colors = np.array([to_rgb(color) for color in topic_colors(50)])
    assert ((colors >= 0) & (colors <= 1)).all()
    apart = np.abs(colors[:, None] - colors).sum(2) + np.eye(50)
    assert apart.min() > 0.05
