"""Containers of numbers -> ndarray, sparse matrix or DataFrame, or what to pass."""

from numbers import Number
from os import PathLike

import numpy as np
import scipy.sparse as sp
import torch

#: Documents that are looked at to find out whether they are text.
_FIRST = 100


def readable(X, name="X", *, missing: bool = False):
    """X in a container that scikit-learn's checks read as its user means it.

    Parameters
    ----------
    X : object
        Anything that a user may have passed.
    name : str
        The user's name of it, for messages.
    missing : bool
        Whether cells may be unobserved: what a masked array hides becomes NaN. If not,
        a masked array that hides something is refused.
    """
    problem = _no_array(X, name)
    if problem:
        raise ValueError(problem)
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
    cells = "1 cell" if count == 1 else f"{count} cells"
    advice = f"Fill them: {name}.filled(0), for example"
    if name == "X":
        advice += ", or fit TorchBetaNMF(solver='mu', missing='mask'), for which they "
        advice += "are unobserved"
    raise ValueError(f"{name} is a masked array that hides {cells}. {advice}.")


def from_torch(X, name="X"):
    """A tensor's values in a numpy or scipy container, without a copy on the CPU."""
    if not isinstance(X, torch.Tensor):
        return X
    if X.is_floating_point() and X.dtype.itemsize < 4:
        raise ValueError(
            f"{name} has dtype {X.dtype}, which is too narrow to sum in; pass float32, "
            f"float64 or an integer dtype, for instance {name}.float()."
        )
    if X.is_nested:
        raise ValueError(f"{name} is a nested tensor; pass a dense, COO or CSR tensor.")
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
        f"{name} has torch layout {X.layout}; pass a dense, COO or CSR tensor."
    )


def not_numbers(X, name="X") -> str:
    """What to say of a table or list that cannot be read as numbers; "" if unknown."""
    if hasattr(X, "columns"):
        return _of_columns(X, name)
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        return f"{name} holds dates or times ({X.dtype}), not numbers."
    if not (isinstance(X, list | tuple | np.ndarray) or hasattr(X, "to_list")):
        return ""
    first = [item for item in list(X[:_FIRST]) if item is not None]
    if any(isinstance(item, dict) for item in first):
        return f"{name} holds dicts: put a DictVectorizer before the model."
    if any(sp.issparse(item) for item in first):
        return f"{name} is a list of sparse rows: pass scipy.sparse.vstack({name})."
    if any(isinstance(item, str | bytes) for item in first):
        if np.ndim(X) == 1:
            return _text(name)
    pieces = [piece for item in first if np.iterable(item) for piece in item]
    if any(isinstance(piece, str | bytes) for piece in pieces):
        if all(map(_is_number, pieces)):
            return (
                f"{name} holds numbers written as text: convert them, for instance by "
                f"np.asarray({name}, dtype=float)."
            )
        return (
            f"{name} holds lists of tokens, not counts: put a CountVectorizer before "
            "the model, CountVectorizer(analyzer=list) for documents that are split "
            "into tokens."
        )
    return _of_objects(pieces, name)


def _no_array(X, name) -> str:
    """What to pass instead of something that is no array, or ""."""
    if X is None:
        return f"{name} is None: pass an array, a sparse matrix or a DataFrame."
    if isinstance(X, PathLike):
        return _path(name)
    if isinstance(X, str | bytes):
        is_path = len(X.split()) == 1 and len(X) < 1000
        if name == "X" and not is_path:
            return f"{name} is a single text. {_text(name, 'Documents are a list')}"
        return _path(name)
    if hasattr(X, "collect"):
        return f"{name} is a lazy frame: pass {name}.collect()."
    if hasattr(X, "columns"):  # a frame, which may have columns of any name
        return _of_dates(X, name)
    if sp.issparse(X):  # a DOK matrix is a dict
        return ""
    if hasattr(X, "mod") and hasattr(X, "obs"):
        kinds = ", ".join(map(repr, X.mod))
        return (
            f"{name} is a MuData object: pass the counts of one modality, such as "
            f"{name}.mod[...].X, with one of {kinds}."
        )
    if hasattr(X, "X") and hasattr(X, "obs"):
        return (
            f"{name} is an AnnData object: pass its counts, adata.X or "
            'adata.layers["counts"].'
        )
    if hasattr(X, "data_vars"):
        return (
            f"{name} is an xarray Dataset: pass the values of one variable, as in "
            f"{name}[...].values."
        )
    if hasattr(X, "__next__"):
        return f"{name} is an iterator, which is read once: pass list({name})."
    if isinstance(X, dict | set | frozenset):
        return (
            f"{name} is a {type(X).__name__}: pass an array, a sparse matrix or a "
            "DataFrame."
        )
    return ""


def _path(name):
    advice = {
        "X": "load the file and pass the counts: scipy.sparse.load_npz, np.load or "
        "pandas.read_csv read common ones",
    }.get(name, "load the file and pass the array")
    return f"{name} is a str or path, which is not read: {advice}."


def _text(name, before=""):
    """Advice on documents that nobody has counted."""
    what = f"{before}; they" if before else f"{name} holds text: documents"
    return (
        f"{what} have to be counted first. Put a CountVectorizer before the model: "
        "make_pipeline(CountVectorizer(), model)."
    )


def _of_dates(X, name) -> str:
    """The first column of a DataFrame that holds dates, which polars makes integers."""
    for column, dtype in zip(X.columns, getattr(X, "dtypes", ()), strict=False):
        if str(dtype).lower().startswith(("date", "time", "duration")):
            return f"Column {column!r} of {name} holds dates or times, not numbers."
    return ""


def _of_columns(X, name) -> str:
    """The first column of a DataFrame that holds no numbers."""
    for column in X.columns:
        values = np.asarray(X[column][:_FIRST])
        found = list(values)
        if not all(map(_is_number, (v for v in found if isinstance(v, str)))):
            return (
                f"Column {column!r} of {name} holds text: count it first, as in "
                f"CountVectorizer().fit_transform({name}[{column!r}])."
            )
        problem = _of_objects(found, f"Column {column!r} of {name}")
        if problem:
            return problem
    return ""


def _of_objects(values, name) -> str:
    known = Number | np.ndarray | list | tuple | None
    kinds = {type(value).__name__ for value in values if not isinstance(value, known)}
    return f"{name} holds {min(kinds)} objects, not numbers." if kinds else ""


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
