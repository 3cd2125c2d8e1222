"""Rows that descend side by side, and what their passes are made of."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._kernels import ops
from sklearn_topics._kernels.cpu import descent, prefetch
from sklearn_topics._kernels.cpu.jit import kernel
from sklearn_topics._kernels.cpu.lanes import (
    add_lines,
    gather_ratios,
    read_ratios,
    step_sums,
)
from sklearn_topics._kernels.cpu.vectors import aligned, lanes, padded
from sklearn_topics._kernels.csr import CSR
from sklearn_topics._kernels.reference import dense as reference_dense
from sklearn_topics._kernels.reference import sparse as reference

DTYPES = [np.float32, np.float64]
FLOOR = 1e-10


@kernel
def _gather(first, last, bounds, *args):
    gather_ratios(*args)


@kernel
def _read(first, last, bounds, *args):
    read_ratios(*args)


@kernel
def _sums(first, last, bounds, *args):
    step_sums(*args)


@kernel
def _lines(first, last, bounds, *args):
    add_lines(*args)


def _aligned(values, dtype):
    out = aligned(np.shape(values), dtype)
    out[...] = values
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("K", "first", "n_lines"),
    [(1, 0, 1), (7, 0, 7), (16, 0, 16), (21, 3, 18), (40, 17, 9)],
)
@pytest.mark.parametrize("n_vectors", [1, 2, 5])
@pytest.mark.parametrize("wanted", [0, 1])
def test_a_gathered_tile_and_its_sums(dtype, K, first, n_lines, n_vectors, wanted):
    rng, L = np.random.default_rng(K + n_vectors), lanes(dtype)
    HT, size = rng.random((9, K)).astype(dtype), n_vectors * L
    columns = rng.integers(-1, 9, size)
    w, sums = rng.random((2, n_lines, L))
    x, y, floors = rng.random(size), rng.random(size), 0.5 + rng.random(L)
    w, sums, x, y, floors = (_aligned(A, dtype) for A in (w, sums, x, y, floors))
    tile, ratios = aligned((n_lines, size), dtype), aligned((size,), dtype)
    before = y.copy(), sums.copy()
    lines = np.arange(n_lines, dtype=np.int64), tile, w, x, y, floors, ratios, sums
    args = columns, HT, np.zeros(K, dtype), first, *lines, wanted
    _gather(0, 1, None, *args)
    expected = np.zeros((n_lines, size))
    held = HT[:, first : first + n_lines].T
    expected[: len(held), columns >= 0] = held[:, columns[columns >= 0]]
    assert_array_equal(tile, expected.astype(dtype))
    spread = np.tile(np.arange(L), n_vectors)
    new = before[0] + (w[:, spread] * expected).sum(0)
    eps = 50 * np.finfo(dtype).eps
    assert_allclose(y, new, rtol=eps)
    assert_allclose(ratios, x / np.maximum(new, floors[spread]), rtol=eps)
    added = (ratios * expected).reshape(n_lines, n_vectors, L).sum(1)
    assert_allclose(sums, before[1] + added * wanted, rtol=eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [3, 20])
def test_lines_of_some_columns(dtype, K):
    """The others end in the last line of the tile; y has all."""
    rng, L = np.random.default_rng(K), lanes(dtype)
    HT, size = rng.random((9, K)).astype(dtype), 3 * L
    columns, places = rng.integers(-1, 9, size), np.full(K, 2, np.int64)
    places[[0, K - 1]] = 1, 0
    x, w, sums = np.zeros(size), rng.random((K, L)), np.zeros((K, L))
    x, w, sums, y, floors = (
        _aligned(A, dtype) for A in (x, w, sums, np.zeros(size), np.ones(L))
    )
    tile, ratios = aligned((3, size), dtype), aligned((size,), dtype)
    lines = places, tile, w, x, y, floors, ratios, sums
    _gather(0, 1, None, columns, HT, np.zeros(K, dtype), 0, *lines, 0)
    values = np.where(columns >= 0, HT.T[:, columns], 0)
    assert_array_equal(tile[:2], values[[K - 1, 0]])
    expected = (w[:, np.tile(np.arange(L), 3)] * values).sum(0)
    assert_allclose(y, expected, rtol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [1, 7, 16, 40])
@pytest.mark.parametrize("far", [False, True])
def test_the_ratios_of_a_row_that_is_read(monkeypatch, dtype, K, far):
    if far:
        monkeypatch.setattr(prefetch, "_NEAR", 1)
    rng, L = np.random.default_rng(K), lanes(dtype)
    HT, size, width = rng.random((9, K)).astype(dtype), 3 * L, padded(K, dtype)
    columns, x, floors = rng.integers(-1, 9, size), rng.random(size), np.full(L, 0.4)
    w, sums = np.zeros(width), np.zeros(width)
    w[:K], sums[:K] = rng.random((2, K))
    before, floors = sums[:K].copy(), _aligned(floors, dtype)
    w, x, sums = (_aligned(A, dtype) for A in (w, x, sums))
    rows = aligned((size, width), dtype)
    nothing = np.zeros(K, dtype)
    _read(0, 1, None, columns, HT, nothing, 8, w, x, floors, rows, sums)
    expected = np.zeros((size, width))
    expected[columns >= 0, :K] = HT[columns[columns >= 0]]
    assert_array_equal(rows, expected.astype(dtype))
    ratios = x / np.maximum(expected @ w, 0.4)
    eps = 100 * np.finfo(dtype).eps
    assert_allclose(sums[:K], before + ratios @ expected[:, :K], rtol=eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_vectors", [1, 4, 7])
def test_a_pass_over_lines(dtype, n_vectors):
    rng, L = np.random.default_rng(n_vectors), lanes(dtype)
    x, y, line, previous = rng.random((4, n_vectors * L))
    steps, floors = rng.standard_normal(L), rng.random(L)
    spread = np.tile(np.arange(L), n_vectors)
    new = np.maximum(y + steps[spread] * previous, floors[spread])
    ratio = line / new
    expected = [
        (part).reshape(n_vectors, L).sum(0) for part in (x * ratio, x * ratio * ratio)
    ]
    sums = aligned((2, L), dtype)
    arrays = [_aligned(A, dtype) for A in (x, y, line, previous, steps, floors)]
    _sums(0, 1, None, *arrays, sums)
    assert_allclose(arrays[1], new, rtol=50 * np.finfo(dtype).eps)
    assert_allclose(sums, expected, rtol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_vectors", [1, 4, 7])
@pytest.mark.parametrize("topics", [[], [2], [0, 1, 4]])
def test_steps_of_some_lines(dtype, n_vectors, topics):
    rng, L = np.random.default_rng(n_vectors), lanes(dtype)
    tile, y = rng.random((5, n_vectors * L)), rng.random(n_vectors * L)
    steps, topics = rng.standard_normal((5, L)), np.array(topics, np.int64)
    spread = np.tile(np.arange(L), n_vectors)
    expected = y + (steps[:, spread] * tile)[topics].sum(0)
    y, tile, steps = (_aligned(A, dtype) for A in (y, tile, steps))
    _lines(0, 1, None, y, tile, steps, topics)
    assert_allclose(y, expected, rtol=0, atol=50 * np.finfo(dtype).eps)


def test_nan_stays_in_a_pass():
    L, dtype = lanes(np.float32), np.float32
    x, y, line, previous = (_aligned(np.ones(L), dtype) for _ in range(4))
    y[3] = np.nan
    steps, floors = aligned((L,), dtype), _aligned(np.ones(L), dtype)
    steps[:] = 0
    sums = aligned((2, L), dtype)
    _sums(0, 1, None, x, y, line, previous, steps, floors, sums)
    assert_array_equal(np.isnan(sums), np.tile(np.arange(L) == 3, (2, 1)))


# ------------------------------------------------------------------------ whole rows


def _problem(rng, lengths, m, K, dtype):
    """X with rows of these lengths, its factors, and costs; one topic is empty."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    columns = np.concatenate([rng.choice(m, n, replace=False) for n in lengths])
    values = 1 + rng.poisson(2, len(rows))
    shape = len(lengths), m
    X = sp.csr_array((values.astype(dtype), (rows, columns.astype(int))), shape)
    W, HT = (rng.gamma(0.3, size=(n, K)).astype(dtype) + 1e-3 for n in shape)
    W *= 10
    if K > 2:
        HT[:, K // 2] = 0
    u = HT.sum(0)
    share = 0.05 * rng.random(K).astype(dtype)
    return X, *(torch.from_numpy(A) for A in (W, HT, u, share))


def _csr(X, dtype=None):
    arrays = (
        X.indptr.astype("i8"),
        X.indices.astype("i4"),
        X.data.astype(dtype or X.dtype),
    )
    return CSR(*map(torch.from_numpy, arrays), X.shape)


def _priors(rng, shape, dtype, kind):
    if kind == "one":
        return 0.3
    prior = rng.gamma(0.5, size=shape).astype(dtype)
    prior[rng.random(shape) < 0.2] = -1
    prior[rng.random(shape) < 0.1] = 0
    return torch.from_numpy(prior)


def _settled_one_by_one(X, W, HT, u, share, pseudocount, n_sweeps):
    """Each operation by itself, in plain torch."""
    N = reference.csr_ratio_product(X, W, HT, FLOOR, 0.0)
    W, left = reference_dense.dense_settle(W, N, u, pseudocount, share)
    return reference.csr_scd_rows(X, W, HT, u, share, left, 0.0, n_sweeps, 0.0, FLOOR)


LENGTHS = {
    "short": [0, 1, 1, 2, 3, 5, 8, 13] * 5,
    "few": [4, 0, 9],
    "mixed": [3, 90, 0, 250, 7, 33, 120, 1, 64, 65] * 4,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["one", "each"])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("K", [1, 5, 16, 35])
@pytest.mark.parametrize("held", ["all", "moving", "some"])
def test_settling_first_is_both_operations(monkeypatch, dtype, kind, lengths, K, held):
    # Rows of 30 entries and more descend alone; their tile holds some topics.
    monkeypatch.setattr(descent, "_SHORT", 30 * K)
    if held == "moving":
        monkeypatch.setattr(descent, "_MANY", 0)
    if held == "some":
        monkeypatch.setattr(descent, "_TILE", 3 * 272 * np.dtype(dtype).itemsize)
        monkeypatch.setattr(descent, "_COPY", 64 * K * np.dtype(dtype).itemsize)
    rng = np.random.default_rng(K)
    X, *factors = _problem(rng, LENGTHS[lengths], 300, K, dtype)
    prior = _priors(rng, (X.shape[0], K), dtype, kind)
    # In float32 a weight at the limit may settle in one and not in the other.
    wide = [A.double() for A in factors]
    wide_prior = prior.double() if isinstance(prior, torch.Tensor) else prior
    expected = _settled_one_by_one(_csr(X, "f8"), *wide, wide_prior, 2)
    found = descent.csr_settled_scd_rows(_csr(X), *factors, prior, 0.0, 2, 0.0, FLOOR)
    eps = np.finfo(dtype).eps
    assert_allclose(found[0], expected[0], rtol=5e3 * eps, atol=2e3 * eps)
    assert_allclose(found[1], expected[1], rtol=1e3 * eps, atol=1e4 * eps)


def test_numerators_of_a_very_long_row_keep_their_digits(monkeypatch):
    """All topics settle: the step of EM is all that happens to the row."""
    monkeypatch.setattr(descent, "_MANY", 0)
    rng, K, m = np.random.default_rng(0), 4, 300_000
    W, HT = rng.random((1, K)), rng.random((m, K))
    X = sp.csr_array(rng.integers(1, 4, (1, m)).astype("f8"))
    factors = [W, HT, HT.sum(0), np.zeros(K)]

    def settled(dtype):
        args = [torch.from_numpy(np.asarray(A, dtype)) for A in factors]
        prior = torch.full((1, K), 1e6, dtype=args[0].dtype)  # above all tokens
        args = _csr(X, dtype), *args, prior, 0.0, 1, 0.0, FLOOR
        return descent.csr_settled_scd_rows(*args)[0]

    assert_allclose(settled("f4"), settled("f8"), rtol=1e-6)


def test_settling_is_refused_nowhere():
    """What has no operation of its own settles by two."""
    rng = np.random.default_rng(0)
    X, W, HT, u, share = _problem(rng, LENGTHS["mixed"], 300, 6, np.float64)
    options = {"n_sweeps": 1, "floor": FLOOR, "share": share, "pseudocount": 0.3}
    sparse = ops.scd_rows(_csr(X), W, HT, u, settles=True, **options)
    full = torch.from_numpy(X.toarray())
    dense = ops.scd_rows(full, W, HT, u, settles=True, **options)
    for a, b in zip(sparse, dense, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("l2", [0.0, 0.4])
def test_rows_alone_are_rows_in_a_group(monkeypatch, dtype, l2):
    rng, K = np.random.default_rng(1), 9
    X, *factors, _ = _problem(rng, LENGTHS["mixed"], 300, K, dtype)
    args = _csr(X), *factors, torch.zeros_like(factors[2]), 0.0, l2, 4, 1e-3, FLOOR
    together = descent.csr_scd_rows(*args)
    monkeypatch.setattr(descent, "_SHORT", 0)
    alone = descent.csr_scd_rows(*args)
    eps = np.finfo(dtype).eps
    for a, b in zip(together, alone, strict=True):
        assert_allclose(a, b, rtol=2e3 * eps, atol=1e3 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("short", [descent._SHORT, 100])
@pytest.mark.parametrize("many", [descent._MANY, 0])
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=70),
    K=st.integers(1, 20),
    seed=st.integers(0, 1000),
    settles=st.booleans(),
    n_sweeps=st.sampled_from([1, 6]),
)
def test_a_row_depends_on_no_other(
    monkeypatch, dtype, short, many, lengths, K, seed, settles, n_sweeps
):
    """To the last bit, whichever rows it descends with; some have no pseudocount."""
    monkeypatch.setattr(descent, "_SHORT", short)
    monkeypatch.setattr(descent, "_MANY", many)
    rng = np.random.default_rng(seed)
    X, W, HT, u, share = _problem(rng, lengths, 50, K, dtype)
    prior = _priors(rng, W.shape, dtype, "each")
    prior[rng.random(len(prior)) < 0.3] = 0
    share *= rng.random() < 0.5

    def run(rows):
        options = prior[rows], 0.0, n_sweeps, 1e-2, FLOOR
        args = _csr(X[rows]), W[rows], HT, u, share, *options
        return descent.csr_scd_rows(*args, settles=settles)

    whole, order = run(np.arange(len(lengths))), rng.permutation(len(lengths))
    some = order[: 1 + len(order) // 3]
    for a, b in zip(run(some), whole, strict=True):
        assert torch.equal(a, b[some])


@pytest.mark.parametrize("where", ["X", "W", "prior"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("settles", [False, True])
def test_what_is_not_finite_stays_in_its_row(where, value, settles):
    rng, K = np.random.default_rng(0), 6
    X, *factors = _problem(rng, LENGTHS["short"], 50, K, np.float32)
    prior = _priors(rng, (X.shape[0], K), np.float32, "each").abs()
    expected = descent.csr_scd_rows(
        _csr(X), *factors, prior, 0.0, 1, 0.0, FLOOR, settles=settles
    )[0]
    row = 13
    X, W, prior = X.copy(), factors[0].clone(), prior.clone()
    X.data[X.indptr[row]] = value if where == "X" else X.data[X.indptr[row]]
    for name, A in ("W", W), ("prior", prior):
        A[row, 1] = value if where == name else A[row, 1]
    args = _csr(X), W, *factors[1:], prior, 0.0, 1, 0.0, FLOOR
    found = descent.csr_scd_rows(*args, settles=settles)[0]
    others = np.arange(len(W)) != row
    assert torch.equal(found[others], expected[others])
    assert not torch.equal(found[row], expected[row])
    assert where == "W" or not found[row].isfinite().all()


@pytest.mark.parametrize("where", ["share", "prior", "pseudocount"])
def test_a_prior_that_is_no_number_is_not_hidden(where):
    rng, K = np.random.default_rng(0), 3
    X, W, HT, u, share = _problem(rng, LENGTHS["short"], 50, K, np.float64)
    prior = torch.zeros_like(W)
    if where == "pseudocount":
        prior = np.nan
    else:
        (share if where == "share" else prior)[..., 2] = np.nan
    found, _ = descent.csr_scd_rows(_csr(X), W, HT, u, share, prior, 0.0, 1, 0.0, FLOOR)
    assert found[:, 2].isnan().all()


@pytest.mark.parametrize("short", [descent._SHORT, 0])
@pytest.mark.parametrize("start", [0.0, 1e-21])
@pytest.mark.parametrize("a", [0.0, 0.1])
def test_an_overflow_of_the_curvature_stops_nothing(monkeypatch, short, start, a):
    monkeypatch.setattr(descent, "_SHORT", short)
    X = _csr(sp.csr_array(np.array([[5, 2]], np.float32)))
    HT = torch.tensor([[1e6, 1.0], [1e5, 2.0]])
    W, u, share = torch.full((1, 2), start), HT.sum(0), torch.zeros(2)
    found, _ = descent.csr_scd_rows(X, W, HT, u, share, a, 0.0, 20, 0.0, 0.0)
    wide = (A.double() for A in (W, HT, u, share))
    args = CSR(X.indptr, X.indices, X.data.double(), X.shape), *wide
    expected, _ = reference.csr_scd_rows(*args, a, 0.0, 20, 0.0, 0.0)
    assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_log_sums_after_a_far_start():
    """What settles takes most of y with it, and no digits of the rest."""
    rng, K = np.random.default_rng(0), 20
    X, W, HT, u, _ = _problem(rng, [5] * 40, 60, K, np.float32)
    args = 1e6 * W, HT, u, torch.zeros_like(u), 50.0  # all settle
    found = descent.csr_settled_scd_rows(_csr(X), *args, 0.0, 1, 0.0, FLOOR)
    expected = _settled_one_by_one(
        _csr(X, "f8"), *(A.double() for A in args[:-1]), 50.0, 1
    )
    assert_allclose(found[1], expected[1], atol=1e-4)


def test_log_sums_of_large_counts():
    X = _csr(sp.csr_array(np.array([[6e37, 3e37]], np.float32)))
    W, HT = torch.tensor([[4e37, 5e37]]), torch.tensor([[0.5, 0.7], [0.5, 0.3]])
    u, share = HT.sum(0), torch.zeros(2)
    _, found = descent.csr_scd_rows(X, W, HT, u, share, 0.0, 0.0, 1, 0.0, FLOOR)
    assert found.isfinite().all()


# ------------------------------------------------------------------ rows loaded ahead


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors_that_are_loaded_ahead(dtype):
    """A factor that the caches do not hold; rows end with the factor's last row."""
    rng, K, m = np.random.default_rng(0), 48, 45_000
    HT = rng.random((m, K)).astype(dtype)
    assert HT.nbytes > prefetch._NEAR
    lengths = [0, 1, 3, 40, 700]
    columns = [np.sort(rng.choice(m, n, replace=False)) for n in lengths]
    for some in columns[1:]:
        some[-1] = m - 1
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    data = 1 + rng.random(indptr[-1]).astype(dtype)
    X = sp.csr_array((data, np.concatenate(columns), indptr), (len(lengths), m))
    W = rng.random((len(lengths), K)).astype(dtype)
    full, eps = X.toarray().astype("f8"), np.finfo(dtype).eps
    held, A, B = _csr(X), torch.from_numpy(W), torch.from_numpy(HT)
    wide = W.astype("f8"), HT.astype("f8")
    y = wide[0] @ wide[1].T
    found = {
        "spmm": (ops.spmm(held, B), full @ wide[1]),
        "ratio_product": (
            ops.ratio_product(held, A, B, floor=FLOOR),
            (full / y) @ wide[1],
        ),
        "sddmm": (ops.sddmm(held, A, B), y[X.nonzero()]),
    }
    for name, (result, expected) in found.items():
        assert_allclose(result, expected, rtol=200 * eps, err_msg=name)
    options = {"pseudocount": 0.1, "n_sweeps": 1, "floor": FLOOR}
    new, _ = ops.scd_rows(held, A, B, B.sum(0), settles=True, **options)
    naive, _ = _settled_one_by_one(
        _csr(X, "f8"), A.double(), B.double(), B.double().sum(0),
        torch.zeros(K, dtype=torch.float64), 0.1, 1,
    )  # fmt: skip
    # A weight is the rest of larger sums.
    assert_allclose(new, naive, rtol=1e4 * eps, atol=1e3 * eps * naive.max())
