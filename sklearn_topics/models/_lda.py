"""TorchLDA: scikit-learn's latent Dirichlet allocation on any device."""

from contextlib import contextmanager, nullcontext
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._boundary.contexts import plain_torch
from .._boundary.inputs import check_coordinates, check_nonnegative
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from .._boundary.topics import normalize_rows
from .._boundary.transfer import (
    agreed_seed,
    like_input,
    numpy_dtype,
    to_device,
    to_numpy,
)
from .._core.lda import (
    BatchBayes,
    Inference,
    OnlineBayes,
    bound_perplexity,
    term_weights,
    variational_bound,
)
from .._fit.first_rank import require_equal
from .._fit.loop import fit_from_starts
from .._fit.progress import PrintedIterations
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.stopping import SmallPerplexityChange
from .._kernels.chunks import wide_sums
from .._kernels.csr import as_csr, as_dtype
from .._kernels.ranks import all_rows, all_sum
from .._kernels.threads import one_torch_thread, threads_for
from ._base import _ITERATIVE, BaseDecomposition

#: Shape and scale of the gamma distribution of first posteriors.
_SHAPE, _SCALE = 100.0, 0.01
#: Numbers that are drawn at once to be skipped.
_SKIPPED = 1 << 20
_NEVER = 1 << 62


class TorchLDA(CallbackSupportMixin, BaseDecomposition):
    r"""Latent Dirichlet allocation (LDA) by variational Bayes, in batches or online.

    A drop-in replacement for :class:`sklearn.decomposition.LatentDirichletAllocation`
    with the same parameters, attributes, random numbers and results, several times as
    fast. Documents are mixtures of topics, topics are distributions over terms; both
    have Dirichlet priors, and variational posteriors that are Dirichlet distributions
    too [1]_ [2]_.

    Read more in the :ref:`User Guide <lda>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of topics (`num_topics` in gensim). Time and memory are proportional to
        it. See :ref:`choosing_k`; 10 is the default of scikit-learn.

    doc_topic_prior : float, default=None
        Dirichlet parameter of the topic proportions' prior (`alpha` in gensim), from 0
        to 1. Smaller values give fewer topics per document, and less time. None is
        ``1 / n_components``, as in scikit-learn.

    topic_word_prior : float, default=None
        Dirichlet parameter of the topics' prior (`eta` in gensim), from 0 to 1. Smaller
        values give topics of fewer terms. None is ``1 / n_components``, as in
        scikit-learn.

    learning_method : {"batch", "online"}, default="batch"
        Method of `fit`.

        - "batch": all documents in each update of the topics.
        - "online": `batch_size` documents in each update; faster with many documents.

    learning_decay : float, default=0.7
        Exponent kappa of the step size ``(learning_offset + t) ** -learning_decay`` of
        the t-th online update. Between 0.5, excluded, and 1 convergence is guaranteed.
        Larger values forget early documents more slowly.

    learning_offset : float, default=10.0
        Number tau that makes the first online steps smaller, at least 1.

    max_iter : int, default=10
        Number of passes over the documents in `fit`, which time is proportional to. The
        default is that of scikit-learn.

    batch_size : int, default=128
        Number of documents in an online update. Small batches update the topics more
        often, with more noise; large ones take less time per document.

    evaluate_every : int, default=-1
        Number of iterations of `fit` between two evaluations of the perplexity, each of
        which takes about as long as an iteration. 0 or less never evaluates it before
        the end.

    total_samples : float, default=1e6
        Number of all documents, for `partial_fit` and for ``sub_sampling=True`` of
        `perplexity`.

    perp_tol : float, default=1e-1
        Tolerance of the stopping criterion: stop when the perplexity changes by less
        between two evaluations. Used if `evaluate_every` is positive.

    mean_change_tol : float, default=1e-3
        Tolerance of the inference of a document: stop when its Dirichlet parameters
        change by less on average. Larger values save sweeps and give rougher
        proportions.

    max_doc_update_iter : int, default=100
        Maximum number of sweeps over a document, against documents that converge
        slowly. Time is at most proportional to it.

    relaxation : float, default=1.0
        Length of the steps between "batch" updates, from the fourth one on: at least 1,
        below 2. 1 are those of scikit-learn; online updates need 1. With 1.7 and
        ``max_doc_update_iter=20``, fits reached the bound of a default fit in 0.48 to
        0.76 of its time (reference [3]_; see :ref:`lda`). Larger values may overshoot.

    n_jobs : int, default=None
        Number of threads on the CPU. None is the number of threads of torch, -1 all
        processors. The results do not depend on it.

    verbose : int, default=0
        If 1, print a line for each iteration to standard output, and the size of the
        data to standard error. Long calls of `transform` print progress too.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation, drawn as in scikit-learn. Pass an int for
        reproducible results.

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
        Dirichlet parameters of the topics' posteriors, about the number of tokens of
        each term in each topic. ``components_ / components_.sum(axis=1,
        keepdims=True)`` are the topics' distributions over terms.

    n_components_ : int
        Number of topics: rows of ``components_``, also if these were edited.

    exp_dirichlet_component_ : ndarray of shape (n_components, n_features)
        Exponential of the expected logarithm of the topics' distributions over terms,
        computed from ``components_``.

    n_batch_iter_ : int
        Number of the next update of the topics, from 1.

    n_iter_ : int
        Number of passes over the documents in `fit`.

    bound_ : float
        Perplexity of the training documents, as `perplexity` computes it.

    doc_topic_prior_ : float
        Dirichlet parameter of the topic proportions' prior.

    topic_word_prior_ : float
        Dirichlet parameter of the topics' prior.

    random_state_ : RandomState instance
        Random number generator of `fit` and `partial_fit`.

    loss_history_ : dict of str to ndarray
        Metrics during the fit: "iteration", "seconds", "objective" (the lower bound of
        the log-likelihood that `score` returns) and "perplexity", recorded after each
        evaluation and after the last iteration. Not set by `partial_fit`.

    n_features_in_ : int
        Number of terms seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms, if all columns of X have string names.

    See Also
    --------
    TorchPoissonNMF : Topic model that predicts unseen documents better, and is faster.
    sklearn_topics.metrics.completion_score : Held-out log-likelihood per token,
        comparable between all topic models.
    sklearn.decomposition.LatentDirichletAllocation : LDA in scikit-learn.

    Notes
    -----
    **How it scales.** A pass takes time in proportion to nnz * K for nnz nonzero counts
    and K = `n_components`, times the sweeps over a document, of which there are at most
    `max_doc_update_iter`. Many topics cost less than this, because the inference leaves
    out topics that a document does not use. Memory is 4 (n + m) K numbers beside X in
    batches, and 3 m K online, where X may stay on disk.

    float32 data are processed in float32, all other data in float64. Sparse X is never
    converted to a dense array.

    `score` and `perplexity` are scikit-learn's: they evaluate a lower bound with the
    proportions inferred from the same tokens, and include the topics' prior. They are
    not comparable between numbers of topics or models. Use
    :func:`sklearn_topics.metrics.completion_score` to compare models on unseen
    documents.

    The differences from scikit-learn: `n_iter_` counts the last iteration also if
    `perp_tol` stops the fit; editing ``components_`` changes `transform`;
    `n_jobs` does not change the random numbers.

    References
    ----------
    .. [1] D. M. Blei, A. Y. Ng, M. I. Jordan, "Latent Dirichlet allocation", Journal of
       Machine Learning Research 3, 2003, equations 6 and 7.
    .. [2] M. D. Hoffman, D. M. Blei, F. Bach, "Online learning for latent Dirichlet
       allocation", Advances in Neural Information Processing Systems 23, 2010,
       algorithms 1 and 2.
    .. [3] R. Salakhutdinov, S. Roweis, "Adaptive overrelaxed bound optimization
       methods", International Conference on Machine Learning, 2003, equation 6.

    Examples
    --------
    >>> from sklearn_topics import TorchLDA
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=200, n_features=50, n_topics=3, random_state=0
    ... )
    >>> model = TorchLDA(n_components=3, random_state=0).fit(X)
    >>> model.components_.shape
    (3, 50)
    >>> model.transform(X[:2]).sum(axis=1).round(4).tolist()
    [1.0, 1.0]
    """

    # Set by `fit`.
    components_: np.ndarray
    n_batch_iter_: int
    n_iter_: int
    bound_: float
    doc_topic_prior_: float
    topic_word_prior_: float
    random_state_: Any
    loss_history_: dict
    n_features_in_: int
    feature_names_in_: np.ndarray

    _positive_only = _nonnegative_components = True
    _gives_proportions, _shows_progress = True, True

    _parameter_constraints = {
        **_ITERATIVE,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "doc_topic_prior": [None, Interval(Real, 0, 1, closed="both")],
        "topic_word_prior": [None, Interval(Real, 0, 1, closed="both")],
        "learning_method": [StrOptions({"batch", "online"})],
        "learning_decay": [Interval(Real, 0, 1, closed="both")],
        "learning_offset": [Interval(Real, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "evaluate_every": [Interval(Integral, None, None, closed="neither")],
        "total_samples": [Interval(Real, 0, None, closed="neither")],
        "perp_tol": [Interval(Real, 0, None, closed="left")],
        "mean_change_tol": [Interval(Real, 0, None, closed="left")],
        "max_doc_update_iter": [Interval(Integral, 0, None, closed="left")],
        "relaxation": [Interval(Real, 1, 2, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components=10,
        *,
        doc_topic_prior=None,
        topic_word_prior=None,
        learning_method="batch",
        learning_decay=0.7,
        learning_offset=10.0,
        max_iter=10,
        batch_size=128,
        evaluate_every=-1,
        total_samples=1e6,
        perp_tol=1e-1,
        mean_change_tol=1e-3,
        max_doc_update_iter=100,
        relaxation=1.0,
        n_jobs=None,
        verbose=0,
        random_state=None,
        checkpoint=None,
        device="auto",
    ) -> None:
        self.n_components = n_components
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.learning_method = learning_method
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.evaluate_every = evaluate_every
        self.total_samples = total_samples
        self.perp_tol = perp_tol
        self.mean_change_tol = mean_change_tol
        self.max_doc_update_iter = max_doc_update_iter
        self.relaxation = relaxation
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.device = device

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit(self, X, y=None) -> Self:
        """Fit the topic model to documents, by `learning_method`.

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
        """
        self._fit(X, y)
        return self

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None, *, normalize=True) -> np.ndarray:
        """Fit the topic model and infer the topic proportions of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.
        normalize : bool, default=True
            Whether to return proportions, as for `transform`.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            The same as ``fit(X).transform(X, normalize=normalize)``.
        """
        return self._transformed(self._fit(X, y), X, normalize)

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def partial_fit(self, X, y=None) -> Self:
        """Update the topics with further documents, `batch_size` at a time.

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
        """
        first = not hasattr(self, "components_")
        X_device = self._upload(X, "partial_fit", reset=first)
        self._require_one_model(first)
        found = self._first_attributes() if first else vars(self)
        solver = self._solver(found, X_device, self.total_samples)
        if first:
            state = self._first_state(found, X_device)
        else:
            state = {
                "components": self._topics(X_device),
                "n_updates": self.n_batch_iter_,
                "drawn": 0,
            }
        with self._threads(), _drawn_if_done(found["random_state_"]):
            state = solver.step(X_device, state)
        vars(self).update(found, **_topic_attributes(state))
        return self

    def _require_one_model(self, first):
        """Raise an error if ranks of a process group would continue other models."""
        require_equal("components_", None if first else self._components())
        if not first:
            require_equal("n_batch_iter_", self.n_batch_iter_)
            require_equal("random_state_", repr(self.random_state_.get_state()))

    def _fit(self, X, y):
        """Set the fitted attributes; return X on the device."""
        every = self.evaluate_every if self.evaluate_every > 0 else _NEVER
        progress = PrintedIterations(self.verbose, every)
        options = {"max_iter": self.max_iter, "progress": progress}
        with fit_session(self, X, y, **options) as observers, self._threads():
            X_device = self._upload(X, "fit", reset=True)
            found = self._first_attributes()
            n = all_rows(X_device.shape[0])
            solver = self._solver(found, X_device, n, self.learning_method)
            start = self._first_state(found, X_device)
            run = fit_from_starts(
                solver,
                X_device,
                [start],
                max_iter=self.max_iter,
                stop=SmallPerplexityChange(self.perp_tol, every),
                select="last",
                observers=observers,
                attributes=partial(_attributes, found),
            )
            best = run.best
            if self.max_iter == 0:
                best.state, best.metrics = start, solver.evaluate(X_device, start)
            if best.state is not None:  # else interrupted in the first iteration
                vars(self).update(_attributes(found, best.state, best.n_iter))
                self.bound_ = best.metrics["perplexity"]
                # As after the draws of other ranks, for their documents.
                solver.draw(0, best.state["drawn"])
                self.loss_history_ = best.loss_history
            if run.interrupted is not None:
                raise run.interrupted
        return X_device

    def _first_attributes(self):
        """Fitted attributes that the data do not change."""
        K, a, b = self.n_components, self.doc_topic_prior, self.topic_word_prior
        return {
            "random_state_": check_random_state(agreed_seed(self.random_state)),
            "doc_topic_prior_": 1.0 / K if a is None else a,
            "topic_word_prior_": 1.0 / K if b is None else b,
            "n_iter_": 0,
        }

    def _first_state(self, found, X):
        """Random topics."""
        shape = self.n_components, X.shape[1]
        topics = found["random_state_"].gamma(_SHAPE, _SCALE, shape)
        topics = np.ascontiguousarray(topics.T, numpy_dtype(X))
        components = to_device(topics, X.device)
        return {"components": components, "n_updates": 1, "drawn": 0}

    def _solver(self, found, X, total_samples, method="online"):
        K, rng = int(self.n_components), found["random_state_"]
        if "components_" in found:
            K = self.n_components_
        draw = _Draws(rng, K, X)
        shared = self._inference(found), float(found["topic_word_prior_"]), draw
        relaxation = float(self.relaxation)
        if method == "batch":
            return BatchBayes(*shared, relaxation=relaxation)
        if relaxation != 1:
            raise ValueError(
                f"relaxation={self.relaxation}, but partial_fit and fits with "
                "learning_method='online' need 1: their step sizes are those of "
                "learning_decay and learning_offset. Call set_params(relaxation=1)."
            )
        return OnlineBayes(
            *shared,
            batch_size=int(self.batch_size),
            total_samples=float(total_samples),
            offset=float(self.learning_offset),
            decay=float(self.learning_decay),
        )

    def _inference(self, found):
        prior, tol = float(found["doc_topic_prior_"]), float(self.mean_change_tol)
        return Inference(prior, int(self.max_doc_update_iter), tol)

    def _threads(self):
        """The number of threads on the CPU within the context."""
        if self.n_jobs is None:
            return nullcontext()
        return one_torch_thread(effective_n_jobs(self.n_jobs))

    def _upload(self, X, method, *, reset=False):
        """X, validated, as a CSR on the device; but in fit, in the topics' dtype."""
        options = {"missing": False, "positive": False}
        data = check_nonnegative(self, X, reset=reset, method=method, **options)
        X_device = as_csr(self._to_device(data))
        if reset or X_device.device.type == "mps":
            return X_device
        narrow = self._components().dtype == np.float32
        return as_dtype(X_device, torch.float32 if narrow else torch.float64)

    def _topics(self, X):
        """components_^T on the device of X, in its dtype."""
        topics = np.ascontiguousarray(self._components().T, numpy_dtype(X))
        return to_device(topics, X.device)

    @property
    def exp_dirichlet_component_(self) -> np.ndarray:
        """Exponential of the expected logarithm of the topics' distributions."""
        check_is_fitted(self)
        components = self._components()
        topics = torch.from_numpy(np.ascontiguousarray(components.T))
        return np.ascontiguousarray(to_numpy(term_weights(topics)).T)

    @plain_torch
    def transform(self, X, *, normalize=True) -> np.ndarray:
        """Infer the topic proportions of documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        normalize : bool, default=True
            Whether rows sum to one. False returns the Dirichlet parameters of the
            posteriors, which sum to about the number of tokens.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, the means of the posteriors. Each row depends only on its
            document. A torch.Tensor on the device of X if X is a torch.Tensor.
        """
        check_is_fitted(self)
        return self._transformed(self._upload(X, "transform"), X, normalize)

    def _transformed(self, X_device, X, normalize):
        gamma = self._posterior(X_device, self._topics(X_device), self.verbose)
        if normalize:
            gamma = gamma / gamma.sum(1, keepdim=True)
        return self._like_input(gamma, X)

    def _posterior(self, X, components, verbose=0):
        """Dirichlet parameters of documents (n x K tensor)."""
        self._validate_params()  # the user may have set them after fit
        infer = partial(self._inference(vars(self)).posterior, components=components)
        with self._threads(), threads_for(X):
            return in_row_blocks(infer, X, verbose=verbose)

    def inverse_transform(self, X) -> np.ndarray:
        """Compute the distributions over terms of given topic proportions.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_components)
            Topic proportions as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            ``X @ topics``, with the rows of ``components_`` divided by their sums;
            always dense, float32 if X is float32, else float64. A torch.Tensor on the
            device of X if X is a torch.Tensor.
        """
        check_is_fitted(self)
        topics = normalize_rows(self._components())
        W = check_coordinates(self, X)
        return like_input(W @ topics.astype(W.dtype, copy=False), X)

    @on_all_ranks
    @plain_torch
    def score(self, X, y=None) -> float:
        """Lower bound of the log-likelihood of documents, as in scikit-learn.

        Not comparable between models: see the notes above.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            The variational bound, in natural logarithms; higher is better.
        """
        check_is_fitted(self)
        return self._bound(self._upload(X, "score"))

    @on_all_ranks
    @plain_torch
    def perplexity(self, X, sub_sampling=False) -> float:
        """Perplexity by the bound of `score`, as in scikit-learn; lower is better.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        sub_sampling : bool, default=False
            Whether X is a sample of `total_samples` documents, so that the terms of
            documents weigh more in the bound.

        Returns
        -------
        perplexity : float
            ``exp(-score(X) / X.sum())``; infinity without tokens.
        """
        check_is_fitted(self)
        X_device = self._upload(X, "perplexity")
        n = all_rows(X_device.shape[0])
        ratio = float(self.total_samples) / n if sub_sampling else 1.0
        tokens = float(all_sum(wide_sums(X_device, lambda x: x))) * ratio
        return bound_perplexity(self._bound(X_device, ratio), tokens)

    def _refused_in_groups(self, method):
        return None

    def _bound(self, X, ratio=1.0):
        components = self._topics(X)
        priors = float(self.doc_topic_prior_), float(self.topic_word_prior_)
        posterior = partial(self._posterior, components=components)
        return float(variational_bound(X, posterior, components, priors, ratio))


def _topic_attributes(state):
    components = np.ascontiguousarray(to_numpy(state["components"]).T)
    return {"components_": components, "n_batch_iter_": state["n_updates"]}


def _attributes(found, state, n_iter):
    """Fitted attributes of a state, for callbacks too."""
    return {**found, **_topic_attributes(state), "n_iter_": n_iter}


@contextmanager
def _drawn_if_done(rng):
    """Give a generator its state back if an update fails or is interrupted."""
    before, done = rng.get_state(), False
    try:
        yield
        done = True
    finally:
        if not done:
            rng.set_state(before)


class _Draws:
    """The first posteriors of documents, drawn in scikit-learn's order.

    Parameters
    ----------
    rng : RandomState
    K : int
    X : CSR
        Its dtype and device are those of the draws.
    """

    def __init__(self, rng, K, X):
        self._rng, self._K, self._drawn = rng, K, 0
        self._dtype, self._device = numpy_dtype(X), X.device

    def __call__(self, n, drawn):
        """Draw for n documents, after `drawn` others: more than so far in a resume."""
        skipped = max(drawn - self._drawn, 0) * self._K
        for begin in range(0, skipped, _SKIPPED):
            self._rng.gamma(_SHAPE, _SCALE, min(_SKIPPED, skipped - begin))
        self._drawn = drawn + n
        gamma = self._rng.gamma(_SHAPE, _SCALE, (n, self._K))
        return to_device(gamma.astype(self._dtype, copy=False), self._device)
