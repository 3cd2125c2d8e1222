"""Parameters of the wrong kind are named by the parameter, and never by torch."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._boundary.sklearn_private import Interval

pytestmark = pytest.mark.usefixtures("short_start")
COUNTS = np.arange(24).reshape(6, 4) + 1

SMALL = {
    "PoissonNMF": TorchPoissonNMF(2, max_iter=2),
    "PoissonNMF adam": TorchPoissonNMF(2, solver="adam", max_iter=2),
    "BetaNMF cd": TorchBetaNMF(2, max_iter=2),
    "BetaNMF mu": TorchBetaNMF(2, solver="mu", beta_loss=1.5, max_iter=2),
    "BetaNMF scd": TorchBetaNMF(2, solver="scd", beta_loss=1, max_iter=2),
    "BetaNMF adam": TorchBetaNMF(2, solver="adam", max_iter=2),
    "DeepNMF": TorchDeepNMF((2,), max_iter=2, pretrain_iter=2),
    "ETM": TorchETM(2, max_iter=1, hidden_layer_sizes=(3,), embedding_dim=3),
    "LDA": TorchLDA(2, max_iter=2),
    "SVD": TorchTruncatedSVD(2),
}

#: Numbers only: what else a parameter may be is no number.
NUMERIC = [
    (label, name)
    for label, model in SMALL.items()
    for name, constraints in model._parameter_constraints.items()
    if any(isinstance(c, Interval) for c in constraints)
]

NO_NUMBERS = [
    math.nan,
    True,
    False,
    np.True_,
    "10",
    np.array(1),
    np.array([1, 2]),
    torch.tensor(1),
    Fraction(1, 2),
    1j,
    [1],
    {},
    np.float64("nan"),
]


def clone_of(label, **parameters):
    model = SMALL[label]
    return type(model)(**{**model.get_params(), **parameters})


@pytest.mark.parametrize(("label", "name"), NUMERIC)
def test_no_numbers(label, name):
    for value in NO_NUMBERS:
        # Where arrays are taken too, some are of the wrong shape.
        message = f"The '{name}' parameter of Torch|{name} must be a number, or"
        with pytest.raises(ValueError, match=message):
            clone_of(label, **{name: value}).fit(COUNTS)


@pytest.mark.parametrize(("label", "name"), NUMERIC)
@pytest.mark.filterwarnings("ignore")
def test_any_number_is_taken_or_named(label, name):
    """Also numpy's, of any width, and what lies beyond the range."""
    numbers = [0, 1, 2, -1, 0.5, 10.0, -math.inf, math.inf]
    numbers += [np.int8(2), np.uint8(2), np.int64(2), np.uint64(2)]
    numbers += [np.float16(0.5), np.float32(0.5), np.longdouble(0.5)]
    for value in numbers:
        said = ""
        try:
            model = clone_of(label, **{name: value}).fit(COUNTS)
            model.transform(COUNTS)
        except (ValueError, FloatingPointError) as refusal:
            said = str(refusal)
        assert not said or name in said or f"{value}" in said, (value, said)


@pytest.mark.parametrize("sizes", [(), (2, True), (2.0,), ("2",), (0,), (-1, 2)])
@pytest.mark.parametrize("label", ["DeepNMF", "ETM"])
def test_sizes_of_layers(label, sizes):
    name = "layer_sizes" if label == "DeepNMF" else "hidden_layer_sizes"
    for given in sizes, list(sizes):
        with pytest.raises(ValueError, match=f"{name} must contain positive integers"):
            clone_of(label, **{name: given}).fit(COUNTS)


@pytest.mark.parametrize("label", ["DeepNMF", "ETM"])
@pytest.mark.filterwarnings("ignore")
def test_sizes_of_numpy(label):
    name = "layer_sizes" if label == "DeepNMF" else "hidden_layer_sizes"
    sizes = [np.int64(3), np.uint8(2)]
    assert clone_of(label, **{name: sizes}).fit(COUNTS).transform(COUNTS).shape[1] == 2


# ---------------------------------------------------------------- what a choice becomes


@pytest.mark.parametrize(
    ("parameters", "solver"),
    [
        ({}, "scd"),
        ({"learning_rate": 0.1}, "adam"),
        ({"solver": "em"}, "em"),
        ({"solver": "adam"}, "adam"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_solver_that_was_used(parameters, solver):
    model = TorchPoissonNMF(2, max_iter=2, **parameters).fit(COUNTS)
    assert model.solver_ == solver


def _of_learning_rate(caught):
    return [w for w in caught if "learning_rate is given" in str(w.message)]


def test_a_learning_rate_that_switches_the_solver_warns():
    switched = TorchPoissonNMF(2, learning_rate=0.1, max_iter=2)
    with pytest.warns(UserWarning, match="solver='auto' chooses 'adam'") as caught:
        switched.fit(COUNTS)
    assert [w.filename for w in _of_learning_rate(caught)] == [__file__]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        switched.set_params(solver="adam").fit(COUNTS)
        TorchPoissonNMF(2, max_iter=2).fit(COUNTS)
    assert not _of_learning_rate(caught)


def test_a_search_over_learning_rates_warns_once():
    """By Python's own filters: once a line of the user's."""
    grid = {"learning_rate": [0.05, 0.1, 0.2]}
    search = GridSearchCV(TorchPoissonNMF(2, max_iter=2), grid, cv=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        search.fit(COUNTS)
    assert len(_of_learning_rate(caught)) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_choices_are_attributes():
    holes = COUNTS * 1.0
    holes[0, 0] = np.nan
    assert TorchBetaNMF(2, max_iter=2).fit(COUNTS).init_ == "nndsvda"
    assert TorchBetaNMF(5, max_iter=2).fit(COUNTS).init_ == "random"
    assert TorchBetaNMF(2, init="nndsvd", max_iter=2).fit(COUNTS).init_ == "nndsvd"
    masked = TorchBetaNMF(2, solver="mu", missing="mask", max_iter=2).fit(holes)
    assert masked.init_ == "random"
    model = clone_of("ETM", init="random").fit(COUNTS)
    assert (model.batch_size_, model.topic_learning_rate_) == (16, 0.002)
    assert model.embedding_coverage_ == 0
    model = clone_of("ETM", batch_size=3, topic_learning_rate=0.5).fit(COUNTS)
    assert (model.batch_size_, model.topic_learning_rate_) == (3, 0.5)


# ----------------------------------------------------------------- arguments of methods


@pytest.mark.parametrize("n_terms", [0, -1, 2.0, True, "3", None])
def test_numbers_of_terms(n_terms):
    model = clone_of("ETM", init="random").fit(COUNTS)
    for find in (
        lambda n: model.topic_neighbors(n),
        lambda n: model.word_neighbors([0], n),
    ):
        with pytest.raises((ValueError, TypeError), match="n_terms must be an integer"):
            find(n_terms)


@pytest.mark.parametrize("layer", [2, -3, 0.0, True, "0", None])
def test_layers(layer):
    model = TorchDeepNMF((3, 2), max_iter=2).fit(COUNTS)
    with pytest.raises(ValueError, match="integer from -2 to 1: the model has 2 lay"):
        model.topics(layer)
