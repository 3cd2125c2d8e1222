"""TorchDeepNMF: topics of topics, weights of new rows, one layer is TorchBetaNMF."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment

from sklearn_topics import TorchBetaNMF, TorchDeepNMF

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(X, layer_sizes=(5, 3), **options):
    options = {"random_state": 0, "max_iter": 10, **options}
    return TorchDeepNMF(layer_sizes, **options).fit(X)


@pytest.fixture(scope="module")
def hierarchy():
    """Counts of six topics of ten terms, of which documents mix two times three."""
    rng = np.random.default_rng(0)
    fine = np.kron(np.eye(6), rng.dirichlet(np.full(10, 2.0)))
    coarse = np.kron(np.eye(2), np.ones(3) / 3)
    theta = np.kron(rng.dirichlet([0.1, 0.1], 60), np.ones((5, 1)))
    mixed = [rng.dirichlet(8 * row @ coarse + 1e-3) for row in theta]
    return rng.poisson(150 * np.array(mixed) @ fine), fine, coarse


def test_finds_topics_of_topics(hierarchy):
    X, fine, coarse = hierarchy
    # The start decides among local optima: the best of a few.
    models = [
        TorchDeepNMF((6, 2), random_state=seed, max_iter=60).fit(X) for seed in range(3)
    ]
    model = max(models, key=lambda model: model.loss_history_["objective"][-1])

    def cosines(A, B):
        A, B = (C / np.linalg.norm(C, axis=1, keepdims=True) for C in (A, B))
        found = A @ B.T
        return found[linear_sum_assignment(-found)]

    assert cosines(model.topics(0), fine).min() > 0.95
    assert cosines(model.topics(1), coarse @ fine).min() > 0.9


@pytest.mark.parametrize("init", [None, "nndsvda"])
@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_one_layer_is_torch_beta_nmf(X, beta, init):
    options = {"beta_loss": beta, "alpha_W": 1e-3, "l1_ratio": 0.5, "random_state": 3}
    deep = TorchDeepNMF((4,), init=init, max_iter=20, **options).fit(X)
    init = init or "random"
    flat = TorchBetaNMF(4, solver="mu", init=init, max_iter=20, **options).fit(X)
    assert_allclose(deep.components_, flat.components_, rtol=1e-6, atol=1e-9)
    assert_allclose(deep.reconstruction_err_, flat.reconstruction_err_, rtol=1e-9)
    objectives = (m.loss_history_["objective"] for m in (deep, flat))
    assert_allclose(*objectives, rtol=1e-9)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_fit_transform_is_transform_row_by_row(X, beta):
    model = TorchDeepNMF((4, 2), beta_loss=beta, max_iter=10, random_state=0)
    W = model.fit_transform(X)
    assert_array_equal(W, model.transform(X))
    assert_allclose(model.transform(X[5:9]), W[5:9], rtol=1e-9, atol=1e-12)
    empty = sp.csr_array((1, X.shape[1]))
    assert_array_equal(model.transform(empty), 0)


def test_layers_multiply_to_components(X):
    model = fitted(X, (6, 4, 2))
    H, M2, M3 = model.layers_
    assert [A.shape for A in model.layers_] == [(6, X.shape[1]), (4, 6), (2, 4)]
    assert_allclose(model.components_, M3 @ M2 @ H)
    assert_array_equal(model.topics(0), H)
    assert_allclose(model.topics(1), M2 @ H)
    assert_array_equal(model.topics(-1), model.components_)
    for layer in (3, -4):
        with pytest.raises(ValueError, match="from -3 to 2: the model has 3 layers"):
            model.topics(layer)


@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_containers_agree(X, beta):
    models = [
        fitted(A, beta_loss=beta)
        for A in (X.astype(float), X.toarray().astype(float), X.tocsc().astype(float))
    ]
    for model in models[1:]:
        assert_allclose(model.components_, models[0].components_, rtol=1e-7, atol=1e-9)
        assert_allclose(model.score(X), models[0].score(X), rtol=1e-7)


def test_dtypes_and_torch(X):
    single = fitted(X.astype("f4"))
    assert {A.dtype for A in single.layers_} == {np.dtype("f4")}
    assert fitted(X).components_.dtype == np.float64
    dense = torch.tensor(X.toarray(), dtype=torch.float64)
    W = TorchDeepNMF((5, 3), random_state=0, max_iter=10).fit_transform(dense)
    assert isinstance(W, torch.Tensor)
    assert_allclose(W, fitted(X).transform(X), rtol=1e-6, atol=1e-9)


def test_equal_seeds_are_bitwise_equal(X):
    first, second, other = (fitted(X, random_state=seed) for seed in (1, 1, 2))
    assert_array_equal(first.components_, second.components_)
    assert not np.array_equal(first.components_, other.components_)


def test_the_weight_of_fine_layers_is_what_keeps_them_close(hierarchy):
    """Alone, they explain X far better if they have to."""
    X, _, _ = hierarchy
    errors = []
    for fine_weight in (0.0, 1.0):
        model = fitted(X, (6, 2), fine_weight=fine_weight, max_iter=40)
        flat = TorchBetaNMF(
            6, solver="scd", beta_loss=1, init="custom", max_iter=1, tol=0
        )
        flat.fit(X, W=np.ones((len(X), 6)), H=model.topics(0).astype(float) + 1e-9)
        flat.components_ = model.topics(0)
        flat.set_params(max_iter=50)
        errors.append(np.abs(flat.transform(X) @ model.topics(0) - X).sum())
    assert errors[1] < 0.8 * errors[0]


def test_score_prefers_the_right_number_of_coarse_topics(hierarchy):
    X, _, _ = hierarchy
    scores = [fitted(X[::2], (6, K), max_iter=30).score(X[1::2]) for K in (1, 2)]
    assert scores[0] < scores[1] < 1


def test_history_and_stopping(X):
    model = fitted(X, max_iter=400, tol=1e-2)
    assert model.n_iter_ < 400
    assert model.n_iter_ % 10 == 0
    history = model.loss_history_
    assert (np.diff(history["objective"]) > 0).all()
    assert history["last_error"][-1] == model.reconstruction_err_
    fall = -np.diff(history["error"]) / history["error"][0]
    assert fall[-1] < 1e-2 <= fall[:-1].min()


def test_callbacks_stop_and_see_a_model(X, stop_after):
    callback = stop_after(3)
    model = TorchDeepNMF((5, 3), random_state=0, max_iter=20).set_callbacks(callback)
    model.fit(X)
    assert model.n_iter_ == 3
    seen = callback.models[-1]
    assert_allclose(seen.topics(1), model.components_)


def test_interruption_leaves_a_model(X, monkeypatch):
    from sklearn_topics._core.deep_nmf import DeepNMF

    step, calls = DeepNMF.step, []

    def interrupted(self, data, state):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return step(self, data, state)

    monkeypatch.setattr(DeepNMF, "step", interrupted)
    model = TorchDeepNMF((5, 3), random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.n_iter_ == 5
    monkeypatch.undo()
    assert_allclose(model.components_, fitted(X, max_iter=5, tol=0).components_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"layer_sizes": ()}, "positive integers only"),
        ({"layer_sizes": (3, 0)}, "positive integers only"),
        ({"layer_sizes": (3.5,)}, "positive integers only"),
        ({"layer_sizes": 3}, "'layer_sizes' parameter"),
        ({"init": "nndsvd"}, "'init' parameter"),
        ({"beta_loss": float("inf")}, "'beta_loss' parameter"),
        ({"beta_loss": 0}, "beta_loss <= 0 and X contains zeros"),
        ({"fine_weight": -1}, "'fine_weight' parameter"),
        ({"device": "tpu"}, "Available: auto, cpu"),
    ],
)
def test_bad_parameters(X, parameters, message):
    model = TorchDeepNMF(**{"layer_sizes": (3, 2), "max_iter": 2, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    assert not hasattr(model, "components_")


def test_overflow_raises_and_names_the_dtype():
    X = np.full((4, 3), 1e-30, np.float32)
    X[0, 0] = 3e38  # too far from the others for one unit
    with pytest.raises(FloatingPointError, match="float32"):
        fitted(X, (2, 1), beta_loss=3)
