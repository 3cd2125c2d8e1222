"""TorchDeepNMF: hierarchical topics by deep NMF."""

from functools import partial
from numbers import Integral, Real
from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._boundary.arguments import check_layer_sizes, is_integer
from .._boundary.contexts import plain_torch
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context
from .._boundary.transfer import to_numpy
from .._core.deep_nmf import DeepNMF, document_weights
from .._core.unit import Rescaled, Unit
from .._fit.loop import fit_from_starts
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.starts import host_normal
from .._fit.stopping import SmallDecrease
from ._base import BaseBetaNMF, component_sums, set_topic_names

_INITS = {"random", "nndsvda", "nndsvdar"}  # multiplicative updates cannot change zeros


class TorchDeepNMF(BaseBetaNMF):
    r"""Deep nonnegative matrix factorisation (NMF) for hierarchical topics.

    Finds layers of topics, from fine to coarse. The fine topics of the first layer,
    :math:`C_1 = H`, are mixed into fewer, coarser topics, and so on:

    .. math:: X \approx W_l C_l, \qquad C_l = M_l C_{l-1}, \qquad
              C_p = M_p M_{p-1} \cdots M_2 H,

    with :math:`K_1, \ldots, K_p` topics and nonnegative factors [1]_. With
    :math:`d_\beta` the beta-divergence (see :class:`TorchBetaNMF`), the objective to
    minimise is

    .. math:: d_\beta(X, W_p C_p)
              + \lambda \sum_{l < p} d_\beta(X, W_l C_l) + \text{penalties},

    where :math:`\lambda` is `fine_weight`. With 0, only the last layer has to
    approximate X; with larger values, each layer has to approximate X by itself as
    well [2]_. ``components_`` are the topics of the last layer, :math:`C_p`.

    Parameters
    ----------
    layer_sizes : tuple of int, default=(40, 10)
        Number of topics in each layer, from the finest to the coarsest. Time and memory
        are proportional to their sum. The default suits a corpus of some thousand
        documents. A single layer
        is :class:`TorchBetaNMF` with solver "mu".

    init : {"random", "nndsvda", "nndsvdar"}, default=None
        Initialisation of each layer, as in :class:`TorchBetaNMF`. None is "random",
        which costs nothing and differs by seed.

    beta_loss : float or str, default="kullback-leibler"
        Beta-divergence to minimise: any number, or "frobenius" (2), "kullback-leibler"
        (1) or "itakura-saito" (0). X must be positive if `beta_loss` <= 0. With sparse
        X, values other than 1 and 2 take as much time, but not memory, as with dense X.

    fine_weight : float, default=1.0
        Weight :math:`\lambda` of the divergences of the finer layers from X. With 0,
        only the coarsest layer has to fit X, and the data do not determine the fine
        topics; with 1, all layers count alike.

    pretrain_iter : int, default=0
        Number of updates to pretrain each layer before all layers are fitted jointly:
        an NMF of X, then an NMF of its weights, and so on [1]_. An update costs as much
        as one of the joint fit. Useful if `fine_weight` is 0; otherwise the result is
        about the same, so the default is none.

    tol : float, default=1e-4
        Tolerance of the stopping criterion: stop when the error of all layers decreases
        in ten iterations by less than `tol` times the initial error. Smaller values
        need more iterations; the default is that of NMF.

    max_iter : int, default=200
        Maximum number of iterations, each of which updates all factors. A warning is
        issued if `tol` is not reached. Also the maximum number of sweeps (updates, for
        `beta_loss` other than 1) of `transform`.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initialisation. Pass an int for
        reproducible results.

    alpha_W : float, default=0.0
        Weight of the penalty on each W, scaled by the number of features. Larger values
        make the weights smaller, or sparser with L1.

    alpha_H : float or "same", default="same"
        Weight of the penalty on H and on each M, scaled by the number of samples.
        "same" is `alpha_W`.

    l1_ratio : float, default=0.0
        Share of the L1 penalty (sum of entries), which gives small weights that tend to
        zero; the rest is L2 (half the sum of squares).

    verbose : int, default=0
        If 1, print progress to standard error: the size of the data at once, then a
        line every few seconds, with the metrics of `loss_history_` when they are known.
        Long calls of `transform` print progress too.

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
    components_ : ndarray of shape (layer_sizes[-1], n_features)
        Topics of the last layer.

    layers_ : list of ndarray
        H, of shape (layer_sizes[0], n_features), and the mixing matrices M, of shape
        (layer_sizes[l], layer_sizes[l - 1]). Their product, from the last to the first,
        is ``components_``.

    n_components_ : int
        Number of components: rows of ``components_``, also if these were edited.

    reconstruction_err_ : float
        ``sqrt(2 D)`` for the divergence D between X and its approximation by the last
        layer, with the weights of the fit.

    n_iter_ : int
        Number of iterations.

    loss_history_ : dict of str to ndarray
        Metrics during the fit: "iteration", "seconds", "objective" (minus the objective
        above, to be maximised), "error" (of all layers, compared with `tol`) and
        "last_error" (as `reconstruction_err_`). Recorded before the first and after
        each tenth iteration.

    feature_means_ : ndarray of shape (n_features,)
        Column means of X, the null model of `score`.

    topic_tokens_ : ndarray of shape (layer_sizes[-1],)
        Sum of the entries of what each topic of the last layer contributes to the
        approximation of X.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all columns of X have string names.

    See Also
    --------
    TorchBetaNMF : A single layer, with faster solvers.
    sklearn_topics.nn.NMF : Deep NMF as a torch module, for custom objectives.

    Notes
    -----
    **How it scales.** An iteration takes as much time as an iteration of NMF with "mu"
    for each layer, in proportion to nnz * K for sparse X with nnz nonzero entries and
    layers of K topics, and more for the mixtures. There is no coordinate descent, so
    that fits need more iterations than :class:`TorchPoissonNMF`. Memory is 4 (n + m) K
    numbers, with K the sum of `layer_sizes`.

    float32 data are processed in float32, all other data in float64. Sparse X is never
    converted to a dense array.

    The factors are updated one after the other by multiplicative updates [3]_. For
    `beta_loss` between 1 and 2 no update increases the objective (with an L2 penalty,
    for `beta_loss` 2 only).

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

    # Set by `fit`.
    components_: np.ndarray
    layers_: list
    reconstruction_err_: float
    n_iter_: int
    loss_history_: dict
    feature_means_: np.ndarray
    topic_tokens_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _sizes = ("layer_sizes",)

    _parameter_constraints = {
        **BaseBetaNMF._parameter_constraints,
        "layer_sizes": [tuple, list],
        "init": [StrOptions(_INITS), None],
        "fine_weight": [Interval(Real, 0, None, closed="left")],
        "pretrain_iter": [Interval(Integral, 0, None, closed="left")],
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
    ) -> None:
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
    def fit(self, X, y=None) -> Self:
        """Factorise X.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted model.
        """
        self._fit(X)
        return self

    @plain_torch
    def fit_transform(self, X, y=None) -> np.ndarray:
        """Factorise X and return the weights on the topics of the last layer.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        W : ndarray of shape (n_samples, layer_sizes[-1])
            The same as ``fit(X).transform(X)``.
        """
        return self._transform(X, self._fit(X))

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        with fit_session(self, X, max_iter=self.max_iter) as observers:
            data = self._check(X, "fit", reset=True)
            X_device = self._to_device(data)
            unit = Unit.of(X_device)
            X_unit, penalties = unit.measure(X_device), self._penalties(*data.shape)
            solver = DeepNMF(
                len(self.layer_sizes),
                self._beta,
                self.fine_weight,
                penalties.measured(unit, self._beta),
                penalties.measured(unit, self._beta, factors=False),
            )
            means = self._column_means(X_unit, unit)

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
                W = unit.restore_factor(best.state[f"W{len(self.layer_sizes)}"])
                self.topic_tokens_ = component_sums(W, self.components_)
                set_topic_names(self, None)
                self.reconstruction_err_ = best.metrics["last_error"]
                self.loss_history_ = best.loss_history
            if run.interrupted is not None:
                raise run.interrupted
        return X_device

    @plain_torch
    def transform(self, X) -> np.ndarray:
        """Compute the weights of new data on the topics of the last layer.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data.

        Returns
        -------
        W : ndarray of shape (n_samples, layer_sizes[-1])
            Weights fitted with the topics fixed and the penalty on W. Each row depends
            only on its row of X. ``W @ layers_[-1]`` are the weights on the topics of
            the previous layer. A torch.Tensor on the device of X if X is a
            torch.Tensor.
        """
        return self._transform(X)

    def topics(self, layer) -> np.ndarray:
        """Return the topics of one layer.

        Parameters
        ----------
        layer : int
            Number of the layer: 0 is the first, finest layer; -1 the last, whose topics
            are ``components_``.

        Returns
        -------
        topics : ndarray of shape (layer_sizes[layer], n_features)
            Topics of the layer, the product of the layers up to it.
        """
        check_is_fitted(self)
        n_layers = len(self.layers_)
        if not (is_integer(layer, -n_layers) and layer < n_layers):
            raise ValueError(
                f"layer must be an integer from {-n_layers} to {n_layers - 1}: the "
                f"model has {n_layers} layers. Got {layer!r}."
            )
        if layer % n_layers == n_layers - 1:
            return self.components_
        found, *mixtures = self.layers_[: layer % n_layers + 1]
        for M in mixtures:
            found = M @ found
        return found

    def _replace_topics(self, components, tokens, *, mix, shares):
        if mix is None:
            raise ValueError(
                "A topic of TorchDeepNMF cannot be split: it is a mixture of the "
                "topics of the finer layer, which topics(-2) returns."
            )
        super()._replace_topics(components, tokens, mix=mix, shares=shares)
        del self.n_components  # layer_sizes in its place
        last = self.layers_[-1]
        self.layers_ = [*self.layers_[:-1], (mix @ last).astype(last.dtype)]
        self.layer_sizes = (*self.layer_sizes[:-1], len(components))

    def _check_parameters(self):
        super()._check_parameters()
        check_layer_sizes(self.layer_sizes, "layer_sizes")

    def _starts(self, solver, X):
        yield solver.init_state(
            X,
            self.layer_sizes,
            self.init or "random",
            host_normal(self.random_state),
            self.pretrain_iter,
        )

    def _weights(self, X, HT, verbose=0):
        # From the topics, not from X: each row of the result depends on its row only.
        unit = Unit.of_factor(HT)
        infer = partial(
            document_weights,
            CT=unit.measure_factor(HT),
            beta=self._beta,
            penalties=self._penalties(*X.shape).measured(unit, self._beta),
            max_iter=self.max_iter,
        )
        X = unit.measure(X)
        # Only for beta 1 do blocks leave the last bits as they are.
        by_blocks = self._beta == 1
        W = in_row_blocks(infer, X, verbose=verbose) if by_blocks else infer(X)
        return unit.restore_factor(W)


def _attributes(state, unit, n_iter):
    """Fitted attributes of the current state, for callbacks too."""
    layers = [to_numpy(unit.restore_factor(state["HT"]).T)]
    while (name := f"M{len(layers) + 1}") in state:
        layers.append(to_numpy(state[name]))
    layers = [np.ascontiguousarray(layer) for layer in layers]
    components = layers[0]
    for M in layers[1:]:
        components = M @ components
    return {"components_": components, "layers_": layers, "n_iter_": n_iter}
