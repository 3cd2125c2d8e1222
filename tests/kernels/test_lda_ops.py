"""The operations of latent Dirichlet allocation, against naive float64 numpy."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import psi

from sklearn_topics._kernels import ops
from sklearn_topics._kernels.cpu import lda
from sklearn_topics._kernels.digamma import digamma
from sklearn_topics._kernels.reference import lda as reference_lda

from .conftest import _long_rows, interpreted


def series(x):
    """scikit-learn's digamma, a number at a time."""
    x, total = float(x), 0.0
    if x <= 1e-6:
        return -0.577215664901532860606512090082402431 - (1 / x if x else math.inf)
    while x < 6:
        total, x = total - 1 / x, x + 1
    r = 1 / x
    total, r = total + math.log(x) - 0.5 * r, r * r
    return total - r * (1 / 12 - r * (1 / 120 - r * (1 / 252)))


def weights_of(gamma):
    total = series(gamma.sum())
    return np.exp([series(g) - total for g in gamma])


def naive_lda(X, gamma, HT, prior, n_sweeps, tol, eps):
    """Documents, one after the other; gamma, weights and numbers of sweeps."""
    gamma, sweeps = gamma.copy(), []
    for i, x in enumerate(X):
        g, (j,), n = gamma[i], x.nonzero(), 0
        for _ in range(n_sweeps):
            w = weights_of(g)
            new = w * (HT[j].T @ (x[j] / (HT[j] @ w + eps))) + prior
            moved, g, n = np.abs(new - g).mean(), new, n + 1
            if moved < tol:
                break
        gamma[i] = g
        sweeps.append(n)
    return gamma, np.array([weights_of(g) for g in gamma]), sweeps


MAGNITUDES = np.concatenate([[0, 1e-30, 1e-7, 1e-6], np.logspace(-5, 8, 60)])


def test_the_series_of_digamma_is_scikit_learns():
    x = MAGNITUDES[1:]
    found = digamma(torch.from_numpy(x)).numpy()
    assert_allclose(found, [series(v) for v in x], rtol=1e-13, atol=1e-13)
    assert_allclose(found, psi(x), rtol=1e-8, atol=3e-9)


@pytest.mark.parametrize("K", [1, 3, 8, 19])
def test_exp_digamma(exp_digamma, K):
    (A,) = exp_digamma.round(np.tile(MAGNITUDES, 2)[:, None] * np.linspace(1, 2, K))
    (shift,) = exp_digamma.round([series(s) for s in A.sum(0)])
    values = [[series(a) for a in row] for row in A]
    expected = np.exp(values - shift)
    single = exp_digamma.dtype == "float32"
    rtol, least = (2e-4, 1e-30) if single else (1e-11, 1e-290)
    assert_allclose(exp_digamma(A, shift), expected, rtol=rtol, atol=least)


@pytest.mark.parametrize("options", [(0.3, 5, 0.0), (0.02, 60, 1e-3), (0.5, 0, 0.1)])
def test_lda_rows(lda_rows, problem, options):
    X, gamma, HT = lda_rows.round(*problem)
    prior, n_sweeps, tol = options
    if interpreted(lda_rows):  # a sweep over a document takes milliseconds
        some = slice(None, None, 1 + len(X) // 3)
        X, gamma, n_sweeps, tol = X[some], gamma[some], min(n_sweeps, 3), 20 * tol
    expected = naive_lda(X, gamma, HT, prior, n_sweeps, tol, lda_rows.eps)[:2]
    found = lda_rows(X, gamma, HT, prior=prior, n_sweeps=n_sweeps, tol=tol)
    rtol = 5e-3 if lda_rows.dtype == "float32" else 1e-9
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == lda_rows.dtype
        assert_allclose(a, b, rtol=rtol, atol=1e-30)


def _sparse_topics(n, m, K, concentration=0.05):
    """Documents of few of many topics, which are far from each other."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(m, concentration), K)
    theta = rng.dirichlet(np.full(K, 2 / K), n)
    X = rng.poisson(60 * theta @ topics).astype(float)
    # exp(E[log beta]) of a posterior that has seen some tokens of each topic.
    counts = 200 * topics + 0.01
    HT = np.exp(psi(counts) - psi(counts.sum(1, keepdims=True))).T
    return X, rng.gamma(100, 0.01, (n, K)), np.ascontiguousarray(HT)


# A topic without tokens has counts below 1e-8 up to a prior of about 0.05.
@pytest.mark.parametrize("prior", [0.0, 0.01, 0.03, 0.05, 0.06, 0.1])
def test_topics_that_rest_change_nothing(lda_rows, prior):
    size = (1, 20, 10) if interpreted(lda_rows) else (12, 120, 70)
    X, gamma, HT = lda_rows.round(*_sparse_topics(*size))
    expected = naive_lda(X, gamma, HT, prior, 100, 1e-3, lda_rows.eps)
    assert max(expected[2]) >= 20
    found = lda_rows(X, gamma, HT, prior=prior, n_sweeps=100, tol=1e-3)
    # In float32 a document may stop a sweep earlier or later.
    close = {"rtol": 1e-9} if lda_rows.dtype == "float64" else {"atol": 0.1}
    assert_allclose(found[0], expected[0], **close)


@pytest.mark.parametrize("size", [1e3, 1e6, 1e9])
def test_large_counts(lda_rows, size):
    """A topic with 1e-8 of the tokens has not come to rest, if these are many."""
    X, gamma, HT = lda_rows.round(*_sparse_topics(4, 60, 20))
    X = X * size
    expected = naive_lda(X, gamma, HT, 0.05, 20, 0, lda_rows.eps)
    found = lda_rows(X, gamma, HT, prior=0.05, n_sweeps=20, tol=0.0)
    close = {"rtol": 1e-8} if lda_rows.dtype == "float64" else {"atol": 1e-3 * size}
    assert_allclose(found[0], expected[0], **close)


@pytest.mark.parametrize(
    ("start", "HT", "n_sweeps"),
    [([1.45, 0.0273], [9.9e-18, 1.9e-8], 10), ([0.7, 0.0195], [1.7e-17, 2.5e-5], 30)],
)
def test_topics_return_where_tokens_are_in_no_topic(to_csr, start, HT, n_sweeps):
    """While reconstructions are about eps, the sum of gamma changes."""
    gamma, HT = np.array([start]), np.array([HT])
    expected = naive_lda(np.array([[2.0]]), gamma, HT, 0.02, n_sweeps, 0, 2**-52)
    tensors = to_csr(np.array([[2.0]])), torch.from_numpy(gamma), torch.from_numpy(HT)
    found = lda.csr_lda_rows(*tensors, 0.02, n_sweeps, 0.0)
    assert expected[0][0, 1] > 2
    for a, b in zip(found, expected[:2], strict=True):
        assert_allclose(a, b, rtol=1e-9)


def test_topics_return_if_reconstructions_fall(to_csr, monkeypatch):
    """The first topic takes the tokens of the second, which alone explains a term."""
    x = np.array([[1e6, 1.0]])
    HT = np.array([[0.5, 0.49, 1e-9], [1e-30, 1e-6, 1e-4]])
    gamma = np.array([[1e5, 9e5, 0.1]])
    expected = naive_lda(x, gamma, HT, 0.1, 3000, 0, 2**-52)[0]
    tensors = to_csr(x), torch.from_numpy(gamma), torch.from_numpy(HT)
    found = lda.csr_lda_rows(*tensors, 0.1, 3000, 0.0)[0].numpy()
    assert_allclose(found, expected, rtol=1e-8)
    monkeypatch.setattr(lda, "_MARGIN", 1e300)
    found = lda.csr_lda_rows(*tensors, 0.1, 3000, 0.0)[0].numpy()
    assert np.abs(found / expected - 1).max() > 5e-6


@pytest.mark.parametrize("n_sweeps", [5, 10, 40])
@pytest.mark.parametrize(
    ("x", "gamma", "HT"),
    [
        (
            [1e6, 1.0],
            [2.279, 142300, 0.1241],
            [[0.5, 3.19e-6, 5.16e-14], [1.77e-20, 9.58e-7, 0.909]],
        ),
        (
            [1e6, 0.1],
            [35.57, 15550, 0.0514],
            [[0.5, 2.19e-6, 7.65e-12], [9.44e-24, 7.42e-5, 0.508]],
        ),
    ],
)
def test_topics_return_if_reconstructions_fall_at_once(to_csr, x, gamma, HT, n_sweeps):
    """In the sweep after the one whose counts are those of a topic at rest."""
    x, gamma, HT = np.array([x]), np.array([gamma]), np.array(HT)
    expected = naive_lda(x, gamma, HT, 0.05, n_sweeps, 0, 2**-52)[0]
    tensors = to_csr(x), torch.from_numpy(gamma), torch.from_numpy(HT)
    found = lda.csr_lda_rows(*tensors, 0.05, n_sweeps, 0.0)[0].numpy()
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("tol", [0.0, 1e-3])
@pytest.mark.parametrize("size", [1e4, 1e6])
def test_topics_that_rest_return_in_time(size, tol):
    """A topic loses the frequent term, and gains the rare one that another leaves."""
    n, prior, rng = 30_000, 0.05, np.random.default_rng(0)

    def powers(low, high):
        return 10 ** rng.uniform(low, high, n)

    x = np.stack([np.full(n, size), rng.choice([1.0, 0.01, 1e-3, 1e-5], n)], 1)
    most = np.log10(size)
    gamma = np.stack([powers(0, most), powers(0, most), prior + powers(-3, 0)], 1)
    HT = np.empty((n, 2, 3))
    HT[:, 0] = np.stack([np.full(n, 0.5), powers(-6, -0.3), powers(-14, -6)], 1)
    HT[:, 1] = np.stack([powers(-30, -8), powers(-8, 0), powers(-8, 0)], 1)
    indptr, indices = torch.arange(0, 2 * n + 1, 2), torch.arange(2 * n).int()
    X = ops.CSR(indptr, indices, torch.from_numpy(x.ravel()), (n, 2 * n))
    args = X, torch.from_numpy(gamma), torch.from_numpy(HT.reshape(-1, 3))
    found = lda.csr_lda_rows(*args, prior, 40, tol)[0]
    expected = reference_lda.csr_lda_rows(*args, prior, 40, tol)[0]
    assert_allclose(found, expected, rtol=1e-6)


def test_lda_rows_of_a_row_depend_on_that_row_alone(lda_rows):
    size = (3, 40, 20) if interpreted(lda_rows) else (30, 120, 20)
    X, gamma, HT = _sparse_topics(*size)
    options = {"prior": 0.05, "n_sweeps": 100, "tol": 0.05}
    whole = lda_rows(X, gamma, HT, **options)
    for i in (0, len(X) // 4, len(X) - 1):
        one = lda_rows(X[i : i + 1], gamma[i : i + 1], HT, **options)
        for a, b in zip(one, whole, strict=True):
            assert_array_equal(a[0], b[i])


def test_a_long_document_in_chunks(to_csr, monkeypatch):
    rng = np.random.default_rng(0)
    X, K = _long_rows(), 17
    given = [torch.from_numpy(rng.random((n, K)) + 0.01) for n in X.shape]
    args = to_csr(X), *given, 0.1, 20, 1e-3
    expected = lda.csr_lda_rows(*args)
    monkeypatch.setattr(lda, "_TILE", 100 * K * 8)
    for a, b in zip(lda.csr_lda_rows(*args), expected, strict=True):
        assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("K", [*range(1, 18), 31, 33])
def test_lda_rows_of_any_number_of_topics(to_csr, K, dtype):
    rng = np.random.default_rng(K)
    X = np.where(np.arange(19) < np.arange(20)[:, None], 1 + rng.random((20, 19)), 0)
    gamma, HT = ((rng.random((n, K)) + 0.1).astype(dtype) for n in X.shape)
    found = ops.lda_rows(
        to_csr(X.astype(dtype)),
        *map(torch.from_numpy, (gamma, HT)),
        prior=0.2,
        n_sweeps=4,
        tol=0.0,
    )
    eps = np.finfo(dtype).eps
    expected = naive_lda(X, *(A.astype(float) for A in (gamma, HT)), 0.2, 4, 0, eps)
    for a, b in zip(found, expected[:2], strict=True):
        assert_allclose(a, b, rtol=3e3 * eps)


def test_lda_rows_leaves_its_arguments(lda_rows):
    X, gamma, HT = (lda_rows.round(A)[0] for A in _sparse_topics(3, 50, 9))
    given = [lda_rows.tensor(A) for A in (gamma, HT)]
    lda_rows(X, *given, prior=0.1, n_sweeps=2, tol=0.0)
    for tensor, array in zip(given, (gamma, HT), strict=True):
        assert_array_equal(tensor.cpu().numpy(), array)
