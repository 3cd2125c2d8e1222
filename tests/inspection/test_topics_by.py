"""Proportions of groups and periods: means, intervals, order of the groups."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_topics import TorchPoissonNMF, io
from sklearn_topics._boundary.proportions import token_shares
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import topics_by

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(120, 30, 3, random_state=0)[0]
    return X, TorchPoissonNMF(3, random_state=0).fit(X)


def column(table, name):
    """A column as groups x topics."""
    return table[name].to_numpy().reshape(-1, table["Topic"].nunique())


def test_means_are_weighted_by_tokens(fitted):
    X, model = fitted
    groups = np.array(["b", "a", "c"])[np.arange(120) % 3]
    table = topics_by(model, X, groups)
    assert table["Group"].tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    theta, tokens = model.transform(X), np.asarray(X.sum(axis=1)).ravel()
    for i, name in enumerate("abc"):
        rows = groups == name
        expected = tokens[rows] @ theta[rows] / tokens[rows].sum()
        np.testing.assert_allclose(column(table, "Share")[i], expected, rtol=1e-6)
        assert (column(table, "Tokens")[i] == tokens[rows].sum()).all()
    assert (table["Documents"] == 40).all()


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_properties(seed, n_groups, K):
    rng = np.random.default_rng(seed)
    X = rng.poisson(0.3, (40, 6))
    X[0] = 1
    theta = rng.dirichlet([0.2] * K, 40)
    groups = rng.integers(0, n_groups, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = topics_by(rng.random((K, 6)), X, groups, theta=theta)
    share, lower, upper = (column(table, n) for n in ("Share", "Lower", "Upper"))
    tokens = column(table, "Tokens")[:, 0]
    known = tokens > 0
    np.testing.assert_allclose(share[known].sum(axis=1), 1)
    assert np.isnan(share[~known]).all()
    whole = tokens[known] @ share[known] / tokens.sum()
    np.testing.assert_allclose(whole, token_shares(theta, X))
    bounded = ~np.isnan(lower)
    assert (bounded == (column(table, "Documents") > 1)).all()
    a, p, b = lower[bounded], share[bounded], upper[bounded]
    assert ((a >= 0) & (a <= p + 1e-12) & (p <= b + 1e-12) & (b <= 1)).all()


def test_the_spread_is_that_of_a_bootstrap():
    rng = np.random.default_rng(0)
    n = 200
    theta, tokens = rng.dirichlet([1, 2, 3], n), rng.poisson(50, n) + 1
    X = tokens[:, None] * np.array([1, 0])
    table = topics_by(np.ones((3, 2)), X, ["a"] * n, theta=theta)
    rows = rng.integers(0, n, (4000, n))
    drawn = (tokens[rows][..., None] * theta[rows]).sum(axis=1)
    drawn /= tokens[rows].sum(axis=1)[:, None]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(table["Lower"], low, atol=0.004)
    np.testing.assert_allclose(table["Upper"], high, atol=0.004)


@pytest.mark.parametrize("n", [5, 40])
def test_intervals_contain_the_true_proportions(n):
    rng = np.random.default_rng(0)
    theta = rng.dirichlet([0.3, 0.6, 2.1], (400, n))
    groups = np.repeat(np.arange(400), n)
    X = np.full((400 * n, 1), 30)
    counts = np.array([rng.multinomial(30, row) for row in theta.reshape(-1, 3)])
    table = topics_by(np.ones((3, 1)), X, groups, theta=counts / 30)
    true = np.tile([0.1, 0.2, 0.7], 400)
    inside = (table["Lower"] <= true) & (true <= table["Upper"])
    assert 0.92 <= inside.mean() <= 0.985


def test_a_topic_that_no_document_has():
    """Has an upper limit that falls with the number of documents."""
    X, theta = np.ones((20, 2), int), np.tile([1.0, 0.0], (20, 1))
    groups = ["few"] * 4 + ["many"] * 16
    table = topics_by(np.ones((2, 2)), X, groups, theta=theta)
    assert column(table, "Lower")[:, 1].tolist() == [0, 0]
    few, many = column(table, "Upper")[:, 1]
    assert 1 > few > 2 * many > 0


def test_documents_without_tokens_say_nothing(fitted):
    X, model = fitted
    groups = np.arange(120) % 2
    table = topics_by(model, X, groups)
    padded = sp.vstack([X, np.zeros((8, 30), int)])
    pd.testing.assert_frame_equal(topics_by(model, padded, [*groups, *[1] * 8]), table)


def test_order_and_missing_labels(fitted):
    X, model = fitted
    labels = ["late", "early", None] * 40
    groups = pd.Categorical(labels, ["early", "never", "late"])
    names = topics_by(model, X, groups)["Group"].tolist()[::3]
    assert names[:2] == ["early", "late"]
    assert pd.isna(names[2])
    assert topics_by(model, X, [2000, 1999, 2001] * 40)["Group"].tolist()[::3] == [
        *(1999, 2000, 2001)
    ]


DATES = pd.date_range("2020-01-30", periods=120, freq="D")
MONTHS = ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01", "2020-05-01"]


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        pd.Series(DATES),
        DATES.to_numpy(),
        DATES.strftime("%Y-%m-%d").tolist(),
        DATES.to_pydatetime().tolist(),
        DATES.to_period("D"),
        DATES.tz_localize("America/New_York"),
        pl.Series(DATES.to_pydatetime()),
    ],
    ids=lambda dates: type(dates).__name__,
)
def test_periods(fitted, dates):
    X, model = fitted
    table = topics_by(model, X, dates, freq="month")
    found = pd.DatetimeIndex(table["Group"][::3])
    assert found.strftime("%Y-%m-%d").tolist() == MONTHS
    assert table["Documents"].tolist()[::3] == [2, 29, 31, 30, 28]
    pd.testing.assert_frame_equal(topics_by(model, X, dates, freq="MS"), table)


def test_other_periods(fitted):
    X, model = fitted

    def starts(freq, dates=DATES):
        return topics_by(model, X, dates, freq=freq)["Group"].astype(str).tolist()[::3]

    assert starts("year") == ["2020-01-01"]
    assert starts("quarter") == ["2020-01-01", "2020-04-01"]
    assert starts("week")[:2] == ["2020-01-27", "2020-02-03"]  # Mondays
    assert str(starts("month", [*DATES[:119], None])[-1]) in ("NaT", "nan")


def test_containers_agree(fitted, tmp_path):
    X, model = fitted
    groups = ["a", "b"] * 60
    expected = topics_by(model, X, groups)
    for container in (
        X.toarray(),
        sp.coo_array(X),
        torch.from_numpy(X.toarray().astype(np.float32)),
        pd.DataFrame(X.toarray()),
        io.write_counts(tmp_path / "counts", X),
    ):
        found = topics_by(model, container, groups)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
    theta = model.transform(X)
    pd.testing.assert_frame_equal(topics_by(model, X, groups, theta=theta), expected)


def test_names_of_topics(fitted):
    X, model = fitted
    named = rename_topics(model, {1: "space"})
    table = topics_by(named, X, ["a"] * 120)
    assert table["Name"].tolist() == ["0", "space", "2"]


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        (["a"] * 7, {}, "groups has 7 labels, but there are 120 documents"),
        ([2000] * 120, {"freq": "year"}, "Got numbers such as 2000. Leave freq out"),
        (["x"] * 120, {"freq": "year"}, "groups must contain dates, or texts such as"),
        (["05.04.2020"] * 120, {"freq": "month"}, "dayfirst=True"),
        (DATES, {"freq": "moth"}, "Did you mean 'month'"),
        (["a"] * 120, {"confidence_level": 95}, "confidence_level must be between 0"),
        (pd.Series(["a"] * 120, index=range(1, 121)), {}, "different indexes"),
    ],
)
def test_errors(fitted, groups, options, message):
    X, model = fitted
    frame = pd.DataFrame(X.toarray(), index=[f"d{i}" for i in range(120)])
    with pytest.raises(ValueError, match=message):
        topics_by(
            model,
            frame.to_numpy() if "different" not in message else frame,
            groups,
            **options,
        )
