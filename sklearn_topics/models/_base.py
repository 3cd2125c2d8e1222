"""What the models share: tags, inputs and outputs, held-out scores."""

import math
from abc import ABCMeta, abstractmethod
from inspect import signature

import numpy as np
import scipy.sparse as sp
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from .._boundary.contexts import plain_torch
from .._boundary.documentation import page_template
from .._boundary.inputs import (
    check_components,
    check_coordinates,
    check_counts,
    check_nonnegative,
)
from .._boundary.sklearn_private import CallbackSupportMixin, gives_frames
from .._boundary.transfer import like_input, resolve_device, to_device, to_numpy
from .._boundary.warning import OtherVersionWarning, warn_user
from .._core.beta_divergence import divergence
from .._core.beta_nmf import MultiplicativeUpdate, Penalties
from .._core.heldout import completion_score, split_columns, split_counts
from .._core.unit import Unit, geometric_mean
from .._fit.loop import fit_from_starts
from .._fit.starts import init_scale
from .._fit.stopping import SmallDecrease
from .._kernels import CSR
from .._version import __version__

#: Under this name a stored model has the version that stored it.
_STAMP = "_sklearn_topics_version"


class BaseDecomposition(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of every model: X is about W @ ``components_``."""

    _doc_link_module = "sklearn_topics"

    #: Whether components_ may have no negative entries, also when edited.
    _nonnegative_components = False

    @property
    def _doc_link_template(self):
        return page_template()

    @property
    def n_components_(self):
        """Number of components: that of the rows of ``components_``, also if edited."""
        return self.components_.shape[0]

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        return {**super().__getstate__(), _STAMP: __version__}

    def __setstate__(self, state):
        # A parameter that the version which stored it had not has its default.
        parameters = signature(type(self)).parameters.values()
        defaults = {p.name: p.default for p in parameters}
        stamp = state.get(_STAMP, "before 0.1")
        given = {name: value for name, value in state.items() if name != _STAMP}
        super().__setstate__({**defaults, **given})
        if stamp != __version__:
            warning = OtherVersionWarning(
                estimator_name=type(self).__name__,
                current_sklearn_version=__version__,
                original_sklearn_version=stamp,
            )
            warn_user(warning, type(warning))

    def __sklearn_is_fitted__(self):
        # Not any attribute with an underscore: a fit that fails half-way sets some.
        return hasattr(self, "components_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @plain_torch
    def _like_input(self, rows, X):
        """What transform returns: torch if X is, but arrays to make DataFrames of."""
        return rows if gives_frames(self) else like_input(rows, X)

    def _components(self):
        """components_, checked, since they may have been edited."""
        return check_components(self, nonnegative=self._nonnegative_components)

    def inverse_transform(self, X):
        """Data with these coordinates, in the original space.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_components)
            What `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            ``X @ components_``; always dense. In float32 if X is, else in float64. A
            torch.Tensor on X's device if X is one.
        """
        check_is_fitted(self)
        components = self._components()
        W = check_coordinates(self, X)
        return like_input(W @ components.astype(W.dtype, copy=False), X)


class BaseTopicModel(CallbackSupportMixin, BaseDecomposition):
    """Base class of the topic models; holds no algorithm.

    A subclass sets ``components_`` (topics x terms, rows that sum to one) in fit and
    infers topic proportions in `_infer`.
    """

    _nonnegative_components = True

    #: What `transform` returns, and that it shows its progress if `verbose`: read by
    #: `_boundary.proportions`.
    _gives_proportions, _shows_progress = True, True

    @abstractmethod
    def _infer(self, X, topics, verbose=0):
        """Topic proportions (n x K tensor) of X (on the device), given the topics."""

    def _proportions(self, X, topics, verbose=0):
        """The same, or an error where an overflow has left none."""
        theta = self._infer(X, topics, verbose)
        if not bool(theta.sum().isfinite()):
            raise FloatingPointError(
                f"Proportions of documents are not finite, computed in {X.dtype}. "
                "Values of X are too large for it: rescale X or pass it as float64."
            )
        return theta

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _upload(self, X, method):
        """X, checked against the fitted model, and the topics: on the device."""
        check_is_fitted(self)
        data = check_counts(self, X, reset=False, method=method)
        device = resolve_device(self.device)
        topics = self._components().astype(data.dtype, copy=False)
        return to_device(data, device), to_device(topics, device)

    @plain_torch
    def transform(self, X):
        """Topic proportions of documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Each row sums to one. A row depends on its document alone; a document
            without tokens gets the uniform row. A torch.Tensor on X's device if X
            is one.
        """
        X_device, topics = self._upload(X, "transform")
        theta = self._proportions(X_device, topics, self.verbose)
        return self._like_input(to_numpy(theta), X)

    @plain_torch
    def score(self, X, y=None):
        """Mean log-probability of a held-out token: greater is better.

        Document completion: the tokens of every document are split in two halves
        (each count binomially, by a fixed seed; a value that is not an integer goes
        whole to one half). Topic proportions are inferred from the first half as
        `transform` does; the second half is scored by
        ``log((1 - l) * (theta @ components_) + l / n_features)`` with l = 0.001.
        Use documents that the model was not fitted on.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms.
        y : Ignored
            Present for consistency of the API.

        Returns
        -------
        score : float
            Natural logarithm per token. Comparable between all models of the same
            vocabulary.
        """
        X_device, topics = self._upload(X, "score")
        shown, held_out = split_counts(X_device)
        return completion_score(held_out, self._proportions(shown, topics), topics)

    def perplexity(self, X, y=None):
        """Held-out perplexity per token, ``exp(-score(X))``: smaller is better.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms.
        y : Ignored
            Present for consistency of the API.

        Returns
        -------
        perplexity : float
            Between 1 and about 1000 times `n_features`; `n_features` is the value of
            the uniform distribution over terms.
        """
        return math.exp(-self.score(X))


#: Names of a `beta_loss`.
LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}

# The null model of `score` has one component and is fitted until nothing moves.
_NULL_TOL, _NULL_MAX_ITER = 1e-6, 1000


class BaseBetaNMF(CallbackSupportMixin, BaseDecomposition):
    """Base class of factorisations under a beta-divergence; holds no algorithm.

    A subclass has the parameters `beta_loss`, `alpha_W`, `alpha_H`, `l1_ratio` and
    `device`, and sets ``components_`` and ``feature_means_`` in fit.
    """

    #: What `transform` returns, and that it shows its progress if `verbose`: read by
    #: `_boundary.proportions`.
    _gives_proportions, _shows_progress = False, True

    @abstractmethod
    def _weights(self, data, H, verbose=0):
        """W of checked data for the components H, an array."""

    #: Whether cells of X may be NaN.
    _may_miss = False

    def _check_parameters(self):
        """Refuse what does not go together; also what was set since fit."""
        self._validate_params()

    def _check(self, X, method, *, reset):
        """Parameters, and X, validated: CSR or ndarray."""
        self._check_parameters()
        if not reset:
            self._components()
        return check_nonnegative(
            self,
            X,
            reset=reset,
            method=method,
            missing=self._may_miss,
            positive=self._beta <= 0,
        )

    def _penalties(self, n, m):
        """Weights of the penalties for X of n x m."""
        # Python's numbers: the kernels know no other float16 or longdouble.
        rho, alpha_W = float(self.l1_ratio), m * float(self.alpha_W)
        alpha_H = n * float(self.alpha_W if self.alpha_H == "same" else self.alpha_H)
        return Penalties(
            alpha_W * rho, alpha_H * rho, alpha_W * (1 - rho), alpha_H * (1 - rho)
        )

    def _masks(self, data):
        """Whether cells of checked data are NaN: unobserved."""
        return False

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    @property
    def _beta(self):
        return float(LOSSES.get(self.beta_loss, self.beta_loss))

    @plain_torch
    def score(self, X, y=None):
        r"""D2 on held-out columns: the share of the divergence that is explained.

        Half of the columns, the same ones for every X of this width, are held out. W
        is fitted to the others as `transform` does, and

        .. math:: D^2 = 1 - \frac{d_\beta(X_{out}, W H_{out})}
                                {d_\beta(X_{out}, w \bar{x}_{out})}

        compares the rest with a model of one component, the means of the columns in
        fit, and its own weights w. 1 is perfect, 0 no better than that model. It
        does not grow with the number of components for ever: use it to choose that.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data, best of rows that the model was not fitted on.
        y : Ignored
            Present for consistency of the API.

        Returns
        -------
        score : float
            At most 1; greater is better.
        """
        check_is_fitted(self)
        data = self._check(X, "score", reset=False)
        shown, hidden = (c.numpy() for c in split_columns(data.shape[1]))
        seen, rest = data[:, shown], data[:, hidden]
        values = rest.data if sp.issparse(rest) else rest
        if values.size == rest.shape[0] * rest.shape[1] and np.isnan(values).all():
            raise ValueError("No cell of the held-out columns was observed.")
        H, mean = self.components_, np.atleast_2d(self.feature_means_)
        mean = mean / (mean.mean() or 1)  # of any size: its weights are fitted
        W = self._weights(seen, H[:, shown])
        w = self._null_weights(seen, mean[:, shown])
        found = self._divergence(rest, W, H[:, hidden])
        null = self._divergence(rest, w, mean[:, hidden])
        if null == 0:
            return 1.0 if found == 0 else 0.0
        return 1 - found / null

    def _null_weights(self, data, row):
        """Weights of a single component, without penalties."""
        X = to_device(data, resolve_device(self.device))
        unit = Unit.of(X)
        X = unit.measure(X)
        W = np.full((X.shape[0], 1), init_scale(X, 1), data.dtype)
        HT = np.ascontiguousarray(row.T.astype(data.dtype))
        state = {"W": to_device(W, X.device), "HT": to_device(HT, X.device)}
        masked = self._masks(data)
        solver = MultiplicativeUpdate(self._beta, masked=masked, update_H=False)
        run = fit_from_starts(
            solver,
            X,
            [solver.init_state(X, state["W"], state["HT"])],
            max_iter=_NULL_MAX_ITER,
            stop=SmallDecrease(_NULL_TOL),
        )
        if run.interrupted is not None:
            raise run.interrupted
        return to_numpy(run.best.state["W"] / unit.data)

    def _divergence(self, data, W, H):
        """In units of a typical entry of the data, so that floors mean the same."""
        X = to_device(data, resolve_device(self.device))
        typical = geometric_mean(X)
        X = X.with_data(X.data / typical) if isinstance(X, CSR) else X / typical
        HT = np.ascontiguousarray(H.T.astype(data.dtype, copy=False))
        W, HT = (to_device(A, X.device) / typical**0.5 for A in (W, HT))
        return divergence(X, W, HT, self._beta, masked=self._masks(data))
