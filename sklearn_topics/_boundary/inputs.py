"""Any container of counts -> a canonical scipy CSR array or an ndarray."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils.validation import check_array, check_non_negative, validate_data

from .._disk.canonical import canonical_csr, summable
from .._disk.folder import FolderCounts
from .._kernels import CSR, ranks
from .._kernels.csr import as_dtype
from . import tensors
from .containers import as_matrix, from_torch, not_numbers, on_disk, readable
from .shards import SHARED, checked_on_all_ranks, require_support
from .sklearn_private import _safe_indexing
from .transfer import mapped_csr, numpy_dtype

#: Integers up to this one are exact in float32.
_FLOAT32_EXACT = 2**24


def check_counts(estimator, X, *, reset: bool, method: str):
    """Validate nonnegative data and convert them to the form that all models use.

    Parameters
    ----------
    estimator : estimator
        The estimator; its feature names and number are set (`reset`) or checked.
    X : array-like, sparse matrix or array, DataFrame, or torch.Tensor
        Document-term counts.
    reset : bool
        True in fit.
    method : str
        Name of the calling method, for messages.

    Returns
    -------
    X : csr_array or ndarray; CSR or Tensor if X is a tensor on another device, and CSR
            if X is on disk
        Sparse X as CSR with sorted distinct indices and no stored zeros; dense X
        C-contiguous. float32 for float32 and for integers below 2^24, which float32
        represents exactly; float64 otherwise. It may share memory with the argument, so
        never write to it.
    """
    allowed = Values(f"{type(estimator).__name__}.{method}")
    return _checked_shard(estimator, X, method, reset, _count_dtype, allowed)


def check_matrix(estimator, X, *, reset: bool, min_features: int = 1):
    """Validate data of any sign, with scikit-learn's rule for dtypes.

    As `check_counts`, except that float32 stays float32 and everything else becomes
    float64.
    """
    options = {"ensure_min_features": min_features if reset else 1}
    method = "fit" if reset else "transform"
    given = estimator, X, method, reset, _float_dtype, Values()
    return _checked_shard(*given, **options)


def check_nonnegative(
    estimator, X, *, reset: bool, method: str, missing: bool, positive: bool
):
    """Validate nonnegative data, with scikit-learn's rule for dtypes.

    As `check_counts`, except that float32 stays float32 and everything else becomes
    float64. With `missing`, NaN are allowed; with `positive`, zeros raise an error,
    stored or not.
    """
    allowed = Values(f"{type(estimator).__name__}.{method}", missing, positive)
    return _checked_shard(estimator, X, method, reset, _float_dtype, allowed)


def check_coordinates(estimator, X):
    """Validate the coordinates passed to `inverse_transform`: a column per component.

    Returns an ndarray or a sparse container, float32 if X is float32, else float64.
    """
    options = {"accept_sparse": True, "dtype": "numeric", "input_name": "X"}
    W = check_array(readable(X), estimator=estimator, **options)
    K = len(estimator.components_)
    if W.shape[1] != K:
        raise ValueError(
            f"X has {W.shape[1]} columns, but {type(estimator).__name__} has {K} "
            "components. Pass the output of transform."
        )
    return W.astype(_float_dtype(W.dtype), copy=False)


def check_components(estimator, *, nonnegative: bool) -> np.ndarray:
    """Validate the fitted components, which the user may have edited; never copies."""
    H, m = estimator.components_, estimator.n_features_in_
    found = ""
    if not isinstance(H, np.ndarray) or isinstance(H, np.ma.MaskedArray | np.matrix):
        found = f"a {type(H).__name__}"
    elif H.ndim != 2 or len(H) == 0 or H.shape[1] != m:
        found = f"the shape {H.shape}"
    elif H.dtype.kind not in "biuf":
        found = f"the dtype {H.dtype}"
    elif not (_has_finite_sum(H) or np.isfinite(H).all()):
        found = "NaN or infinity"
    elif nonnegative and H.min() < 0:
        found = "negative entries"
    if found:
        kind = "finite and nonnegative" if nonnegative else "finite"
        raise ValueError(
            f"components_ must be an ndarray of shape (n_components, {m}) of {kind} "
            f"numbers. Those of this {type(estimator).__name__} were edited: {found}."
        )
    return H


def count_rows(X) -> int:
    """Number of documents in a container: counts, texts, labels or proportions."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def take_rows(X, rows):
    """Rows of X by position; X in any container that fit accepts."""
    X = as_matrix(from_torch(X))
    return _safe_indexing(X.tocsr() if sp.issparse(X) else X, rows)


def check_factor(estimator, factor, name: str, shape) -> np.ndarray:
    """Validate an initial factor, W or H, with the messages of scikit-learn.

    None in `shape` allows any size. The dtype is not changed.
    """
    whom = f"{type(estimator).__name__} (input {name})"
    options = {"order": "C", "input_name": name}
    if ranks.current() is not None:
        options["ensure_min_samples"] = 0
    factor = check_array(readable(factor, name), **options)
    for axis, size in zip(("first", "second"), shape, strict=True):
        found = factor.shape[axis == "second"]
        if size is not None and found != size:
            raise ValueError(
                f"Array with wrong {axis} dimension passed to {whom}. Expected {size}, "
                f"but got {found}."
            )
    check_non_negative(factor, whom)
    return factor


@dataclass(frozen=True)
class Values:
    """The values that X may have: finite ones.

    Parameters
    ----------
    whom : str
        The method that refuses negative values; "" allows them.
    missing : bool
        Whether they may be NaN.
    positive : bool
        Whether zeros, stored or not, are refused.
    """

    whom: str = ""
    missing: bool = False
    positive: bool = False

    def check(self, X, values, first_row: int = 0) -> None:
        """Check the values of X, or of a block of its rows from `first_row` on."""
        _check_finite(X, values, self.missing, first_row)
        if self.whom:
            _check_nonnegative(X, values, self.whom, first_row)
        if self.positive:
            _check_positive(X, values)

    def hold(self, X: CSR | torch.Tensor) -> bool:
        """Whether X on a device has such values."""
        signs = {"nonnegative": bool(self.whom), "positive": self.positive}
        return tensors.is_valid(X, missing=self.missing, **signs)


def _checked_shard(estimator, X, method, *args, **options):
    """Validated X; in a process group, as a part of the X of all ranks."""
    require_support(estimator, method)
    if method not in SHARED or ranks.current() is None:
        return _checked(estimator, X, *args, **options)
    options["ensure_min_samples"] = 0

    def check():
        return _checked(estimator, X, *args, **options)

    return checked_on_all_ranks(estimator, method, check, _in_dtype)


def _in_dtype(data, name: str):
    """Validated data in another dtype."""
    if isinstance(data, CSR | torch.Tensor):
        return as_dtype(data, getattr(torch, name))
    return data.astype(name, copy=False)


def _checked(estimator, X, reset, dtype_of, allowed: Values, **options):
    if tensors.stays_on_device(X, estimator.device):
        found = _checked_on_device(estimator, X, reset, dtype_of, allowed, options)
        if found is not None:
            return found
    folder = on_disk(X)
    if folder is not None:
        return _checked_on_disk(estimator, folder, reset, dtype_of, allowed, options)
    named = summable(readable(X, missing=allowed.missing))
    options |= {
        "accept_sparse": "csr",
        "dtype": "numeric",
        "ensure_all_finite": False,  # `check` does, and reports positions
    }
    try:
        if reset:
            X = check_array(named, estimator=estimator, input_name="X", **options)
        else:
            X = validate_data(estimator, named, reset=False, **options)
        if X.dtype.kind == "O":  # such as mixed columns in polars, or None
            X = X.astype(np.float64)
    except (TypeError, ValueError) as error:
        problem = not_numbers(named)
        if not problem:
            raise
        if isinstance(error, TypeError):  # with scikit-learn's message, too
            raise TypeError(f"{problem[:-1]}: {error}") from error
        raise ValueError(problem) from error
    if X.dtype.kind not in "biuf":
        problem = not_numbers(named) or f"X must contain numbers. Got dtype {X.dtype}."
        raise ValueError(problem)
    allowed.check(X, X.data if sp.issparse(X) else X)
    if allowed.missing:
        _check_observed(X, X.data if sp.issparse(X) else X)
    if reset:  # last, so that invalid data do not change the estimator
        validate_data(estimator, named, reset=True, skip_check_array=True)
    X = canonical_csr(X) if sp.issparse(X) else X
    values = X.data if sp.issparse(X) else X
    dtype = dtype_of(values.dtype, lambda: values.max(initial=0))
    values = np.ascontiguousarray(values, dtype)
    if not sp.issparse(X):
        return values
    return sp.csr_array((values, X.indices, X.indptr), shape=X.shape, copy=False)


def _checked_on_disk(
    estimator, X: FolderCounts, reset, dtype_of, allowed: Values, options
) -> CSR:
    """X as CSR, whose entries are memory maps, after one pass over the values."""
    _check_shape(estimator, X.shape, reset, options)
    largest, observed = X.dtype.type(0), X.nnz < np.prod(X.shape, dtype=float)
    for (start, _), block in X.blocks():
        allowed.check(block, block.data, start)
        largest = np.fmax(largest, np.fmax.reduce(block.data, initial=largest))
        observed = observed or not np.isnan(block.data).all()
    if not observed:
        raise ValueError("All cells of X are NaN (unobserved).")
    if reset:
        _set_features(estimator, X.shape)
    return mapped_csr(X, dtype_of(X.dtype, lambda: largest))


def _check_shape(estimator, shape, reset, options) -> None:
    """Check the shape of data: scikit-learn gets an array that has no memory."""
    array = np.broadcast_to(np.float32(0), shape)
    options = {**options, "ensure_all_finite": False}  # or it would add up all cells
    if reset:
        check_array(array, estimator=estimator, input_name="X", **options)
    else:
        validate_data(estimator, array, reset=False, **options)


def _set_features(estimator, shape) -> None:
    array = np.broadcast_to(np.float32(0), shape)
    validate_data(estimator, array, reset=True, skip_check_array=True)


def _checked_on_device(estimator, X, reset, dtype_of, allowed: Values, options):
    """X as CSR or Tensor; None if the host must look for values not allowed."""
    _check_shape(estimator, X.shape, reset, options)
    X = tensors.canonical(X)
    if not allowed.hold(X):
        return None
    if reset:
        _set_features(estimator, X.shape)
    values = X.data if isinstance(X, CSR) else X
    dtype = dtype_of(numpy_dtype(X), lambda: float(values.max()) if len(values) else 0)
    return as_dtype(X, getattr(torch, dtype.name))


def _check_observed(X, values) -> None:
    if values.dtype.kind == "f" and np.isnan(values).all():
        if values.size == np.prod(X.shape):
            raise ValueError("All cells of X are NaN (unobserved).")


def _check_finite(X, values, missing: bool, first_row: int) -> None:
    if values.dtype.kind != "f" or _has_finite_sum(values):
        return
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any():
        what = "NaN" if np.isnan(values[bad]).any() else "infinity"
        found = _count_and_place(X, bad, first_row)
        raise ValueError(
            f"Input X contains {what}: {found}. Remove or replace them first."
        )


def _has_finite_sum(values) -> bool:
    """Whether the sum is finite, without a copy; if not, check single values."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum(dtype=np.float64)))


def _check_nonnegative(X, values, whom: str, first_row: int) -> None:
    if values.size == 0 or values.dtype.kind in "bu":
        return
    if np.fmin.reduce(values, axis=None) < 0:  # fmin ignores NaN
        found = _count_and_place(X, values < 0, first_row)
        raise ValueError(
            f"Negative values in data passed to {whom}: {found}. X must contain counts "
            "or other nonnegative numbers."
        )


def _check_positive(X, values) -> None:
    if values.size < np.prod(X.shape) or np.fmin.reduce(values, axis=None) == 0:
        raise ValueError(
            "When beta_loss <= 0 and X contains zeros, the solver may diverge. Please "
            "add small values to X, or use a positive beta_loss."
        )


def _count_and_place(X, bad, first_row: int) -> str:
    first = int(np.flatnonzero(bad)[0])
    if sp.issparse(X):
        row = int(np.searchsorted(X.indptr, first, side="right")) - 1
        column = int(X.indices[first])
    else:
        row, column = (int(i) for i in np.unravel_index(first, X.shape))
    count = int(bad.sum())
    entries = "1 entry" if count == 1 else f"{count} entries, the first"
    return f"{entries} at row {first_row + row}, column {column}"


def _float_dtype(dtype, largest=None) -> np.dtype:
    """The dtype to compute in, for values of this one, of which one is `largest()`."""
    narrow = dtype.kind == "f" and dtype.itemsize == 4  # either endian
    return np.dtype("float32" if narrow else "float64")


def _count_dtype(dtype, largest) -> np.dtype:
    """The same for counts."""
    if dtype.kind == "f":
        return _float_dtype(dtype)
    small = dtype.kind == "b" or largest() < _FLOAT32_EXACT
    return np.dtype("float32" if small else "float64")
