"""TorchPoissonNMF: topic model by Poisson NMF."""

from functools import partial
from math import log
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from .._boundary.contexts import plain_torch
from .._boundary.counts import plain_number, require_tokens, warn_unless_counts
from .._boundary.inputs import check_counts
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context
from .._boundary.topics import check_topic_names
from .._boundary.transfer import agreed_array, to_device, to_numpy
from .._boundary.warning import warn_user
from .._core.fold_in import fold_in
from .._core.poisson_nmf import EM, SCD
from .._core.schedule import SCHEDULES, make_schedule
from .._core.softmax_adam import SoftmaxAdam
from .._core.topic_model import (
    CorpusSums,
    document_log_likelihood,
    state_tokens,
)
from .._core.unit import Rescaled, Unit
from .._fit.loop import fit_from_starts
from .._fit.online import require_online, update_online
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.steering import Steering, combine_parameters
from .._fit.stopping import SmallGain
from .._fit.topic_starts import INITS, TopicStarts
from .._kernels.csr import compressed
from ._base import BaseTopicModel, set_topic_names

_SOLVERS = {"scd": SCD, "em": EM, "adam": SoftmaxAdam}

#: Tokens that are added to X. If all are 0, the scale of X does not matter.
_PSEUDOCOUNTS = (
    "doc_topic_pseudocount",
    "topic_word_pseudocount",
    "transform_pseudocount",
)

#: Parameters used by "adam" only.
_ADAM_OPTIONS = (
    "learning_rate",
    "batch_size",
    "learning_rate_schedule",
    "schedule_params",
)
_LEARNING_RATE, _BATCH_SIZE, _SCHEDULE = 0.2, 1024, "cosine"


class TorchPoissonNMF(BaseTopicModel):
    r"""Topic model by Poisson nonnegative matrix factorisation (NMF).

    Finds topics in document-term counts: topics are distributions over terms
    (`components_`), documents are mixtures of topics (`transform`). Fits
    :math:`x_{ij} \sim \mathrm{Poisson}((WH)_{ij})` and returns the topic model with
    the same likelihood [1]_. With both pseudocounts 0 this is the maximum-likelihood
    fit, which also minimises the generalised Kullback-Leibler divergence. Positive
    pseudocounts give the maximum a posteriori (MAP) estimate under
    Dirichlet(1 + pseudocount) priors, which predicts unseen documents better.

    Read more in the :ref:`User Guide <poisson_nmf>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of topics (`num_topics` in gensim). Time and memory are proportional to
        it. See :ref:`choosing_k`; 10 is the default of scikit-learn.

    init : str, default="auto"
        Initialisation:

        - "auto": "kmeans"; or for short texts, of less than 30 different terms on
          average, "nndsvda" where twelve iterations from both show that it is better.
          `init_` is the name of the chosen one. "random" for solver "adam", and with
          more topics than documents or terms.
        - "kmeans": the topics of clusters of documents, by k-means of their latent
          semantic analysis (LSA) vectors.
        - "random": absolute normal random numbers, scaled by
          sqrt(X.mean() / n_components).
        - "nndsvd": nonnegative double singular value decomposition (NNDSVD), which
          contains zeros; solver "em" needs pseudocounts to change them.
        - "nndsvda", "nndsvdar": NNDSVD with the zeros replaced by the mean of X, or by
          small random numbers.
        - "custom": the W, H or both passed to `fit` or `fit_transform`; if only one is
          passed, the other is inferred from it.

    n_init : int, default=1
        Number of initialisations to fit from; the fit with the best objective is
        returned. Time is proportional to it, therefore 1. More than 1 needs init
        "auto", "kmeans", "random" or "nndsvdar"; a warm start fits once. Callbacks are
        called for all fits, one after the other.

    solver : {"auto", "scd", "em", "adam"}, default="auto"
        - "auto": "adam", with a warning, if `learning_rate` is given, else "scd".
        - "scd": 15 iterations of "em", then sequential coordinate descent on W and H in
          turn, with steps that cannot decrease the objective. Weights of fewer tokens
          than their pseudocount take a step of "em", which is as good there and
          cheaper.
        - "em": expectation-maximisation; slower, for comparison.
        - "adam": stochastic gradient steps on softmax factors, in batches of documents,
          as in tinytopics.

        "scd" and "em" are extrapolated, with a restart whenever extrapolation would
        decrease the objective [2]_: the objective never decreases, up to rounding.

    doc_topic_pseudocount : float, default=0.02
        Number of tokens added to each topic of each document, the prior of the topic
        proportions (`doc_topic_prior` or `alpha` of LDA). Larger values make topics
        differ more, and predict short documents worse. 0 is maximum likelihood; the
        default only keeps proportions positive (:ref:`defaults`).

    topic_word_pseudocount : float or array-like, default=0.2
        Number of tokens added to each term of each topic, the prior of the topics
        (`topic_word_prior` or `eta` of LDA). Larger values predict short documents
        better, and rare terms worse; the default is a compromise (:ref:`defaults`). 0
        is maximum likelihood. An array of
        shape (n_components, n_features) has a number for each topic and term: large
        ones at the seed words of guided topics, see
        :func:`sklearn_topics.curation.seed_pseudocounts`. -1 excludes the term from the
        topic: its probability is 0.

    transform_pseudocount : float, default=0.1
        The `doc_topic_pseudocount` of `transform`, `fit_transform` and `score`; larger,
        because the topics are less certain for documents they were not fitted to. 0
        gives the maximum-likelihood proportions, many of them zero.

    frozen_topics : array-like of shape (n_frozen, n_features), default=None
        Topics that are known and stay as they are: the first rows of `components_`, in
        order. Each row is a distribution over the terms, or NaN for a topic that is not
        frozen. Not for solver "adam".

    topic_names : list of str, default=None
        Names of the topics, in order, for tables, plots and the columns of
        `transform`; None or "" for a topic without a name. Topics after the last name
        have none.

    max_iter : int, default=200
        Maximum number of iterations, each of which updates W and H; epochs of "adam".
        A warning is issued if `tol` is not reached.

    tol : float, default=1e-3
        Tolerance of the stopping criterion: stop when the objective increases in ten
        iterations by less than `tol` per token, i.e. when the training perplexity
        improves by less than a factor 1 - tol. 0 runs `max_iter` iterations. Used by
        "adam" with a "constant" schedule only: with a decreasing learning rate, small
        gains do not mean convergence.

    learning_rate : float, default=None
        Used by solver "adam" only: initial step size in the logits of the softmax
        factors. None is 0.2: larger steps fail on small corpora, smaller ones need more
        epochs.

    batch_size : int, default=None
        Used by solver "adam" only: number of documents in a batch. Small batches make
        more steps per epoch and take more time. None is 1024.

    learning_rate_schedule : str, default=None
        Used by solver "adam" only: "constant"; "cosine", which decreases to zero over
        `max_iter` epochs, batch by batch; or a scheduler of
        :mod:`torch.optim.lr_scheduler`: "StepLR", "MultiStepLR", "ExponentialLR",
        "LinearLR", "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts"
        or "ReduceLROnPlateau". Schedulers make one step per epoch, with the parameters
        `schedule_params`; "ReduceLROnPlateau" monitors minus the objective. None is
        "cosine".

    schedule_params : dict, default=None
        Parameters of the scheduler, such as ``{"step_size": 10, "gamma": 0.5}`` for
        "StepLR".

    total_samples : float, default=None
        Used by `partial_fit` only: number of all documents that will be passed. With a
        number, recent batches count more than early ones: the t-th batch has the weight
        ``(learning_offset + t) ** -learning_decay``. With None, all documents that have
        been passed count alike, except that those of the first batches count less.

    learning_decay : float, default=0.7
        Used by `partial_fit` with `total_samples` only: exponent of the weight. Between
        0.5, excluded, and 1 convergence is guaranteed. Larger values forget early
        batches more slowly. The default is that of LatentDirichletAllocation.

    learning_offset : float, default=10.0
        Used by `partial_fit` with `total_samples` only: a number, at least 1, that
        makes the weights of the first batches smaller: these were folded in with topics
        that were not yet good.

    warm_start : bool, default=False
        If True, reuse the topics of the previous fit, if any, as initialisation instead
        of `init`; the topic proportions are inferred by fold-in. Useful when documents
        have been added. Not for solver "adam".

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initialisation and the batches of
        "adam". Pass an int for reproducible results.

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
    components_ : ndarray of shape (n_components, n_features)
        Topics: term probabilities. Each row sums to one.

    n_components_ : int
        Number of topics: rows of ``components_``, also if these were edited.

    init_ : str
        The initialisation of the fit: `init`, or what "auto" chose; "warm_start" if the
        fit continued from the topics of the previous one.

    topic_tokens_ : ndarray of shape (n_components,)
        Expected number of tokens from each topic, in `n_samples_` documents.

    n_samples_ : int or float
        Number of documents that `topic_tokens_` refers to: those of `fit`, plus those
        passed to `partial_fit`; or `total_samples`.

    n_batch_iter_ : int
        Number of the next batch, from 1; from 6 after `fit`. Set by `partial_fit` only.

    topic_names_ : ndarray of shape (n_components,)
        Names of the topics, "" for a topic without a name; only if there are names.

    solver_ : str
        The solver that was used, in case `solver` is "auto".

    n_iter_ : int
        Number of iterations; epochs of "adam". `partial_fit` removes this attribute and
        those that describe the training data: `log_likelihood_`, `deviance_`,
        `kkt_residual_` and `loss_history_`.

    log_likelihood_ : float
        Poisson log-likelihood of the training data (natural logarithm), including the
        -log(x!) term, without the terms of the pseudocounts, and with each document's
        size equal to its number of tokens.

    deviance_ : float
        Poisson deviance: twice the difference between the log-likelihood of a perfect
        fit and `log_likelihood_`.

    kkt_residual_ : float
        Measure of convergence: the largest violation, in tokens, of the first-order
        (KKT) conditions of the objective, the maximum over the entries of
        W * (gradient) and H * (gradient). 0 at a stationary point.

    loss_history_ : dict of str to ndarray
        Metrics during the fit: "iteration", "seconds", "objective" and "kkt", recorded
        after each tenth iteration; with `n_init` > 1, those of the returned fit. The
        objective, to be maximised, is the log-likelihood plus the terms of the
        pseudocounts; `tol` and `kkt_residual_` refer to it. "adam" adds
        "learning_rate", that of the first batch of the epoch.

    n_features_in_ : int
        Number of terms seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms, if all columns of X have string names.

    See Also
    --------
    TorchETM : Topic model with word embeddings.
    TorchBetaNMF : NMF for TF-IDF and other nonnegative data.
    TorchLDA : Latent Dirichlet allocation, with variational inference of documents.
    sklearn.decomposition.NMF : With ``beta_loss="kullback-leibler"``, the same
        factorisation without pseudocounts and without normalised topics.

    Notes
    -----
    **How it scales.** An iteration takes time in proportion to nnz * K for sparse X
    with nnz nonzero counts and K = `n_components`; the number of terms alone costs
    little. A fit needs some tens of iterations. Beside X and its transpose, memory is 7
    (n + m) K numbers for n documents and m terms. `transform` is linear in the
    documents. Above memory, pass counts on disk, or call `partial_fit` with batches.

    Integer counts below 2^24 are processed in float32, which represents them exactly;
    float64 data are processed in float64. Sparse X is never converted to a dense array.

    Results are reproducible to the last bit for the same data, parameters, versions
    and machine. With sparse X, init "random" and solver "scd" or "em" they do not
    depend on the number of threads either.

    References
    ----------
    .. [1] P. Carbonetto, A. Sarkar, Z. Wang, M. Stephens, "Non-negative matrix
       factorization algorithms greatly improve topic model fits",
       arXiv:2105.13440, 2021, equations 1 to 6.
    .. [2] A. M. S. Ang, N. Gillis, "Accelerating nonnegative matrix factorization
       algorithms using extrapolation", Neural Computation 31, 2019, algorithm 1.
    .. [3] O. Cappé, E. Moulines, "On-line expectation-maximization algorithm for latent
       data models", Journal of the Royal Statistical Society B 71, 2009, equation 8.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=200, n_features=50, n_topics=3, random_state=0
    ... )
    >>> model = TorchPoissonNMF(n_components=3, random_state=0).fit(X)
    >>> model.components_.shape
    (3, 50)
    >>> model.transform(X[:2]).sum(axis=1).round(4).tolist()
    [1.0, 1.0]

    Documents that arrive in batches:

    >>> model = TorchPoissonNMF(n_components=3, random_state=0)
    >>> for start in range(0, 200, 50):
    ...     model = model.partial_fit(X[start : start + 50])
    >>> model.n_samples_
    200
    """

    # Set by `fit`.
    components_: np.ndarray
    init_: str
    topic_tokens_: np.ndarray
    n_samples_: Any
    n_batch_iter_: int
    topic_names_: np.ndarray
    solver_: str
    n_iter_: int
    log_likelihood_: float
    deviance_: float
    kkt_residual_: float
    loss_history_: dict
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints = {
        **BaseTopicModel._parameter_constraints,
        "init": [StrOptions({*INITS, "custom"})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"auto", *_SOLVERS})],
        "doc_topic_pseudocount": [Interval(Real, 0, None, closed="left")],
        "topic_word_pseudocount": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
        ],
        "transform_pseudocount": [Interval(Real, 0, None, closed="left")],
        "frozen_topics": ["array-like", None],
        "topic_names": ["array-like", None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), None],
        "schedule_params": [dict, None],
        "total_samples": [Interval(Real, 0, None, closed="neither"), None],
        "learning_decay": [Interval(Real, 0, 1, closed="both")],
        "learning_offset": [Interval(Real, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=10,
        *,
        init="auto",
        n_init=1,
        solver="auto",
        doc_topic_pseudocount=0.02,
        topic_word_pseudocount=0.2,
        transform_pseudocount=0.1,
        frozen_topics=None,
        topic_names=None,
        max_iter=200,
        tol=1e-3,
        learning_rate=None,
        batch_size=None,
        learning_rate_schedule=None,
        schedule_params=None,
        total_samples=None,
        learning_decay=0.7,
        learning_offset=10.0,
        warm_start=False,
        random_state=None,
        verbose=0,
        checkpoint=None,
        device="auto",
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.n_init = n_init
        self.solver = solver
        self.doc_topic_pseudocount = doc_topic_pseudocount
        self.topic_word_pseudocount = topic_word_pseudocount
        self.transform_pseudocount = transform_pseudocount
        self.frozen_topics = frozen_topics
        self.topic_names = topic_names
        self.max_iter = max_iter
        self.tol = tol
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.learning_rate_schedule = learning_rate_schedule
        self.schedule_params = schedule_params
        self.total_samples = total_samples
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.device = device

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit(self, X, y=None, W=None, H=None) -> Self:
        """Fit the topic model to documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts. Other nonnegative numbers are accepted, with a warning
            if most are not integers.
        y : Ignored
            Not used, present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            Initial W, weights of the topics in the documents, for init="custom". If
            None, W is inferred from H.
        H : array-like of shape (n_components, n_features), default=None
            Initial H, topics with rows of any scale, for init="custom". If None, H is
            inferred from W.

        Returns
        -------
        self : object
            The fitted model.
        """
        self._fit(X, y, W, H)
        return self

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None, W=None, H=None) -> np.ndarray:
        """Fit the topic model and return the topic proportions of the documents.

        The same as ``fit(X).transform(X)``, to the last bit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts. Other nonnegative numbers are accepted, with a warning
            if most are not integers.
        y : Ignored
            Not used, present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            Initial W, weights of the topics in the documents, for init="custom". If
            None, W is inferred from H.
        H : array-like of shape (n_components, n_features), default=None
            Initial H, topics with rows of any scale, for init="custom". If None, H is
            inferred from W.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, as `transform` returns them.
        """
        X_device = self._fit(X, y, W, H)
        topics = to_device(self.components_, X_device.device)
        return self._transformed(X_device, topics, X)

    @available_if(require_online)
    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def partial_fit(self, X, y=None) -> Self:
        """Update the topics with a batch of documents, all of X at once.

        The first batch is fitted as by `fit`, in a few iterations. Every further batch
        is folded in, and its expected counts of terms in topics are added to those of
        all documents before, as in online EM (reference 3 of the class). A model that
        was fitted by `fit`, or loaded from a file, is updated in the same way.

        Pass documents in random order, in batches of several hundred or more: the first
        batch should contain documents of each topic. Terms are the columns of X, the
        same in all batches.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        AttributeError
            If a `topic_word_pseudocount` is 0, or the solver is "adam".
        """
        first = not hasattr(self, "components_")
        solver_name = self._choose()
        names = check_topic_names(self.topic_names, self.n_components)
        data = check_counts(self, X, reset=first, method="partial_fit")
        X_device = self._to_device(data)
        update_online(self, X, X_device, self._steering(X_device, solver_name))
        set_topic_names(self, names)
        return self

    def _fit(self, X, y, W, H):
        """Set the fitted attributes; return X on the device, in its own container."""
        solver_name = self._choose()
        names_of_topics = check_topic_names(self.topic_names, self.n_components)
        constant = self.learning_rate_schedule == "constant"
        keeps_rate = solver_name != "adam" or constant
        most = self.max_iter * self.n_init
        with fit_session(self, X, y, max_iter=most) as observers:
            data = check_counts(self, X, reset=not self._continues, method="fit")
            given = self._to_device(data)
            X_device = compressed(given)
            require_tokens(X_device)
            steering = self._steering(X_device, solver_name)
            if any(np.max(getattr(self, name)) > 0 for name in _PSEUDOCOUNTS):
                warn_unless_counts(self, X_device, self._prior())
            constants = CorpusSums.of(X_device)
            least = max(self.doc_topic_pseudocount, steering.largest)
            unit = Unit.of(X_device, least)
            prior = steering.prior(X_device, self.n_components, unit.data)
            solver = self._make_solver(solver_name, constants, unit, prior)
            starts = TopicStarts(self, X_device, unit, solver, steering)
            run = fit_from_starts(
                Rescaled(solver, dict.fromkeys(("objective", "kkt"), 1 / unit.data)),
                starts.X_unit,
                starts.states(W, H),
                max_iter=self.max_iter,
                # With a decreasing learning rate small gains are not convergence.
                stop=SmallGain(
                    self.tol if keeps_rate else 0,
                    scale=constants.tokens or 1.0,
                ),
                select="best" if solver_name == "adam" else "current",
                observers=observers,
                attributes=lambda state, n_iter: {
                    "components_": steering.topics(state),
                    "n_iter_": n_iter,
                },
                data={"W": W, "H": H},
            )
            if run.best.state is not None:
                self._set_fitted(run, solver, unit, constants, steering)
                vars(self).pop("n_batch_iter_", None)
                self.solver_, self.init_ = solver_name, starts.names[run.best.start]
                set_topic_names(self, names_of_topics)
            if run.interrupted is not None:
                raise run.interrupted
        return given

    def _steering(self, X, solver_name):
        """The validated seeds, frozen topics and excluded terms."""
        steering = Steering.of(self, X)
        if solver_name == "adam" and steering.fixes:
            raise ValueError(
                "solver='adam' cannot keep topics frozen or terms excluded: use "
                "solver='scd' or 'em'."
            )
        return steering

    def _refused_in_groups(self, method):
        if method in ("score", "perplexity"):
            return None
        if self._solver_name == "adam":
            return " with solver='adam'"
        if self.init in ("nndsvd", "nndsvda", "nndsvdar"):
            return f" with init={self.init!r}: use 'auto', 'kmeans' or 'random'"
        return None

    def _choose(self):
        """The solver's name; raise an error if parameters conflict."""
        solver = self._solver_name
        if solver == "adam" and self._continues:
            raise ValueError(
                "solver='adam' cannot continue a fit: its first steps would lose the "
                "topics. Use warm_start=True with solver='scd' or 'em'."
            )
        self._schedule()
        if solver != self.solver and solver == "adam":
            warn_user(
                "learning_rate is given, so solver='auto' chooses 'adam', which is "
                "slower than 'scd' and stops further from the optimum. Use "
                "learning_rate=None for 'scd', or solver='adam' to avoid this warning.",
                UserWarning,
                once=True,
            )
        given = [name for name in _ADAM_OPTIONS if getattr(self, name) is not None]
        if solver != "adam" and given:
            raise ValueError(
                f"{' and '.join(given)} can be used by solver='adam' only, but the "
                f"parameters choose {solver!r}. Use None, or choose solver='adam'."
            )
        return solver

    @property
    def _sizes(self):
        batch = ("batch_size",) if self._solver_name == "adam" else ()
        return "n_components", *batch

    @property
    def _solver_name(self):
        if self.solver != "auto":
            return self.solver
        return "scd" if self.learning_rate is None else "adam"

    def _prior(self):
        """The number of tokens that the pseudocounts add to a document, as text."""
        K = self.n_components
        in_fit = plain_number(K * self.doc_topic_pseudocount)
        in_transform = plain_number(K * self.transform_pseudocount)
        return (
            f"the pseudocounts add {in_fit} in fit (n_components * "
            f"doc_topic_pseudocount) and {in_transform} in transform"
        )

    def _schedule(self):
        choice = self.learning_rate_schedule or _SCHEDULE
        rate = self.learning_rate or _LEARNING_RATE
        return make_schedule(choice, self.schedule_params, rate, self.max_iter)

    def _make_solver(self, name, constants, unit, prior):
        """The solver; `prior` are the pseudocounts of the terms in `unit`."""
        a = self.doc_topic_pseudocount
        # The unit adds log(unit.data) per token to the objective.
        tokens = constants.tokens + a * self.n_components * constants.documents
        constant = constants.log_factorial + tokens * log(unit.data)
        shared = a * unit.data, prior, constant * unit.data
        if name == "adam":
            return SoftmaxAdam(
                *shared,
                batch_size=int(self.batch_size or _BATCH_SIZE),
                schedule=self._schedule(),
            )
        if name == "scd" and self._continues:
            return SCD(*shared, em_steps=0)
        return _SOLVERS[name](*shared)

    def _set_fitted(self, run, solver, unit, constants, steering):
        best = run.best
        loglik = document_log_likelihood(run.X, best.state, solver.floor)
        loglik = loglik / unit.data - constants.tokens * log(unit.data)
        run.require_finite("log-likelihood", loglik, best.n_iter)
        self.components_ = agreed_array(steering.topics(best.state))
        tokens = to_numpy(state_tokens(run.X, best.state)).astype(np.float64)
        self.topic_tokens_ = tokens / unit.data
        self.n_samples_ = constants.documents
        self.n_iter_ = best.n_iter
        self.log_likelihood_ = loglik - constants.log_factorial
        self.deviance_ = 2 * (constants.saturated - self.log_likelihood_)
        self.kkt_residual_ = best.metrics["kkt"]
        self.loss_history_ = best.loss_history

    def _prior_tokens(self):
        b, (K, m) = self.topic_word_pseudocount, self.components_.shape
        return np.broadcast_to(np.maximum(b, 0), (K, m)).sum(axis=1)

    def _replace_topics(self, components, tokens, *, mix, shares):
        steered = combine_parameters(self, shares)
        super()._replace_topics(components, tokens, mix=mix, shares=shares)
        self.set_params(**steered)

    def _infer(self, X, topics, verbose=0):
        self._validate_params()  # the user may have set them after fit
        infer = partial(fold_in, topics=topics, pseudocount=self.transform_pseudocount)
        return in_row_blocks(infer, X, verbose=verbose)
