"""What the displays draw: the data of their artists."""

import matplotlib.pyplot as plt
import numpy as np
import pandas
import polars
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics.inspection import top_terms
from sklearn_topics.plot import ConvergenceDisplay, StructureDisplay, TopTermsDisplay

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
    assert len(legend.get_texts()) == 21
    assert legend.get_title().get_text() == "20 largest of 50 topics"


def test_groups_must_fit(theta):
    with pytest.raises(ValueError, match="2 labels, but there are 300 documents"):
        StructureDisplay.from_predictions(theta, groups=["a", "b"])
    with pytest.raises(ValueError, match=r"in one dimension. Got shape \(300, 1\)"):
        StructureDisplay.from_predictions(theta, groups=np.ones((300, 1)))


def ticks(display):
    return [label.get_text() for label in display.ax_.get_xticklabels()]


@pytest.mark.parametrize(
    "container", [list, np.asarray, pandas.Series, pandas.Categorical, polars.Series]
)
def test_documents_without_a_label_are_the_last_group(theta, container):
    labels = ["b", None, "a", None, "c", "a"] * 50
    display = StructureDisplay.from_predictions(theta, groups=container(labels))
    assert ticks(display) == ["a", "b", "c", "(none)"]
    np.testing.assert_allclose(display.ax_.get_xticks(), [50, 125, 175, 250])
    expected = ["a"] * 100 + ["b"] * 50 + ["c"] * 50 + [None] * 100
    assert display.groups.tolist() == expected
    rows = {tuple(row) for row in display.theta[200:]}
    assert rows == {tuple(row) for row in theta[[label is None for label in labels]]}


@pytest.mark.parametrize("missing", [None, np.nan, pandas.NA, pandas.NaT])
def test_every_kind_of_missing_label(theta, missing):
    display = StructureDisplay.from_predictions(theta, groups=["b", missing, "a"] * 100)
    assert ticks(display) == ["a", "b", "(none)"]
    drawn = StructureDisplay(
        theta[:3], groups=["b", missing, missing], topic_names="vwxyz"
    )
    assert ticks(drawn.plot()) == ["b", "(none)"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([2.0, np.nan, 1.0]), ["1.0", "2.0", "(none)"]),
        (np.array(["2021", "NaT", "2020"], "M8[Y]"), ["2020", "2021", "(none)"]),
        (np.array(["b", 1, None], object), ["1", "b", "(none)"]),
        (pandas.Categorical([2, None, 1], [2, 3, 1]), ["2", "1", "(none)"]),
        (pandas.Series(["old", "new", "old"], dtype="category"), ["new", "old"]),
        (pandas.cut([9, 1, 2], [0, 3, 5, 10]), ["(0, 3]", "(5, 10]"]),
        (pandas.Series([("b", 1), None, ("a", 2)]), ["('a', 2)", "('b', 1)", "(none)"]),
        (pandas.Series([("b", 1), ("a", 2), ("a", 2)]), ["('a', 2)", "('b', 1)"]),
        (torch.tensor([2, 1, 2]), ["1", "2"]),
    ],
)
def test_labels_of_any_type(labels, expected):
    display = StructureDisplay.from_predictions(np.eye(3), groups=labels)
    assert ticks(display) == expected


@pytest.mark.parametrize("ordered", [False, True])
def test_categories_keep_their_order(theta, ordered):
    names = ["low", "middle", "none yet", "high"]
    labels = ["high", "low", "middle"] * 100
    category = pandas.Categorical(labels, names, ordered=ordered)
    for groups in (
        category,
        pandas.Series(category, index=np.arange(300)[::-1]),
        pandas.CategoricalIndex(category),
        polars.Series(labels, dtype=polars.Enum(names)),
    ):
        display = StructureDisplay.from_predictions(theta, groups=groups)
        assert ticks(display) == ["low", "middle", "high"]
        assert ticks(display.plot()) == ["low", "middle", "high"]
        block = {tuple(row) for row in display.theta[display.groups == "low"]}
        assert block == {tuple(row) for row in theta[1::3]}


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.asarray,
        torch.tensor,
        pandas.Categorical,
        pandas.CategoricalIndex,
        lambda labels: pandas.Series(labels, index=range(300)[::-1]),
        polars.Series,
        lambda labels: np.lib.stride_tricks.as_strided(labels, writeable=False),
    ],
)
def test_groups_of_sampled_documents(theta, container):
    labels = np.arange(300) % 4
    groups = container(labels)
    display = StructureDisplay.from_predictions(theta, groups=groups, n_documents=50)
    label = {tuple(row): labels[i] for i, row in enumerate(theta)}
    assert [label[tuple(row)] for row in display.theta] == display.groups.tolist()


def test_categories_of_dates(theta):
    dates = pandas.to_datetime(["2021-01-01", "2020-01-01"])
    category = pandas.Categorical([*dates, None] * 100, categories=dates)
    display = StructureDisplay.from_predictions(theta, groups=category)
    assert [tick[:4] for tick in ticks(display)] == ["2021", "2020", "(non"]


def test_polars_categorical_is_sorted(theta):
    groups = polars.Series(["b", "a", None] * 100, dtype=polars.Categorical)
    display = StructureDisplay.from_predictions(theta, groups=groups)
    assert ticks(display) == ["a", "b", "(none)"]


# ------------------------------------------------------------------- top terms


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


def test_panels_of_many_topics_differ_in_colour():
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, 50)
    display = TopTermsDisplay.from_estimator(topics)
    colors = [panel.patches[0].get_facecolor() for panel in display.axes_]
    assert len(set(colors)) == 20


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
        ValueError, match=r"'elbo' in loss_history_. Expected one of iteration, sec"
    ):
        ConvergenceDisplay.from_estimators(pipe, y="elbo")
    with pytest.raises(ValueError, match="svd has no loss_history_. Leave it out"):
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
