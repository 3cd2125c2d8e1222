"""Effects of covariates: least squares, errors, formulas, and coverage."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import topic_effects, topics_by

pytestmark = pytest.mark.usefixtures("one_thread")

N = 150


@pytest.fixture(scope="module")
def fitted():
    X = make_topic_corpus(N, 30, 3, random_state=0)[0]
    return X, TorchPoissonNMF(3, random_state=0).fit(X)


@pytest.fixture(scope="module")
def covariates():
    rng = np.random.default_rng(0)
    outlet = rng.choice(["post", "times", "herald"], N)
    return pd.DataFrame({"year": rng.integers(2000, 2020, N), "outlet": outlet})


def column(table, name, K=3):
    return table[name].to_numpy().reshape(K, -1)


def design(covariates):
    dummies = [covariates["outlet"] == name for name in ("post", "times")]
    return np.column_stack([np.ones(N), covariates["year"], *dummies]).astype(float)


def test_least_squares(fitted, covariates):
    X, model = fitted
    theta = model.transform(X).astype(float)
    theta /= theta.sum(axis=1, keepdims=True)
    table = topic_effects(model, X, covariates, theta=theta)
    names = ["Intercept", "year", "outlet[T.post]", "outlet[T.times]"]
    assert table["Covariate"].tolist() == names * 3
    assert table["Topic"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    expected = np.linalg.lstsq(design(covariates), theta, rcond=None)[0]
    np.testing.assert_allclose(column(table, "Effect"), expected.T, rtol=1e-6)
    # Proportions sum to one.
    total = column(table, "Effect").sum(axis=0)
    np.testing.assert_allclose(total, [1, 0, 0, 0], atol=1e-10)


def test_the_limit_of_many_draws(covariates):
    """HC3 of the mean proportions, and the variance between draws of the posterior."""
    rng = np.random.default_rng(0)
    Z, theta = design(covariates), rng.dirichlet([1] * 3, N)
    Z[:, 1] -= 2010
    X = rng.poisson(4, (N, 1)) + 1
    tokens = X.sum(axis=1)
    inverse = np.linalg.inv(Z.T @ Z)
    leverage = np.einsum("ij,jk,ik->i", Z, inverse, Z)
    weights = ((theta - Z @ inverse @ Z.T @ theta) / (1 - leverage)[:, None]) ** 2
    middle = np.einsum("ij,ik,il->kjl", Z, weights, Z)
    within = np.diagonal(inverse @ middle @ inverse, axis1=1, axis2=2).T
    effects = []
    for _ in range(1500):
        drawn = rng.standard_gamma(np.maximum(tokens[:, None] * theta, 1e-12))
        drawn /= drawn.sum(axis=1, keepdims=True)
        effects.append(inverse @ Z.T @ drawn)
    total = within + np.var(effects, axis=0, ddof=1)
    centered = covariates.assign(year=covariates["year"] - 2010)
    found = column(topic_effects(np.ones((3, 1)), X, centered, theta=theta), "SE")
    np.testing.assert_allclose(found.T, np.sqrt(total), rtol=0.03)


@given(st.integers(0, 10**6), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_units_of_covariates(seed, shift, scale):
    """The effect is per unit; p-values do not depend on it."""
    rng = np.random.default_rng(seed)
    theta, x = rng.dirichlet([0.5] * 3, 40), rng.random(40)
    X = rng.poisson(3, (40, 4)) + 1
    topics = rng.random((3, 4))
    a = topic_effects(topics, X, {"x": x}, theta=theta)
    b = topic_effects(topics, X, {"x": scale * x + shift}, theta=theta)
    for name, unit in (("Effect", scale), ("SE", scale), ("P", 1)):
        left, right = column(a, name)[:, 1], column(b, name)[:, 1] * unit
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-9)


def test_interval_and_p_value_agree(fitted, covariates):
    X, model = fitted
    for level in (0.5, 0.95):
        table = topic_effects(model, X, covariates, confidence_level=level)
        outside = (table["Lower"] > 0) | (table["Upper"] < 0)
        assert ((table["P"] < 1 - level) == outside).all()


@pytest.mark.parametrize("length", [10, 80])
def test_coverage(length):
    """Of proportions that tokens of known topics give, in 200 draws."""
    rng = np.random.default_rng(0)
    n, base, slope = 200, np.array([0.4, 0.4, 0.2]), np.array([-0.2, 0.2, 0.0])
    inside = []
    for _ in range(200):
        x = rng.random(n)
        theta = rng.standard_gamma(4 * (base + np.outer(x, slope)))
        theta /= theta.sum(axis=1, keepdims=True)
        X = rng.multinomial(rng.poisson(length, n) + 1, theta)
        found = X / X.sum(axis=1, keepdims=True)
        table = topic_effects(np.eye(3), X, {"x": x}, theta=found)
        low, high = column(table, "Lower")[:, 1], column(table, "Upper")[:, 1]
        inside.append((low <= slope) & (slope <= high))
    assert 0.92 <= np.mean(inside) <= 0.98


def test_groups_of_equal_lengths_are_those_of_topics_by():
    rng = np.random.default_rng(0)
    theta, labels = rng.dirichlet([1] * 3, 60), np.array(["a", "b", "c"] * 20)
    X = np.full((60, 2), 10)
    effects = topic_effects(np.ones((3, 2)), X, {"label": labels}, theta=theta)
    groups = topics_by(np.ones((3, 2)), X, labels, theta=theta)
    shares = groups["Share"].to_numpy().reshape(3, 3).T
    expected = np.column_stack([shares[:, 0], shares[:, 1:] - shares[:, :1]])
    np.testing.assert_allclose(column(effects, "Effect"), expected)


# ------------------------------------------------------------- covariates


def test_formula(fitted, covariates):
    X, model = fitted
    plain = topic_effects(model, X, covariates)
    found = topic_effects(model, X, covariates, formula="~ year + outlet")
    pd.testing.assert_frame_equal(
        found.sort_values(["Topic", "Covariate"], ignore_index=True),
        plain.sort_values(["Topic", "Covariate"], ignore_index=True),
        check_dtype=False,
    )
    only = topic_effects(model, X, covariates, formula="year")
    assert only["Covariate"].tolist()[:2] == ["Intercept", "year"]
    splines = topic_effects(model, X, covariates, formula="~ bs(year, df=4) * outlet")
    assert len(splines) == 3 * 5 * 3
    as_dict = dict(covariates.items())
    pd.testing.assert_frame_equal(
        topic_effects(model, X, as_dict, formula="~ year + outlet"), found
    )


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("topic ~ year", "formula must have no left-hand side"),
        ("~ yeer", "'~ yeer' cannot be evaluated: .*`yeer` is not present"),
        ("~ year +", "cannot be evaluated: Operator `\\+`"),
        ("~ missing", "`missing` contains null values"),
    ],
)
def test_formulas_that_fail(fitted, covariates, formula, message):
    X, model = fitted
    frame = covariates.assign(missing=[np.nan, *range(N - 1)])
    with pytest.raises(ValueError, match=message) as caught:
        topic_effects(model, X, frame, formula=formula)
    assert str(caught.value).isprintable()


def test_without_formulaic(fitted, covariates, monkeypatch):
    X, model = fitted
    monkeypatch.setitem(sys.modules, "formulaic", None)
    assert len(topic_effects(model, X, covariates)) == 12
    with pytest.raises(ImportError, match=r"sklearn_topics\[formulas\]"):
        topic_effects(model, X, covariates, formula="~ year")


def test_containers_of_covariates(fitted, covariates):
    X, model = fitted
    expected = topic_effects(model, X, covariates)
    for container in (
        dict(covariates.items()),
        {name: covariates[name].tolist() for name in covariates},
        pl.DataFrame(covariates.to_dict("list")),
        covariates.astype({"outlet": "category"}),
    ):
        pd.testing.assert_frame_equal(topic_effects(model, X, container), expected)
    found = topic_effects(model, X, covariates["year"])
    assert found["Covariate"].tolist()[:2] == ["Intercept", "year"]
    flags = {"late": (covariates["year"] > 2010).to_numpy()}
    assert topic_effects(model, X, flags)["Covariate"][1] == "late[T.True]"


def test_order_of_categories_decides_the_reference(fitted, covariates):
    X, model = fitted
    ordered = pd.Categorical(covariates["outlet"], ["times", "herald", "post"])
    found = topic_effects(model, X, {"outlet": ordered})["Covariate"].tolist()
    assert found[:3] == ["Intercept", "outlet[T.herald]", "outlet[T.post]"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": 1}, "'b' is constant or a linear combination"),
        ({"b": "x"}, "'b' has the same value 'x' in all documents"),
        ({"b": [None] + ["x"] * (N - 1)}, "'b' is missing in 1 of 150 documents"),
        ({"b": [np.inf, *range(N - 1)]}, "'b' contains infinity"),
        ({"b": pd.date_range("2020", periods=N)}, "'b' contains dates"),
        ({"b": [f"id{i}" for i in range(N)]}, "labels with 150 different values"),
        ({"b": np.arange(N), "c": 3 - np.arange(N)}, "'c' is constant or a linear"),
    ],
)
def test_bad_covariates(fitted, covariates, changes, message):
    X, model = fitted
    with pytest.raises(ValueError, match=message):
        topic_effects(model, X, covariates.assign(**changes))


def test_other_errors(fitted, covariates):
    X, model = fitted
    with pytest.raises(TypeError, match="must be a DataFrame or a dict"):
        topic_effects(model, X, covariates.to_numpy())
    with pytest.raises(ValueError, match="'year' has 7 values, but there are 150"):
        topic_effects(model, X, {"year": range(7)})
    with pytest.raises(ValueError, match="2 documents with tokens do not determine"):
        topic_effects(model, X[:2], {"x": [0, 1]})
    shuffled = covariates.sample(frac=1, random_state=0)
    frame = pd.DataFrame(X.toarray(), index=range(1, N + 1))
    with pytest.raises(ValueError, match="X and covariates.* have different indexes"):
        topic_effects(model, frame, shuffled)


def test_documents_without_tokens_are_left_out(fitted, covariates):
    X, model = fitted
    with_empty = X.copy().tolil()
    with_empty[:10] = 0
    found = topic_effects(model, with_empty.tocsr(), covariates)
    expected = topic_effects(model, X[10:], covariates[10:].reset_index(drop=True))
    pd.testing.assert_frame_equal(found, expected)


def test_names_of_topics(fitted, covariates):
    X, model = fitted
    table = topic_effects(rename_topics(model, {1: "space"}), X, covariates["year"])
    assert table["Name"].tolist() == ["0", "0", "space", "space", "2", "2"]


@pytest.fixture(scope="module")
def halves():
    """Proportions of two topics in 60 documents of 50 tokens each."""
    rng = np.random.default_rng(0)
    theta = rng.dirichlet([2, 3], 60)
    X = np.full((60, 5), 10)
    return np.full((2, 5), 0.2), X, theta


def test_a_level_that_occurs_once_tells_nothing_of_the_others(halves):
    topics, X, theta = halves
    outlets = np.array(["a", "b"] * 30, dtype=object)
    year = np.arange(60.0)
    outlets[0] = "solo"
    found = topic_effects(topics, X, {"o": outlets, "year": year}, theta=theta)
    rest = {"o": outlets[1:], "year": year[1:]}
    expected = topic_effects(topics, X[1:], rest, theta=theta[1:])
    solo = found["Covariate"] == "o[T.solo]"
    columns = ["Effect", "SE", "Lower", "Upper", "P"]
    # There are as many documents less coefficients, hence equal intervals.
    assert np.allclose(found.loc[~solo, columns], expected[columns], rtol=1e-7)
    assert found.loc[solo, columns[1:]].isna().all(axis=None)


def test_constant_proportions_have_no_test(halves):
    _, X, _ = halves
    ones = np.ones((60, 1))
    table = topic_effects(np.ones((1, 5)), X, {"year": np.arange(60)}, theta=ones)
    assert table["P"].isna().all()


@pytest.mark.parametrize("formula", [None, "~ batch"])
def test_categories_of_integers_are_labels(halves, formula):
    topics, X, theta = halves
    batch = pd.Series(pd.Categorical([1, 2, 3] * 20, [1, 2, 3, 9]))  # 9 does not occur
    table = topic_effects(topics, X, {"batch": batch}, theta=theta, formula=formula)
    names = ["Intercept", "batch[T.2]", "batch[T.3]"]
    assert table["Covariate"].tolist()[:3] == names


def test_covariates_are_taken_in_their_order(halves):
    topics, X, theta = halves
    x, z = pd.Series(np.arange(60.0)), pd.Series(np.sin(np.arange(60.0)))
    named = x.rename(lambda i: f"document{i}"), z.rename(lambda i: f"document{59 - i}")
    with pytest.raises(ValueError, match="have different indexes"):
        topic_effects(topics, X, dict(zip("xz", named, strict=True)), theta=theta)
    tables = [
        topic_effects(topics, X, given, theta=theta, formula=formula)
        for given in ({"x": x, "z": z}, {"x": x.to_numpy(), "z": list(z)})
        for formula in (None, "~ x + z")
    ]
    for table in tables[1:]:
        assert np.allclose(table["Effect"], tables[0]["Effect"], rtol=1e-9)


def test_levels_of_documents_without_tokens_do_not_count(halves):
    topics, X, theta = halves
    X, outlets = X.copy(), np.array(["a", "b"] * 30, dtype=object)
    X[5], outlets[5] = 0, "empty"
    table = topic_effects(topics, X, {"o": outlets}, theta=theta)
    assert table["Covariate"].tolist()[:2] == ["Intercept", "o[T.b]"]


def test_dates_of_any_kind_are_refused(halves):
    topics, X, theta = halves
    days = pd.date_range("2020-01-01", periods=60, tz="UTC")
    for dates in (pd.Series(days), [day.date() for day in days]):
        with pytest.raises(ValueError, match="contains dates"):
            topic_effects(topics, X, {"day": dates}, theta=theta)


def test_numbers_as_objects_are_numbers(halves):
    topics, X, theta = halves
    numbers = np.arange(60).astype(object)
    table = topic_effects(topics, X, {"n": numbers}, theta=theta)
    assert table["Covariate"].tolist()[:2] == ["Intercept", "n"]
