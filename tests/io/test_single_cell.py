"""Files of AnnData, written by anndata, and files of 10x Genomics."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_topics import io

from .conftest import same_bits


@pytest.fixture
def cells(counts, names):
    """An AnnData object with counts in X, by columns in a layer, and in raw."""
    X = sp.csr_matrix(counts.astype(np.float32))
    all_genes = pd.DataFrame(index=[*names, "g"])
    raw = anndata.AnnData(sp.hstack([X, X[:, 5:6]], "csr"), var=all_genes)
    adata = anndata.AnnData(X, var=all_genes.iloc[:-1].copy())
    adata.layers["by_columns"] = X.tocsc()
    adata.layers["dense"] = X.toarray()
    adata.raw = raw
    # With pandas 3, anndata asks whether it may write that library's strings.
    with anndata.settings.override(allow_write_nullable_strings=True):
        yield adata


@pytest.fixture(params=["a.h5ad", "a.zarr"])
def path(request, cells, tmp_path):
    write = cells.write_h5ad if request.param == "a.h5ad" else cells.write_zarr
    write(tmp_path / request.param)
    return tmp_path / request.param


def test_anndata(path, counts, names, cells, tmp_path):
    expected = sp.csr_array(counts.astype(np.float32))
    X = io.open_counts(path)
    assert same_bits(X[:], expected)
    assert same_bits(X[3:9], sp.csr_array(expected[3:9]))
    assert X.feature_names == names
    raw = io.open_counts(path, key="raw/X")
    assert same_bits(raw[:], sp.csr_array(cells.raw.X))
    assert raw.feature_names == [*names, "g"]
    with pytest.raises(ValueError, match="the transpose has no place in this format"):
        _ = X.T
    folder = io.write_counts(tmp_path / "folder", X)
    assert same_bits(folder.T[:], sp.csr_array(expected.T.tocsr()))
    assert folder.feature_names == names
    assert same_bits(io.read_counts(path).tocsr(), expected)


def test_matrix_by_columns(path, counts, names, tmp_path, small_pieces):
    key = "layers/by_columns"
    with pytest.raises(ValueError, match="stored by columns, so that its rows cannot"):
        io.open_counts(path, key=key)
    folder = io.write_counts(tmp_path / "folder", io.iter_counts(path, key=key))
    assert same_bits(folder[:], sp.csr_array(counts.astype(np.float32)))
    assert folder.feature_names == names


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "layers/a",
            "no 'layers/a'; key must be one of: X, layers/by_columns, ",
        ),
        ("layers/dense", "expected a sparse matrix, not 'array', at 'layers/dense'"),
        ("obs", "expected a sparse matrix, not 'dataframe', at 'obs'"),
    ],
)
def test_keys(path, key, expected):
    with pytest.raises(ValueError, match=expected) as raised:
        io.open_counts(path, key=key)
    assert str(raised.value).startswith(f"{path}: ")


def _write_10x(path, counts, names, group="matrix"):
    """Genes x cells by columns, in a group by genome before version 3."""
    by_columns = sp.csc_matrix(counts.T)
    with h5py.File(path, "w") as file:
        root = file.create_group(group)
        for part in ("indptr", "indices", "data"):
            root[part] = getattr(by_columns, part).astype(np.int64)
        root["shape"] = np.array(by_columns.shape, np.int32)
        root["barcodes"] = np.array([b"AAAC-1"] * counts.shape[0])
        encoded = np.array([name.encode() for name in names])
        root["features/name" if group == "matrix" else "gene_names"] = encoded


@pytest.mark.parametrize("group", ["matrix", "GRCh38"])
def test_10x(tmp_path, counts, names, group):
    _write_10x(tmp_path / "a.h5", counts, names, group)
    X = io.open_counts(tmp_path / "a.h5")
    assert same_bits(X[:], counts)
    assert X.feature_names == names
    assert same_bits(io.read_counts(tmp_path / "a.h5", key=group)[4:], X[4:])


def _edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def _replace(group, name, values):
    del group[name]
    group[name] = values


TOO_LARGE = np.full(216, 12)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.pop("X/data"), "'/X' has no 'data'"),
        (lambda f: f["X"].attrs.pop("shape"), "'/X' has no attribute 'shape'"),
        (lambda f: f.pop("var/_index"), "'/var' has no '_index'"),
        (lambda f: f.pop("var"), "no table 'var' as AnnData writes it"),
        (lambda f: _replace(f, "X/data", [1.0]), "1 counts; the row pointers need"),
        (lambda f: _replace(f, "X/indptr", [0, 1]), "2 row pointers; 40 documents"),
        (lambda f: f["X/indices"].write_direct(TOO_LARGE), "row 1 has the column 12"),
        (lambda f: f["X"].attrs.modify("shape", [40, 9]), "12 names of genes for 9"),
    ],
)
def test_broken_h5ad(cells, tmp_path, change, expected):
    path = tmp_path / "a.h5ad"
    cells.write_h5ad(path)
    _edit(path, change)
    with pytest.raises(ValueError, match=expected) as raised:
        io.open_counts(path)[:]
    assert str(raised.value).startswith(f"{path}: ")


def test_other_hdf5_is_no_10x(tmp_path, counts, names):
    _write_10x(tmp_path / "b.h5", counts, names)
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        del file["matrix/features"]
    with pytest.raises(ValueError, match="b.h5: '/matrix' has no 'gene_names'"):
        io.open_counts(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("weights")
        file["bias"] = [1.0]
    with pytest.raises(ValueError, match="expected the group of a sparse .* are: none"):
        io.open_counts(tmp_path / "a.h5")


def test_other_folder_is_no_zarr(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ValueError, match="a.zarr: not a group of zarr"):
        io.open_counts(tmp_path / "a.zarr")


@pytest.mark.parametrize(("name", "library"), [("a.h5", "h5py"), ("a.zarr", "zarr")])
def test_missing_library(tmp_path, monkeypatch, name, library):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    (tmp_path / name).touch()
    with pytest.raises(ImportError, match=rf"needs {library}. .*sklearn_topics\[io\]"):
        io.open_counts(tmp_path / name)
