"""Arguments of the modules that make no sense are named, not left to torch."""

import math

import numpy as np
import pytest
import torch

from sklearn_topics.nn import ETM, NMF, BetaMu

NO_NUMBERS = [True, math.nan, "10", None, [2], (), {}]
NO_SIZES = [*NO_NUMBERS, -1, 0, 2.0, math.inf]


def fitted(**options):
    NMF((6, 4), 2).fit(torch.ones(6, 4), **options)


def optimizer(**options):
    BetaMu(NMF((6, 4), 2).parameters(), **options)


SIZES = {
    "n_features": lambda v: ETM(v, 3),
    "n_components": lambda v: ETM(4, v),
    "embedding_dim": lambda v: ETM(4, 3, embedding_dim=v),
    "hidden_layer_sizes": lambda v: ETM(4, 3, hidden_layer_sizes=(3, v)),
    "rank": lambda v: NMF((6, 4), rank=v),
    "shape": lambda v: NMF((6, v), rank=2),
    "W": lambda v: NMF(W=(v, 2)),
    "max_iter": lambda v: fitted(max_iter=v),
}

NUMBERS = {
    "dropout": lambda v: ETM(4, 3, dropout=v),
    "token_dropout": lambda v: ETM(4, 3, token_dropout=v),
    "prior_scale": lambda v: ETM(4, 3, prior_scale=v),
    "background": lambda v: ETM(4, 3, background=v),
    "beta": lambda v: fitted(beta=v),
    "tol": lambda v: fitted(tol=v),
    "alpha": lambda v: fitted(alpha=v),
    "l1_ratio": lambda v: fitted(l1_ratio=v),
    "beta ": lambda v: optimizer(beta=v),
    "l1_reg": lambda v: optimizer(l1_reg=v),
    "l2_reg": lambda v: optimizer(l2_reg=v),
    "orthogonal": lambda v: optimizer(orthogonal=v),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    for value in NO_SIZES:
        if name == "rank" and value is None:
            continue  # which leaves it to W and H
        with pytest.raises(ValueError, match=f"^{name}|^The rank"):
            SIZES[name](value)


@pytest.mark.parametrize("size", [np.int64(3), np.uint8(3)])
def test_sizes_of_numpy(size):
    module = ETM(size, size, embedding_dim=size, hidden_layer_sizes=(size, size))
    assert module.topics().shape == (3, 3)
    nmf = NMF((size, size), rank=size)
    assert nmf().shape == (3, 3)
    nmf.fit(torch.ones(3, 3), max_iter=size)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    for value in NO_NUMBERS:
        with pytest.raises(ValueError, match=f"^{name.strip()} must be"):
            NUMBERS[name](value)


@pytest.mark.parametrize("name", [n for n in NUMBERS if not n.startswith("beta")])
def test_negative_numbers(name):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        NUMBERS[name](-0.5)


@pytest.mark.parametrize("sizes", [None, 3, (), "ab"])
def test_hidden_layers(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must contain"):
        ETM(4, 3, hidden_layer_sizes=sizes)


def test_activation():
    with pytest.raises(ValueError, match="activation must be one of relu, "):
        ETM(4, 3, activation="swish")
