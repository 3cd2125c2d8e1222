"""TorchTruncatedSVD: scikit-learn's TruncatedSVD in all but the device."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import torch
from sklearn.decomposition import TruncatedSVD

from sklearn_topics import TorchTruncatedSVD

ATTRIBUTES = (
    "components_",
    "singular_values_",
    "explained_variance_",
    "explained_variance_ratio_",
)


@pytest.fixture(params=[(60, 40), (40, 60)], ids=["tall", "wide"])
def X(request):
    n, m = request.param
    return sp.random(n, m, density=0.2, format="csr", random_state=0)


OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_iter": 2},
        {"n_iter": 0},
        {"power_iteration_normalizer": "QR"},
        {"power_iteration_normalizer": "LU", "n_iter": 1},
        {"power_iteration_normalizer": "none", "n_iter": 4},
        {"n_oversamples": 2},
        {"n_oversamples": 100},
        {"algorithm": "arpack"},
        {"algorithm": "arpack", "tol": 1e-3},
    ],
    ids=str,
)


@OPTIONS
@pytest.mark.parametrize("dense", [False, True])
def test_equals_scikit_learn(X, options, dense):
    normalizer = options.get("power_iteration_normalizer")
    allowed = TruncatedSVD._parameter_constraints["power_iteration_normalizer"][0]
    if normalizer is not None and not allowed.is_satisfied_by(normalizer):
        pytest.skip(f"scikit-learn {sklearn.__version__} refuses {normalizer!r}")
    X = X.toarray() if dense else X
    ours, theirs = (
        Class(5, random_state=3, **options)
        for Class in (TorchTruncatedSVD, TruncatedSVD)
    )
    np.testing.assert_allclose(
        ours.fit_transform(X), theirs.fit_transform(X), rtol=1e-6, atol=1e-9
    )
    for name in ATTRIBUTES:
        one, two = getattr(ours, name), getattr(theirs, name)
        assert one.dtype == two.dtype
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-9)
    coordinates = theirs.transform(X)
    np.testing.assert_allclose(
        ours.inverse_transform(coordinates),
        theirs.inverse_transform(coordinates),
        atol=1e-9,
    )


def test_random_state_is_scikit_learns_instance_too(X):
    ours, theirs = (
        Class(3, n_iter=0, random_state=np.random.RandomState(1)).fit(X)
        for Class in (TorchTruncatedSVD, TruncatedSVD)
    )
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-10)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "?"])
def test_dtypes(X, dtype):
    fitted = TorchTruncatedSVD(3, random_state=0)
    coordinates = fitted.fit_transform((X * 10).astype(dtype))
    expected = np.float32 if dtype == "f4" else np.float64
    assert coordinates.dtype == fitted.components_.dtype == expected


def test_torch_in_torch_out(X):
    dense = torch.from_numpy(X.toarray())
    fitted = TorchTruncatedSVD(3, random_state=0)
    coordinates = fitted.fit_transform(dense)
    assert isinstance(coordinates, torch.Tensor)
    assert isinstance(fitted.transform(dense), torch.Tensor)
    assert isinstance(fitted.components_, np.ndarray)
    np.testing.assert_allclose(
        coordinates, TorchTruncatedSVD(3, random_state=0).fit_transform(X), atol=1e-9
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 41}, r"n_components\(41\) must be <= n_features"),
        ({"n_components": 0}, "n_components"),
        ({"algorithm": "exact"}, "arpack"),
        ({"power_iteration_normalizer": "cholesky"}, "QR"),
        ({"device": "tpu"}, "Available: auto, cpu"),
    ],
)
def test_bad_parameters(parameters, message):
    X = np.random.default_rng(0).random((60, 40))
    estimator = TorchTruncatedSVD(**parameters)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)
    assert not hasattr(estimator, "components_")


def test_explicit_zeros_and_duplicates_change_nothing():
    data = np.array([1.0, 0, 2, 3, 4])
    rows, columns = np.array([0, 0, 1, 1, 2]), np.array([0, 2, 1, 1, 3])
    odd = sp.csr_matrix((5, 4))
    odd = sp.coo_matrix((data, (rows, columns)), shape=(5, 4)).tocsr()
    fitted = TorchTruncatedSVD(2, random_state=0).fit(odd)
    canonical = TorchTruncatedSVD(2, random_state=0).fit(odd.toarray())
    np.testing.assert_allclose(fitted.components_, canonical.components_, atol=1e-12)
