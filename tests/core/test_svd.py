"""Randomised SVD against numpy's, and its convention of signs."""

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from sklearn.utils.extmath import svd_flip

from sklearn_topics._core import svd
from sklearn_topics._core.svd import NORMALIZERS, flip_signs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randomized_svd(X, n_components, generator, **options):
    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    U, s, Vt = svd.randomized_svd(X, n_components, draw, **options)
    U, Vt = flip_signs(U, Vt, by="U")
    return U, s, Vt


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_normalizers_agree(normalizer, load, separated):
    X = load(separated)
    options = {"n_iter": 3, "normalizer": normalizer}
    _, s, Vt = randomized_svd(X, 5, generator(), **options)
    _, exact, exact_Vt = np.linalg.svd(separated, full_matrices=False)
    assert_allclose(s, exact[:5], rtol=1e-6)
    assert_allclose(np.abs(Vt.numpy() @ exact_Vt[:5].T), np.eye(5), atol=1e-5)


@pytest.mark.parametrize("shape", [(9, 4), (4, 4), (3, 7), (1, 1)])
def test_lu_basis_is_scipys(shape):
    A = np.random.default_rng(0).standard_normal(shape)
    expected = scipy.linalg.lu(A, permute_l=True)[0]
    assert_allclose(svd._lu_basis(torch.tensor(A)), expected, atol=1e-14)


@pytest.mark.parametrize("by", ["U", "V"])
def test_flip_signs_is_scikit_learns(by):
    rng = np.random.default_rng(0)
    U, Vt = rng.standard_normal((9, 4)), rng.standard_normal((4, 7))
    expected = svd_flip(U, Vt, u_based_decision=by == "U")
    found = flip_signs(torch.tensor(U), torch.tensor(Vt), by=by)
    for one, two in zip(found, expected, strict=True):
        assert_allclose(one, two)


@pytest.fixture(params=[(40, 30), (30, 40), (200, 25)], ids=str)
def separated(request):
    """Singular values 100, 50, 25, ...; vectors of both signs."""
    rng = np.random.default_rng(0)
    (n, m), rank = request.param, 12
    U = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    V = np.linalg.qr(rng.standard_normal((m, rank)))[0]
    return (U * (100 * 0.5 ** np.arange(rank))) @ V.T


def test_against_numpy(load, separated):
    U, s, Vt = (t.numpy() for t in randomized_svd(load(separated), 5, generator()))
    exact_U, exact_s, exact_Vt = np.linalg.svd(separated, full_matrices=False)
    exact_U, exact_Vt = svd_flip(exact_U[:, :5], exact_Vt[:5])
    assert_allclose(s, exact_s[:5], rtol=1e-10)
    assert_allclose(U, exact_U, atol=1e-8)
    assert_allclose(Vt, exact_Vt, atol=1e-8)


def test_the_largest_entry_of_a_left_vector_is_positive(load, separated):
    for X in (separated, -separated):
        U, _, _ = randomized_svd(load(X), 5, generator())
        assert (U.gather(0, U.abs().argmax(0, keepdim=True)) > 0).all()


def test_float32(load, separated):
    X = separated.astype(np.float32)
    U, s, Vt = randomized_svd(load(X), 5, generator())
    assert {t.dtype for t in (U, s, Vt)} == {torch.float32}
    exact = np.linalg.svd(separated, compute_uv=False)[:5]
    assert_allclose(s, exact, rtol=1e-5)
    assert_allclose(U.T @ U, np.eye(5), atol=1e-5)
    assert_allclose(Vt @ Vt.T, np.eye(5), atol=1e-5)


def test_slowly_falling_spectrum_is_found_by_power_iterations(load):
    X = np.random.default_rng(0).standard_normal((300, 200))
    _, s, _ = randomized_svd(load(X), 5, generator(), n_iter=20)
    assert_allclose(s, np.linalg.svd(X, compute_uv=False)[:5], rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (4, 4), (1, 1), (5, 3)])
def test_full_rank_of_small_matrices(shape, load):
    X = np.random.default_rng(0).random(shape)
    U, s, Vt = randomized_svd(load(X), min(shape), generator())
    assert_allclose((U * s) @ Vt, X, atol=1e-12)


def test_zeros(load):
    U, s, Vt = randomized_svd(load(np.zeros((5, 4))), 2, generator())
    assert (s == 0).all()
    assert U.isfinite().all()
    assert Vt.isfinite().all()


def test_the_generator_decides(load):
    X = np.random.default_rng(0).standard_normal((60, 50))
    one, two, other = (
        randomized_svd(load(X), 3, generator(seed), n_iter=0)[1] for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("shape", [(40, 30), (30, 40)])
def test_vectors_of_a_deficient_matrix_are_orthonormal(shape, normalizer):
    rng = np.random.default_rng(0)
    A = torch.from_numpy(rng.random((shape[0], 2)) @ rng.random((2, shape[1])))
    U, s, Vt = randomized_svd(A, 5, generator(), n_iter=5, normalizer=normalizer)
    eye = torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(U.T @ U, eye)
    torch.testing.assert_close(Vt @ Vt.T, eye)
    assert float(s[2:].max()) < 1e-10 * float(s[0])
