"""Proportions of groups and effects of covariates, drawn as they are in the tables."""

import numpy as np
import pandas as pd
import pytest

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import topic_effects, topics_by
from sklearn_topics.plot import TopicEffectsDisplay, TopicGroupsDisplay

pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ["a", "$b$", "c"] * 40
DATES = pd.date_range("2020-01-30", periods=120, freq="D")


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(120, 30, 4, random_state=0)[0]
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    return X, rename_topics(model, {1: "$name$", 3: "other"})


def column(table, name):
    return table[name].to_numpy().reshape(-1, 4)


def test_lines_over_time(fitted):
    X, model = fitted
    display = TopicGroupsDisplay.from_estimator(model, X, DATES, freq="month")
    table = topics_by(model, X, DATES, freq="month")
    np.testing.assert_array_equal(display.shares, column(table, "Share"))
    assert len(display.axes_) == 4
    for k, panel in enumerate(display.axes_):
        (line,) = panel.get_lines()
        np.testing.assert_array_equal(line.get_ydata(), display.shares[:, k])
        assert panel.get_ylim()[0] == 0
    assert display.axes_[1].get_title().startswith("$name$")
    display.figure_.canvas.draw()
    ticks = [text.get_text() for text in display.axes_[0].get_xticklabels()]
    assert 2 <= sum(map(bool, ticks)) <= 5


def test_missing_periods_break_lines(fitted):
    X, model = fitted
    months = [["2020-01", "2020-02", "2020-05", "2020-07"][i % 4] for i in range(118)]
    dates = pd.to_datetime([*months, "2020-08", None])
    display = TopicGroupsDisplay.from_estimator(model, X, dates, freq="M")
    panel = display.axes_[2]
    (line,) = panel.get_lines()
    known = [True, True, False, True, False, True, True]
    np.testing.assert_array_equal(~np.isnan(line.get_ydata()), known)
    np.testing.assert_array_equal(line.get_ydata()[known], display.shares[:5, 2])
    assert line.get_marker() == "o"  # or May would be invisible
    bands, intervals = panel.collections
    assert len(bands.get_paths()) == 3  # January and February, May, July
    ends = [segment[:, 1] for segment in intervals.get_segments()]
    limits = np.column_stack([display.lower[:, 2], display.upper[:, 2]])
    np.testing.assert_allclose(ends, limits[[2, 3]])  # August has one document


def test_points_of_many_periods_are_only_those_alone(fitted):
    X, model = fitted
    days = np.arange(120) // 2
    dates = np.datetime64("2020-01-01") + days + (days > 30) + (days > 31)
    display = TopicGroupsDisplay.from_estimator(model, X, dates, freq="day")
    (line,) = display.axes_[0].get_lines()
    assert line.get_markevery() == [32]
    with_all = TopicGroupsDisplay(
        display.groups,
        display.shares,
        lower=display.lower,
        upper=display.upper,
        topic_names=display.topic_names,
    ).plot()
    (line,) = with_all.axes_[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), display.shares[:, 0])


def test_numbers_are_lines_and_missing_labels_are_left_out(fitted):
    X, model = fitted
    years = [2000.0, 2001.0, 2002.0, np.nan] * 30
    display = TopicGroupsDisplay.from_estimator(model, X, years)
    (line,) = display.axes_[0].get_lines()
    assert line.get_xdata().tolist() == [2000, 2001, 2002]


def test_bars_of_labels(fitted):
    X, model = fitted
    display = TopicGroupsDisplay.from_estimator(model, X, LABELS)
    for k, panel in enumerate(display.axes_):
        widths = [bar.get_width() for bar in panel.patches]
        np.testing.assert_allclose(widths, display.shares[:, k])
    names = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    assert names == ["$b$", "a", "c"]
    with_none = [*LABELS[:-1], None]
    display = TopicGroupsDisplay.from_estimator(model, X, with_none)
    names = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    assert names[-1] == "(none)"


def test_heat_map(fitted):
    X, model = fitted
    many = [f"g{i:02d}" for i in range(12)] * 10
    display = TopicGroupsDisplay.from_estimator(model, X, many)
    (image,) = display.axes_[0].images
    np.testing.assert_array_equal(image.get_array(), display.shares.T)
    by_month = TopicGroupsDisplay.from_estimator(
        model, X, DATES, freq="month", kind="heatmap"
    )
    names = [text.get_text() for text in by_month.axes_[0].get_xticklabels()]
    assert names[0] == "2020-01-01"


def test_topics_by_number_or_name(fitted):
    X, model = fitted
    options = {"topics": ["other", 0]}
    display = TopicGroupsDisplay.from_estimator(model, X, LABELS, **options)
    everything = TopicGroupsDisplay.from_estimator(model, X, LABELS)
    np.testing.assert_array_equal(display.shares, everything.shares[:, [3, 0]])
    with pytest.raises(ValueError, match="no topic 'othr'. Did you mean 'other'"):
        TopicGroupsDisplay.from_estimator(model, X, LABELS, topics=["othr"])
    with pytest.raises(ValueError, match="numbered 0 to 3"):
        TopicGroupsDisplay.from_estimator(model, X, LABELS, topics=[4])
    with pytest.raises(ValueError, match="topics is empty"):
        TopicGroupsDisplay.from_estimator(model, X, LABELS, topics=[])


def test_lines_need_an_order(fitted):
    X, model = fitted
    with pytest.raises(ValueError, match="needs groups that are dates or numbers"):
        TopicGroupsDisplay.from_estimator(model, X, LABELS, kind="line")
    with pytest.raises(ValueError, match="Did you mean 'heatmap'"):
        TopicGroupsDisplay.from_estimator(model, X, LABELS, kind="heat map")


@pytest.mark.parametrize("K", [1, 30])
def test_numbers_of_topics(K):
    X = np.random.default_rng(0).poisson(1.0, (40, 8))
    theta = np.random.default_rng(0).dirichlet([1] * K, 40)
    topics = np.random.default_rng(0).random((K, 8))
    for groups in ([2000, 2001, 2002, 2003] * 10, ["a", "b"] * 20):
        for kind in ("auto", "bar", "heatmap"):
            options = {"theta": theta, "kind": kind}
            drawn = TopicGroupsDisplay.from_estimator(topics, X, groups, **options)
            assert drawn.shares.shape == (len(set(groups)), K)
            assert len(drawn.axes_) in (1, K)  # a heat map, or a panel for each topic
    covariates = {"x": np.arange(40)}
    drawn = TopicEffectsDisplay.from_estimator(topics, X, covariates, theta=theta)
    assert len(drawn.axes_[0].get_yticks()) == K


def test_effects(fitted):
    X, model = fitted
    rng = np.random.default_rng(0)
    covariates = pd.DataFrame({"year": rng.random(120), "side": LABELS})
    display = TopicEffectsDisplay.from_estimator(model, X, covariates)
    assert display.covariates == ["year", "side[T.a]", "side[T.c]"]
    table = topic_effects(model, X, covariates)
    effects = column(table, "Effect")[:, 1:]
    order = np.argsort(-effects[:, 0])
    np.testing.assert_array_equal(display.effects, effects[order])
    names = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    starts = ["0: ", "$name$: ", "2: ", "other: "]
    for name, k in zip(names, order, strict=True):
        assert name.startswith(starts[k])
    for j, panel in enumerate(display.axes_):
        points = panel.collections[1].get_offsets()[:, 0]
        np.testing.assert_array_equal(points, display.effects[:, j])


def test_effects_that_are_shown(fitted):
    X, model = fitted
    covariates = {"year": np.arange(120), "side": LABELS}
    options = {"shown": "side[T.c]", "topics": [0, 2]}
    display = TopicEffectsDisplay.from_estimator(model, X, covariates, **options)
    assert display.effects.shape == (2, 1)
    with pytest.raises(ValueError, match="no coefficient 'yeer'.*Did you mean 'year'"):
        TopicEffectsDisplay.from_estimator(model, X, covariates, shown=["yeer"])
