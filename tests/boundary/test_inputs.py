"""Any container becomes the same canonical data, and bad data are named."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from sklearn_topics._boundary.documents import as_counts
from sklearn_topics._boundary.inputs import check_counts


class Model(BaseEstimator):
    device = "auto"


def check(X, **options):
    return check_counts(Model(), X, **({"reset": True, "method": "fit"} | options))


pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|invariant)")


@pytest.fixture
def A():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.8, (7, 5))
    counts[[0, 4]] = 0
    counts[:, 2] = 0
    return counts


def assert_canonical(X):
    assert isinstance(X, sp.csr_array)
    assert len(X.indptr) == X.shape[0] + 1
    for i in range(X.shape[0]):
        columns = X.indices[X.indptr[i] : X.indptr[i + 1]]
        assert (np.diff(columns) > 0).all()  # sorted and distinct
    assert (X.data != 0).all()


def assert_dense(X):
    assert type(X) is np.ndarray
    assert X.flags.c_contiguous
    assert X.dtype.isnative


# --------------------------------------------------------------------------- containers


def _read_only_memmap(A, folder):
    path = folder / "counts.npy"
    np.save(path, A)
    return np.load(path, mmap_mode="r")


DENSE = {
    "list": lambda A, _: A.tolist(),
    "list of arrays": lambda A, _: list(A),
    "C order": lambda A, _: A,
    "Fortran order": lambda A, _: np.asfortranarray(A),
    "negative strides": lambda A, _: A[::-1, ::-1].copy()[::-1, ::-1],
    "a slice": lambda A, _: np.repeat(np.repeat(A, 2, 0), 3, 1)[::2, ::3],
    "big-endian": lambda A, _: A.astype(">i4"),
    "big-endian float": lambda A, _: A.astype(">f4"),
    "read-only memmap": _read_only_memmap,
    "object": lambda A, _: A.astype(object),
    "torch": lambda A, _: torch.from_numpy(A),
    "torch transposed": lambda A, _: torch.from_numpy(A.T.copy()).T,
    "torch expanded": lambda A, _: torch.from_numpy(A)[:, :, None].expand(7, 5, 2)[
        ..., 1
    ],
    "torch with gradient": lambda A, _: torch.from_numpy(A * 1.0).requires_grad_(),
}


@pytest.mark.parametrize("make", DENSE.values(), ids=DENSE.keys())
def test_dense_containers(make, A, tmp_path):
    expected = A.copy()
    X = check(make(A, tmp_path))
    assert_dense(X)
    assert_array_equal(X, expected)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library, A):
    frames = pytest.importorskip(library)
    names = list("abcde")
    estimator = Model()
    frame = frames.DataFrame({name: A[:, j] for j, name in enumerate(names)})
    X = check_counts(estimator, frame, reset=True, method="fit")
    assert_dense(X)
    assert_array_equal(X, A)
    assert X.dtype == np.float32
    assert estimator.feature_names_in_.tolist() == names
    assert estimator.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names"):
        check_counts(estimator, frame[names[::-1]], reset=False, method="transform")


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"])
def test_sparse_formats(kind, name, A):
    given = getattr(sp, f"{name}_{kind}")(A)
    X = check(given)
    assert_canonical(X)
    assert_array_equal(X.toarray(), A)
    assert X.dtype == np.float32
    assert given.format == name
    assert_array_equal(given.toarray(), A)


def _wide_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    assert X.indices.dtype == np.int64
    return X


def _unsorted(X):
    for i in range(X.shape[0]):
        row = slice(X.indptr[i], X.indptr[i + 1])
        X.indices[row], X.data[row] = X.indices[row][::-1], X.data[row][::-1]
    return X


def _duplicates(X):
    # Every entry in two unequal parts, apart from each other.
    part = X.data // 3
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    order = np.argsort(np.concatenate([rows, rows]), kind="stable")
    data = np.concatenate([X.data - part, part])[order]
    indices = np.concatenate([X.indices, X.indices])[order]
    return sp.csr_array((data, indices, X.indptr * 2), shape=X.shape)


def _explicit_zeros(X):
    data = X.data.copy()
    data[::3] = 0
    return sp.csr_array((data, X.indices, X.indptr), shape=X.shape)


def _read_only(X):
    X = _unsorted(X)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


UGLY = {
    "int64 indices": _wide_indices,
    "unsorted": _unsorted,
    "duplicates": _duplicates,
    "explicit zeros": _explicit_zeros,
    "read-only and unsorted": _read_only,
    "unsorted, duplicates and zeros": lambda X: _unsorted(
        _explicit_zeros(_duplicates(X))
    ),
    "all explicit zeros": lambda X: X * 0,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("make", UGLY.values(), ids=UGLY.keys())
def test_ugly_csr_is_canonical_afterwards_and_left_as_it_was(make, dtype, A):
    given = make(sp.csr_array(A.astype(dtype)))
    dense = given.toarray()
    parts = given.data, given.indices, given.indptr
    copies = [part.copy() for part in parts]
    X = check(given)
    assert_canonical(X)
    assert_array_equal(X.toarray(), dense)
    assert X.data.dtype.isnative
    for part, copy in zip(parts, copies, strict=True):
        assert_array_equal(part, copy)
        assert part.dtype == copy.dtype
    assert given.data is parts[0]
    assert given.indices is parts[1]
    assert given.indptr is parts[2]
    # What scipy notes about the argument is true of it.
    fresh = sp.csr_array(tuple(copies), shape=given.shape)
    assert given.has_sorted_indices == fresh.has_sorted_indices
    assert given.has_canonical_format == fresh.has_canonical_format


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("container", [sp.csr_array, sp.coo_array, sp.csr_matrix])
def test_sums_of_small_integers_do_not_overflow(dtype, container):
    most = np.iinfo(dtype).max
    values, columns = np.array([most, most, 3], dtype), np.array([0, 0, 1])
    if container is sp.coo_array:
        X = sp.coo_array((values, (np.array([0, 0, 1]), columns)), shape=(2, 2))
    else:
        X = container((values, columns, np.array([0, 2, 3])), shape=(2, 2))
    expected = [[2.0 * most, 0], [0, 3]]
    assert_array_equal(check(X).toarray(), expected)
    assert_array_equal(as_counts(X).toarray(), expected)


def test_a_canonical_csr_is_not_copied(A):
    given = sp.csr_array(A.astype(np.float32))
    X = check(given)
    assert np.shares_memory(X.data, given.data)
    assert np.shares_memory(X.indices, given.indices)


def test_dense_data_are_left_as_they_were(A):
    given = A.astype(np.float64)
    X = check(given)
    assert_array_equal(given, A)
    assert np.shares_memory(X, given)


# ------------------------------------------------------------------------------- torch


def test_torch_csr_unsorted(A):
    crow, column, values = [0, 3, 3, 4], [4, 0, 2, 1], [1.0, 2.0, 3.0, 0.0]
    given = torch.sparse_csr_tensor(crow, column, values, (3, 5))
    X = check(given)
    assert_canonical(X)
    assert_array_equal(X.toarray(), [[2, 0, 3, 0, 1], [0] * 5, [0] * 5])
    assert given.col_indices().tolist() == column
    assert given.values().tolist() == values


def test_torch_coo_uncoalesced():
    places, values = [[1, 0, 1, 1], [2, 0, 2, 1]], [1.0, 2.0, 4.0, 0.0]
    given = torch.sparse_coo_tensor(places, values, (3, 4))
    X = check(given)
    assert_canonical(X)
    assert_array_equal(X.toarray(), [[2, 0, 0, 0], [0, 0, 5, 0], [0] * 4])
    assert not given.is_coalesced()
    assert given._indices().tolist() == places
    assert given._values().tolist() == values


@pytest.mark.parametrize("index_dtype", [torch.int32, torch.int64])
def test_torch_csr_of_any_index(A, index_dtype):
    X = torch.from_numpy(A * 1.0).to_sparse_csr()
    parts = X.crow_indices().to(index_dtype), X.col_indices().to(index_dtype)
    X = check(torch.sparse_csr_tensor(*parts, X.values(), X.shape))
    assert_canonical(X)
    assert_array_equal(X.toarray(), A)


def test_torch_layouts_without_a_use_are_named(A):
    with pytest.raises(
        ValueError, match=r"torch\.sparse_csc\. Pass a dense, COO or CSR"
    ):
        check(torch.from_numpy(A).to_sparse_csc())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn])
def test_torch_dtypes_too_narrow_for_counts(A, dtype):
    advice = rf"{dtype}, which is too imprecise .* for example X\.float\(\)\."
    with pytest.raises(ValueError, match=advice):
        check(torch.from_numpy(A).to(dtype))


# ------------------------------------------------------------------------------- dtypes

DTYPES = [
    ("float32", 3, "float32"),
    ("float64", 3, "float64"),
    ("float16", 3, "float64"),
    ("longdouble", 3, "float64"),
    ("bool", 1, "float32"),
    ("uint8", 255, "float32"),
    ("int32", 2**24 - 1, "float32"),
    ("int64", 2**24 - 1, "float32"),
    ("int32", 2**24, "float64"),
    ("int64", 2**24 + 1, "float64"),
    ("uint64", 2**40, "float64"),
    ("object", 3, "float64"),
]


@pytest.mark.parametrize(("dtype", "largest", "expected"), DTYPES)
def test_dtype_of_dense_data(dtype, largest, expected):
    X = check(np.array([[0, 1], [largest, 0]], dtype))
    assert X.dtype == expected
    assert_array_equal(X, [[0, 1], [largest, 0]])


@pytest.mark.parametrize(("dtype", "largest", "expected"), DTYPES[:2] + DTYPES[4:-1])
def test_dtype_of_sparse_data(dtype, largest, expected):
    X = check(sp.csr_array(np.array([[0, 1], [largest, 0]], dtype)))
    assert X.dtype == expected
    assert_array_equal(X.toarray(), [[0, 1], [largest, 0]])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float32, "float32"),
        (torch.float64, "float64"),
        (torch.int64, "float32"),
        (torch.uint8, "float32"),
        (torch.bool, "float32"),
    ],
)
@pytest.mark.parametrize("layout", ["dense", "coo", "csr"])
def test_dtype_of_tensors(dtype, expected, layout):
    given = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    to = {"dense": given.clone, "coo": given.to_sparse, "csr": given.to_sparse_csr}
    X = check(to[layout]())
    assert X.dtype == expected
    assert_array_equal(X.toarray() if sp.issparse(X) else X, [[0, 1], [1, 0]])


def test_empty_sparse_data_have_a_dtype():
    X = check(sp.csr_array((3, 4), dtype=np.int64))
    assert_canonical(X)
    assert X.dtype == np.float32
    assert X.nnz == 0


def test_dtype_holds_the_sum_of_duplicates():
    data, indices, indptr = [2**24 - 1, 2], [0, 0], [0, 2]
    X = check(sp.csr_array((data, indices, indptr), shape=(1, 1)))
    assert X.data.tolist() == [2**24 + 1]


# ----------------------------------------------------------------------------- bad data

CONTAINERS = {
    "dense": np.array,
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "coo": sp.coo_matrix,
    "torch": torch.tensor,
    "torch coo": lambda A: torch.tensor(A).to_sparse(),
}


def bad(value, *places):
    A = np.ones((4, 3))
    A[0] = 0
    for place in places:
        A[place] = value
    return A


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "Input X contains NaN: {}"),
        (np.inf, "Input X contains infinity: {}"),
        (-np.inf, "Input X contains infinity: {}"),
        (-1, "Negative values in data passed to Model.fit: {}"),
    ],
)
def test_bad_values_are_counted_and_placed(value, message, container, dtype):
    for places, where in [
        ([(2, 1)], "1 entry at row 2, column 1"),
        ([(3, 2), (1, 0), (2, 2)], "3 entries, the first at row 1, column 0"),
    ]:
        X = container(bad(value, *places).astype(dtype))
        with pytest.raises(ValueError, match=message.format(where)):
            check(X)


def test_negative_integers():
    with pytest.raises(ValueError, match="1 entry at row 1, column 0"):
        check([[1, 2], [-3, 4]])


def test_the_method_is_named():
    with pytest.raises(ValueError, match=r"Model\.transform"):
        check_counts(Model(), [[-1.0]], reset=True, method="transform")


def test_large_values_are_not_taken_for_infinite():
    A = np.full((2, 3), 1e308)  # the sum overflows
    assert_array_equal(check(A), A)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1j, 2]], "Complex data not supported"),
        (sp.csr_array([[1j, 2]]), "Complex data not supported"),
        (torch.tensor([[1j, 2]]), "Complex data not supported"),
        ([["a", "b"]], "X contains lists of tokens"),
        (["some text", "more"], "X contains text"),
        ([1, 2, 3], "Expected 2D array, got 1D array"),
        (torch.ones(3), "Expected 2D array, got 1D array"),
        (3.0, "Expected 2D array, got scalar"),
        (np.ones((2, 2, 2)), r"dim 3"),
        (np.ones((0, 3)), r"0 sample\(s\)"),
        (sp.csr_array((0, 3)), r"0 sample\(s\)"),
        (np.ones((3, 0)), r"0 feature\(s\)"),
        ([], "Expected 2D array"),
        ([[1, 2], [3]], "inhomogeneous|sequence"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_matrix_of_counts_is_refused(X, message):
    estimator = Model()
    with pytest.raises(ValueError, match=message):
        check_counts(estimator, X, reset=True, method="fit")
    assert vars(estimator) == {}  # nothing half-fitted


def test_refused_data_leave_no_mark(A):
    estimator = Model()
    with pytest.raises(ValueError, match="Negative"):
        check_counts(estimator, A - 5, reset=True, method="fit")
    assert vars(estimator) == {}
    check_counts(estimator, A, reset=True, method="fit")
    assert estimator.n_features_in_ == 5


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_wrong_feature_count(container):
    estimator = Model()
    check_counts(estimator, np.ones((2, 5)), reset=True, method="fit")
    with pytest.raises(ValueError, match="X has 3 features, but Model is expecting 5"):
        check_counts(estimator, container(bad(1)), reset=False, method="transform")
