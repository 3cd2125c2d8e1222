"""W, H or both, given to fit."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sklearn_topics import TorchBetaNMF, TorchPoissonNMF, non_negative_factorization

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODELS = {
    "scd": TorchPoissonNMF(4, init="custom", max_iter=1),
    "em": TorchPoissonNMF(4, init="custom", solver="em", max_iter=1),
    "adam": TorchPoissonNMF(
        4, init="custom", solver="adam", learning_rate=1e-9, max_iter=30
    ),
    "NMF cd": TorchBetaNMF(4, init="custom", max_iter=30),
    "NMF mu": TorchBetaNMF(4, init="custom", solver="mu", beta_loss=1, max_iter=30),
    "NMF scd": TorchBetaNMF(4, init="custom", solver="scd", beta_loss=1, max_iter=30),
    "NMF adam": TorchBetaNMF(
        4, init="custom", solver="adam", learning_rate=1e-9, max_iter=30
    ),
}


def objective(model):
    return model.loss_history_["objective"][-1]


@pytest.mark.parametrize("label", MODELS)
@pytest.mark.parametrize("container", [sp.csr_array, lambda X: X.toarray()])
@pytest.mark.parametrize("name", ["H", "W"])
def test_a_factor_alone_begins_near_its_partner(known, label, container, name):
    """As near as both of the true factors, and far from a start without one."""
    X, theta, topics = known
    X = sp.csr_array(X)
    data = container(X.astype(float))
    factors = {"W": theta * X.sum(1)[:, None], "H": topics}
    model = MODELS[label]
    both = objective(model.fit(data, **factors))
    alone = objective(model.fit(data, **{name: factors[name]}))
    given = factors[name].copy()
    other = "W" if name == "H" else "H"
    flat = np.full_like(factors[other], factors[other].mean())
    without = objective(model.fit(data, **{name: factors[name], other: flat}))
    if "adam" in label:  # else the first iteration mends much of it
        assert alone > without
    assert alone >= both - 0.1 * abs(both)
    assert_allclose(factors[name], given)  # not written to


@pytest.mark.parametrize("label", ["scd", "NMF cd"])
def test_fold_in_of_given_topics_is_the_start(known, label):
    """With a learning rate of nothing, W is what transform finds."""
    X, _, topics = known
    model = MODELS["adam" if label == "scd" else "NMF adam"]
    theta = model.fit_transform(X.astype(float), H=topics)
    expected = model.transform(X.astype(float))
    theta, expected = (A / A.sum(1, keepdims=True) for A in (theta, expected))
    assert_allclose(theta, expected, atol=0.02)


@pytest.mark.parametrize("given", ["W", "H"])
def test_as_a_function(known, given):
    X, theta, topics = known
    factor = {"W": theta, "H": topics}[given]
    W, H, _ = non_negative_factorization(
        X.astype(float), init="custom", solver="mu", max_iter=3, **{given: factor}
    )
    assert (W.shape, H.shape) == ((300, 4), (4, 80))
    with pytest.raises(ValueError, match="update_H=False fits W to a given H"):
        non_negative_factorization(X.astype(float), update_H=False)


def test_given_factors_and_a_warm_start(known):
    X, _, topics = known
    model = TorchPoissonNMF(4, warm_start=True, max_iter=2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="H cannot be used by a warm start"):
        model.fit(X, H=topics)


def test_given_factors_of_nmf_without_custom_are_ignored_as_in_scikit_learn(known):
    X, _, topics = known
    with pytest.warns(RuntimeWarning, match="init!='custom', provided W or H are ign"):
        TorchBetaNMF(4, max_iter=2).fit(X, H=topics)
