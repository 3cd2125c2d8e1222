"""Counts of AnnData and of 10x Genomics in a group of HDF5 or zarr.

The layouts are read as their specifications describe them, not by anndata, which would
read all tables of cells into memory, and layers other than X.
"""

from dataclasses import dataclass

from .._disk.counts import Counts
from .._disk.errors import file_error

#: The three arrays of a sparse matrix.
_PARTS = "indptr", "indices", "data"


@dataclass
class ByColumns:
    """Counts that are stored by columns, so that their rows cannot be read.

    Parameters
    ----------
    transpose : Counts
        Genes x cells.
    feature_names : list of str
        The genes.
    """

    transpose: Counts
    feature_names: list[str]


def anndata_counts(group, path, key: str | None) -> Counts | ByColumns:
    """Counts of AnnData, cells x genes.

    Parameters
    ----------
    group : h5py.Group or zarr.Group
        Root of the file.
    path : path-like
        For messages.
    key : str or None
        Place of the counts: "X" (None), "layers/NAME" or "raw/X".

    Returns
    -------
    X : Counts or ByColumns
    """
    key = key or "X"
    if key not in group:
        raise file_error(path, f"contains no {key!r}; {_places(group)}")
    stored = group[key]
    kind = stored.attrs.get("encoding-type", "array")
    if kind not in ("csr_matrix", "csc_matrix"):
        expected = f"expected a sparse matrix, not {kind!r}, at {key!r}"
        raise file_error(path, f"{expected}; {_places(group)}")
    names = _row_names(group, path, "raw/var" if key.startswith("raw/") else "var")
    n, m = _shape(stored, path)
    if len(names) != m:
        raise file_error(path, f"{len(names)} names of genes for {m} columns")
    if kind == "csr_matrix":
        return _counts(stored, path, (n, m), names)
    return ByColumns(_counts(stored, path, (m, n), None), names)


def tenx_counts(group, path, key: str | None) -> Counts:
    """Counts of Cell Ranger, cells x genes; files have them genes x cells by columns.

    `key` is the group: "matrix" since version 3, the name of a genome before.
    """
    found = [name for name in group if f"{name}/indptr" in group]
    if key is None and len(found) == 1:
        key = found[0]
    if key not in found:
        raise file_error(
            path,
            f"expected the group of a sparse matrix, as of 10x Genomics, as key. Got "
            f"{key!r}; there are: {', '.join(found) or 'none'}",
        )
    stored = group[key]
    names = "features/name" if "features" in stored else "gene_names"
    genes, cells = _part(stored, "shape", path)[:]
    names = _texts(_part(stored, names, path), path)
    return _counts(stored, path, (cells, genes), names)


def _counts(stored, path, shape, names) -> Counts:
    indptr, indices, data = (_part(stored, part, path) for part in _PARTS)
    return Counts(indptr[:], indices, data, shape, feature_names=names, path=path)


def _part(stored, name, path):
    if name not in stored:
        raise file_error(path, f"{stored.name!r} has no {name!r}")
    return stored[name]


def _shape(stored, path):
    if "shape" not in stored.attrs:
        raise file_error(path, f"{stored.name!r} has no attribute 'shape'")
    return stored.attrs["shape"]


def _row_names(group, path, table) -> list[str]:
    if table not in group or "_index" not in group[table].attrs:
        raise file_error(path, f"no table {table!r} as AnnData writes it")
    return _texts(_part(group[table], group[table].attrs["_index"], path), path)


def _texts(stored, path) -> list[str]:
    if not hasattr(stored, "dtype"):  # a group: of strings that may be missing
        stored = _part(stored, "values", path)
    # 10x files hold text of fixed length, for which HDF5 stores no encoding.
    values = stored.asstr("utf-8")[:] if hasattr(stored, "asstr") else stored[:]
    return [str(value) for value in values]


def _places(group) -> str:
    layers = [f"layers/{name}" for name in group["layers"]] if "layers" in group else []
    raw = ["raw/X"] if "raw" in group else []
    return f"key must be one of: {', '.join(['X', *layers, *raw])}"
