"""The unit of the data, and rows beside each other, change no result."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

CONTAINERS = {"dense": np.asarray, "sparse": sp.csr_array}
#: Every pair of a unit, a container, and a dtype with its tolerance.
UNITS = pytest.mark.parametrize(
    ("scale", "container", "dtype", "rtol"),
    [
        (1e-30, np.asarray, "float32", 2e-3),
        (1e-30, sp.csr_array, "float64", 1e-6),
        (1e30, np.asarray, "float64", 1e-6),
        (1e30, sp.csr_array, "float32", 2e-3),
        (1e-9, np.asarray, "float64", 1e-6),
        (1e-9, sp.csr_array, "float32", 2e-3),
    ],
)
X = np.random.default_rng(0).poisson(3.0, (60, 30)).astype(float)

NMF = [
    ("scd", 1.0),
    ("mu", 1.0),
    ("mu", 1.5),
    ("mu", 2.0),
    ("cd", 2.0),
    ("adam", 1.0),
    ("adam", 2.0),
]


@pytest.fixture(params=CONTAINERS.values(), ids=CONTAINERS)
def container(request):
    return request.param


@pytest.mark.parametrize(("solver", "beta"), NMF)
@UNITS
def test_beta_nmf_of_any_unit(solver, beta, scale, container, dtype, rtol):
    model = TorchBetaNMF(
        3, solver=solver, beta_loss=beta, init="random", random_state=0
    )
    plain = model.fit_transform(X) @ model.components_
    error, score = model.reconstruction_err_, model.score(X)
    data = container((X * scale).astype(dtype))
    scaled = model.fit_transform(data).astype(float) @ model.components_
    np.testing.assert_allclose(scaled / scale, plain, rtol=rtol, atol=rtol)
    ratio = model.reconstruction_err_ / scale ** (beta / 2)
    np.testing.assert_allclose(ratio, error, rtol=rtol)
    np.testing.assert_allclose(model.score(data), score, atol=rtol)
    last = model.loss_history_["error"][-1]
    np.testing.assert_allclose(last, model.reconstruction_err_, rtol=1e-4)


def test_error_and_score_of_small_numbers():
    small = np.random.default_rng(0).poisson(3.0, (60, 30)) * 1e-9
    options = {"solver": "scd", "beta_loss": "kullback-leibler", "init": "random"}
    model = TorchBetaNMF(3, random_state=0, **options)
    W = model.fit_transform(small)
    assert (W.sum(1) > 0).all()
    assert model.score(small) < 0.5


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
@pytest.mark.parametrize("penalty", [{"alpha_W": 1e-3}, {"l1_ratio": 1, "alpha_W": 1}])
def test_penalties_are_those_of_the_unit_of_the_data(penalty):
    """As scikit-learn, whose penalties are those of no unit, finds in float64."""
    from sklearn.decomposition import NMF as Peer

    options = {"init": "random", "random_state": 0, "max_iter": 300, "tol": 0}
    small = X * 1e-4
    penalty = {**penalty, "alpha_W": penalty["alpha_W"] * 1e-5}
    peer = Peer(3, **options, **penalty).fit_transform(small)
    W = TorchBetaNMF(3, **options, **penalty).fit_transform(small)
    np.testing.assert_allclose(W, peer, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("solver", ["scd", "em", "adam"])
@UNITS
def test_poisson_nmf_of_any_unit(solver, scale, container, dtype, rtol):
    options = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
    model = TorchPoissonNMF(
        3, solver=solver, transform_pseudocount=0, random_state=0, **options
    )
    theta = model.fit_transform(X)
    topics, deviance, kkt = model.components_, model.deviance_, model.kkt_residual_
    scaled = model.fit_transform(container((X * scale).astype(dtype)))
    np.testing.assert_allclose(scaled, theta, atol=rtol)
    np.testing.assert_allclose(model.components_, topics, atol=rtol)
    np.testing.assert_allclose(model.deviance_ / scale, deviance, rtol=rtol)
    if dtype == "float64":
        np.testing.assert_allclose(model.kkt_residual_ / scale, kkt, rtol=1e-3)


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
@UNITS
def test_deep_nmf_of_any_unit(beta, scale, container, dtype, rtol):
    model = TorchDeepNMF((5, 2), beta_loss=beta, max_iter=50, random_state=0)
    plain = model.fit(X).transform(X) @ model.components_
    score = model.score(X)
    data = container((X * scale).astype(dtype))
    scaled = model.fit(data).transform(data).astype(float) @ model.components_
    np.testing.assert_allclose(scaled / scale, plain, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(model.score(data), score, atol=rtol)


@UNITS
def test_svd_of_any_unit(scale, container, dtype, rtol):
    model = TorchTruncatedSVD(3, random_state=0).fit(X)
    s, ratio = model.singular_values_, model.explained_variance_ratio_
    model.fit(container((X * scale).astype(dtype)))
    np.testing.assert_allclose(model.singular_values_ / scale, s, rtol=rtol)
    np.testing.assert_allclose(model.explained_variance_ratio_, ratio, rtol=rtol)


# ------------------------------------------------------ rows beside other rows

ROWS = {
    "counts": np.random.default_rng(1).poisson(0.4, (50, 80)).astype(float),
    "full": np.random.default_rng(4).poisson(3.0, (50, 80)) + 1.0,
    "TF-IDF": np.random.default_rng(2).random((50, 80))
    * (np.random.default_rng(3).random((50, 80)) < 0.2)
    / 3,
}
ROWS["one huge"] = np.vstack([ROWS["TF-IDF"], ROWS["TF-IDF"][:1] * 1e16])
ROWS["one tiny"] = np.vstack([ROWS["TF-IDF"], ROWS["TF-IDF"][:1] * 1e-16])


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [{"transform_pseudocount": 0.0}, {}],
    ids=["likelihood", "prior"],
)
def test_a_row_does_not_depend_on_those_beside_it(rows, dtype, container, options):
    rows = rows.astype(dtype)
    model = TorchPoissonNMF(12, random_state=0, max_iter=30, tol=1e-3, **options)
    model.fit(ROWS["counts"])
    together = model.transform(container(rows))
    for i in (0, 7, len(rows) - 1):
        alone = model.transform(container(rows[i : i + 1]))
        np.testing.assert_array_equal(alone[0], together[i])
    # Another last bit may end a row's iterations a sweep earlier.
    tolerance = 5e-4 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(together, model.transform(rows), atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nor_on_those_in_its_block(dtype, monkeypatch):
    """Sparse values that are no counts, enough of them for several threads."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    tfidf = sp.random_array((3000, 400), density=0.1, rng=np.random.default_rng(0))
    tfidf = tfidf.tocsr().astype(dtype)
    model = TorchPoissonNMF(6, random_state=0, max_iter=5)
    together = model.fit(ROWS["counts"].repeat(5, axis=1)).transform(tfidf)
    some = np.random.default_rng(1).permutation(3000)[:1001]
    np.testing.assert_array_equal(model.transform(tfidf[some]), together[some])
    np.testing.assert_array_equal(model.transform(tfidf[-1:]), together[-1:])


@pytest.mark.parametrize("solver", ["adam", "mu", "scd"])
def test_a_huge_row_leaves_the_others(solver, container):
    rows = X.copy()
    rows[0] *= 1e16
    options = {"beta_loss": 1, "init": "random", "max_iter": 50, "tol": 0}
    model = TorchBetaNMF(3, solver=solver, random_state=0, **options)
    W = model.fit_transform(container(rows))
    assert (W.sum(1) > 0).all()
    if solver != "scd":  # whose way between optima turns on the last bits
        np.testing.assert_allclose(W, model.fit_transform(rows), rtol=1e-6, atol=1e-9)


def test_the_encoder_sees_each_row_by_itself():
    counts = np.random.default_rng(0).poisson(0.5, (60, 40)).astype(float)
    model = TorchETM(3, random_state=0, max_iter=2, inference="encoder").fit(counts)
    theta = model.transform(sp.csr_array(counts))
    beside = np.vstack([counts[:1] * 1e17, counts])
    found = model.transform(sp.csr_array(beside))[1:]
    np.testing.assert_allclose(found, theta, atol=1e-6)


def test_proportions_that_overflow_are_an_error():
    model = TorchPoissonNMF(3, random_state=0, max_iter=20).fit(X)
    huge = np.full((2, 30), 3e38, np.float32)
    for method in model.transform, model.score:
        with pytest.raises(FloatingPointError, match="float32"):
            method(huge)


def test_a_start_that_overflows_is_an_error():
    rows = X.astype(np.float32)
    rows[0, 0] = 3e38
    with pytest.raises(FloatingPointError, match="float32"):
        TorchETM(3, random_state=0, max_iter=1).fit(rows)


SPARSE = np.random.default_rng(0).gamma(1, 3, (60, 30)) * (
    np.random.default_rng(1).random((60, 30)) < 0.6
)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_the_default_start_is_that_of_scikit_learn_in_any_unit(solver, scale):
    from sklearn.decomposition import NMF as Peer

    options = {"solver": solver, "random_state": 0}
    peer, model = Peer(4, **options), TorchBetaNMF(4, **options)
    expected, W = (m.fit_transform(SPARSE * scale) for m in (peer, model))
    atol = 1e-7 * expected.max()
    np.testing.assert_allclose(W, expected, rtol=1e-6, atol=atol)
    assert model.n_iter_ == peer.n_iter_
    new = (m.transform(SPARSE[:9] * scale) for m in (model, peer))
    np.testing.assert_allclose(*new, rtol=1e-6, atol=atol)


@pytest.mark.parametrize(("solver", "beta"), [*NMF, ("mu", 3.0)])
@pytest.mark.parametrize("scale", [1e-30, 1e2, 1e30])
@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_transform_and_score_of_another_unit_than_that_of_fit(solver, beta, scale):
    data = SPARSE.astype(np.float32)
    model = TorchBetaNMF(
        3, solver=solver, beta_loss=beta, init="random", random_state=0
    )
    model.fit(data[:40])
    W, score = model.transform(data[40:]), model.score(data[40:])
    scaled = model.transform((data[40:] * scale).astype(np.float32))
    np.testing.assert_allclose(scaled / scale, W, atol=0.05 * W.max())
    other = model.score((data[40:] * scale).astype(np.float32))
    np.testing.assert_allclose(other, score, atol=0.05)


def test_rows_of_any_size_beside_each_other():
    model = TorchBetaNMF(3, solver="scd", beta_loss=1, init="random", random_state=0)
    model.fit(SPARSE)
    rows = SPARSE[:20].copy()
    sizes = 10.0 ** np.linspace(-20, 20, 20)[:, None]
    found = model.transform(rows * sizes) / sizes
    np.testing.assert_allclose(found, model.transform(rows), rtol=1e-3, atol=1e-3)
