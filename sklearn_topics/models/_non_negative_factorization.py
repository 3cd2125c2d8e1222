"""non_negative_factorization: TorchBetaNMF as a function."""

from .._boundary.contexts import plain_torch
from .._boundary.transfer import like_input
from ._beta_nmf import TorchBetaNMF


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
):
    """Factorise X, or fit W to a given H: :class:`TorchBetaNMF` as a function.

    Parameters
    ----------
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Nonnegative data.
    W : array-like of shape (n_samples, n_components), default=None
        Initial weights, for init="custom". With None, W is fitted to H first.
    H : array-like of shape (n_components, n_features), default=None
        Initial components, for init="custom". With ``update_H=False`` the components
        that W is fitted to.
    n_components : int, {"auto"} or None, default="auto"
        Number of components.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"}, default=None
        Initialisation. This parameter and those below `update_H` are parameters of
        :class:`TorchBetaNMF`, which describes them.
    update_H : bool, default=True
        Whether to fit H as well as W.
    solver : {"cd", "mu", "scd", "adam"}, default="cd"
        Algorithm.
    beta_loss : float or str, default="frobenius"
        Beta-divergence between X and W H.
    tol : float, default=1e-4
        Tolerance of the stopping rule.
    max_iter : int, default=200
        Largest number of iterations.
    alpha_W : float, default=0.0
        Weight of the penalty on W.
    alpha_H : float or "same", default="same"
        Weight of the penalty on H.
    l1_ratio : float, default=0.0
        Share of the penalty that is on sums; the rest is on squares.
    random_state : int, RandomState instance or None, default=None
        Determines the initialisation and the order of `shuffle`.
    verbose : int, default=0
        1 shows progress on standard error.
    shuffle : bool, default=False
        Whether "cd" visits the components in random order.
    learning_rate : float, default=None
        Learning rate of "adam".
    learning_rate_schedule : str, default=None
        Schedule of the learning rate of "adam".
    schedule_params : dict, default=None
        Parameters of the schedule.
    missing : {"error", "mask"}, default="error"
        Whether NaN in X is an error or an unobserved cell.
    device : str, default="auto"
        Device to compute on.

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
    W, H, n_iter = model._fit_transform(X, W=W, H=H, update_H=update_H)
    return like_input(W, X), like_input(H, X), n_iter
