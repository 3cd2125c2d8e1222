"""Hand-written gradients against autograd on dense tensors, and against differences."""

import numpy as np
import pytest
import torch

from sklearn_topics._kernels import autograd

FLOOR = 1e-30


@pytest.fixture
def factors(matrix):
    rng = np.random.default_rng(1)
    n, m = matrix.shape
    W, HT = rng.uniform(0.1, 1, (n, 3)), rng.uniform(0.1, 1, (m, 3))
    return [torch.tensor(A, requires_grad=True) for A in (W, HT)]


def gradients(out, seed, *inputs):
    weights = torch.randn(out.shape, generator=seed, dtype=out.dtype)
    return torch.autograd.grad(out, inputs, weights)


def assert_same_values_and_gradients(of_sparse, of_dense, inputs):
    torch.testing.assert_close(of_sparse, of_dense, rtol=1e-12, atol=1e-12)
    found = gradients(of_sparse, torch.Generator().manual_seed(0), *inputs)
    expected = gradients(of_dense, torch.Generator().manual_seed(0), *inputs)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_product(to_csr, matrix, factors):
    _, HT = factors
    X = torch.from_numpy(matrix)
    assert_same_values_and_gradients(autograd.product(to_csr(matrix), HT), X @ HT, [HT])


def test_log_likelihood(to_csr, matrix, factors):
    """The gradient that comes from above has both signs."""
    W, HT = factors
    X = torch.from_numpy(matrix)
    found = autograd.log_likelihood(to_csr(matrix), W, HT, floor=FLOOR)
    assert_same_values_and_gradients(found, (X * (W @ HT.T).log()).sum(1), factors)


def test_dense_likelihood_is_the_sparse_one(to_csr, matrix, factors):
    X = torch.from_numpy(matrix)
    sparse, dense = (
        autograd.log_likelihood(counts, *factors, floor=FLOOR)
        for counts in (to_csr(matrix), X)
    )
    assert_same_values_and_gradients(sparse, dense, factors)


def test_gradcheck(to_csr):
    matrix = np.random.default_rng(0).poisson(0.7, (5, 6)).astype(np.float64)
    X = to_csr(matrix)
    W, HT = (
        torch.rand(size, 3, dtype=torch.float64, requires_grad=True) for size in (5, 6)
    )
    likelihood = autograd.log_likelihood
    assert torch.autograd.gradcheck(lambda HT: autograd.product(X, HT), [HT])
    assert torch.autograd.gradcheck(
        lambda W, HT: likelihood(X, W, HT, floor=FLOOR), [W, HT]
    )


def test_only_what_is_needed_is_computed(to_csr, matrix, factors):
    W, HT = factors
    found = autograd.log_likelihood(to_csr(matrix), W.detach(), HT, floor=FLOOR)
    (of_terms,) = gradients(found, torch.Generator().manual_seed(0), HT)
    both = autograd.log_likelihood(to_csr(matrix), W, HT, floor=FLOOR)
    expected = gradients(both, torch.Generator().manual_seed(0), W, HT)
    assert torch.equal(of_terms, expected[1])
