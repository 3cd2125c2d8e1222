"""Containers of numbers -> ndarray, sparse matrix or DataFrame, or advice."""

from numbers import Number
from os import PathLike

import numpy as np
import scipy.sparse as sp
import torch

from .._disk.copies import in_folder, is_row_source
from .._disk.counts import Counts, CountsInMemory
from .._disk.folder import FolderCounts

#: Number of rows that are inspected for text.
_FIRST = 100


def readable(X, name="X", *, missing: bool = False):
    """Convert X to a container that scikit-learn validates as the user expects.

    Parameters
    ----------
    X : object
        Anything that a user may have passed.
    name : str
        Name of the argument, for messages.
    missing : bool
        Whether cells may be unobserved: masked cells become NaN. If False, masked cells
        raise an error.
    """
    problem = _no_array(X, name)
    if problem:
        raise ValueError(problem)
    X = as_matrix(X)
    if isinstance(X, list | tuple) and any(
        isinstance(row, np.ma.MaskedArray) for row in X
    ):
        X = np.ma.stack(X)
    X = from_torch(X, name)
    if not isinstance(X, np.ma.MaskedArray):
        return X
    hidden = np.ma.getmaskarray(X)
    count = int(hidden.sum())
    if count == 0:
        return X.data
    if missing:
        floating = X.dtype if X.dtype.kind == "f" else np.float64
        return X.astype(floating).filled(np.nan)
    cells = "1 masked cell" if count == 1 else f"{count} masked cells"
    advice = f"Fill them, for example {name}.filled(0)"
    if name == "X":
        advice += ", or use TorchBetaNMF(solver='mu', missing='mask'), which treats "
        advice += "them as unobserved"
    raise ValueError(f"{name} is a masked array with {cells}. {advice}.")


def on_disk(X) -> FolderCounts | None:
    """Counts on disk in a folder, which can be mapped; None if X is something else."""
    if isinstance(X, CountsInMemory | torch.Tensor | np.ndarray):
        return None
    return in_folder(X) if isinstance(X, Counts) or is_row_source(X) else None


def as_matrix(X):
    """Counts as a csr_array, of memory maps if they are on disk; others as they are."""
    if isinstance(X, CountsInMemory):
        return X.tocsr()
    found = on_disk(X)
    return X if found is None else found.mapped()


def from_torch(X, name="X"):
    """Convert a tensor to a numpy or scipy container, without a copy on the CPU."""
    if not isinstance(X, torch.Tensor):
        return X
    if X.is_floating_point() and X.dtype.itemsize < 4:
        raise ValueError(
            f"{name} has dtype {X.dtype}, which is too imprecise for sums. Pass "
            f"float32, float64 or an integer dtype, for example {name}.float()."
        )
    if X.is_nested:
        raise ValueError(f"{name} is a nested tensor. Pass a dense, COO or CSR tensor.")
    if hasattr(X, "get_mask"):  # torch.masked: True is observed
        hidden = ~X.get_mask().cpu().numpy()
        return np.ma.array(from_torch(X.get_data(), name), mask=hidden)
    X = X.detach().cpu()
    if X.layout == torch.strided:
        return X.numpy()
    if X.layout == torch.sparse_coo:
        X = X.coalesce()
        rows, columns = X.indices().numpy()
        return sp.coo_array((X.values().numpy(), (rows, columns)), shape=X.shape)
    if X.layout == torch.sparse_csr:
        parts = X.values(), X.col_indices(), X.crow_indices()
        return sp.csr_array(tuple(part.numpy() for part in parts), shape=X.shape)
    raise ValueError(
        f"{name} has torch layout {X.layout}. Pass a dense, COO or CSR tensor."
    )


def not_numbers(X, name="X") -> str:
    """Advice on a table or list that cannot be read as numbers; "" if unknown."""
    if hasattr(X, "columns"):
        return _of_columns(X, name)
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        return f"{name} contains dates or times ({X.dtype}), not numbers."
    if not (isinstance(X, list | tuple | np.ndarray) or hasattr(X, "to_list")):
        return ""
    first = [item for item in list(X[:_FIRST]) if item is not None]
    if any(isinstance(item, dict) for item in first):
        return f"{name} contains dicts. Use a DictVectorizer before the model."
    if any(sp.issparse(item) for item in first):
        return f"{name} is a list of sparse rows. Pass scipy.sparse.vstack({name})."
    if any(isinstance(item, str | bytes) for item in first) and np.ndim(X) == 1:
        return _text(name)
    pieces = [piece for item in first if np.iterable(item) for piece in item]
    if any(isinstance(piece, str | bytes) for piece in pieces):
        if all(map(_is_number, pieces)):
            return (
                f"{name} contains numbers as text. Convert them, for example by "
                f"np.asarray({name}, dtype=float)."
            )
        return (
            f"{name} contains lists of tokens, not counts. Count them first: "
            "make_pipeline(CountVectorizer(analyzer=list), model)."
        )
    return _of_objects(pieces, name)


def _no_array(X, name) -> str:
    """Advice on an object that is not an array; "" if it may be one."""
    if X is None:
        return f"{name} is None. Pass an array, a sparse matrix or a DataFrame."
    if isinstance(X, PathLike):
        return _path(name)
    if isinstance(X, str | bytes):
        is_path = len(X.split()) == 1 and len(X) < 1000
        if name == "X" and not is_path:
            return f"{name} is a single text. {_text(name, 'Pass a list of documents')}"
        return _path(name)
    if hasattr(X, "collect"):
        return f"{name} is a lazy frame. Pass {name}.collect()."
    if hasattr(X, "columns"):  # a DataFrame, with columns of any name
        return _of_dates(X, name)
    if sp.issparse(X):  # a DOK matrix is a dict
        return ""
    if hasattr(X, "mod") and hasattr(X, "obs"):
        kinds = ", ".join(map(repr, X.mod))
        return (
            f"{name} is a MuData object. Pass the counts of one modality, "
            f"{name}.mod[...].X with one of {kinds}."
        )
    if hasattr(X, "X") and hasattr(X, "obs"):
        return (
            f"{name} is an AnnData object. Pass its counts, adata.X or "
            'adata.layers["counts"].'
        )
    if hasattr(X, "data_vars"):
        return (
            f"{name} is an xarray Dataset. Pass the values of one variable, "
            f"{name}[...].values."
        )
    if hasattr(X, "__next__"):
        return f"{name} is an iterator, which can be read only once. Pass list({name})."
    if isinstance(X, dict | set | frozenset):
        return (
            f"{name} is a {type(X).__name__}. Pass an array, a sparse matrix or a "
            "DataFrame."
        )
    return ""


def _path(name):
    advice = {
        "X": "Load the file and pass the counts, for example with "
        "scipy.sparse.load_npz, np.load or pandas.read_csv"
    }.get(name, "Load the file and pass the array")
    return f"{name} is a str or path, but files are not read. {advice}."


def _text(name, before=""):
    """Advice on texts in place of counts."""
    what = f"{before} and count" if before else f"{name} contains text. Count"
    return (
        f"{what} the words first, with a CountVectorizer before the model: "
        "make_pipeline(CountVectorizer(), model)."
    )


def _of_dates(X, name) -> str:
    """The first DataFrame column of dates, which polars would convert to integers."""
    for column, dtype in zip(X.columns, getattr(X, "dtypes", ()), strict=False):
        if str(dtype).lower().startswith(("date", "time", "duration")):
            return f"Column {column!r} of {name} contains dates or times, not numbers."
    return ""


def _of_columns(X, name) -> str:
    """The first DataFrame column without numbers."""
    for column in X.columns:
        values = np.asarray(X[column][:_FIRST])
        found = list(values)
        if not all(map(_is_number, (v for v in found if isinstance(v, str)))):
            return (
                f"Column {column!r} of {name} contains text. Count its words first: "
                f"CountVectorizer().fit_transform({name}[{column!r}])."
            )
        problem = _of_objects(found, f"Column {column!r} of {name}")
        if problem:
            return problem
    return ""


def _of_objects(values, name) -> str:
    known = Number | np.ndarray | list | tuple | None
    kinds = {type(value).__name__ for value in values if not isinstance(value, known)}
    return f"{name} contains {min(kinds)} objects, not numbers." if kinds else ""


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
