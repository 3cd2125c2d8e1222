"""TorchPoissonNMF: topics by sum-to-one Poisson NMF."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array

from .._boundary.fitting import run_fit
from .._boundary.inputs import check_counts
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context, fit_task
from .._boundary.transfer import (
    like_input,
    make_generator,
    resolve_device,
    to_device,
    to_numpy,
)
from .._core import poisson_nmf
from .._core.init import INITS, initial_factors
from ._base import BaseTopicModel

_SOLVERS = {"scd": poisson_nmf.SCD, "em": poisson_nmf.EM}

#: Smallest reconstruction of a positive entry, relative to their mean.
_RELATIVE_FLOOR = 1e-10


class TorchPoissonNMF(BaseTopicModel):
    r"""Topic model by Poisson non-negative matrix factorisation.

    Fits :math:`x_{ij} \sim \mathrm{Poisson}((WH)_{ij})` to counts of terms in
    documents and returns the topic model with the same likelihood [1]_: topics are
    distributions over terms (`components_`), and documents are mixtures of topics
    (`transform`). With both pseudocounts 0 this is the maximum-likelihood fit, which
    also minimises the generalised Kullback-Leibler divergence; positive ones give the
    maximum a posteriori under Dirichlet(1 + pseudocount) priors, which predicts
    unseen text better.

    Read more in the :ref:`User Guide <poisson_nmf>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of topics.

    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"}, default="random"
        Where to begin.

        - "random": absolute normal values of scale sqrt(X.mean() / n_components);
        - "nndsvd": nonnegative double singular value decomposition, with zeros
          (solver "em" cannot leave them without pseudocounts);
        - "nndsvda", "nndsvdar": the same, with the zeros set to the mean of X, or to
          small random values;
        - "custom": the W and H passed to `fit` or `fit_transform`.

    solver : {"scd", "em"}, default="scd"
        - "scd": 20 iterations of "em", then sequential coordinate descent, W and H
          in turn, every coordinate by a step that cannot lower the likelihood;
        - "em": expectation-maximisation; without pseudocounts these are the
          multiplicative updates of scikit-learn's NMF. Slower; the objective never
          falls.

    doc_topic_pseudocount : float, default=0.1
        Tokens added to every topic of every document. 0 is maximum likelihood. The
        same value is used when new documents are folded in.

    topic_word_pseudocount : float, default=0.1
        Tokens added to every term of every topic. 0 is maximum likelihood.

    max_iter : int, default=200
        Most iterations, each over both factors.

    tol : float, default=1e-4
        Stop when the objective gains less than this per token in ten iterations,
        that is, when the fitted perplexity improves by less than a factor 1 - tol.
        0 runs `max_iter` iterations.

    random_state : int, RandomState instance or None, default=None
        Determines the start. Pass an int for reproducible results.

    verbose : int, default=0
        1 shows a progress line with the objective on standard error.

    device : str, default="auto"
        Where to compute: "auto" (a CUDA device if there is one, else the CPU),
        "cpu", "cuda", "cuda:1", "mps" or "xpu".

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Topics: probabilities of the terms. Each row sums to one.

    n_components_ : int
        Number of topics.

    n_iter_ : int
        Iterations run.

    log_likelihood_ : float
        Poisson log-likelihood of the data at the end of the fit, with the
        -log(x!) term and each document's size at its total; natural logarithm.
        Without the pseudocounts' terms, whatever they are.

    deviance_ : float
        Twice the log-likelihood that is missing to a perfect fit.

    kkt_residual_ : float
        Largest violation, in tokens, of the first-order conditions of the objective:
        max over the entries of W * (gradient) and H * (gradient). 0 at a stationary
        point.

    loss_history_ : dict of str to ndarray
        "iteration", "seconds", "objective" and "kkt", one entry every ten
        iterations. The objective is the log-likelihood plus the pseudocounts'
        terms; it is maximised, and `tol` and `kkt_residual_` refer to it.

    n_features_in_ : int
        Number of terms seen in fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms; only if the columns of X have string names.

    See Also
    --------
    sklearn.decomposition.LatentDirichletAllocation : Variational topic model.
    sklearn.decomposition.NMF : With ``beta_loss="kullback-leibler"``, the same
        factorisation without pseudocounts and without the topic model's scale.

    Notes
    -----
    Integer counts below 2^24 are computed in float32, which holds them exactly;
    float64 data are computed in float64. Sparse X is never made dense.

    Results are the same, to the last bit, for the same data, parameters, versions
    and machine, whatever the number of threads.

    References
    ----------
    .. [1] P. Carbonetto, A. Sarkar, Z. Wang, M. Stephens, "Non-negative matrix
       factorization algorithms greatly improve topic model fits",
       arXiv:2105.13440, 2021, equations 1 to 6.

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
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({*INITS, "custom"})],
        "solver": [StrOptions(set(_SOLVERS))],
        "doc_topic_pseudocount": [Interval(Real, 0, None, closed="left")],
        "topic_word_pseudocount": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "device": [str],
    }

    def __init__(
        self,
        n_components=10,
        *,
        init="random",
        solver="scd",
        doc_topic_pseudocount=0.1,
        topic_word_pseudocount=0.1,
        max_iter=200,
        tol=1e-4,
        random_state=None,
        verbose=0,
        device="auto",
    ):
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.doc_topic_pseudocount = doc_topic_pseudocount
        self.topic_word_pseudocount = topic_word_pseudocount
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose
        self.device = device

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, W=None, H=None):
        """Learn the topics of documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms. Other nonnegative numbers are accepted.
        y : Ignored
            Present for consistency of the API.
        W : array-like of shape (n_samples, n_components), default=None
            Weights of the topics in the documents to begin with, for init="custom".
        H : array-like of shape (n_components, n_features), default=None
            Topics to begin with, for init="custom"; rows of any scale.

        Returns
        -------
        self : object
            The fitted model.
        """
        self._fit(X, W, H)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None, W=None, H=None):
        """Learn the topics of documents and return their proportions in them.

        Equal to ``fit(X).transform(X)``, to the last bit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms. Other nonnegative numbers are accepted.
        y : Ignored
            Present for consistency of the API.
        W : array-like of shape (n_samples, n_components), default=None
            Weights of the topics in the documents to begin with, for init="custom".
        H : array-like of shape (n_components, n_features), default=None
            Topics to begin with, for init="custom"; rows of any scale.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, as `transform` returns them.
        """
        X_device = self._fit(X, W, H)
        topics = to_device(self.components_, X_device.device)
        return like_input(to_numpy(self._infer(X_device, topics)), X)

    def _fit(self, X, W, H):
        """Set the fitted attributes; returns X on the device."""
        with fit_task(self, X, None, max_iter=self.max_iter) as task:
            data = check_counts(self, X, reset=True, method="fit")
            device = resolve_device(self.device)
            X_device = to_device(data, device)
            state = self._initial_state(X_device, data, W, H)
            constants = poisson_nmf.Constants.of(X_device)
            solver = _SOLVERS[self.solver](
                self.doc_topic_pseudocount,
                self.topic_word_pseudocount,
                constants.log_factorial,
                floor=_RELATIVE_FLOOR * (constants.mean_entry or 1.0),
            )
            fit = run_fit(
                solver,
                X_device,
                state,
                max_iter=self.max_iter,
                tol=self.tol,
                scale=constants.tokens or 1.0,
                verbose=self.verbose,
                task=task,
                attributes=_topic_attributes,
            )
            if fit.state is not None:
                self._set_fitted(X_device, solver, constants, fit)
            if fit.interrupted is not None:
                raise fit.interrupted
        return X_device

    def _initial_state(self, X, data, W, H):
        n, m = X.shape
        if self.init == "custom":
            W = self._custom_factor(W, "W", (n, self.n_components), data.dtype)
            H = self._custom_factor(H, "H", (self.n_components, m), data.dtype)
            HT = np.ascontiguousarray(H.T)
            return {"W": to_device(W, X.device), "HT": to_device(HT, X.device)}
        if W is not None or H is not None:
            raise ValueError(
                f"W and H are used with init='custom' only; init is {self.init!r}."
            )
        if self.init != "random" and self.n_components > min(n, m):
            raise ValueError(
                f"init={self.init!r} needs n_components <= min(n_samples, n_features) "
                f"= {min(n, m)}, but n_components is {self.n_components}; use 'random'."
            )
        generator = make_generator(self.random_state)
        W, HT = initial_factors(X, self.n_components, self.init, generator)
        return {"W": W, "HT": HT}

    def _custom_factor(self, factor, name, shape, dtype):
        if factor is None:
            raise ValueError(f"init='custom' needs both W and H; {name} is missing.")
        factor = check_array(
            factor, dtype=dtype, order="C", ensure_non_negative=True, input_name=name
        )
        if factor.shape != shape:
            raise ValueError(f"{name} has shape {factor.shape}; expected {shape}.")
        if not factor.any():
            raise ValueError(f"{name} is all zeros, which no update can leave.")
        return factor

    def _set_fitted(self, X, solver, constants, fit):
        loglik = poisson_nmf.document_log_likelihood(X, fit.state, solver.floor)
        fit.require_finite("log-likelihood", loglik, X.dtype)
        self.components_ = to_numpy(poisson_nmf.topics_of(fit.state))
        self.n_components_ = self.components_.shape[0]
        self.n_iter_ = fit.n_iter
        self.log_likelihood_ = loglik - constants.log_factorial
        self.deviance_ = 2 * (constants.saturated - self.log_likelihood_)
        self.kkt_residual_ = fit.history["kkt"][-1]
        self.loss_history_ = {
            name: np.asarray(column) for name, column in fit.history.items()
        }

    def _infer(self, X, topics):
        mean = poisson_nmf.Constants.of(X).mean_entry or 1.0
        return poisson_nmf.fold_in(
            X,
            topics,
            pseudocount=self.doc_topic_pseudocount,
            floor=_RELATIVE_FLOOR * mean,
        )


def _topic_attributes(state, n_iter):
    """What a callback needs to see the model as if fit had stopped here."""
    topics = to_numpy(poisson_nmf.topics_of(state))
    return {
        "components_": topics,
        "n_components_": topics.shape[0],
        "n_iter_": n_iter,
    }
