"""Initialisation of NMF: the rules, messages and random numbers of scikit-learn."""

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import check_random_state

from .._boundary.inputs import check_factor
from .._boundary.transfer import to_device
from .._boundary.warning import warn_user
from .._core.init import initial_factors, mean_value

#: Largest exponent of the unit for which NNDSVD is that of scikit-learn. Beyond, its
#: replacements of zeros would dominate the factors, or vanish.
_LIKE_SKLEARN = 10

#: Largest ratio of X and its initial reconstruction for scikit-learn's initial value.
_NEAR = 1e3


def nmf_start(estimator, X, W, H, *, unit, masked: bool):
    """Initial W (n x K) and HT (m x K) on the device of X; X is in `unit`.

    Follows scikit-learn's NMF and its parameters `init`, `n_components` and
    `random_state`. `masked`: whether cells of X are NaN. W and H are the results of
    `custom_factors`, or None.
    """
    n, m = X.shape
    K, init = estimator.n_components, estimator.init
    if init == "custom":
        return to_device(W, X.device), _transposed(H, X.device)
    if W is not None or H is not None:
        warn_user(
            "When init!='custom', provided W or H are ignored. Set  init='custom' to "
            "use them as initialization.",
            RuntimeWarning,
        )
    if K in ("auto", None):
        K = m
    init = chosen_init(init, K, X.shape, masked=masked)
    if init != "random" and K > min(n, m):
        raise ValueError(
            f"init = '{init}' can only be used when n_components <= min(n_samples, "
            f"n_features): {K} is more than {min(n, m)}. Use init='random'."
        )
    if init != "random" and masked:
        raise ValueError(
            f"init={init!r} needs all cells of X, but some are unobserved (NaN). Use "
            "init='random' or 'custom'."
        )
    seed = estimator.random_state
    streams = {"draw": _normal(seed), "noise": _normal(seed), "order": "HW"}
    factor = unit.factor if abs(unit.exponent) <= _LIKE_SKLEARN else 1.0
    return initial_factors(X, K, init, factor=factor, **streams)


def chosen_init(init, K, shape, *, masked: bool) -> str:
    """Resolve init=None."""
    if init is not None:
        return init
    return "random" if masked or K > min(shape) else "nndsvda"


def custom_factors(estimator, data, W, H, weights):
    """Validate W and H of init="custom"; if one is None, fit it to the other.

    Parameters
    ----------
    estimator : estimator
        The estimator, with whose `n_components` the factors must agree.
    data : csr_array or ndarray
        Validated X.
    W, H : array-like or None
    weights : callable
        (data, H) -> W: fits W alone.
    """
    (n, m), K = data.shape, estimator.n_components
    K = {"auto": None, None: m}.get(K, K)
    if W is None and H is None:
        raise ValueError("init='custom' needs W, H or both: pass them to fit.")
    if H is not None:
        H = _custom(estimator, H, "H", (K, m), data.dtype)
        K = len(H)
    if W is None:
        return weights(data, H), H
    W = _custom(estimator, W, "W", (n, K), data.dtype)
    if H is None:
        mirrored = data.T.tocsr() if sp.issparse(data) else data.T
        H = weights(mirrored, np.ascontiguousarray(W.T)).T
    return W, np.ascontiguousarray(H)


def check_components(estimator, X, W, H):
    """Validate the H that `non_negative_factorization` fits W to; W is not used."""
    if W is not None:
        unused = "When update_H=False, the provided initial W is not used."
        warn_user(unused, RuntimeWarning)
    if H is None:
        raise ValueError("update_H=False fits W to a given H: pass H.")
    K = estimator.n_components
    K = {"auto": None, None: X.shape[1]}.get(K, K)
    return _custom(estimator, H, "H", (K, X.shape[1]), X.dtype)


def weights_start(X, H, *, zero: bool):
    """Initial W, constant or zero, and HT, to fit W alone.

    The constant is that of scikit-learn if the reconstruction is then of the order of
    X, else one that makes it so.
    """
    K, value, size = len(H), init_scale(X, len(H)), float(H.mean(dtype=np.float64))
    natural = mean_value(X) / (K * size) if size > 0 else value
    if natural > 0 and not 1 / _NEAR < value / natural < _NEAR:
        value = natural
    value = 0.0 if zero else value
    W = np.full((X.shape[0], len(H)), value, dtype=H.dtype)
    return to_device(W, X.device), _transposed(H, X.device)


def init_scale(X, n_components: int) -> float:
    """sqrt(mean(X) / K), the typical size of entries of W and H."""
    return (mean_value(X) / n_components) ** 0.5


def _custom(estimator, factor, name, shape, dtype):
    factor = check_factor(estimator, factor, name, shape)
    if factor.dtype != dtype:
        raise TypeError(
            f"{name} should have the same dtype as X, which is computed in {dtype}. "
            f"Got {name}.dtype = {factor.dtype}."
        )
    return factor


def _transposed(H, device):
    return to_device(np.ascontiguousarray(H.T), device)


def _normal(seed):
    # An integer seed gives the same numbers for each use, as in scikit-learn.
    rng = check_random_state(seed)
    return lambda *shape: torch.from_numpy(rng.standard_normal(size=shape))
