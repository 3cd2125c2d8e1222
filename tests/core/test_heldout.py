"""Document completion, and D2 on held-out columns: the splits and the scores."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from sklearn_topics._core import heldout
from sklearn_topics._core.beta_nmf import MultiplicativeUpdate
from sklearn_topics._kernels import CSR


def halves(X):
    """Both halves as dense arrays."""

    def dense(half):
        if not isinstance(half, CSR):
            return half.numpy()
        out = np.zeros(half.shape, half.data.numpy().dtype)
        rows = np.repeat(np.arange(half.shape[0]), half.indptr.diff().numpy())
        out[rows, half.indices.numpy()] = half.data.numpy()
        return out

    return [dense(half) for half in heldout.split_counts(X)]


def test_halves_of_counts_are_counts_and_sum_to_x(load, counts):
    A = counts()
    before = A.copy()
    first, second = halves(load(A))
    assert_array_equal(first + second, before)
    for half in (first, second):
        assert_array_equal(half, np.floor(half))
        assert (half >= 0).all()
    assert_array_equal(A, before)


def test_a_count_is_split_binomially(load):
    n = 40_000
    A = np.full((n // 100, 100), 5.0)
    first, _ = halves(load(A))
    frequencies = np.bincount(first.ravel().astype(int), minlength=6) / n
    exact = np.array([1, 5, 10, 10, 5, 1]) / 32
    # five standard deviations of a frequency
    assert np.abs(frequencies - exact).max() < 5 * np.sqrt(0.25 / n)


def test_large_counts_are_split_in_the_middle(load):
    A = np.full((20, 50), 2.0**23)
    first, second = halves(load(A))
    assert_array_equal(first + second, A)
    deviation = (first / A - 0.5) / np.sqrt(0.25 / A)
    assert abs(deviation.mean()) < 5 / np.sqrt(A.size)
    assert 0.8 < deviation.std() < 1.2


def test_the_split_depends_on_the_data_alone(to_csr, counts):
    A = counts() * 1.0
    A[3] += 0.5  # not integers
    splits = [
        halves(container(A.astype(dtype)))[0]
        for container in (to_csr, torch.tensor)
        for dtype in (np.float32, np.float64)
    ]
    for split in splits[1:]:
        assert_array_equal(split, splits[0])
    torch.manual_seed(123)
    state = torch.get_rng_state()
    assert_array_equal(halves(to_csr(A))[0], splits[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_other_values_go_whole_to_one_half(load):
    A = np.random.default_rng(0).random((50, 40)) + 0.001
    first, second = halves(load(A))
    assert_array_equal(first + second, A)
    assert ((first == 0) | (second == 0)).all()
    assert 0.45 < (first > 0).mean() < 0.55


def test_halves_keep_dtype_and_pattern(to_csr, counts):
    X = to_csr(counts().astype(np.float32))
    for half in heldout.split_counts(X):
        assert half.dtype == torch.float32
        assert half.indices is X.indices


def naive_score(A, theta, B):
    p = 0.999 * (theta @ B) + 0.001 / B.shape[1]
    return (A * np.log(p)).sum() / A.sum()


@pytest.mark.parametrize("m", [25, 400_000])  # one block of a dense X, and several
def test_completion_score(load, m):
    rng = np.random.default_rng(0)
    A = rng.poisson(0.3, (7, m)) * 1.0
    theta, B = rng.dirichlet(np.ones(3), 7), rng.dirichlet(np.full(m, 0.5), 3)
    B[:, :2] = 0  # terms that no topic has: the uniform part alone
    found = heldout.completion_score(load(A), torch.tensor(theta), torch.tensor(B))
    assert_allclose(found, naive_score(A, theta, B), rtol=1e-12)


def test_completion_score_of_float32(load, counts):
    rng = np.random.default_rng(0)
    A = counts().astype(np.float32)
    theta, B = (
        rng.dirichlet(np.ones(k), rows).astype(np.float32)
        for k, rows in [(3, 30), (25, 3)]
    )
    found = heldout.completion_score(load(A), torch.tensor(theta), torch.tensor(B))
    exact = naive_score(A.astype(float), theta.astype(float), B.astype(float))
    assert_allclose(found, exact, rtol=1e-6)


def test_uniform_topics_score_the_uniform_distribution(load, counts):
    theta, B = torch.full((30, 4), 0.25), torch.full((4, 25), 1 / 25)
    score = heldout.completion_score(load(counts().astype("f4")), theta, B)
    assert_allclose(score, -np.log(25), rtol=1e-6)


def test_the_true_model_scores_best(load, counts):
    rng = np.random.default_rng(0)
    theta, B = rng.dirichlet(np.full(3, 0.2), 200), rng.dirichlet(np.full(25, 0.2), 3)
    X = load(rng.poisson(50 * theta @ B) * 1.0)
    theta, B = torch.tensor(theta), torch.tensor(B)
    best = heldout.completion_score(X, theta, B)
    assert heldout.completion_score(X, theta[torch.randperm(200)], B) < best - 0.1
    assert heldout.completion_score(X, theta, B.flip(0)) < best - 0.1


def test_no_tokens_to_score(load):
    theta, B = torch.full((2, 2), 0.5), torch.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match="no tokens to score"):
        heldout.completion_score(load(np.zeros((2, 3), "f4")), theta, B)


def test_split_does_not_depend_on_stored_zeros(counts):
    A = counts()
    n, m = A.shape
    every = CSR(
        torch.arange(0, n * m + 1, m),
        torch.arange(m, dtype=torch.int32).repeat(n),
        torch.from_numpy(A.flatten()),
        A.shape,
    )
    for found, expected in zip(halves(every), halves(torch.tensor(A)), strict=True):
        assert_array_equal(found, expected)


# ------------------------------------------------------------ D2 on held-out columns

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]


def null_example(beta, masked):
    """Data with an empty row and a column of zeros where beta allows zeros."""
    rng = np.random.default_rng(0)
    A = rng.gamma(1.0, 1.0, (20, 15)) * rng.gamma(1.0, 1.0, 15) + 0.05
    means = A.mean(0) * rng.uniform(0.5, 2, 15)
    if beta > 0:
        A = np.where(rng.random(A.shape) < 0.4, 0, A)
        A[3] = 0
        A[:, 4] = means[4] = 0
    if masked:
        A[rng.random(A.shape) < 0.3] = np.nan
        A[7] = np.nan
    return A, means


def naive_null_weights(A, means, beta):
    """Each row's weight, by scipy's bounded minimisation of its divergence."""
    used = means > 0
    found = []
    for row in A:
        cells = used & ~np.isnan(row)
        x, h = row[cells], means[cells]
        if not x.any():
            found.append(0.0)
            continue

        def loss(log_w, x=x, h=h):
            y = np.exp(log_w) * h
            if beta == 0:
                return (x / y + np.log(y)).sum()
            if beta == 1:
                return (y - x * np.log(y)).sum()
            return (y**beta / beta - x * y ** (beta - 1) / (beta - 1)).sum()

        best = minimize_scalar(loss, bracket=(-1, 1), tol=1e-14)
        found.append(np.exp(best.x))
    return np.array(found)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_null_weights_minimise_the_divergence(load, beta, masked):
    A, means = null_example(beta, masked)
    h = torch.from_numpy(means)[:, None]
    found = heldout.null_weights(load(A), h, beta, masked=masked)
    expected = naive_null_weights(A, means, beta)
    assert_allclose(found[:, 0], expected, rtol=1e-6)
    # Cells that hold nothing hidden are the same by either way.
    if not masked:
        by_blocks = heldout.null_weights(load(A), h, beta, masked=True)
        assert_allclose(by_blocks, found, rtol=1e-12)
    scaled = heldout.null_weights(load(A * 1e30), h * 1e-9, beta, masked=masked)
    assert_allclose(scaled, found * 1e39, rtol=1e-10)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_null_weights_are_those_of_multiplicative_updates(load, beta, masked):
    A, means = null_example(beta, masked)
    X, h = load(A), torch.from_numpy(means)[:, None]
    solver = MultiplicativeUpdate(beta, masked=masked, update_H=False)
    state = {"W": torch.ones(len(A), 1, dtype=torch.float64), "HT": h}
    for _ in range(200):
        state = solver.step(X, state)
    found = heldout.null_weights(X, h, beta, masked=masked)
    assert_allclose(found, state["W"], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("beta", [-40.0, -1.0, 1.5, 40.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_null_weights_of_columns_of_very_different_sizes(load, beta, dtype):
    sizes = 10.0 ** np.arange(-16, 17, 4)
    A = (np.arange(1, 6)[:, None] * sizes).astype(dtype)  # of one component
    h = torch.from_numpy(sizes.astype(dtype))[:, None]
    for masked in (False, True):
        found = heldout.null_weights(load(A), h, beta, masked=masked)
        assert_allclose(found[:, 0], np.arange(1, 6), rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_d2_of_a_perfect_model_and_of_the_null_model(load, masked):
    rng = np.random.default_rng(0)
    W, HT = torch.rand(9, 2, dtype=torch.float64), torch.rand(7, 2, dtype=torch.float64)
    A = (W @ HT.T).numpy()
    if masked:
        A[rng.random(A.shape) < 0.2] = np.nan
    X, null = load(A), (W[:, :1], HT[:, :1])
    for beta in BETAS:
        score = heldout.d2_score(X, (W, HT), null, beta, masked=masked)
        assert score == pytest.approx(1, abs=1e-12)
        assert heldout.d2_score(X, null, null, beta, masked=masked) == 0
    nothing = load(np.zeros((9, 7)))
    assert heldout.d2_score(nothing, (0 * W, HT), (0 * W, HT), 1.0) == 1
    assert heldout.d2_score(nothing, (W, HT), (0 * W, HT), 1.0) == 0


def test_d2_that_is_no_number(load):
    factor = torch.full((2, 1), 1e200, dtype=torch.float64)
    pair = factor, factor
    with pytest.raises(FloatingPointError, match=r"not finite, .* torch\.float64"):
        heldout.d2_score(load(np.eye(2)), pair, pair, 2.0)
