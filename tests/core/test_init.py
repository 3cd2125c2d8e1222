"""Starting points: scale, structure, scikit-learn's NNDSVD."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition._nmf import _initialize_nmf

from sklearn_topics._core import init
from sklearn_topics._fit import starts


def normal(seed=0):
    return starts.DrawByRuns(torch.Generator().manual_seed(seed))


@pytest.fixture
def separated():
    """Nonnegative, with singular values far apart: all programs find the same SVD.

    With this seed the fourth pair is heavier in its negative parts, others are not.
    """
    rng = np.random.default_rng(5)
    topics = rng.dirichlet(np.full(30, 0.2), 6)
    weights = rng.dirichlet(np.full(6, 0.2), 40) * 2.0 ** -np.arange(6)
    A = 100 * weights @ topics
    A[A < 0.05] = 0
    return A


def in_order(seed=0):
    rng = np.random.default_rng(seed)
    return init.Draw(lambda *shape: torch.from_numpy(rng.standard_normal(shape)))


@pytest.mark.parametrize("draw", [normal, in_order])
@given(
    n=st.integers(1, 9000),
    K=st.sampled_from([1, 3, 400]),
    bounds=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=25, deadline=None)
def test_rows_do_not_depend_on_which_are_drawn(draw, n, K, bounds):
    first, last = (round(bound * n) for bound in sorted(bounds))
    whole = torch.cat([*draw().rows((n, K), 0, n)])
    assert whole.shape == (n, K)
    some = [whole[:0], *draw().rows((n, K), first, last)]
    assert torch.equal(torch.cat(some), whole[first:last])


def test_runs_of_rows_have_numbers_of_their_own():
    drawn = torch.cat([*normal().rows((3 * 4096, 2), 0, 3 * 4096)]).numpy()
    assert len(np.unique(drawn)) == drawn.size
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03
    draw = normal()
    one, two = (torch.cat([*draw.rows((9, 2), 0, 9)]) for _ in range(2))
    assert not (one == two).any()


def test_a_rank_draws_the_runs_of_its_rows_alone(monkeypatch):
    keys = []
    philox = starts.Philox
    monkeypatch.setattr(
        starts, "Philox", lambda **o: keys.append(o["counter"][3]) or philox(**o)
    )
    rows = [*normal().rows((10**12, 2), 10**11, 10**11 + 5)]
    assert sum(map(len, rows)) == 5
    assert keys == [10**11 // 4096]


@pytest.mark.parametrize("name", init.INITS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_start_fits_the_solvers(name, dtype, load, separated):
    X = load(separated.astype(dtype))
    W, HT = init.initial_factors(X, 5, name, normal())
    assert (W.shape, HT.shape) == ((40, 5), (30, 5))
    for factor in (W, HT):
        assert factor.dtype == X.dtype
        assert factor.is_contiguous()
        assert factor.isfinite().all()
        assert (factor >= 0).all()
        assert (factor.sum(0) > 0).all()
    again = init.initial_factors(X, 5, name, normal())
    assert torch.equal(W, again[0])
    assert torch.equal(HT, again[1])


@pytest.mark.parametrize("name", ["random", "nndsvdar"])
def test_another_seed_gives_another_start(name, load, separated):
    one, two = (
        init.initial_factors(load(separated), 5, name, normal(s)) for s in (0, 1)
    )
    assert not torch.equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])


def test_random_factors_have_the_scale_of_x(load):
    A = np.random.default_rng(0).poisson(0.3, (3000, 2500)) * 1.0
    W, HT = init.initial_factors(load(A), 8, "random", normal())
    scale = np.sqrt(A.mean() / 8)
    for factor in (W, HT):
        # |N(0, 1)| has mean sqrt(2 / pi). Of 20,000 draws or more the mean has a
        # standard error of .0043, the mean square one of .010.
        assert_allclose(factor.mean() / scale, np.sqrt(2 / np.pi), rtol=0.02)
        assert_allclose((factor**2).mean() / scale**2, 1, rtol=0.04)


def test_random_factors_do_not_depend_on_dtype(to_csr, separated):
    wide = init.initial_factors(to_csr(separated), 5, "random", normal())
    narrow = init.initial_factors(to_csr(separated.astype("f4")), 5, "random", normal())
    for one, two in zip(narrow, wide, strict=True):
        assert_allclose(one, two, rtol=1e-6)


@pytest.mark.parametrize("name", ["nndsvd", "nndsvda"])
def test_nndsvd_is_that_of_scikit_learn(name, load, separated):
    W, H = init._nndsvd_factors(load(separated), 5, normal(), normal(), name)
    theirs = _initialize_nmf(separated, 5, init=name, random_state=0)
    for ours, other in zip((W, H), theirs, strict=True):
        assert_array_equal(ours == 0, other == 0)
        assert_allclose(ours, other, rtol=1e-6, atol=1e-9)


def test_nndsvdar_fills_the_zeros_of_nndsvd(load, separated):
    X = load(separated)
    plain = init._nndsvd_factors(X, 5, normal(), normal(), "nndsvd")
    filled = init._nndsvd_factors(X, 5, normal(), normal(), "nndsvdar")
    for zeros, full in zip(plain, filled, strict=True):
        gaps = zeros == 0
        assert gaps.any()
        assert torch.equal(full[~gaps], zeros[~gaps])
        assert (full[gaps] > 0).all()
        assert full[gaps].mean() < separated.mean() / 50


def test_nndsvd_of_nothing_is_zero(load):
    W, H = init._nndsvd_factors(load(np.zeros((6, 5))), 3, normal(), normal(), "nndsvd")
    assert_array_equal(W, 0)
    assert_array_equal(H, 0)


def test_global_generators_are_left_alone(load, separated):
    torch.manual_seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for name in init.INITS:
        init.initial_factors(load(separated), 5, name, normal())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
