"""Training and validation documents of a fit."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from .._kernels import CSR
from .._kernels.csr import as_dtype, take
from .._kernels.ranks import all_any, of_all, rows_before
from .containers import readable
from .counts import require_tokens
from .inputs import check_counts
from .shards import reopen
from .tensors import stays_on_device
from .transfer import agreed_seed, to_device


def training_and_validation(estimator, X: CSR | torch.Tensor, X_val):
    """Training documents and validation documents (or None), on the device.

    Parameters
    ----------
    estimator : estimator
        Its `early_stopping`, `validation_fraction` and `random_state` are used if
        `X_val` is None.
    X : CSR or Tensor
        Validated counts, on the device.
    X_val : array-like, sparse matrix, DataFrame, torch.Tensor or None
        Validation documents of the user.
    """
    if all_any(X_val is not None):
        return X, _given(estimator, X, X_val)
    if not estimator.early_stopping:
        return X, None
    begin, n = rows_before(X.shape[0])
    if n < 2:
        raise of_all(
            ValueError(
                "early_stopping=True needs held-out documents, but X has n_samples=1. "
                "Pass X_val."
            )
        )
    parts = train_test_split(
        np.arange(n),
        test_size=estimator.validation_fraction,
        random_state=agreed_seed(estimator.random_state),
    )
    own = (part[(part >= begin) & (part < begin + X.shape[0])] for part in parts)
    train, test = (torch.from_numpy(np.sort(part - begin)) for part in own)
    return take(X, train), take(X, test)


def _given(estimator, X, X_val):
    reopen()
    if X_val is None:
        raise ValueError("Other ranks of the process group pass X_val: pass it here.")
    if not stays_on_device(X_val, estimator.device):
        X_val = readable(X_val, "X_val")
    shape = getattr(X_val, "shape", None) or np.shape(X_val)
    if tuple(shape[1:]) != X.shape[1:]:
        raise ValueError(
            f"X_val has the shape {tuple(shape)}, but X has {X.shape[1]} columns."
        )
    counts = check_counts(estimator, X_val, reset=False, method="fit")
    counts = as_dtype(to_device(counts, X.device), X.dtype)
    require_tokens(counts, "X_val")
    return counts
