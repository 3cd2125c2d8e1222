"""The container: transpose, chunks, rows and columns, sums over parts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_topics._kernels import CSR, csr
from sklearn_topics._kernels.chunks import row_blocks, wide_sums
from sklearn_topics._kernels.csr import (
    accumulation_dtype,
    slice_rows,
    take,
    take_columns,
)


def to_dense(X: CSR) -> np.ndarray:
    out = np.zeros(X.shape)
    rows = np.repeat(np.arange(X.shape[0]), X.indptr.diff().numpy())
    out[rows, X.indices.numpy()] = X.data.numpy()
    return out


def test_transpose_is_built_once_and_knows_its_way_back(to_csr, matrix):
    X = to_csr(matrix)
    assert_array_equal(to_dense(X.T), matrix.T)
    assert X.T is X.T
    assert X.T.T is X


@pytest.mark.parametrize("n_threads", [1, 2, 16])
def test_transpose_by_any_number_of_threads(to_csr, monkeypatch, n_threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    A = np.random.default_rng(0).poisson(0.4, (700, 9)).astype(np.float64)
    assert_array_equal(to_dense(to_csr(A).T), A.T)


def test_other_values_have_a_transpose_of_their_own(to_csr):
    A = np.array([[1.0, 0, 2], [0, 3, 0]])
    X = to_csr(A)
    assert_array_equal(to_dense(X.T), A.T)
    Y = X.with_data(X.data * 2)
    assert Y.indices is X.indices
    assert_array_equal(to_dense(Y.T), 2 * A.T)
    assert_array_equal(to_dense(X.T), A.T)


def test_rows_are_numbered_from_the_first(to_csr, matrix):
    X, n = to_csr(matrix), len(matrix)
    for start, stop in [(0, n), (n // 2, n), (0, n // 2), (n - 1, n)]:
        part = X.rows(start, stop)
        rows, expected = np.nonzero(matrix[start:stop])
        assert part.shape == (stop - start, matrix.shape[1])
        assert_array_equal(part.entry_rows(), rows)
        assert_array_equal(part.indices, expected)
        assert_array_equal(part.data, matrix[start:stop][rows, expected])
        assert_array_equal(
            part.indptr.diff(), np.bincount(rows, minlength=stop - start)
        )


@settings(max_examples=100)
@given(
    lengths=st.lists(st.just(0) | st.integers(0, 20), min_size=1, max_size=30),
    entries=st.integers(1, 5) | st.integers(1, 40),
)
def test_chunks_are_whole_rows_of_bounded_size(lengths, entries):
    indptr = torch.tensor([0, *np.cumsum(lengths)])
    nnz = int(indptr[-1])
    indices = torch.cat([torch.arange(n, dtype=torch.int32) for n in lengths])
    X = CSR(indptr, indices, torch.ones(nnz), (len(lengths), 20))
    chunks = list(X.chunks(entries))
    edges = [start for start, _ in chunks] + [chunks[-1][1]]
    assert edges[0] == 0
    assert edges[-1] == len(lengths)
    assert [stop for _, stop in chunks] == edges[1:]
    for start, stop in chunks:
        assert start < stop <= start + entries  # temporaries of the row count too
        assert stop == start + 1 or int(indptr[stop] - indptr[start]) <= entries


def test_properties(to_csr):
    X = to_csr(np.array([[0, 1.5], [2.5, 3.5]], np.float32))
    assert (X.nnz, X.dtype, X.device.type) == (3, torch.float32, "cpu")


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.float64), ("mps", torch.float32)]
)
def test_sums_are_as_wide_as_the_device_allows(device, dtype):
    assert accumulation_dtype(torch.device(device)) == dtype


@pytest.mark.parametrize("rows", [[], [0], [3, 1, 1, 0], list(range(5))])
def test_take(to_csr, rows):
    A = np.random.default_rng(0).poisson(0.7, (5, 6)) * 1.0
    A[1] = 0
    taken = take(to_csr(A), torch.tensor(rows, dtype=torch.int64))
    assert taken.shape == (len(rows), 6)
    out = np.zeros(taken.shape)
    for i in range(len(rows)):
        entries = slice(int(taken.indptr[i]), int(taken.indptr[i + 1]))
        out[i, taken.indices[entries].numpy()] = taken.data[entries].numpy()
    np.testing.assert_array_equal(out, A[rows])
    assert taken.indices.dtype == torch.int32


@pytest.mark.parametrize("columns", [[], [0], [1, 3, 4], list(range(6))])
def test_columns_of_either_container(to_csr, columns):
    A = np.random.default_rng(0).poisson(0.7, (5, 6)) * 1.0
    A[1] = 0
    places = torch.tensor(columns, dtype=torch.int64)
    taken = take_columns(to_csr(A), places)
    assert_array_equal(to_dense(taken), A[:, columns])
    assert taken.indices.dtype == torch.int32
    assert_array_equal(take_columns(torch.from_numpy(A), places), A[:, columns])


def test_slices_of_rows_share_memory(to_csr, matrix):
    X, n = to_csr(matrix), len(matrix)
    for start, stop in [(0, n), (n // 2, n), (0, n // 2), (n - 1, n), (0, 0)]:
        part = slice_rows(X, start, stop)
        assert_array_equal(to_dense(part), matrix[start:stop])
        dense = slice_rows(torch.from_numpy(matrix), start, stop)
        assert_array_equal(dense, matrix[start:stop])
    same = X.data.untyped_storage().data_ptr()
    assert part.data.untyped_storage().data_ptr() == same


@pytest.mark.parametrize("shape", [(0, 3), (5, 1), (7, 300_000), (600_000,)])
def test_wide_sums_go_through_all_values(shape):
    values = torch.rand(shape, dtype=torch.float32)
    squares, count = wide_sums(values, torch.square, torch.ones_like).tolist()
    assert count == values.numel()
    assert squares == pytest.approx(float(values.double().square().sum()), rel=1e-12)


def test_wide_sums_of_a_transpose_and_of_stored_values(to_csr, matrix):
    total = pytest.approx(matrix.sum())
    assert float(wide_sums(torch.from_numpy(matrix).T, lambda x: x)) == total
    assert float(wide_sums(to_csr(matrix), lambda x: x)) == total


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 10), [(0, 2), (2, 4), (4, 5)]),
        ((2, 100), [(0, 1), (1, 2)]),
        ((3, 0), [(0, 3)]),
        ((0, 3), []),
    ],
)
def test_blocks_of_rows(shape, expected):
    assert list(row_blocks(*shape, 20)) == expected


@pytest.mark.parametrize("cells", [1, 7, 1 << 20])
@pytest.mark.parametrize("shape", [(5, 7), (1, 9), (6, 1), (0, 3), (3, 0)])
def test_nonzeros_of_a_dense_matrix(to_csr, monkeypatch, shape, cells):
    monkeypatch.setattr(csr, "_CELLS", cells)  # of a block
    A = np.random.default_rng(0).poisson(0.4, shape).astype(np.float64)
    found, expected = csr.as_csr(torch.from_numpy(A)), to_csr(A)
    assert found.shape == shape
    for part in "indptr", "indices", "data":
        a, b = getattr(found, part), getattr(expected, part)
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


@pytest.mark.parametrize(("n_zeros", "held"), [(14, csr.CSR), (13, torch.Tensor)])
def test_a_dense_matrix_with_few_nonzeros_is_compressed(monkeypatch, n_zeros, held):
    monkeypatch.setattr(csr, "_CELLS", 5)
    A = torch.ones(4, 4)
    A.view(-1)[:n_zeros] = 0
    found = csr.compressed(A)
    assert isinstance(found, held)
    assert csr.compressed(found) is found
