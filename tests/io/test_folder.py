"""The package's own format: round trips, the transpose, and folders that are broken."""

import json
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_topics import io
from sklearn_topics._disk import sorting

from .conftest import same_bits

FILES = ("indptr.npy", "indices.npy", "data.npy")
MAPS = Path("/proc/self/maps")
DTYPES = ("float32", "float64", "int8", "uint16", "int32", "int64", "bool")


@st.composite
def matrices(draw):
    """Sparse matrices of any dtype, with duplicates, zeros and rows in any order."""
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    size = draw(st.integers(0, 40))
    rows = draw(st.lists(st.integers(0, n - 1), min_size=size, max_size=size))
    columns = draw(st.lists(st.integers(0, m - 1), min_size=size, max_size=size))
    values = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    dtype = draw(st.sampled_from(DTYPES))
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    parts = np.array(values, dtype)[order], np.array(columns, int)[order], indptr
    return sp.csr_array(parts, shape=(n, m))


@pytest.mark.usefixtures("small_pieces")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(matrices(), st.integers(1, 12), st.integers(1, 30))
def test_round_trip_of_blocks_and_transpose(tmp_path_factory, X, size, entries):
    path = tmp_path_factory.mktemp("folder") / "counts"
    blocks = (X[i : i + size] for i in range(0, X.shape[0], size))
    found = io.write_counts(path, blocks)
    expected = X.copy()
    expected.sum_duplicates()
    expected.eliminate_zeros()
    assert same_bits(found[:], expected)
    assert same_bits(found.T[:], sp.csr_array(expected.T.tocsr()))
    assert (found.T.nnz, found.dtype) == (expected.nnz, X.dtype)
    parts = list(found.blocks(entries))
    assert [rows[0] for rows, _ in parts] == [0, *(rows[1] for rows, _ in parts[:-1])]
    assert same_bits(sp.csr_array(sp.vstack([b for _, b in parts])), expected)
    for (start, stop), block in parts:
        assert same_bits(block, sp.csr_array(expected[start:stop]))
        assert block.nnz <= entries or stop - start == 1


def test_rows_are_slices(counts, names, tmp_path):
    X = io.write_counts(tmp_path / "a", counts, feature_names=names)
    assert X.feature_names == names
    assert X.shape == counts.shape
    for rows in (slice(3, 7), slice(None, 4), slice(-5, None), slice(9, 2)):
        assert same_bits(X[rows], sp.csr_array(counts[rows]))
    X[3:7].data[:] = 9  # a copy
    assert same_bits(X.tocsr(), counts)
    for rows in ([7, 2], np.arange(40) % 3 == 0):
        assert same_bits(X[rows], sp.csr_array(counts[rows]))
    for wrong in (3, slice(0, 9, 2)):
        with pytest.raises(TypeError, match=r"such as X\[0:1000\]"):
            X[wrong]
    assert repr(X).startswith(f"<Counts: 40 x 12, {counts.nnz} stored, int64, ")


def test_transpose_is_made_once_and_is_a_folder(counts, names, tmp_path):
    X = io.write_counts(tmp_path / "a", counts, feature_names=names)
    assert not (tmp_path / "a" / "transpose").exists()
    assert X.T.T is X
    stamp = (tmp_path / "a" / "transpose" / "data.npy").stat().st_mtime_ns
    again = io.open_counts(tmp_path / "a").T
    assert (tmp_path / "a" / "transpose" / "data.npy").stat().st_mtime_ns == stamp
    assert same_bits(again[:], sp.csr_array(counts.T.tocsr()))
    assert sorted(p.name for p in (tmp_path / "a" / "transpose").iterdir()) == sorted(
        [*FILES, "meta.json"]
    )
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        *FILES,
        *("feature_names.json", "meta.json", "transpose"),
    }


def test_transpose_of_another_process_is_taken(counts, tmp_path, monkeypatch):
    """Two processes make it at once: the second finds that of the first."""
    X, other = (io.write_counts(tmp_path / name, counts) for name in "ab")
    sort = sorting.sort_by_rows

    def first_lets_another_finish(*args):
        monkeypatch.setattr(sorting, "sort_by_rows", sort)
        _ = io.open_counts(tmp_path / "a").T
        sort(*args)

    monkeypatch.setattr(sorting, "sort_by_rows", first_lets_another_finish)
    assert same_bits(X.T[:], other.T[:])
    assert [p.name for p in (tmp_path / "a").iterdir() if p.is_dir()] == ["transpose"]


def test_long_rows_and_columns(tmp_path, small_pieces):
    """A term of every document is a region of its own."""
    X = sp.csr_array(np.triu(np.ones((60, 5), np.float32), -55))
    X.data = np.arange(1, X.nnz + 1, dtype=np.float32)
    assert same_bits(io.write_counts(tmp_path / "a", X).T[:], sp.csr_array(X.T.tocsr()))


def test_files_are_arrays_of_numpy(counts, tmp_path):
    io.write_counts(tmp_path / "a", counts, dtype="float32")
    parts = [np.load(tmp_path / "a" / name, mmap_mode="r") for name in FILES]
    assert [part.dtype.name for part in parts] == ["int64", "int32", "float32"]
    X = sp.csr_array(tuple(parts[::-1]), shape=counts.shape)
    assert np.array_equal(X.toarray(), counts.toarray())


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (300, "uint8"),
        (0.5, "int32"),
        (np.inf, "int64"),
        (-1, "u4"),
        (np.nan, "int32"),
        (1e40, "float32"),
    ],
)
def test_dtype_represents_the_counts(tmp_path, value, dtype):
    blocks = [sp.csr_array([[1.0, 0]]), sp.csr_array([[2.0, 0], [0, value]])]
    with pytest.raises(ValueError, match=r"Row 2, column 1 contains .* cannot repr"):
        io.write_counts(tmp_path / "a", blocks, dtype=dtype)
    assert not (tmp_path / "a").exists()


def test_floats_may_be_rounded(tmp_path):
    X = sp.csr_array([[0.1, np.nan, 0, np.inf]])
    found = io.write_counts(tmp_path / "a", X, dtype="float32")[:]
    assert found.data.tolist() == pytest.approx(
        np.float32([0.1, np.nan, np.inf]).tolist(), abs=0, rel=0, nan_ok=True
    )


@pytest.mark.parametrize(
    ("blocks", "error", "expected"),
    [
        ([], ValueError, "There are no blocks"),
        ([np.eye(3)], TypeError, "must contain scipy sparse matrices.*Got ndarray"),
        (np.eye(3), TypeError, r"Pass blocks of its rows as sparse"),
        ("corpus.mtx", TypeError, r"Pass iter_counts\('corpus.mtx'\)"),
        (
            [sp.csr_array(np.eye(3)), sp.csr_array(np.eye(4))],
            ValueError,
            "The block after 3 documents has 4 columns; those before it have 3",
        ),
        ([sp.csr_array(np.eye(3) * 1j)], ValueError, "must be numbers. Got dtype comp"),
    ],
)
def test_blocks_that_are_wrong(tmp_path, blocks, error, expected):
    with pytest.raises(error, match=expected):
        io.write_counts(tmp_path / "a", blocks)
    assert not (tmp_path / "a").exists()


def test_names_are_checked_first(counts, tmp_path):
    with pytest.raises(ValueError, match="2 names, but the counts have 12 columns"):
        io.write_counts(tmp_path / "a", counts, feature_names=["a", "b"])


def test_folders_are_not_overwritten(counts, tmp_path):
    io.write_counts(tmp_path / "a", counts)
    with pytest.raises(FileExistsError, match="a contains counts. Remove the folder"):
        io.write_counts(tmp_path / "a", counts)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "paper.tex").touch()
    with pytest.raises(FileExistsError, match=r"b contains other files, such as paper"):
        io.write_counts(tmp_path / "b", counts)
    (tmp_path / "c").touch()
    with pytest.raises(FileExistsError, match=r"c is a file"):
        io.write_counts(tmp_path / "c", counts)


def test_cut_off_writing_is_refused_and_can_be_repeated(counts, tmp_path, monkeypatch):
    path = tmp_path / "a"

    def killed(*args):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sklearn_topics._disk.write.complete", killed)
        patch.setattr("sklearn_topics._disk.write._remove_files", lambda path: None)
        with pytest.raises(SystemExit):
            io.write_counts(path, counts)
    assert {p.name for p in path.iterdir()} == set(FILES)
    with pytest.raises(ValueError, match="a: no meta.json: .* its writing was cut"):
        io.open_counts(path)
    assert same_bits(io.write_counts(path, counts)[:], counts)


def _truncate(path):
    content = (path / "data.npy").read_bytes()
    (path / "data.npy").write_bytes(content[:-8])


def _append(path):
    with (path / "indices.npy").open("ab") as file:
        file.write(b"1234")


def _edit(name, change, at=None):
    """An edit of an array in place, or of meta.json, that keeps its size."""

    def edit(path):
        place = path / name
        if name.endswith(".npy"):
            values = np.load(place)
            values[at] = change
            np.save(place, values)
        else:
            meta = json.loads(place.read_text())
            place.write_text(json.dumps({**meta, **change}))

    return edit


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: (path / "meta.json").unlink(), "a: no meta.json: not a folder"),
        (lambda path: (path / "meta.json").write_text("{"), "not the description of"),
        (
            lambda path: (path / "meta.json").write_text("[]"),
            "not the description of",
        ),
        (_edit("meta.json", {"version": 2}), "the version is 2; this release reads 1"),
        (_edit("meta.json", {"format": "x"}), "meta.json: .* the format is 'x'"),
        (_edit("meta.json", {"shape": [39, 12]}), "41 row pointers; 39 documents"),
        (
            _edit("meta.json", {"dtype": "int32"}),
            "counts int64, but meta.json says",
        ),
        (_truncate, r"data.npy: \d+ bytes, but meta.json says \d+: the folder was cut"),
        (_append, r"indices.npy: \d+ bytes, but meta.json says"),
        (lambda path: (path / "data.npy").unlink(), "data.npy: 0 bytes, but meta.json"),
        (_edit("indptr.npy", -1, 3), "the row pointers do not ascend from 0"),
        (_edit("indptr.npy", 10**6, -1), r"the row pointers need 1000000"),
        (_edit("indices.npy", 12, 0), r"row 1 has the column 12; expected 0 to 11"),
        (_edit("indices.npy", -1, 0), r"row 1 has the column -1; expected 0 to 11"),
    ],
)
def test_broken_folder(counts, tmp_path, damage, expected):
    path = tmp_path / "a"
    io.write_counts(path, counts)
    damage(path)
    with pytest.raises(ValueError, match=expected) as raised:
        io.open_counts(path)[:]
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_transpose_of_other_counts_is_refused(counts, tmp_path):
    X = io.write_counts(tmp_path / "a", counts)
    Y = io.write_counts(tmp_path / "b", counts[:9])
    Y.T.path.rename(tmp_path / "a" / "transpose")
    with pytest.raises(ValueError, match="not the transpose of .*a: .* Remove this"):
        _ = X.T


def test_files_change_after_opening(counts, tmp_path):
    X = io.write_counts(tmp_path / "a", counts)
    _truncate(tmp_path / "a")
    with pytest.raises(ValueError, match=r"data.npy: ends after \d+ of \d+ values"):
        X[:]


def test_counts_can_be_pickled_and_the_working_folder_changed(
    counts, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    X = io.write_counts("a", counts)
    monkeypatch.chdir("/")
    assert same_bits(pickle.loads(pickle.dumps(X))[:], counts)


def _documents(n, m, length, size=2000):
    rng = np.random.default_rng(0)
    for _ in range(0, n, size):
        indices = rng.integers(0, m, size * length, dtype=np.int32)
        indptr = np.arange(0, size * length + 1, length)
        data = np.ones(size * length, np.float32)
        yield sp.csr_array((data, indices, indptr), shape=(size, m))


def test_memory_is_bounded(tmp_path, monkeypatch):
    """Writing, transposing and reading 24 MB take less than 6 MB."""
    monkeypatch.setattr(sorting, "ENTRIES", 1 << 15)
    peaks = []
    for n in (20_000, 100_000):
        tracemalloc.start()
        X = io.write_counts(tmp_path / str(n), _documents(n, 500, 30))
        total = sum(block.sum() for _, block in X.T.blocks(1 << 15))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == n * 30
    assert X.nnz * 8 > 20e6
    assert peaks[1] < 6e6
    assert peaks[1] - peaks[0] < 20 * 80_000  # row pointers, 8 bytes a document


@pytest.mark.skipif(not MAPS.exists(), reason="the system does not list what it maps")
def test_reading_does_not_map_the_file(counts, tmp_path):
    """A file that is mapped would count as memory of the process."""
    X = io.write_counts(tmp_path / "a", counts)
    for _, block in X.blocks(10):
        assert str(tmp_path) not in MAPS.read_text()
        assert block.nnz <= 10 or block.shape[0] == 1
