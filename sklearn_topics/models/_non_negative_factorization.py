"""non_negative_factorization: TorchBetaNMF as a function."""

import numpy as np

from .._boundary.contexts import plain_torch
from .._boundary.shards import on_all_ranks
from ._beta_nmf import TorchBetaNMF


@on_all_ranks
@plain_torch
def non_negative_factorization(
    X,
    W=None,
    H=None,
    n_components="auto",
    *,
    init=None,
    update_H=True,
    solver="cd",
    beta_loss="frobenius",
    tol=1e-4,
    max_iter=200,
    alpha_W=0.0,
    alpha_H="same",
    l1_ratio=0.0,
    random_state=None,
    verbose=0,
    shuffle=False,
    learning_rate=None,
    learning_rate_schedule=None,
    schedule_params=None,
    missing="error",
    device="auto",
) -> tuple[np.ndarray, np.ndarray, int]:
    """Compute a nonnegative matrix factorisation X ~ W H, or W for a given H.

    A drop-in replacement for :func:`sklearn.decomposition.non_negative_factorization`.
    It fits a :class:`TorchBetaNMF`, whose documentation describes the parameters in
    more detail.

    Parameters
    ----------
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Nonnegative data.
    W : array-like of shape (n_samples, n_components), default=None
        Initial W for init="custom". If None, W is first fitted to H.
    H : array-like of shape (n_components, n_features), default=None
        Initial H for init="custom"; with ``update_H=False`` the components that W is
        fitted to.
    n_components : int, {"auto"} or None, default="auto"
        Number of components.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"}, default=None
        Initialisation.
    update_H : bool, default=True
        Whether to fit H too, not only W.
    solver : {"cd", "mu", "scd", "adam"}, default="cd"
        Solver.
    beta_loss : float or str, default="frobenius"
        Beta-divergence to minimise.
    tol : float, default=1e-4
        Tolerance of the stopping criterion.
    max_iter : int, default=200
        Maximum number of iterations.
    alpha_W : float, default=0.0
        Weight of the penalty on W.
    alpha_H : float or "same", default="same"
        Weight of the penalty on H. "same" is `alpha_W`.
    l1_ratio : float, default=0.0
        Share of the L1 penalty (sum of entries); the rest is L2 (half the sum of
        squares).
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initialisation and `shuffle`. Pass
        an int for reproducible results.
    verbose : int, default=0
        If 1, print progress to standard error.
    shuffle : bool, default=False
        Whether "cd" updates the components in random order.
    learning_rate : float, default=None
        Used by solver "adam" only: initial step size.
    learning_rate_schedule : str, default=None
        Used by solver "adam" only: schedule of the learning rate.
    schedule_params : dict, default=None
        Parameters of the scheduler.
    missing : {"error", "mask"}, default="error"
        Treatment of NaN in X: raise an error, or treat these cells as unobserved.
    device : str, default="auto"
        Device to compute on: "cpu", "cuda", "cuda:1", "mps", "xpu" or "auto". "auto" is
        the device of X if X is a torch.Tensor on CUDA or xpu. For other X, it is CUDA
        where that was measured to be faster than the CPU for the model and the size of
        X, else the CPU. Use ``device="cuda"`` to compute on a GPU.

    Returns
    -------
    W : ndarray of shape (n_samples, n_components)
        The weights.
    H : ndarray of shape (n_components, n_features)
        The components.
    n_iter : int
        Number of iterations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics import non_negative_factorization
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> W, H, n_iter = non_negative_factorization(
    ...     X, n_components=2, init="random", random_state=0
    ... )
    >>> W.shape, H.shape
    ((6, 2), (2, 2))
    """
    model = TorchBetaNMF(
        n_components,
        init=init,
        solver=solver,
        beta_loss=beta_loss,
        tol=tol,
        max_iter=max_iter,
        random_state=random_state,
        alpha_W=alpha_W,
        alpha_H=alpha_H,
        l1_ratio=l1_ratio,
        verbose=verbose,
        shuffle=shuffle,
        learning_rate=learning_rate,
        learning_rate_schedule=learning_rate_schedule,
        schedule_params=schedule_params,
        missing=missing,
        device=device,
    )
    model._validate_params()
    return model._fit_transform(X, W=W, H=H, update_H=update_H)
