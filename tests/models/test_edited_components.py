"""Rows of components_ may be dropped or reordered: everything follows."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

MODELS = {
    "PoissonNMF": TorchPoissonNMF(4, max_iter=30, random_state=0),
    "BetaNMF": TorchBetaNMF(4, max_iter=500, tol=1e-6, random_state=0),
    "BetaNMF mu": TorchBetaNMF(4, solver="mu", beta_loss=1, random_state=0),
    "DeepNMF": TorchDeepNMF((6, 4), random_state=0),
    "ETM": TorchETM(4, max_iter=2, random_state=0),
    "ETM encoder": TorchETM(4, max_iter=2, inference="encoder", random_state=0),
    "LDA": TorchLDA(4, random_state=0),
    "SVD": TorchTruncatedSVD(4, random_state=0),
}


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS.keys())
def fitted(request, X):
    return pickle.dumps(request.param.fit(X))


@pytest.fixture
def model(fitted):
    return pickle.loads(fitted)


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Topics .* coincide"
)


@pytest.mark.parametrize("rows", [[0, 1, 3], [3, 1, 0, 2], [2], [1, 0]])
def test_everything_follows(model, X, rows):
    before = model.transform(X)
    model.components_ = model.components_[rows]
    name = type(model).__name__.lower()
    for now in model, pickle.loads(pickle.dumps(model)):
        K = len(rows)
        assert now.n_components_ == K
        theta = now.transform(X)
        assert theta.shape == (300, K)
        assert now.get_feature_names_out().tolist() == [f"{name}{k}" for k in range(K)]
        assert now.inverse_transform(theta).shape == (300, 80)
        if hasattr(now, "score"):
            assert np.isfinite(now.score(X))
        frame = now.set_output(transform="pandas").transform(X)
        assert list(frame.columns) == [f"{name}{k}" for k in range(K)]
        now.set_output(transform="default")
        if isinstance(now, TorchPoissonNMF | TorchETM | TorchLDA):
            assert_allclose(theta.sum(1), 1, rtol=1e-5)
    if sorted(rows) == list(range(4)):  # the same topics in another order
        assert_allclose(theta, before[:, rows], rtol=2e-2, atol=2e-2)


def test_there_is_none_before_the_fit(model):
    unfitted = type(model)()
    assert not hasattr(unfitted, "n_components_")


@pytest.mark.parametrize("inference", ["refined", "encoder"])
def test_the_encoder_keeps_its_topics(X, inference):
    """Shares of the topics that are left are in proportion to what they were."""
    model = TorchETM(4, max_iter=2, inference="encoder", random_state=0).fit(X)
    before = model.transform(X)
    neighbors = model.topic_neighbors(3)
    model.components_ = model.components_[[2, 0]]
    expected = before[:, [2, 0]] / before[:, [2, 0]].sum(1, keepdims=True)
    assert_allclose(model.transform(X), expected, rtol=1e-4)
    assert model.topic_neighbors(3).tolist() == neighbors[[2, 0]].tolist()
    # Documents of the two topics are told apart as before.
    model.set_params(inference=inference)
    sure = before.max(1) > 0.9
    kept = sure & np.isin(before.argmax(1), [2, 0])
    agree = model.transform(X)[kept].argmax(1) == (before[kept].argmax(1) == 0)
    assert agree.mean() > 0.9


def test_topics_that_the_encoder_does_not_know_are_named(X):
    model = TorchETM(4, max_iter=1, random_state=0).fit(X)
    model.components_ = np.vstack([model.components_[:2], np.full((1, 80), 1 / 80)])
    for use in model.transform, model.score, lambda X: model.topic_neighbors():
        with pytest.raises(ValueError, match="Row 2 of components_ is not a topic"):
            use(X)


def test_the_last_layer_of_a_deep_model_is_components(X):
    model = TorchDeepNMF((6, 4), max_iter=5, random_state=0).fit(X)
    product = model.layers_[1] @ model.layers_[0]
    assert_allclose(model.topics(-1), product, rtol=1e-6)
    model.components_ = model.components_[1:]
    assert model.topics(-1).shape == model.topics(1).shape == (3, 80)
    assert model.topics(0).shape == (6, 80)


NO_COMPONENTS = {
    "tensor": (torch.from_numpy, "a Tensor"),
    "list": (np.ndarray.tolist, "a list"),
    "frame": (pd.DataFrame, "a DataFrame"),
    "masked": (np.ma.array, "a MaskedArray"),
    "columns": (lambda H: H[:, 1:], r"the shape \(4, 79\)"),
    "no rows": (lambda H: H[:0], r"the shape \(0, 80\)"),
    "one dimension": (lambda H: H[0], r"the shape \(80,\)"),
    "text": (lambda H: H.astype(str), "the dtype <U32"),
    "objects": (lambda H: H.astype(object), "the dtype object"),
    "NaN": (lambda H: np.where(H == H.max(), np.nan, H), "NaN or infinity"),
    "infinity": (lambda H: np.where(H == H.max(), np.inf, H), "NaN or infinity"),
    "negative": (lambda H: np.where(H == H.max(), -H, H), "negative entries"),
}


def test_what_are_no_components_is_named_when_used(model, X):
    theta, H = model.transform(X), model.components_
    uses = [(model.transform, X), (model.inverse_transform, theta)]
    if hasattr(model, "score"):
        uses.append((model.score, X))
    for kind, (edit, found) in NO_COMPONENTS.items():
        if kind == "negative" and not isinstance(
            model, TorchPoissonNMF | TorchETM | TorchLDA
        ):
            continue
        model.components_ = edit(H)
        for use, argument in uses:
            with pytest.raises(ValueError, match=rf"components_ must.*{found}\.$"):
                use(argument)
    model.components_ = H
    np.testing.assert_array_equal(model.transform(X), theta)


def test_coordinates_that_cannot_be_read(model, X):
    theta = model.transform(X)
    hidden = np.ma.array(theta, mask=theta == theta.max())
    for coordinates, message in [
        (hidden, "a masked array with 1 masked cell"),
        (SimpleNamespace(X=theta, obs=None), "an AnnData object"),
        ("theta.csv", "a str or path, but files are not read"),
        (None, "is None"),
    ]:
        with pytest.raises(ValueError, match=f"X is .*{message}|X {message}"):
            model.inverse_transform(coordinates)
    found = model.inverse_transform(np.ma.array(theta))
    np.testing.assert_array_equal(found, model.inverse_transform(theta))
