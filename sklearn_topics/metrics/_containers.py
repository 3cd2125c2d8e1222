"""Documents in any container -> counts, proportions and row labels."""

import numpy as np
import scipy.sparse as sp

from .._boundary.containers import not_numbers, readable


def as_counts(X):
    """Counts (n x m): a csr_array without duplicates and stored zeros, or an ndarray.

    The result may share memory with X; do not write to it.
    """
    X = _values(X, "X")
    if not sp.issparse(X):
        return X
    X = sp.csr_array(X)
    if not X.has_canonical_format:
        X = X.astype(np.float64)  # a copy, in which sums do not overflow
        X.sum_duplicates()
    if not np.all(X.data):
        X = X.copy()
        X.eliminate_zeros()
    return X


def check_tokens(counts) -> None:
    """Refuse counts that are negative, infinite or unobserved (NaN)."""
    values = counts.data if sp.issparse(counts) else counts
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            "X contains NaN or infinity. Replace these values, or leave the documents "
            "out."
        )
    if values.dtype.kind in "if" and values.min(initial=0) < 0:
        raise ValueError("X contains negative values. Pass counts.")


def count_tokens(counts, axis: int) -> np.ndarray:
    """Tokens per document (axis 1) or term (axis 0), float64; NaN is unobserved."""
    values = counts.data if sp.issparse(counts) else counts
    if values.dtype.kind == "f" and np.isnan(values).any():
        values = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
        if sp.issparse(counts):
            parts = values, counts.indices, counts.indptr
            counts = sp.csr_array(parts, shape=counts.shape)
        else:
            counts = values
    return np.asarray(counts.sum(axis=axis, dtype=np.float64)).ravel()


def token_totals(counts) -> tuple[np.ndarray, np.ndarray]:
    """Tokens per document and tokens per term; counts without tokens are refused."""
    check_tokens(counts)
    per_document = count_tokens(counts, axis=1)
    if not per_document.any():
        raise ValueError(
            "X contains no tokens. Pass documents with terms of the model."
        )
    return per_document, count_tokens(counts, axis=0)


def as_array(values, name: str) -> np.ndarray:
    """Topics or proportions in any container, as an ndarray of two dimensions."""
    values = _values(values, name)
    values = values.toarray() if sp.issparse(values) else values
    if 0 in values.shape:
        raise ValueError(f"{name} is empty. Got shape {values.shape}.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} contains NaN or infinity. Replace these values.")
    return np.ascontiguousarray(values)  # the columns of frames are contiguous


def like_frame(values, like):
    """Counts in a frame of the type of `like`, with the same column names.

    If `like` is no frame, the counts stay an ndarray or become a csr_matrix, because
    some models of scikit-learn accept no sparse array.
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


def check_documents(X, theta) -> None:
    """Refuse a call without documents."""
    if X is None and theta is None:
        raise ValueError(
            "X and theta are both None. Pass the documents as X, or their topic "
            "proportions as theta."
        )


def row_labels(**containers):
    """The pandas index that containers of the same documents share, or None.

    A default index, which numbers the rows, agrees with any other.
    """
    shared = None  # name of the container, its index
    for name, container in containers.items():
        if not hasattr(container, "iloc"):
            continue
        index = container.index
        if shared is None or _is_numbering(shared[1]):
            shared = name, index
        elif not _is_numbering(index) and not index.equals(shared[1]):
            raise ValueError(
                f"{shared[0]} and {name} have different indexes, so their rows may "
                f"belong to different documents. Pass {name}.loc[{shared[0]}.index] to "
                f"sort the rows, or {name}.to_numpy() if they are already in the same "
                "order."
            )
    return None if shared is None else shared[1]


def _values(X, name, ndim=2):
    X = given = readable(X, name)
    if _is_sparse_frame(X):
        X = X.sparse.to_coo()
    try:
        X = X if sp.issparse(X) else np.asarray(X)
        if X.dtype.kind in "SUT":
            raise ValueError(f"found text, such as {str(X.flat[0])!r}")
        if X.dtype.kind == "c":
            raise ValueError("found complex numbers")
        if X.dtype.kind not in "biuf" or X.dtype.itemsize not in (1, 2, 4, 8):
            X = X.astype(np.float64)
    except (TypeError, ValueError) as error:
        # The advice of not_numbers is about documents, which only X contains.
        problem = not_numbers(given) if name == "X" else ""
        expected = f"{name} must contain numbers, in rows of equal length"
        raise ValueError(problem or f"{expected}: {error}.") from error
    if X.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions. Got {X.ndim}.")
    # Neither scipy nor torch computes with float16.
    return X.astype(np.float64) if X.dtype == np.float16 else X


def _is_sparse_frame(X) -> bool:
    """Whether all columns of a pandas DataFrame are sparse."""
    if not (hasattr(X, "iloc") and hasattr(X, "columns")) or X.shape[1] == 0:
        return False
    return all(hasattr(dtype, "fill_value") for dtype in set(X.dtypes))


def _is_numbering(index) -> bool:
    """Whether an index is the default one, 0, 1, 2, ..."""
    default = type(index).__name__ == "RangeIndex"
    return default and index.start == 0 and index.step == 1
