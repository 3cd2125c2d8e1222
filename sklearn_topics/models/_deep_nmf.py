"""TorchDeepNMF: layers of topics, from fine to coarse, as an estimator."""

from functools import partial
from numbers import Integral, Real
from os import PathLike

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._boundary.contexts import plain_torch
from .._boundary.inputs import column_means
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context, are_sizes
from .._boundary.transfer import resolve_device, to_device, to_numpy
from .._core.deep_nmf import DeepNMF, document_weights
from .._core.unit import Rescaled, Unit
from .._fit.loop import fit_from_starts
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.stopping import SmallDecrease
from ._base import LOSSES, BaseBetaNMF

_INITS = {"random", "nndsvda", "nndsvdar"}  # multiplicative updates cannot leave zeros


class TorchDeepNMF(BaseBetaNMF):
    r"""Deep nonnegative matrix factorisation: topics of topics.

    A first layer of fine topics, :math:`C_1 = H`, is mixed into fewer coarser ones,
    these into still coarser ones, and so on,

    .. math:: X \approx W_l C_l, \qquad C_l = M_l C_{l-1}, \qquad
              C_p = M_p M_{p-1} \cdots M_2 H,

    with :math:`K_1, \ldots, K_p` topics, all factors without negatives [1]_. With
    :math:`d_\beta` the beta-divergence (see :class:`TorchBetaNMF`), the objective is

    .. math:: d_\beta(X, W_p C_p)
              + \lambda \sum_{l < p} d_\beta(X, W_l C_l) + \text{penalties},

    where :math:`\lambda` is `fine_weight`. With 0 it is that of the product alone:
    then nothing is asked of the finer layers but that the last can be mixed from
    them. With more, each layer has to explain X by itself as well [2]_.
    ``components_`` are the topics of the last layer, :math:`C_p`.

    Parameters
    ----------
    layer_sizes : tuple of int, default=(40, 10)
        Topics of each layer, from the first, the finest, to the last. One layer is
        :class:`TorchBetaNMF` with solver "mu".

    init : {"random", "nndsvda", "nndsvdar"}, default=None
        Where each layer begins, as in :class:`TorchBetaNMF`. None is "random".

    beta_loss : float or str, default="kullback-leibler"
        The divergence: any number, or "frobenius" (2), "kullback-leibler" (1) or
        "itakura-saito" (0). X must be positive for values up to 0. For other values
        than 1 and 2 an iteration costs as much as if X were dense, but not its memory.

    fine_weight : float, default=1.0
        :math:`\lambda`, the weight of the finer layers' own divergences.

    pretrain_iter : int, default=0
        Updates that the start of each layer takes before all are fitted together: of
        an NMF of X, then of one of the weights that this gives, and so on [1]_.
        Worth its time where `fine_weight` is 0.

    tol : float, default=1e-4
        Stop when the error of all layers falls in ten iterations by less than this
        share of the first one.

    max_iter : int, default=200
        Most iterations, in each of which all factors are updated. A warning says if
        the tolerance was not reached. Also the most sweeps (updates, for `beta_loss`
        other than 1) of `transform`.

    random_state : int, RandomState instance or None, default=None
        Determines the start.

    alpha_W : float, default=0.0
        Weight of the penalty on each W, times the number of features.

    alpha_H : float or "same", default="same"
        Weight of the penalty on H and on each M, times the number of samples.

    l1_ratio : float, default=0.0
        Share of the penalty that is on sums; the rest is on half the squares.

    verbose : int, default=0
        1 shows progress on standard error: the size of the data at once, then a line
        every few seconds, with the numbers of `loss_history_` where they are known.
        `transform` of many documents shows its own.

    checkpoint : str or path-like, default=None
        A file in which fit keeps its state while it runs, at most a tenth of the time,
        to continue from there if it is killed and the same program is run again. It is
        removed when fit has ended well. Needs an int as `random_state`, and a file of
        its own for each fit, so not for searches. See :ref:`checkpoints`.

    device : str, default="auto"
        Where to compute: "auto" (a CUDA device if there is one, else the CPU),
        "cpu", "cuda", "cuda:1", "mps" or "xpu".

    Attributes
    ----------
    components_ : ndarray of shape (layer_sizes[-1], n_features)
        The topics of the last layer.

    layers_ : list of ndarray
        H, of shape (layer_sizes[0], n_features), and the mixtures M, of shape
        (layer_sizes[l], layer_sizes[l - 1]). Their product, from the last to the first,
        is ``components_``.

    n_components_ : int
        Number of components: rows of ``components_``, also where they were edited.

    reconstruction_err_ : float
        ``sqrt(2 D)`` for the divergence D between X and the last layer's model of it,
        with the weights of the fit.

    n_iter_ : int
        Iterations run.

    loss_history_ : dict of str to ndarray
        "iteration", "seconds", "objective" (the negative of the one above, maximised),
        "error" (as `tol` uses it) and "last_error" (as `reconstruction_err_`), at the
        start and at every tenth iteration.

    feature_means_ : ndarray of shape (n_features,)
        Means of the columns of X, with which `score` compares.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features; only if the columns of X have string names.

    See Also
    --------
    TorchBetaNMF : One layer, with faster solvers.
    sklearn_topics.nn.NMF : The same chains as modules, for objectives of one's own.

    Notes
    -----
    float32 is computed in float32, everything else in float64. Sparse X is never made
    dense. Multiplicative updates [3]_ of one factor after the other: for `beta_loss`
    between 1 and 2 none raises the objective (nor with penalties on squares for 2).

    References
    ----------
    .. [1] G. Trigeorgis, K. Bousmalis, S. Zafeiriou, B. W. Schuller, "A deep matrix
       factorization method for learning attribute representations", IEEE Transactions
       on Pattern Analysis and Machine Intelligence 39, 2017.
    .. [2] P. De Handschutter, N. Gillis, "A consistent and flexible framework for deep
       matrix factorizations", Pattern Recognition 134, 2023.
    .. [3] C. Fevotte, J. Idier, "Algorithms for nonnegative matrix factorization with
       the beta-divergence", Neural Computation 23, 2011.

    Examples
    --------
    >>> from sklearn_topics import TorchDeepNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X = make_topic_corpus(200, 60, 6, random_state=0)[0]
    >>> model = TorchDeepNMF(layer_sizes=(6, 2), random_state=0)
    >>> model.fit_transform(X).shape
    (200, 2)
    >>> [model.topics(layer).shape for layer in (0, 1)]
    [(6, 60), (2, 60)]
    """

    _parameter_constraints = {
        "layer_sizes": [tuple, list],
        "init": [StrOptions(_INITS), None],
        "beta_loss": [
            StrOptions(set(LOSSES)),
            Interval(Real, None, None, closed="neither"),
        ],
        "fine_weight": [Interval(Real, 0, None, closed="left")],
        "pretrain_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "alpha_W": [Interval(Real, 0, None, closed="left")],
        "alpha_H": [Interval(Real, 0, None, closed="left"), StrOptions({"same"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "verbose": ["verbose"],
        "checkpoint": [str, PathLike, None],
        "device": [str],
    }

    def __init__(
        self,
        layer_sizes=(40, 10),
        *,
        init=None,
        beta_loss="kullback-leibler",
        fine_weight=1.0,
        pretrain_iter=0,
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        verbose=0,
        checkpoint=None,
        device="auto",
    ):
        self.layer_sizes = layer_sizes
        self.init = init
        self.beta_loss = beta_loss
        self.fine_weight = fine_weight
        self.pretrain_iter = pretrain_iter
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.device = device

    @plain_torch
    def fit(self, X, y=None):
        """Factorise X.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Present for consistency of the API.

        Returns
        -------
        self : object
            The fitted model.
        """
        self._fit(X)
        return self

    @plain_torch
    def fit_transform(self, X, y=None):
        """Factorise X and return its weights on the last layer's topics.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Present for consistency of the API.

        Returns
        -------
        W : ndarray of shape (n_samples, layer_sizes[-1])
            What ``fit(X).transform(X)`` returns.
        """
        data = self._fit(X)
        W = self._weights(data, self.components_, self.verbose)
        return self._like_input(W, X)

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        with fit_session(self, X, max_iter=self.max_iter) as observers:
            data = self._check(X, "fit", reset=True)
            device = resolve_device(self.device)
            X_device = to_device(data, device)
            unit = Unit.of(X_device)
            X_unit, penalties = unit.measure(X_device), self._penalties(*data.shape)
            solver = DeepNMF(
                len(self.layer_sizes),
                self._beta,
                self.fine_weight,
                penalties.measured(unit, self._beta),
                penalties.measured(unit, self._beta, factors=False),
            )
            means = column_means(data)

            def attributes(state, n_iter):
                return {**_attributes(state, unit, n_iter), "feature_means_": means}

            size = 1 / unit.power(self._beta)  # of a divergence
            errors = dict.fromkeys(("error", "last_error"), size**0.5)
            run = fit_from_starts(
                Rescaled(solver, {"objective": size, **errors}),
                X_unit,
                self._starts(solver, X_unit),
                max_iter=self.max_iter,
                stop=SmallDecrease(self.tol),
                select="last",
                observers=observers,
                attributes=attributes,
            )
            best = run.best
            if best.state is not None:  # else interrupted in the first iteration
                vars(self).update(attributes(best.state, best.n_iter))
                self.reconstruction_err_ = best.metrics["last_error"]
                self.loss_history_ = best.loss_history
            if run.interrupted is not None:
                raise run.interrupted
        return data

    @plain_torch
    def transform(self, X):
        """Find the weights of rows on the last layer's topics, ``components_``.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.

        Returns
        -------
        W : ndarray of shape (n_samples, layer_sizes[-1])
            Fitted with the topics fixed and the penalty on W. A row depends on its
            row of X alone. A torch.Tensor on X's device if X is one. Times
            ``layers_[-1]`` it is the weights on the topics of the layer before.
        """
        check_is_fitted(self)
        data = self._check(X, "transform", reset=False)
        W = self._weights(data, self.components_, self.verbose)
        return self._like_input(W, X)

    def topics(self, layer):
        """The topics of one layer.

        Parameters
        ----------
        layer : int
            0 is the first layer, the finest; -1 the last, whose topics are
            ``components_``.

        Returns
        -------
        topics : ndarray of shape (layer_sizes[layer], n_features)
            The layers up to this one, multiplied.
        """
        check_is_fitted(self)
        n_layers = len(self.layers_)
        whole = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not (whole and -n_layers <= layer < n_layers):
            raise ValueError(
                f"The model has {n_layers} layers, 0 to {n_layers - 1}; got {layer!r}."
            )
        if layer % n_layers == n_layers - 1:
            return self.components_
        found, *mixtures = self.layers_[: layer % n_layers + 1]
        for M in mixtures:
            found = M @ found
        return found

    def _check_parameters(self):
        super()._check_parameters()
        sizes = self.layer_sizes
        if not are_sizes(sizes):
            raise ValueError(
                f"layer_sizes must hold at least one positive integer. Got {sizes!r}."
            )

    def _starts(self, solver, X):
        rng = check_random_state(self.random_state)
        yield solver.init_state(
            X,
            self.layer_sizes,
            self.init or "random",
            lambda *shape: torch.from_numpy(rng.standard_normal(size=shape)),
            self.pretrain_iter,
        )

    def _weights(self, data, H, verbose=0):
        X = to_device(data, resolve_device(self.device))
        HT = np.ascontiguousarray(H.T.astype(data.dtype, copy=False))
        HT = to_device(HT, X.device)
        # By the topics, not the data: a row of the result depends on its row alone.
        unit = Unit.of_factor(HT)
        infer = partial(
            document_weights,
            CT=unit.measure_factor(HT),
            beta=self._beta,
            penalties=self._penalties(*data.shape).measured(unit, self._beta),
            max_iter=self.max_iter,
        )
        # Blocks change the last bits of other updates than those for beta 1.
        blocks = verbose if self._beta == 1 else 0
        W = in_row_blocks(infer, unit.measure(X), verbose=blocks)
        return to_numpy(unit.restore_factor(W))


def _attributes(state, unit, n_iter):
    """The model as if fit had stopped here."""
    layers = [to_numpy(unit.restore_factor(state["HT"]).T)]
    while (name := f"M{len(layers) + 1}") in state:
        layers.append(to_numpy(state[name]))
    layers = [np.ascontiguousarray(layer) for layer in layers]
    components = layers[0]
    for M in layers[1:]:
        components = M @ components
    return {"components_": components, "layers_": layers, "n_iter_": n_iter}
