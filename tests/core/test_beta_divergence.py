"""The divergence and its gradients against loops over cells, in both containers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_topics._core.beta_divergence import divergence, gradient_terms
from sklearn_topics._kernels.floors import BETA_FLOOR

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
POSITIVE = tuple(beta for beta in BETAS if beta > 0)


def cell(x, y, beta):
    if beta == 1:
        return (x * np.log(x / y) if x > 0 else 0.0) - x + y
    if beta == 0:
        return x / y - np.log(x / y) - 1
    power = x**beta if x > 0 else 0.0
    return (power + (beta - 1) * y**beta - beta * x * y ** (beta - 1)) / (
        beta * (beta - 1)
    )


def naive(X, W, HT, beta):
    """Sum of d over the cells that are not NaN, and its gradient by W."""
    total, numerator, denominator = 0.0, np.zeros_like(W), np.zeros_like(W)
    for i, row in enumerate(X):
        for j, x in enumerate(row):
            y = W[i] @ HT[j]
            if np.isnan(x):
                continue
            total += cell(x, y, beta)
            numerator[i] += x * y ** (beta - 2) * HT[j]
            denominator[i] += y ** (beta - 1) * HT[j]
    return total, numerator, denominator


@pytest.fixture
def problem():
    def draw(beta, hidden):
        rng = np.random.default_rng(0)
        X = rng.poisson(1.0, (13, 9)) * rng.gamma(2.0, 1.0, (13, 9))
        X[3] = 0
        X[:, 4] = 0
        if beta <= 0:
            X += 0.3
        if hidden:
            X[rng.random(X.shape) < 0.3] = np.nan
            X[5] = np.nan
        return X, rng.random((13, 4)) + 0.1, rng.random((9, 4)) + 0.1

    return draw


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_against_a_loop(load, problem, beta, hidden):
    X, W, HT = problem(beta, hidden)
    factors = torch.tensor(W), torch.tensor(HT)
    total, above, below = naive(X, W, HT, beta)
    assert_allclose(divergence(load(X), *factors, beta, masked=hidden), total, 1e-12)
    for A, (B, CT), data in (
        ((above, below), factors, load(X)),
        (naive(X.T, HT, W, beta)[1:], factors[::-1], load(X).T),
    ):
        numerator, denominator = gradient_terms(data, B, CT, beta, masked=hidden)
        assert_allclose(numerator, A[0], rtol=1e-12, atol=1e-13)
        assert_allclose(denominator.expand_as(B), A[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_shifted_terms_are_those_of_one_component_more(load, problem, beta, hidden):
    X, *factors = problem(beta, hidden)
    W, HT = map(torch.tensor, factors)
    shift = 0.25 if beta != 2 else 0.0
    more = torch.cat([W, W.new_full((len(W), 1), shift)], 1)
    ones = torch.cat([HT, HT.new_ones(len(HT), 1)], 1)
    sides = (load(X), W, HT, more, ones), (load(X).T, HT, W, ones, more)
    for data, A, B, C, D in sides:
        found = gradient_terms(data, A, B, beta, masked=hidden, shift=0.25)
        expected = gradient_terms(data, C, D, beta, masked=hidden)
        for a, b in zip(found, expected, strict=True):
            assert_allclose(a, b[..., :-1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("beta", BETAS)
def test_gradient_is_that_of_the_divergence(problem, beta):
    X, W, HT = problem(beta, True)
    W = torch.tensor(W, requires_grad=True)
    seen = ~torch.tensor(X).isnan()
    x, y = torch.tensor(X)[seen], (W @ torch.tensor(HT).T)[seen]
    if beta == 1:
        d = torch.xlogy(x, x) - torch.xlogy(x, y) - x + y
    elif beta == 0:
        d = x / y - (x / y).log() - 1
    else:
        d = (beta - 1) * y**beta - beta * x * y ** (beta - 1)
        d = d / (beta * (beta - 1))
    (gradient,) = torch.autograd.grad(d.sum(), W)
    above, below = gradient_terms(
        torch.tensor(X), W.detach(), torch.tensor(HT), beta, masked=True
    )
    assert_allclose(below - above, gradient, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("beta", POSITIVE)
def test_a_perfect_fit_has_divergence_zero(load, beta):
    rng = np.random.default_rng(1)
    W, HT = rng.random((20, 3)), rng.random((15, 3))
    W[:4] = 0
    X = load(W @ HT.T)
    scale = float((W @ HT.T).sum())
    assert divergence(X, torch.tensor(W), torch.tensor(HT), beta) <= 1e-12 * scale


@pytest.mark.parametrize("beta", BETAS)
def test_reconstructions_of_zero_are_floored(load, beta):
    X = np.array([[1.0, 2.0], [3.0, 1.0]])
    W, HT = (
        torch.zeros(2, 1, dtype=torch.float64),
        torch.ones(2, 1, dtype=torch.float64),
    )
    floored = [cell(x, BETA_FLOOR, beta) for x in X.ravel()]
    found = divergence(load(X), W, HT, beta)
    assert_allclose(found, sum(floored), rtol=1e-6)
    terms = gradient_terms(load(X), W, HT, beta)
    assert all(term.isfinite().all() for term in terms)


@pytest.mark.parametrize("beta", BETAS)
def test_close_fits_in_float32(load, beta):
    # X and Y are exact in float32: what is left is how d is computed.
    rng = np.random.default_rng(4)
    W, HT = rng.integers(1, 64, (20, 1)) / 8, rng.integers(1, 64, (50, 1)) / 8
    X = W @ HT.T * (1 + 2.0 ** -rng.integers(5, 10, (20, 50)))
    exact, _, _ = naive(X, W, HT, beta)
    narrow = [torch.tensor(A, dtype=torch.float32) for A in (W, HT)]
    assert_allclose(divergence(load(X.astype("f4")), *narrow, beta), exact, rtol=2e-5)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_under_a_small_beta(load, problem, dtype, hidden):
    X, W, HT = (A.astype(dtype) for A in problem(0.05, hidden))
    exact, _, _ = naive(*(A.astype(np.float64) for A in (X, W, HT)), 0.05)
    factors = torch.tensor(W), torch.tensor(HT)
    assert_allclose(divergence(load(X), *factors, 0.05, masked=hidden), exact, 1e-5)


def test_data_below_the_floor(load):
    X = np.array([[1e-9, 1.0], [2.0, 1e-8]])
    W, HT = np.ones((2, 1)), np.ones((2, 1))
    exact, _, _ = naive(X, W, HT, -1.0)
    found = divergence(load(X), torch.tensor(W), torch.tensor(HT), -1.0)
    assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.9, 2.0])
def test_outliers_in_float32(load, beta):
    X = np.array([[1e18, 1.0], [2.0, 1.0]])
    W, HT = np.array([[0.0], [1.0]]), np.ones((2, 1))
    narrow = [torch.tensor(A, dtype=torch.float32) for A in (W, HT)]
    found = divergence(load(X.astype("f4")), *narrow, beta)
    exact = divergence(load(X), *(torch.tensor(A) for A in (W, HT)), beta)
    assert_allclose(found, exact, rtol=1e-5)


def test_sums_are_wide_in_float32(load):
    rng = np.random.default_rng(2)
    W, HT = rng.random((400, 3)), rng.random((300, 3))
    X = rng.poisson(50 * W @ HT.T) * 1.0
    wide = [torch.tensor(A) for A in (50 * W, HT)]
    narrow = [A.float() for A in wide]
    for beta in POSITIVE:
        exact = divergence(load(X), *wide, beta)
        found = divergence(load(X.astype("f4")), *narrow, beta)
        assert_allclose(found, exact, rtol=2e-6)
