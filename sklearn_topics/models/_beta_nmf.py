"""TorchBetaNMF: scikit-learn's NMF on any device, with extensions."""

from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._boundary.contexts import plain_torch
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context
from .._boundary.transfer import agreed_seed, like_input, to_numpy
from .._boundary.warning import warn_user
from .._core.beta_divergence import divergence
from .._core.beta_nmf import (
    CoordinateDescent,
    KLCoordinateDescent,
    MultiplicativeUpdate,
    ProjectedAdam,
)
from .._core.init import INITS, init_scale
from .._core.schedule import SCHEDULES, make_schedule
from .._core.unit import Rescaled, Unit
from .._fit.first_rank import require_given_topics
from .._fit.loop import fit_from_starts
from .._fit.progress import IterationProgress
from .._fit.session import fit_session
from .._fit.starts import (
    chosen_init,
    custom_factors,
    given_factor,
    initial_weights,
    nmf_start,
)
from .._fit.stopping import SmallDecrease, SmallViolation
from .._kernels.csr import compressed
from .._kernels.ranks import all_rows
from ._base import BaseBetaNMF, component_sums, set_topic_names

#: The only `beta_loss` of solvers that do not minimise all of them.
_LOSS_OF_SOLVER = {"cd": 2.0, "scd": 1.0}

#: Default for "adam", the best of .03 to 10 on nips (beta 1), TF-IDF of newsgroups4
#: (beta 2), and small corpora with 3 topics (beta .5 to 2).
_LEARNING_RATE = 1.0
_IGNORED = (  # as in scikit-learn
    "When init!='custom', provided W or H are ignored. Set  init='custom' to use them "
    "as initialization."
)
_ADAM_OPTIONS = "learning_rate", "learning_rate_schedule", "schedule_params"


def _components(state, unit):
    return np.ascontiguousarray(to_numpy(unit.restore_factor(state["HT"])).T)


def _attributes(state, unit, n_iter):
    """Fitted attributes of the current state, for callbacks."""
    return {"components_": _components(state, unit), "n_iter_": n_iter}


class TorchBetaNMF(BaseBetaNMF):
    r"""Nonnegative matrix factorisation (NMF) on the CPU or another device.

    Approximates X by W H, where W and H are nonnegative. A drop-in replacement for
    :class:`sklearn.decomposition.NMF` with the same parameters, attributes,
    initialisation and results, parallel on the CPU or on a GPU. It adds a fast solver
    for the Kullback-Leibler divergence ("scd"), gradient steps ("adam"), unobserved
    cells (`missing`), and a `score` for choosing the number of components.

    With :math:`d_\beta` the beta-divergence, the sum over all cells of

    .. math:: \frac{x^\beta + (\beta - 1) y^\beta - \beta x y^{\beta - 1}}
                   {\beta (\beta - 1)}, \quad y = (W H)_{ij},

    and its limits for beta 0 and 1 [2]_, the objective to minimise is

    .. math:: d_\beta(X, W H) + m \alpha_W \left[ \rho \sum W
              + \tfrac{1 - \rho}{2} \sum W^2 \right] + n \alpha_H \left[ \rho \sum H
              + \tfrac{1 - \rho}{2} \sum H^2 \right]

    for X of shape (n, m) and :math:`\rho` = `l1_ratio`.

    Read more in the :ref:`User Guide <beta_nmf>`.

    Parameters
    ----------
    n_components : int, {"auto"} or None, default="auto"
        Number of components. More fit the data more closely, and time and memory grow
        in proportion. "auto" takes it from W or H if these are passed to fit,
        else from the number of features; None is the number of features.

    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"}, default=None
        Initialisation.

        - "random": absolute normal random numbers, scaled by
          sqrt(X.mean() / n_components).
        - "nndsvd": nonnegative double singular value decomposition (NNDSVD), which
          contains zeros.
        - "nndsvda", "nndsvdar": NNDSVD with the zeros replaced by the mean of X, or by
          small random numbers.
        - "custom": the W, H or both passed to `fit` or `fit_transform`.
        - None: "nndsvda" if ``n_components <= min(n_samples, n_features)`` and X has no
          unobserved cells, else "random". As in scikit-learn: it needs no seed.
          It costs about as much as one truncated SVD.

    solver : {"cd", "mu", "scd", "adam"}, default="cd"
        - "cd": coordinate descent (fast HALS [1]_), for `beta_loss` 2.
        - "mu": multiplicative updates, for any `beta_loss`.
        - "scd": sequential coordinate descent with extrapolation, for `beta_loss` 1
          [3]_; far faster than "mu".
        - "adam": gradient steps, for any `beta_loss`; a step at most halves a weight,
          so that weights stay nonnegative. Always runs `max_iter` iterations.

    beta_loss : float or str, default="frobenius"
        Beta-divergence to minimise: any number, or "frobenius" (2), "kullback-leibler"
        (1) or "itakura-saito" (0). X must be positive if `beta_loss` <= 0. With sparse
        X, values other than 1 and 2 take as much time, but not memory, as with dense X.

    tol : float, default=1e-4
        Tolerance of the stopping criterion; smaller values need more iterations. As in
        scikit-learn, "cd" stops when the projected gradient is
        at most `tol` times that of the first iteration; "mu" and "scd" stop when the
        error decreases in ten iterations by less than `tol` times the initial error.
        Not used by "adam".

    max_iter : int, default=200
        Maximum number of iterations, as in scikit-learn. A warning is issued if `tol`
        is not reached.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initialisation and `shuffle`, drawn
        as in scikit-learn. Pass an int for reproducible results.

    alpha_W : float, default=0.0
        Weight of the penalty on W. Larger values make W smaller, or sparser with L1. It
        costs no time. 0 is no penalty, as in scikit-learn.

    alpha_H : float or "same", default="same"
        Weight of the penalty on H. "same" is `alpha_W`.

    l1_ratio : float, default=0.0
        Share of the L1 penalty (sum of entries), which gives exact zeros; the rest is
        L2 (half the sum of squares), which gives small weights.

    verbose : int, default=0
        If 1, print progress to standard error: the size of the data at once, then a
        line every few seconds, with the metrics of `loss_history_` when they are known.
        Long calls of `transform` print progress too.

    shuffle : bool, default=False
        Whether "cd" updates the components in random order, which may need fewer
        iterations. False is the default of scikit-learn.

    learning_rate : float, default=None
        Used by solver "adam" only: initial step size, relative to the typical size of
        a weight: ``sqrt(X.mean() / n_components)`` times the mean of its row (or
        column) of X, divided by ``X.mean()``. None is 1.

    learning_rate_schedule : str, default=None
        Used by solver "adam" only: "constant"; "cosine", which decreases to zero over
        `max_iter` iterations; or a scheduler of :mod:`torch.optim.lr_scheduler`:
        "StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "PolynomialLR",
        "CosineAnnealingLR", "CosineAnnealingWarmRestarts" or "ReduceLROnPlateau".
        Schedulers make one step per iteration, with the parameters `schedule_params`;
        "ReduceLROnPlateau" monitors minus the objective. None is "cosine".

    schedule_params : dict, default=None
        Parameters of the scheduler, such as ``{"step_size": 10, "gamma": 0.5}`` for
        "StepLR".

    missing : {"error", "mask"}, default="error"
        Treatment of NaN in X: raise an error, or treat these cells as unobserved and
        leave them out of all sums. "mask" needs solver "mu" or "adam". In sparse X,
        cells stored as NaN are unobserved; cells not stored are zeros.

    checkpoint : str or path-like, default=None
        File in which fit saves its state while it runs, which takes at most a tenth of
        the time. If fit is killed, running the same program again resumes from the
        file; the file is deleted when fit succeeds. Needs an int as `random_state` and
        a separate file for each fit, so not for searches. See :ref:`checkpoints`.

    device : str, default="auto"
        Device to compute on: "cpu", "cuda", "cuda:1", "mps", "xpu" or "auto". "auto" is
        the device of X if X is a torch.Tensor on CUDA or xpu. For other X, it is CUDA
        where that was measured to be faster than the CPU for the model and the size of
        X, else the CPU. Use ``device="cuda"`` to compute on a GPU.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The matrix H.

    n_components_ : int
        Number of components: rows of ``components_``, also if these were edited.

    init_ : str
        The initialisation that was used, in case `init` is None.

    reconstruction_err_ : float
        ``sqrt(2 D)`` for the divergence D between X and W H; for `beta_loss` 2 the
        Frobenius norm of X - W H.

    n_iter_ : int
        Number of iterations.

    loss_history_ : dict of str to ndarray
        Metrics during the fit: "iteration", "seconds", "objective" (minus the objective
        above, to be maximised), "error" (as `reconstruction_err_`) and, for "cd",
        "violation" (sum of the absolute values of the projected gradient). Recorded
        after each iteration of "cd" and each tenth iteration of the other solvers.
        "adam" adds "learning_rate".

    feature_means_ : ndarray of shape (n_features,)
        Column means of X, the null model of `score`.

    topic_tokens_ : ndarray of shape (n_components,)
        Sum of the entries of what each component contributes to W H.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all columns of X have string names.

    See Also
    --------
    TorchPoissonNMF : Topic model for word counts, with priors.
    TorchDeepNMF : Several layers of components, from fine to coarse.
    sklearn.decomposition.NMF : NMF in scikit-learn.

    Notes
    -----
    **How it scales.** With sparse X and `beta_loss` 1 or 2, an iteration takes time in
    proportion to nnz * K for nnz nonzero entries and K = `n_components`, and (n + m)
    K^2 more with `beta_loss` 2. With other losses, and with dense X, it takes
    n * m * K. Memory is 4 (n + m) K numbers beside X and its transpose.

    float32 data are processed in float32, all other data in float64. Sparse X is never
    converted to a dense array.

    With ``beta_loss=1``, solver "mu" and an L1 penalty, `transform` reaches a lower
    objective than scikit-learn, which adds the penalty again in every iteration.

    References
    ----------
    .. [1] A. Cichocki, A.-H. Phan, "Fast local algorithms for large scale nonnegative
       matrix and tensor factorizations", IEICE Transactions on Fundamentals of
       Electronics E92-A, 2009, algorithm 2.
    .. [2] C. Fevotte, J. Idier, "Algorithms for nonnegative matrix factorization with
       the beta-divergence", Neural Computation 23, 2011, equations 2 and 48.
    .. [3] P. Carbonetto, A. Sarkar, Z. Wang, M. Stephens, "Non-negative matrix
       factorization algorithms greatly improve topic model fits",
       arXiv:2105.13440, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics import TorchBetaNMF
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> model = TorchBetaNMF(n_components=2, init="random", random_state=0)
    >>> W = model.fit_transform(X)
    >>> (W @ model.components_).round(1)
    array([[1. , 1. ],
           [2. , 1. ],
           [3. , 1.2],
           [4. , 1. ],
           [5. , 0.8],
           [6. , 1. ]])
    """

    # Set by `fit`.
    components_: np.ndarray
    init_: str
    reconstruction_err_: float
    n_iter_: int
    loss_history_: dict
    feature_means_: np.ndarray
    topic_tokens_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints = {
        **BaseBetaNMF._parameter_constraints,
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            None,
            StrOptions({"auto"}),
        ],
        "init": [StrOptions({*INITS, "custom"}), None],
        "solver": [StrOptions({"cd", "mu", "scd", "adam"})],
        "shuffle": ["boolean"],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), None],
        "schedule_params": [dict, None],
        "missing": [StrOptions({"error", "mask"})],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        init=None,
        solver="cd",
        beta_loss="frobenius",
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        verbose=0,
        shuffle=False,
        learning_rate=None,
        learning_rate_schedule=None,
        schedule_params=None,
        missing="error",
        checkpoint=None,
        device="auto",
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.shuffle = shuffle
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.schedule_params = schedule_params
        self.missing = missing
        self.checkpoint = checkpoint
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._may_miss
        return tags

    def fit(self, X, y=None, W=None, H=None) -> Self:
        """Factorise X.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Not used, present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            Initial W for init="custom", with the dtype of X. If None, W is first
            fitted to H.
        H : array-like of shape (n_components, n_features), default=None
            Initial H for init="custom", with the dtype of X. If None, H is first
            fitted to W.

        Returns
        -------
        self : object
            The fitted model.
        """
        self.fit_transform(X, W=W, H=H)
        return self

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None, W=None, H=None) -> np.ndarray:
        """Factorise X and return the weights W.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Not used, present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            Initial W for init="custom", with the dtype of X. If None, W is first
            fitted to H.
        H : array-like of shape (n_components, n_features), default=None
            Initial H for init="custom", with the dtype of X. If None, H is first
            fitted to W.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            The weights at the end of the fit, close to those of `transform` if the fit
            has converged. A torch.Tensor on the device of X if X is a torch.Tensor.
        """
        with fit_session(self, X, max_iter=self.max_iter) as observers:
            data = self._check(X, "fit", reset=True)
            W, H, run = self._factorize(data, W, H, observers=observers)
            if run.best.state is not None:  # else interrupted in the first iteration
                self._set_fitted(run, W)
            if run.interrupted is not None:
                raise run.interrupted
        return self._like_input(W, X)

    def _set_fitted(self, run, W):
        best, X = run.best, run.X
        vars(self).update(run.attributes(best.state, best.n_iter))
        self.topic_tokens_ = component_sums(W, self.components_)
        set_topic_names(self, None)
        shape = all_rows(X.shape[0]), X.shape[1]
        options = {"masked": self._masks(X)}
        self.init_ = chosen_init(self.init, self.n_components_, shape, **options)
        self.reconstruction_err_ = best.metrics["error"]
        self.loss_history_ = best.loss_history

    def _refused_in_groups(self, method):
        if self.solver == "adam":
            return " with solver='adam'"
        if self._beta not in (1, 2):
            return f" with beta_loss={self.beta_loss!r}"
        if self.missing == "mask":
            return " with missing='mask'"
        if method == "fit" and self.init == "nndsvdar":
            return " with init='nndsvdar': use 'nndsvda' or 'random'"
        return None

    @property
    def _n_components(self):  # scikit-learn's tests read it
        return self.n_components_

    @plain_torch
    def transform(self, X) -> np.ndarray:
        """Compute the weights W of new data, with the components fixed.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            Weights fitted by `solver` ("mu" in place of "adam") with the penalty on W,
            until `tol` or `max_iter` is reached. A torch.Tensor on the device of X if X
            is a torch.Tensor.
        """
        return self._transform(X)

    @property
    def _may_miss(self):
        return self.missing == "mask"

    def _fit_transform(self, X, y=None, W=None, H=None, update_H=True):
        """W, H and the number of iterations, for `non_negative_factorization`."""
        data = self._check(X, "fit", reset=True)
        if update_H:
            shown = [IterationProgress(self.verbose)]
            W, H, run = self._factorize(data, W, H, observers=shown)
        else:
            X_device = self._to_device(data)
            H = self._given_components(X_device, W, H)
            W, run = self._fit_weights(X_device, H.T.contiguous(), self.verbose)
        if run.interrupted is not None:
            raise run.interrupted
        return like_input(W, X), like_input(H, X), run.best.n_iter

    def _factorize(self, data, W, H, *, observers):
        """Fit W and H to validated data: W on the device, H as an array, the `Run`."""
        given = {"W": W, "H": H}
        if self.solver == "mu" and self.init == "nndsvd":
            warn_user(
                "The multiplicative update ('mu') solver cannot update zeros present "
                "in the initialization, and so leads to poorer results when used "
                "jointly with init='nndsvd'. You may try init='nndsvda' or "
                "init='nndsvdar' instead.",
                UserWarning,
            )
        X = self._to_device(data)
        masked = self._masks(X)
        if self._beta == 1 and not masked:
            X = compressed(X)
        unit = Unit.of(X)
        if self.init == "custom":
            require_given_topics(W, H)
            options = {"K": self._given_rank(X), "any_dtype": False}
            factors = custom_factors(self, X, W, H, self._weights, **options)
            W, HT = map(unit.measure_factor, factors)
        else:
            if W is not None or H is not None:
                warn_user(_IGNORED, RuntimeWarning)
            W, HT = nmf_start(self, unit.measure(X), unit=unit, masked=masked)
        X = unit.measure(X)
        means = {"feature_means_": self._column_means(X, unit)}
        options = {"attributes": means, "data": given, "observers": observers}
        run = self._run(X, W, HT, unit, masked=masked, **options)
        state = run.best.state
        if state is None:  # interrupted in the first iteration
            return None, None, run
        W = unit.restore_factor(state["W"])
        return W, _components(state, unit), run

    def _given_rank(self, X):
        """n_components as a number, or None where W and H decide."""
        return {"auto": None, None: X.shape[1]}.get(
            self.n_components, self.n_components
        )

    def _given_components(self, X, W, H):
        """The H that `non_negative_factorization` fits W to; W is not used."""
        if W is not None:
            unused = "When update_H=False, the provided initial W is not used."
            warn_user(unused, RuntimeWarning)
        if H is None:
            raise ValueError("update_H=False fits W to a given H: pass H.")
        shape = self._given_rank(X), X.shape[1]
        return given_factor(self, H, "H", shape, X)

    def _fit_weights(self, X, HT, verbose):
        """W (n x K) of X for fixed HT (m x K), and the `Run`."""
        unit, masked = Unit.of(X), self._masks(X)
        X, HT = unit.measure(X), unit.measure_factor(HT)
        W = initial_weights(X, HT, zero=self.solver == "cd")
        options = {"update_H": False, "observers": [IterationProgress(verbose)]}
        run = self._run(X, W, HT, unit, masked=masked, **options)
        if run.interrupted is not None:
            raise run.interrupted
        return unit.restore_factor(run.best.state["W"]), run

    def _check_parameters(self):
        super()._check_parameters()
        solver = self.solver
        only = _LOSS_OF_SOLVER.get(solver)
        if only is not None and self._beta != only:
            raise ValueError(
                f"Invalid beta_loss parameter: solver {solver!r} does not handle "
                f"beta_loss = {self.beta_loss!r}, only {only:g}. Use solver='mu', "
                "which handles any beta_loss."
            )
        given = [name for name in _ADAM_OPTIONS if getattr(self, name) is not None]
        if solver != "adam" and given:
            raise ValueError(
                f"{' and '.join(given)} can be used by solver='adam' only, but "
                f"solver is {solver!r}. Use None, or choose solver='adam'."
            )
        self._schedule()
        if solver in _LOSS_OF_SOLVER and self.missing == "mask":
            raise ValueError(
                f"missing='mask' needs solver='mu' or 'adam', but solver is {solver!r}."
            )

    def _run(
        self,
        X,
        W,
        HT,
        unit,
        *,
        masked,
        observers,
        update_H=True,
        attributes=(),
        data=None,
    ):
        """Fit X and factors, in `unit`; the run has metrics in the original unit."""
        solver = self._make_solver(X, W.shape[1], unit, masked, update_H)
        descends = isinstance(solver, ProjectedAdam)
        stop = SmallDecrease(0 if descends else self.tol)
        if isinstance(solver, CoordinateDescent):
            stop = SmallViolation(self.tol)
        size = 1 / unit.power(self._beta)  # of a divergence
        scales = {"objective": size, "error": size**0.5, "violation": size}
        run = fit_from_starts(
            Rescaled(solver, scales),
            X,
            [solver.init_state(X, W, HT)],
            max_iter=self.max_iter,
            stop=stop,
            # Only gradient steps may decrease the objective.
            select="best" if descends else "last",
            observers=observers,
            data=data,
            attributes=lambda state, n_iter: {
                **_attributes(state, unit, n_iter),
                **dict(attributes),
            },
        )
        best = run.best
        if best.state is not None:  # else interrupted in the first iteration
            W, HT = best.state["W"], best.state["HT"]
            D = size * divergence(X, W, HT, self._beta, masked=masked)
            run.require_finite("divergence", D, best.n_iter)
            best.metrics["error"] = (2 * D) ** 0.5
        return run

    def _make_solver(self, X, K, unit, masked, update_H):
        n, m = all_rows(X.shape[0]), X.shape[1]
        penalties = self._penalties(n, m).measured(unit, self._beta)
        shared = self._beta, penalties, masked, update_H
        if self.solver == "cd":
            seed = agreed_seed(self.random_state)
            permutation = _Permutations(seed) if self.shuffle else None
            return CoordinateDescent(*shared, permutation=permutation)
        if self.solver == "scd":
            return KLCoordinateDescent(*shared)
        if self.solver == "mu" or not update_H:
            return MultiplicativeUpdate(*shared)
        return ProjectedAdam(*shared, init_scale(X, K), self._schedule())

    def _schedule(self):
        choice = self.learning_rate_schedule or "cosine"
        rate = self.learning_rate or _LEARNING_RATE
        return make_schedule(choice, self.schedule_params, rate, self.max_iter)

    def _weights(self, X, HT, verbose=0):
        return self._fit_weights(X, HT, verbose)[0]


class _Permutations:
    """The permutations that scikit-learn would draw, by increasing number."""

    def __init__(self, seed):
        self._rng, self._drawn = check_random_state(seed), 0

    def __call__(self, K, number):
        while self._drawn <= number:  # more than one if a fit is resumed
            order = self._rng.permutation(K)
            self._drawn += 1
        return torch.from_numpy(order)
