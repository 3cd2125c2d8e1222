"""Documents in any container -> counts, tensors of counts, and row labels."""

import numpy as np
import scipy.sparse as sp
import torch

from .._disk.canonical import canonical_csr, summable
from .._kernels import CSR
from .containers import not_numbers, readable
from .transfer import to_device


def as_counts(X):
    """Counts (n x m) as a csr_array without duplicates or stored zeros, or an ndarray.

    The result may share memory with X, so never write to it.
    """
    X = _values(X, "X")
    return canonical_csr(sp.csr_array(X)) if sp.issparse(X) else X


def check_tokens(counts) -> None:
    """Raise an error for counts that are negative, infinite or NaN (unobserved)."""
    values = counts.data if sp.issparse(counts) else counts
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            "X contains NaN or infinity. Replace them, or drop these documents."
        )
    if values.dtype.kind in "if" and values.min(initial=0) < 0:
        raise ValueError("X contains negative values. Pass counts.")


def check_documents(X, n_terms: int):
    """Validate counts of at least one document over the terms of a model."""
    counts = as_counts(X)
    if counts.shape[0] == 0:
        raise ValueError("X has no documents.")
    if counts.shape[1] != n_terms:
        raise ValueError(
            f"X has {counts.shape[1]} columns, but the topics have {n_terms} terms."
        )
    return counts


def count_tokens(counts, axis: int) -> np.ndarray:
    """Tokens of each document (axis 1) or term (axis 0), float64; NaN counts as 0."""
    values = counts.data if sp.issparse(counts) else counts
    if values.dtype.kind == "f" and np.isnan(values).any():
        counts = counts.copy()
        values = counts.data if sp.issparse(counts) else counts
        values[np.isnan(values)] = 0
    return np.asarray(counts.sum(axis=axis, dtype=np.float64)).ravel()


def token_totals(counts) -> tuple[np.ndarray, np.ndarray]:
    """Tokens per document and tokens per term; raises an error without tokens."""
    check_tokens(counts)
    per_document = count_tokens(counts, axis=1)
    if not per_document.any():
        raise ValueError(
            "X contains no tokens. Pass documents with terms of the model."
        )
    return per_document, count_tokens(counts, axis=0)


def as_array(values, name: str) -> np.ndarray:
    """Topics or proportions, from any container, as a two-dimensional ndarray."""
    values = _values(values, name)
    values = values.toarray() if sp.issparse(values) else values
    if 0 in values.shape:
        raise ValueError(f"{name} is empty: its shape is {values.shape}.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} contains NaN or infinity.")
    return np.ascontiguousarray(values)  # DataFrames are in column order


def counts_to_tensor(counts) -> CSR | torch.Tensor:
    """Counts in float64 on the CPU, as input of the kernels."""
    if sp.issparse(counts):
        counts = counts.astype(np.float64, copy=False)
    else:
        counts = np.ascontiguousarray(counts, np.float64)
    return to_device(counts, torch.device("cpu"))


def counts_from_tensor(X: CSR | torch.Tensor):
    """The inverse of `counts_to_tensor`, without stored zeros."""
    if not isinstance(X, CSR):
        return X.numpy()
    parts = tuple(part.numpy() for part in (X.data, X.indices, X.indptr))
    return as_counts(sp.csr_array(parts, shape=X.shape))


def like_frame(values, like):
    """Counts as a DataFrame of the kind of `like`, with its column names.

    If `like` is not a DataFrame, the counts; sparse ones as csr_matrix, because some
    models of scikit-learn do not accept sparse arrays.
    """
    if hasattr(like, "iloc"):
        labels = {"index": like.index, "columns": like.columns}
        frame = type(like)
        if sp.issparse(values):
            return frame.sparse.from_spmatrix(values, **labels)
        return frame(values, **labels)
    if hasattr(like, "columns"):  # polars
        return type(like)(values, schema=list(like.columns))
    return sp.csr_matrix(values) if sp.issparse(values) else values


def require_documents(X, theta) -> None:
    """Raise an error without documents and without topic proportions."""
    if X is None and theta is None:
        raise ValueError(
            "X and theta are both None. Pass the documents as X, or their topic "
            "proportions as theta."
        )


def row_labels(**containers):
    """The pandas index that containers of the same documents share, or None.

    A default index, which only numbers the rows, agrees with any other but one that has
    the same numbers in another order.
    """
    found = None
    for name, container in containers.items():
        if not hasattr(container, "iloc"):
            continue
        index = container.index
        if found is None:
            found = name, index
        elif _agree(index, found[1]):
            found = (name, index) if _is_numbering(found[1]) else found
        else:
            raise ValueError(
                f"{found[0]} and {name} have different indexes, so their rows may be "
                f"different documents. Pass {name} in the order of {found[0]}, "
                f"{name}.loc[{found[0]}.index], or {name}.to_numpy() if the rows are "
                "already in the same order."
            )
    return None if found is None else found[1]


def _values(X, name):
    X = given = readable(X, name)
    if _is_sparse_frame(X):
        X = X.sparse.to_coo()
    try:
        X = summable(X) if sp.issparse(X) else np.asarray(X)
        if X.dtype.kind in "SUT":
            raise ValueError(f"it contains text, such as {str(X.flat[0])!r}")
        if X.dtype.kind == "c":
            raise ValueError("it contains complex numbers")
        if X.dtype.kind not in "biuf" or X.dtype.itemsize not in (1, 2, 4, 8):
            X = X.astype(np.float64)
    except (TypeError, ValueError) as error:
        # The advice of `not_numbers` is for documents only.
        problem = not_numbers(given) if name == "X" else ""
        expected = f"{name} must contain numbers, in rows of equal length"
        raise ValueError(problem or f"{expected}: {error}.") from error
    if X.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions. Got {X.ndim}.")
    # scipy and torch cannot compute with float16.
    return X.astype(np.float64) if X.dtype == np.float16 else X


def _is_sparse_frame(X) -> bool:
    """Whether all columns of a pandas DataFrame are sparse."""
    if not (hasattr(X, "iloc") and hasattr(X, "columns")) or X.shape[1] == 0:
        return False
    return all(hasattr(dtype, "fill_value") for dtype in set(X.dtypes))


def _agree(one, other) -> bool:
    """Whether two indexes may be those of the same rows."""
    if not (_is_numbering(one) or _is_numbering(other)):
        return one.equals(other)
    numbers = other if _is_numbering(one) else one
    if len(one) != len(other) or numbers.dtype.kind not in "iu":
        return True
    own, default = numbers.to_numpy(), np.arange(len(numbers))
    return np.array_equal(own, default) or not np.array_equal(np.sort(own), default)


def _is_numbering(index) -> bool:
    """Whether an index is the default one, 0, 1, 2, ..."""
    default = type(index).__name__ == "RangeIndex"
    return default and index.start == 0 and index.step == 1
