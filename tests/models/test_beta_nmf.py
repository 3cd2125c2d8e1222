"""TorchBetaNMF: scikit-learn's NMF in all that it has, and what it lacks."""

import os
import threading
import warnings
from inspect import signature

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    TorchBetaNMF,
    TorchTruncatedSVD,
    non_negative_factorization,
)
from sklearn_topics.datasets import make_topic_corpus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def dense():
    rng = np.random.default_rng(0)
    low_rank = rng.gamma(2, 1, (60, 8)) @ rng.gamma(2, 1, (8, 45))
    return low_rank * rng.gamma(5, 0.2, (60, 45))


@pytest.fixture(scope="module")
def sparse():
    X = sp.random(80, 60, density=0.15, format="csr", random_state=0)
    X.data = np.random.default_rng(0).poisson(3, X.nnz) + 1.0
    return X


def low_rank(n=60, m=40, K=3, seed=0, shape=0.5):
    rng = np.random.default_rng(seed)
    return rng.gamma(shape, 1, (n, K)) @ rng.gamma(shape, 1, (K, m))


def start(X, K=6, seed=1):
    rng = np.random.default_rng(seed)
    shapes = {"W": (X.shape[0], K), "H": (K, X.shape[1])}
    return {name: np.abs(rng.standard_normal(shape)) for name, shape in shapes.items()}


def assert_same_factors(ours, theirs):
    for one, two in zip(ours, theirs, strict=True):
        assert one.dtype == two.dtype
        assert_allclose(one, two, rtol=1e-7, atol=1e-10 * two.max())


# ----------------------------------------------------------------- as in scikit-learn


@pytest.mark.parametrize("penalty", [{}, {"alpha_W": 0.01, "l1_ratio": 0.3}])
@pytest.mark.parametrize(
    ("container", "solver", "beta"),
    [
        *(("dense", "mu", beta) for beta in (-1, 0, 0.5, 1, 1.5, 2, 3)),
        *(("sparse", "mu", beta) for beta in (0.5, 1, 1.5, 2, 3)),
        ("dense", "cd", 2),
        ("sparse", "cd", 2),
    ],
)
def test_equal_factors_after_200_iterations(request, container, solver, beta, penalty):
    X = request.getfixturevalue(container)
    options = {"init": "custom", "tol": 0, "max_iter": 200, **penalty}
    models = [
        Class(6, solver=solver, beta_loss=beta, **options)
        for Class in (TorchBetaNMF, NMF)
    ]
    # NMF writes into the arrays that it is given.
    weights = [model.fit_transform(X, **start(X)) for model in models]
    ours, theirs = (
        (W, model.components_) for W, model in zip(weights, models, strict=True)
    )
    assert_same_factors(ours, theirs)
    errors = [model.reconstruction_err_ for model in models]
    assert_allclose(*errors, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", [0, "RandomState"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("solver", "shuffle"), [("cd", False), ("cd", True), ("mu", False)]
)
@pytest.mark.parametrize("init", [None, "random", "nndsvd", "nndsvda", "nndsvdar"])
@pytest.mark.filterwarnings("ignore:The multiplicative update")
def test_equal_seeds_start_and_stop_equally(dense, init, solver, shuffle, turned, seed):
    X = dense.T.copy() if turned else dense

    def fitted(Class):
        random_state = 0 if seed == 0 else np.random.RandomState(3)
        options = {"init": init, "solver": solver, "shuffle": shuffle}
        model = Class(6, random_state=random_state, **options)
        return model, model.fit_transform(X)

    (ours, W), (theirs, V) = fitted(TorchBetaNMF), fitted(NMF)
    assert ours.n_iter_ == theirs.n_iter_
    assert_same_factors((W, ours.components_), (V, theirs.components_))
    assert_same_factors([ours.transform(X)], [theirs.transform(X)])


@pytest.mark.parametrize("n_components", ["auto", None, 3])
def test_numbers_of_components(sparse, n_components):
    ours, theirs = (
        Class(n_components, max_iter=3).fit(sparse) for Class in (TorchBetaNMF, NMF)
    )
    assert ours.n_components_ == theirs.n_components_ == len(ours.components_)


@pytest.mark.parametrize("update_H", [True, False])
def test_the_function_is_scikit_learns(dense, update_H):
    from sklearn.decomposition import non_negative_factorization as theirs

    options = {"init": "custom", "update_H": update_H, "solver": "mu", "tol": 1e-6}
    given = start(dense)
    W = given["W"] if update_H else None
    one = non_negative_factorization(dense, W, given["H"], **options)
    two = theirs(dense, None if W is None else W.copy(), given["H"].copy(), **options)
    assert one[2] == two[2]
    assert_same_factors(one[:2], two[:2])


def test_in_a_pipeline_as_scikit_learns_takes_its_place():
    texts = ["red green blue", "green blue", "one two three", "two three two", "red"]
    W, V = (
        make_pipeline(TfidfVectorizer(), Class(2, random_state=0)).fit_transform(texts)
        for Class in (TorchBetaNMF, NMF)
    )
    assert_allclose(W, V, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"beta_loss": 1.0}, ValueError, "solver 'cd' does not handle beta_loss = 1.0"),
        ({"solver": "scd"}, ValueError, "solver 'scd' does not handle beta_loss"),
        (
            {"learning_rate": 0.1},
            ValueError,
            "learning_rate can be used by solver='adam'",
        ),
        ({"missing": "mask"}, ValueError, "missing='mask' needs solver='mu' or 'adam'"),
        ({"n_components": 61}, None, None),
        ({"n_components": 61, "init": "nndsvd"}, ValueError, "61 is more than 60"),
        ({"init": "custom"}, ValueError, "needs W, H or both: pass"),
        ({"solver": "mu", "beta_loss": 0}, ValueError, "beta_loss <= 0 and X contains"),
        ({"solver": "newton"}, ValueError, "'solver' parameter"),
        ({"device": "tpu"}, ValueError, "Available: auto, cpu"),
    ],
)
def test_bad_parameters(sparse, parameters, error, message):
    model = TorchBetaNMF(**{"n_components": 2, "max_iter": 2, **parameters})
    if error is None:
        assert model.fit(sparse).n_components_ == 61
        return
    with pytest.raises(error, match=message):
        model.fit(sparse)
    assert not hasattr(model, "components_")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"H": np.ones((3, 45))}, ValueError, "wrong first dimension .*input H"),
        ({"W": np.ones((60, 5))}, ValueError, "wrong second dimension .*input W"),
        ({"W": np.zeros((60, 2))}, ValueError, "input W.* is full of zeros"),
        ({"H": -np.ones((2, 45))}, ValueError, "Negative values .*input H"),
        ({"H": np.ones((2, 45), "f4")}, TypeError, "same dtype as X"),
    ],
)
def test_bad_starts(dense, change, error, message):
    model = TorchBetaNMF(2, init="custom")
    with pytest.raises(error, match=message):
        model.fit(dense, **start(dense, 2) | change)


def test_warnings_name_the_users_line(dense):
    cases = (
        (ConvergenceWarning, "number of iterations 1", {"max_iter": 1}, {}),
        (RuntimeWarning, "provided W or H are ignored", {}, start(dense, 2)),
        (UserWarning, "cannot update zeros", {"solver": "mu", "init": "nndsvd"}, {}),
    )
    for category, message, parameters, given in cases:
        model = TorchBetaNMF(2, **parameters)
        for method in (model.fit, model.fit_transform):
            with pytest.warns(category, match=message) as seen:
                method(dense, **given)
            files = {w.filename for w in seen if w.category is category}
            assert files == {__file__}, category


def test_a_fit_that_converged_in_its_last_iteration_does_not_warn():
    X = np.ones((20, 10))
    needed = TorchBetaNMF(1, solver="mu", random_state=0).fit(X).n_iter_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TorchBetaNMF(1, solver="mu", random_state=0, max_iter=needed).fit(X)
    assert again.n_iter_ == needed


# ---------------------------------------------------------------------- containers


@pytest.mark.parametrize(
    ("solver", "beta"), [("mu", 1), ("mu", 2), ("mu", 1.5), ("cd", 2), ("scd", 1)]
)
def test_explicit_zeros_and_duplicates_change_nothing(sparse, solver, beta):
    """scikit-learn raises IndexError here for "mu" and beta 1."""
    X = sparse.tocoo()
    rows, columns = np.r_[X.row, X.row[:50], 0, 1], np.r_[X.col, X.col[:50], 0, 1]
    data = np.r_[X.data, np.full(50, -0.5), 0, 0]
    data[:50] += 0.5
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=X.shape[0]))]
    order = np.argsort(rows, kind="stable")
    odd = sp.csr_matrix((data[order], columns[order], indptr), shape=X.shape)
    odd.data[np.argsort(order)[-52:-2]] = 0.25  # duplicates of positive values
    odd.data[np.argsort(order)[:50]] -= 0.75
    options = {"solver": solver, "beta_loss": beta, "init": "custom", "max_iter": 20}
    same = odd.copy()
    same.sum_duplicates()
    same.eliminate_zeros()
    assert same.nnz < odd.nnz
    fits = [TorchBetaNMF(4, **options).fit(A, **start(sparse, 4)) for A in (odd, same)]
    assert_array_equal(fits[0].components_, fits[1].components_)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "?"])
def test_dtypes(sparse, dtype):
    model = TorchBetaNMF(3, solver="mu", beta_loss=1.5, random_state=0, max_iter=5)
    W = model.fit_transform(sparse.astype(dtype))
    expected = np.float32 if dtype == "f4" else np.float64
    assert W.dtype == model.components_.dtype == expected
    # New data of another width are transformed in theirs.
    assert model.transform(sparse.astype("f4")).dtype == np.float32


def test_torch_in_torch_out(dense):
    X = torch.from_numpy(dense)
    model = TorchBetaNMF(3, random_state=0)
    W = model.fit_transform(X)
    assert isinstance(W, torch.Tensor)
    assert isinstance(model.components_, np.ndarray)
    assert_allclose(W, TorchBetaNMF(3, random_state=0).fit_transform(dense))
    given = {name: torch.from_numpy(A) for name, A in start(dense, 3).items()}
    custom = TorchBetaNMF(3, init="custom", max_iter=5).fit(X, **given)
    plain = TorchBetaNMF(3, init="custom", max_iter=5).fit(dense, **start(dense, 3))
    assert_array_equal(custom.components_, plain.components_)


@pytest.mark.parametrize("solver", ["cd", "mu", "adam"])
def test_nothing_given_is_written_to(dense, solver):
    given = start(dense, 3)
    copies = {name: A.copy() for name, A in given.items()}
    X = dense.copy()
    TorchBetaNMF(3, init="custom", solver=solver, max_iter=5).fit(X, **given)
    assert_array_equal(X, dense)
    for name, copy in copies.items():
        assert_array_equal(given[name], copy)


def test_degenerate_data():
    for X in (np.zeros((5, 4)), np.eye(4)[:, :1], np.ones((1, 3)), np.ones((6, 1))):
        for solver, beta in (("cd", 2), ("mu", 2), ("mu", 1), ("scd", 1), ("adam", 2)):
            model = TorchBetaNMF(1, solver=solver, beta_loss=beta, random_state=0)
            W = model.fit_transform(X)
            assert np.isfinite(W).all()
            assert np.isfinite(model.components_).all()
            assert_allclose(W @ model.components_, X, atol=0.02 + 0.7 * X.std())


def test_overflow_raises_and_names_the_dtype():
    X = np.full((4, 3), 1e-30, np.float32)
    X[0, 0] = 3e38  # too far from the others for one unit
    with pytest.raises(FloatingPointError, match="float32"):
        TorchBetaNMF(2, init="random", random_state=0).fit(X)


# ------------------------------------------------------------- what it has beyond


@pytest.mark.parametrize("penalty", [{}, {"alpha_W": 1e-3, "l1_ratio": 0.5}])
def test_scd_ends_below_mu_in_fewer_iterations(sparse, penalty):
    options = {"beta_loss": 1, "random_state": 0, "tol": 0, "init": "random", **penalty}
    fast = TorchBetaNMF(5, solver="scd", max_iter=60, **options).fit(sparse)
    slow = TorchBetaNMF(5, solver="mu", max_iter=240, **options).fit(sparse)
    objectives = [model.loss_history_["objective"][-1] for model in (fast, slow)]
    assert objectives[0] > objectives[1]


def test_transform_by_scd_minimises_over_w(sparse):
    model = TorchBetaNMF(4, solver="scd", beta_loss=1, random_state=0, tol=1e-9)
    model.set_params(max_iter=3000).fit(sparse)
    slow = TorchBetaNMF(4, solver="mu", beta_loss=1, tol=1e-9, max_iter=20_000)
    slow.fit(sparse, W=None, H=None)
    slow.components_ = model.components_
    assert_allclose(model.transform(sparse), slow.transform(sparse), atol=1e-3)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_adam_comes_close(dense, beta):
    options = {"beta_loss": beta, "random_state": 0}
    adam = TorchBetaNMF(4, solver="adam", max_iter=500, **options).fit(dense)
    mu = TorchBetaNMF(4, solver="mu", max_iter=500, **options).fit(dense)
    assert adam.n_iter_ == 500
    assert adam.components_.min() >= 0
    assert adam.reconstruction_err_ < 1.05 * mu.reconstruction_err_


@pytest.mark.parametrize("beta", [1, 1.5, 2])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_adam_lets_go_of_what_is_not_there(container, beta):
    """Rows and columns without entries, or next to none, wherever they began."""
    X = low_rank(shape=2.0)
    X[5], X[:, 7], X[9] = 0, 0, 0
    X[9, 3] = 1e-3
    options = {"beta_loss": beta, "init": "random", "random_state": 0, "max_iter": 500}
    model = TorchBetaNMF(3, solver="adam", **options)
    W = model.fit_transform(container(X))
    assert_array_equal(W[5], 0)
    assert_array_equal(model.components_[:, 7], 0)
    assert np.abs(W @ model.components_ - X)[9].max() < 0.02
    mu = TorchBetaNMF(3, solver="mu", **options).fit(X)
    assert model.reconstruction_err_ < mu.reconstruction_err_ + 0.1


def test_errors_on_four_newsgroups(corpus_texts):
    """The figures of the notebook that the example replays."""
    X = TfidfVectorizer(stop_words="english").fit_transform(corpus_texts("newsgroups4"))
    assert X.shape == (2034, 26576)
    five = TorchBetaNMF(5, random_state=0).fit(X)
    assert round(five.reconstruction_err_, 4) == 43.7129
    svd = TorchTruncatedSVD(5, n_iter=4, random_state=0).fit(X)
    squares = X.multiply(X).sum() - (svd.singular_values_**2).sum()
    assert round(squares**0.5, 4) == 43.7
    for seed in range(3):
        six = TorchBetaNMF(6, solver="adam", random_state=seed)
        W = six.fit_transform(X)
        assert six.reconstruction_err_ <= 43.6558
        assert min(W.min(), six.components_.min()) >= 0


def test_learning_rate_can_be_searched():
    search = GridSearchCV(
        TorchBetaNMF(3, solver="adam", init="random", max_iter=60, random_state=0),
        {"learning_rate": [1e-5, 0.5]},
        cv=3,
    ).fit(low_rank())
    assert search.best_params_ == {"learning_rate": 0.5}


def test_history(sparse):
    model = TorchBetaNMF(3, random_state=0).fit(sparse)
    history = model.loss_history_
    assert list(history) == ["iteration", "seconds", "objective", "error", "violation"]
    assert_array_equal(history["iteration"], np.arange(1, model.n_iter_ + 1))
    assert_allclose(history["error"][-1], model.reconstruction_err_, rtol=1e-9)
    assert history["violation"][-1] <= model.tol * history["violation"][0]
    model = TorchBetaNMF(3, solver="mu", random_state=0).fit(sparse)
    history = model.loss_history_
    assert list(history) == ["iteration", "seconds", "objective", "error"]
    assert_array_equal(history["iteration"], np.arange(0, model.n_iter_ + 1, 10))
    assert (np.diff(history["error"]) <= 0).all()


class Interrupt:
    """Presses Ctrl-C once a fit has run for a while."""

    def __init__(self, signal_number, seconds):
        self.timer = threading.Timer(seconds, os.kill, (os.getpid(), signal_number))

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *exception):
        self.timer.cancel()


@pytest.mark.parametrize("solver", ["cd", "mu", "adam"])
def test_ctrl_c_leaves_the_last_complete_iteration(dense, ctrl_c, solver):
    model = TorchBetaNMF(5, solver=solver, tol=0, max_iter=10**7, random_state=0)
    model.set_params(init="random")
    TorchBetaNMF(5, solver=solver, max_iter=2).fit(dense)  # compiled
    with pytest.raises(KeyboardInterrupt), Interrupt(ctrl_c, 0.5):
        model.fit(dense)
    assert 0 < model.n_iter_ < 10**7
    if solver != "adam":  # which takes its steps from max_iter
        again = TorchBetaNMF(5, solver=solver, tol=0, max_iter=model.n_iter_)
        again.set_params(init="random", random_state=0).fit(dense)
        assert_array_equal(again.components_, model.components_)
    model.set_params(tol=1e-4, max_iter=10)
    assert model.transform(dense[:2]).shape == (2, 5)


# ------------------------------------------------------------------- missing cells


def hide(X, share=0.2, seed=0):
    hidden = np.random.default_rng(seed).random(X.shape) < share
    return np.where(hidden, np.nan, X), hidden


def as_sparse(X):
    """Zeros are not stored, NaN is."""
    rows, columns = np.nonzero(X)  # of which NaN is one
    return sp.csr_array((X[rows, columns], (rows, columns)), shape=X.shape)


@pytest.mark.parametrize(
    ("container", "solver", "beta"),
    [
        (np.asarray, "mu", 1),
        (np.asarray, "mu", 2),
        (np.asarray, "adam", 2),
        (as_sparse, "mu", 2),  # the others: test_sparse_holes_are_dense_holes
    ],
)
def test_hidden_cells_of_a_low_rank_matrix_are_recovered(container, solver, beta):
    X = low_rank()
    holes, hidden = hide(X)
    model = TorchBetaNMF(
        3,
        solver=solver,
        beta_loss=beta,
        missing="mask",
        tol=0,
        max_iter=2000,
        random_state=0,
    )
    W = model.fit_transform(container(holes))
    error = np.abs(W @ model.components_ - X)[hidden]
    assert error.max() < 0.05 * X.max()
    assert np.sqrt((error**2).mean()) < 0.01 * X[hidden].std()
    assert_allclose(model.feature_means_, np.nanmean(holes, axis=0), rtol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1, 1.5, 2, 3])
def test_sparse_holes_are_dense_holes(sparse, beta):
    holes, _ = hide(sparse.toarray())
    options = {"solver": "mu", "beta_loss": beta, "missing": "mask", "random_state": 0}
    fits = [
        TorchBetaNMF(4, max_iter=50, **options).fit(X)
        for X in (holes, as_sparse(holes))
    ]
    for name in ("components_", "reconstruction_err_", "feature_means_"):
        one, two = (getattr(model, name) for model in fits)
        assert_allclose(one, two, rtol=1e-7, atol=1e-10)
    assert_allclose(fits[0].score(holes), fits[1].score(as_sparse(holes)), rtol=1e-6)


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_large_hidden_cells_leave_no_rounding(dtype, beta):
    X = low_rank(shape=2.0)
    X[:, 0] *= 1e5
    X[:30, 0] = np.nan
    options = {"solver": "mu", "beta_loss": beta, "missing": "mask", "random_state": 0}
    one, two = (
        TorchBetaNMF(3, max_iter=50, **options).fit(A.astype(dtype))
        for A in (X, as_sparse(X))
    )
    rtol = 1e-3 if dtype == "f4" else 1e-9
    assert_allclose(one.reconstruction_err_, two.reconstruction_err_, rtol=rtol)


def test_adam_takes_means_over_the_observed_cells():
    X = low_rank(60, 200, shape=2.0)
    holes = X.copy()
    holes[:10, 10:] = np.nan  # 10 of 200 cells are seen in these rows
    options = {"missing": "mask", "random_state": 0, "max_iter": 300}
    model = TorchBetaNMF(3, solver="adam", **options)
    W = model.fit_transform(holes)
    error = np.abs(W @ model.components_ - X)[:10, :10]
    assert np.sqrt((error**2).mean()) < 0.05 * X.std()


def test_without_holes_a_mask_changes_nothing(dense):
    options = {"solver": "mu", "random_state": 0}
    plain, masked = (
        TorchBetaNMF(3, missing=missing, **options).fit(dense)
        for missing in ("error", "mask")
    )
    assert_array_equal(plain.components_, masked.components_)


def test_empty_rows_and_columns_of_holes():
    X = low_rank()
    X[3], X[:, 5] = np.nan, np.nan
    model = TorchBetaNMF(3, solver="mu", missing="mask", random_state=0)
    W = model.fit_transform(X)
    assert_array_equal(W[3], 0)
    assert np.isfinite(W).all()
    assert np.isfinite(model.components_).all()


def test_holes_are_refused_by_default(dense):
    holes, _ = hide(dense)
    with pytest.raises(ValueError, match="contains NaN"):
        TorchBetaNMF(3).fit(holes)
    with pytest.raises(ValueError, match="contains infinity"):
        TorchBetaNMF(3, solver="mu", missing="mask").fit(np.where(holes > 9, np.inf, 1))
    with pytest.raises(ValueError, match="some are unobserved"):
        TorchBetaNMF(3, solver="mu", missing="mask", init="nndsvda").fit(holes)


def test_nothing_observed_is_refused():
    X = low_rank()
    model = TorchBetaNMF(2, solver="mu", missing="mask", random_state=0).fit(X)
    nothing = np.full_like(X, np.nan)
    for method in (model.fit, model.score):
        with pytest.raises(ValueError, match="All cells of X are NaN"):
            method(nothing)
    shown_only = X.copy()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(20_210_512))
    shown_only[:, order[:20].numpy()] = np.nan
    with pytest.raises(ValueError, match="All cells of the held-out columns"):
        model.score(shown_only)


# ------------------------------------------------------------------- after mistakes


@pytest.mark.parametrize(
    ("X", "parameters", "message"),
    [
        (np.zeros((5, 4)), {}, "X contains zeros"),
        (np.ones((5, 4)), {"solver": "cd"}, "does not handle"),
        (np.ones((5, 4)), {"beta_loss": np.nan}, "'beta_loss' parameter"),
        (-np.ones((5, 4)), {}, "Negative values"),
    ],
)
def test_a_refused_fit_leaves_the_fitted_model(dense, X, parameters, message):
    model = TorchBetaNMF(3, solver="mu", beta_loss=0, random_state=0).fit(dense)
    before = model.transform(dense)
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters).fit(X)
    model.set_params(solver="mu", beta_loss=0)
    assert_array_equal(model.transform(dense), before)


# ---------------------------------------------------------------------- near zero


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize(
    ("solver", "beta"), [("mu", 1), ("mu", 2), ("scd", 1), ("cd", 2)]
)
def test_errors_of_near_perfect_fits_in_float32(container, solver, beta):
    X = low_rank(shape=2.0).astype("f4")
    options = {"solver": solver, "beta_loss": beta, "random_state": 0, "tol": 1e-6}
    model = TorchBetaNMF(3, max_iter=1000, **options)
    W = model.fit_transform(container(X)).astype(float)
    Y = W @ model.components_.astype(float)
    x = X.astype(float)
    D = ((x - Y) ** 2).sum() / 2 if beta == 2 else (x * np.log(x / Y) - x + Y).sum()
    assert_allclose(model.reconstruction_err_, np.sqrt(2 * D), rtol=0.05, atol=1e-3)
    found = model.loss_history_["error"][-1]
    assert_allclose(found, model.reconstruction_err_, rtol=0.05, atol=1e-3)


def test_multiplicative_updates_of_nothing_stop_at_once():
    model = TorchBetaNMF(2, solver="mu", random_state=0).fit(np.zeros((4, 3)))
    assert model.n_iter_ == 10


# ----------------------------------------------------------------------------- score


def naive_d2(model, X):
    """By scikit-learn, with the columns that ours holds out."""
    order = torch.randperm(
        X.shape[1], generator=torch.Generator().manual_seed(20_210_512)
    ).numpy()
    out, shown = np.sort(order[: X.shape[1] // 2]), np.sort(order[X.shape[1] // 2 :])
    beta = {"frobenius": 2}.get(model.beta_loss, model.beta_loss)
    options = {"solver": "mu", "beta_loss": beta, "tol": 0, "max_iter": 3000}
    from sklearn.decomposition import non_negative_factorization as factorize
    from sklearn.decomposition._nmf import _beta_divergence

    def divergence(H):
        W, _, _ = factorize(
            X[:, shown], H=H[:, shown].copy(), update_H=False, **options
        )
        return _beta_divergence(X[:, out], W, H[:, out].copy(), beta)

    mean = model.feature_means_[None]
    return 1 - divergence(model.components_) / divergence(mean)


@pytest.mark.parametrize(("solver", "beta"), [("cd", 2), ("mu", 1), ("mu", 0.5)])
def test_score_is_d2_on_held_out_columns(dense, solver, beta):
    options = {"solver": solver, "beta_loss": beta, "random_state": 0}
    model = TorchBetaNMF(4, max_iter=200, **options).fit(dense[:40])
    model.set_params(tol=1e-10, max_iter=3000)  # of the weights of new rows
    X = dense[40:]
    assert_allclose(model.score(X), naive_d2(model, X), rtol=1e-3)
    assert_allclose(model.score(sp.csr_array(X)), model.score(X), rtol=1e-6)


def test_score_of_a_perfect_fit_and_of_too_few_columns():
    X = low_rank(shape=2.0)
    model = TorchBetaNMF(3, random_state=0, tol=1e-8, max_iter=10_000).fit(X)
    assert model.score(X) > 0.999
    zeros = TorchBetaNMF(1, random_state=0).fit(np.zeros((4, 4)))
    assert zeros.score(np.zeros((3, 4))) == 1.0
    with pytest.raises(ValueError, match="two"):
        TorchBetaNMF(1).fit(X[:, :1]).score(X[:, :1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 3.0])
def test_score_of_empty_rows_and_columns(beta, container):
    X = np.random.default_rng(0).poisson(2.0, (30, 12)).astype(np.float64)
    X[::7], X[:, ::5] = 0, 0
    options = {"solver": "mu", "beta_loss": beta, "init": "random", "random_state": 0}
    model = TorchBetaNMF(2, tol=0.05, **options).fit(container(X))
    some = ~np.isin(np.arange(30), np.arange(0, 30, 7))
    found = model.score(container(X))
    assert found == pytest.approx(model.score(X), rel=1e-8)
    assert found == pytest.approx(model.score(X[some]), rel=1e-5)
    if container is np.asarray:
        assert model.score(X.astype(np.float16)) == pytest.approx(found, rel=1e-12)


def best_k(X, **parameters):
    search = GridSearchCV(
        TorchBetaNMF(random_state=0, **parameters),
        {"n_components": [3, 4, 5, 6, 7]},
        cv=KFold(3, shuffle=True, random_state=0),
    )
    return search.fit(X).best_params_["n_components"]


@pytest.mark.parametrize(("solver", "beta"), [("cd", 2), ("scd", 1), ("mu", 1)])
def test_score_finds_the_number_of_components(solver, beta):
    options = {"solver": solver, "beta_loss": beta}
    corpus, _, _ = make_topic_corpus(
        n_samples=300, n_features=200, n_topics=5, random_state=0
    )
    assert best_k(corpus, **options) == 5
    L, rng = low_rank(150, 90, 5), np.random.default_rng(1)
    L /= L.mean()
    gaussian = np.maximum(L + 0.3 * rng.standard_normal(L.shape), 0)
    noisy = gaussian if beta == 2 else rng.poisson(10 * L)
    assert best_k(noisy * 1.0, **options) == 5


def test_score_finds_the_number_of_components_for_itakura_saito():
    L = low_rank(300, 120, 5)
    X = (L + 1e-3 * L.mean()) * np.random.default_rng(1).gamma(20, 1 / 20, L.shape)
    options = {"solver": "mu", "beta_loss": 0, "init": "random", "max_iter": 300}

    def score(k):
        starts = (
            TorchBetaNMF(k, random_state=seed, **options).fit(X[:200])
            for seed in range(5)
        )
        return min(starts, key=lambda m: m.reconstruction_err_).score(X[200:])

    assert max(range(3, 8), key=score) in (4, 5, 6)


def test_tags_say_what_x_may_hold():
    tags = [
        TorchBetaNMF(missing=missing).__sklearn_tags__().input_tags
        for missing in ("error", "mask")
    ]
    assert [t.allow_nan for t in tags] == [False, True]
    assert all(t.positive_only and t.sparse for t in tags)


def test_the_function_has_the_estimators_parameters_and_defaults():
    function = signature(non_negative_factorization).parameters
    estimator = signature(TorchBetaNMF).parameters
    assert function.keys() == estimator.keys() - {"checkpoint"} | {
        *("X", "W", "H", "update_H")
    }
    for name in function.keys() & estimator.keys():
        assert function[name].default == estimator[name].default
