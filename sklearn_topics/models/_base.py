"""Base classes of the models: tags, input and output, held-out scores."""

import math
from abc import ABCMeta, abstractmethod
from functools import partial
from inspect import signature
from numbers import Integral, Real
from os import PathLike

import numpy as np
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
from .._boundary.memory import value_bytes
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    gives_frames,
)
from .._boundary.topics import topic_names
from .._boundary.transfer import (
    like_input,
    numpy_dtype,
    resolve_device,
    to_device,
    to_numpy,
)
from .._boundary.warning import OtherVersionWarning, warn_user
from .._core.beta_nmf import Penalties
from .._core.heldout import (
    d2_score,
    document_completion,
    null_weights,
    split_columns,
)
from .._core.observed import column_means, has_hidden, has_observed
from .._kernels import ops
from .._kernels.chunks import data_blocks
from .._kernels.csr import slice_rows, take_columns
from .._kernels.ranks import all_any, all_sum, alone
from .._version import __version__

#: Constraints of parameters that all iterative models have.
_ITERATIVE = {
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "checkpoint": [str, PathLike, None],
    "device": [str],
}

#: Key of the package's version in a saved model.
_STAMP = "_sklearn_topics_version"


class BaseDecomposition(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of all models: X is approximated by W @ ``components_``."""

    _doc_link_module = "sklearn_topics"

    #: Parameters that decide how much memory a fit needs.
    _sizes = ("n_components",)

    #: Whether components_ must be nonnegative, also if edited.
    _nonnegative_components = False

    #: Whether X must be nonnegative.
    _positive_only = False

    @property
    def _doc_link_template(self):
        return page_template()

    @property
    def n_components_(self) -> int:
        """Number of components: rows of ``components_``, also if these were edited."""
        return self.components_.shape[0]

    @property
    def _n_features_out(self):
        return self.n_components_

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Get the names of the output columns: the names of the topics.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        feature_names_out : ndarray of str objects
            ``topic_names_``; topics without a name have that of the class and their
            number, such as "torchpoissonnmf3".
        """
        numbered = super().get_feature_names_out(input_features)
        names = topic_names(self)
        if names is None:
            return numbered
        pairs = zip(names, numbered, strict=True)
        return np.array([name or number for name, number in pairs], dtype=object)

    def __getstate__(self):
        return {**super().__getstate__(), _STAMP: __version__}

    def __setstate__(self, state):
        # Parameters that the saving version did not have get their defaults.
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
        # Not any attribute_ (as by default): a failed fit may have set some.
        return hasattr(self, "components_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self._positive_only
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _solver_name(self):
        """The solver, as in the table of `resolve_device`."""
        return getattr(self, "solver", "")

    def _resolve_device(self, X):
        """The device to compute on; X in any container."""
        model = f"{type(self).__name__} {self._solver_name}".rstrip()
        return resolve_device(self.device, model, X, self._rank(X))

    def _rank(self, X):
        """Number of components that fit computes for X, of all layers together."""
        sizes = getattr(self, "layer_sizes", None) or [self.n_components]
        m = getattr(X, "shape", (0,))[-1]  # also meant by n_components "auto" or None
        return sum(K if isinstance(K, Integral) else m for K in sizes)

    def _memory(self, X):
        """Bytes that a fit to X needs besides X, by what for: for messages."""
        K, (n, m) = self._rank(X), X.shape
        what = f"W and H of {K} components, of which an iteration has several copies"
        return {what: (n + m) * K * value_bytes(X, self)}

    def _to_device(self, data):
        """Validated data on the device to compute on."""
        return to_device(data, self._resolve_device(data))

    @plain_torch
    def _like_input(self, rows, X):
        """The output of transform: torch if X is, but arrays for `set_output`."""
        return like_input(rows, None if gives_frames(self) else X)

    #: Fitted attributes that describe the fit to the training data.
    _of_the_fit = "log_likelihood_", "deviance_", "kkt_residual_", "reconstruction_err_"

    def _replace_topics(self, components, tokens, *, mix, shares):
        """Replace the topics of this copy of a model; `curation` calls it.

        Parameters
        ----------
        components : ndarray of shape (n_new, n_features)
            The new topics.
        tokens : ndarray of shape (n_new,) or None
            The new ``topic_tokens_``, if known.
        mix : ndarray of shape (n_new, n_old) or None
            The new topics as combinations of the old ones; None if they are none.
        shares : ndarray of shape (n_new, n_old)
            The share of each old topic that becomes part of each new one.
        """
        self.components_ = components
        vars(self).pop("topic_tokens_", None)
        if tokens is not None:
            self.topic_tokens_ = tokens
        self.n_components = len(components)
        reordered = shares.shape[0] == shares.shape[1] and (shares.max(0) == 1).all()
        if not reordered:
            for name in self._of_the_fit:
                vars(self).pop(name, None)

    def _refused_in_groups(self, method):
        """Which settings a process group cannot have for a method, as a message's end.

        None if it can be used; "" if it cannot be with any settings.
        """
        return ""

    def _prior_tokens(self):
        """The pseudocounts of all terms of each topic together: a number, or (K,)."""
        return 0.0

    def _components(self):
        """Validated components_: the user may have edited them."""
        return check_components(self, nonnegative=self._nonnegative_components)

    def inverse_transform(self, X) -> np.ndarray:
        """Transform coordinates back to the original space.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_components)
            Coordinates as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            ``X @ components_``; always dense, float32 if X is float32, else float64. A
            torch.Tensor on the device of X if X is a torch.Tensor.
        """
        check_is_fitted(self)
        components = self._components()
        W = check_coordinates(self, X)
        return like_input(W @ components.astype(W.dtype, copy=False), X)


class BaseTopicModel(CallbackSupportMixin, BaseDecomposition):
    """Base class of the topic models, without an algorithm.

    A subclass sets ``components_`` (topics x terms, rows that sum to one) in fit and
    infers topic proportions in `_infer`.
    """

    _nonnegative_components = _positive_only = True

    _parameter_constraints = {
        **_ITERATIVE,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
    }

    #: Whether `transform` returns proportions, and whether it shows its progress:
    #: `_boundary.proportions` reads both.
    _gives_proportions, _shows_progress = True, True

    #: Whether integers are computed in float32: `_boundary.memory` reads it.
    _narrows_counts = True

    @abstractmethod
    def _infer(self, X, topics, verbose=0):
        """Topic proportions (n x K tensor) of X for fixed topics, all on the device."""

    def _proportions(self, X, topics, verbose=0):
        """Topic proportions, checked for overflow."""
        theta = self._infer(X, topics, verbose)
        if not bool(theta.sum().isfinite()):
            raise FloatingPointError(
                f"The topic proportions are not finite: values of X are too large for "
                f"{X.dtype}. Rescale X, or pass it as float64."
            )
        return theta

    @property
    def _continues(self):
        """Whether fit continues from the previous fit."""
        return self.warm_start and hasattr(self, "components_")

    def _upload(self, X, method):
        """X, validated against the fitted model, and the topics, on the device."""
        check_is_fitted(self)
        data = check_counts(self, X, reset=False, method=method)
        X_device = self._to_device(data)
        topics = self._components().astype(numpy_dtype(X_device), copy=False)
        return X_device, to_device(topics, X_device.device)

    @plain_torch
    def transform(self, X, out=None) -> np.ndarray:
        """Infer the topic proportions of documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        out : ndarray of shape (n_samples, n_components), default=None
            Where the proportions are written, block by block: for example a memory map
            of :func:`numpy.lib.format.open_memmap`, if they are too many for memory.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, or `out`. Each row sums to one and depends only on its
            document; a document without tokens gets uniform proportions. A torch.Tensor
            on the device of X if X is a torch.Tensor.
        """
        X_device, topics = self._upload(X, "transform")
        if out is None:
            return self._transformed(X_device, topics, X)
        _check_out(out, (X_device.shape[0], len(topics)))
        for start, stop in data_blocks(X_device):
            rows = slice_rows(X_device, start, stop)
            out[start:stop] = to_numpy(self._proportions(rows, topics))
        return out

    def _transformed(self, X_device, topics, X):
        """The output of transform for X, which is `X_device` on the device."""
        theta = self._proportions(X_device, topics, self.verbose)
        return self._like_input(theta, X)

    @on_all_ranks
    @plain_torch
    def score(self, X, y=None) -> float:
        """Mean held-out log-likelihood per token; higher is better.

        Evaluated by document completion: the tokens of each document are split into two
        halves (binomially, with a fixed seed; a non-integer value goes entirely to one
        half). Topic proportions theta are inferred from the first half as `transform`
        does; the tokens of the second half are evaluated with
        ``log((1 - l) * (theta @ components_) + l / n_features)``, where l = 0.001.
        Use documents that the model was not fitted on.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            Natural logarithm, per token. Comparable between all topic models with the
            same vocabulary.
        """
        X_device, topics = self._upload(X, "score")
        infer = partial(self._proportions, topics=topics)
        return document_completion(X_device, infer, topics)

    def perplexity(self, X, y=None) -> float:
        """Held-out perplexity per token, ``exp(-score(X))``; lower is better.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        perplexity : float
            Between 1 and about 1000 times `n_features`. The uniform distribution over
            the terms has perplexity `n_features`.
        """
        return math.exp(-self.score(X))


def _check_out(out, shape) -> None:
    found = getattr(out, "shape", None)
    if not isinstance(out, np.ndarray) or found != shape or out.dtype.kind != "f":
        got = f"{found} and the dtype {out.dtype}" if found else type(out).__name__
        raise ValueError(
            f"out must be an ndarray of floats of the shape {shape}. Got {got}."
        )


def set_topic_names(model, names: np.ndarray | None) -> None:
    """Set the fitted attribute ``topic_names_``, which is missing without names."""
    if names is None or not any(names):
        vars(model).pop("topic_names_", None)
    else:
        model.topic_names_ = names


#: Names of values of `beta_loss`.
LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}


def component_sums(W, components) -> np.ndarray:
    """The sum over all cells of what each component reconstructs: float64 (K,)."""
    columns = to_numpy(all_sum(ops.column_sums(W))).astype(np.float64)
    return columns * components.sum(axis=1, dtype=np.float64)


class BaseBetaNMF(CallbackSupportMixin, BaseDecomposition):
    """Base class of factorisations with a beta-divergence, without an algorithm.

    A subclass has the parameters `beta_loss`, `alpha_W`, `alpha_H`, `l1_ratio` and
    `device`, and sets ``components_`` and ``feature_means_`` in fit.
    """

    _positive_only = True

    _parameter_constraints = {
        **_ITERATIVE,
        "beta_loss": [
            StrOptions(set(LOSSES)),
            Interval(Real, None, None, closed="neither"),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "alpha_W": [Interval(Real, 0, None, closed="left")],
        "alpha_H": [Interval(Real, 0, None, closed="left"), StrOptions({"same"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    #: Whether `transform` returns proportions, and whether it shows its progress:
    #: `_boundary.proportions` reads both.
    _gives_proportions, _shows_progress = False, True

    @abstractmethod
    def _weights(self, X, HT, verbose=0):
        """W (n x K) of X for fixed components HT (m x K): Tensors on one device."""

    def _transposed_components(self, X):
        """components_^T on the device of X, in its dtype."""
        HT = np.ascontiguousarray(self.components_.T, numpy_dtype(X))
        return to_device(HT, X.device)

    def _transform(self, X, X_device=None):
        """The output of transform for X; `X_device` is X, validated, on the device."""
        if X_device is None:
            check_is_fitted(self)
            data = self._check(X, "transform", reset=False)
            X_device = self._to_device(data)
        HT = self._transposed_components(X_device)
        with alone():
            W = self._weights(X_device, HT, self.verbose)
        return self._like_input(W, X)

    #: Whether cells of X may be NaN.
    _may_miss = False

    def _check_parameters(self):
        """Validate the parameters, which may have been set after fit."""
        self._validate_params()

    def _check(self, X, method, *, reset):
        """Validate the parameters and X; X as CSR or ndarray."""
        self._check_parameters()
        if not reset:
            self._components()
        options = {"missing": self._may_miss, "positive": self._beta <= 0}
        return check_nonnegative(self, X, reset=reset, method=method, **options)

    def _penalties(self, n, m):
        """Weights of the penalties for X of shape (n, m)."""
        # As Python floats: the kernels have no float16 or longdouble.
        rho, alpha_W = float(self.l1_ratio), m * float(self.alpha_W)
        alpha_H = n * float(self.alpha_W if self.alpha_H == "same" else self.alpha_H)
        return Penalties(
            alpha_W * rho, alpha_H * rho, alpha_W * (1 - rho), alpha_H * (1 - rho)
        )

    def _column_means(self, X, unit):
        """What fit sets as ``feature_means_``; X is in `unit`."""
        return to_numpy((column_means(X) / unit.data).to(X.dtype))

    def _masks(self, X):
        """Whether cells of X, on the device, are NaN, i.e. unobserved."""
        return self._may_miss and has_hidden(X)

    @property
    def _beta(self):
        return float(LOSSES.get(self.beta_loss, self.beta_loss))

    @on_all_ranks
    @plain_torch
    def score(self, X, y=None) -> float:
        r"""D2 on held-out columns, the fraction of the divergence explained.

        Half of the columns are held out, the same for every X with this number of
        columns. W is fitted to the others as `transform` does, and

        .. math:: D^2 = 1 - \frac{d_\beta(X_{out}, W H_{out})}
                                {d_\beta(X_{out}, w \bar{x}_{out})}

        compares the held-out columns with a null model: one component, the column
        means of the training data, with its own weights w. 1 is a perfect fit, 0 no
        better than the null model. Unlike the training error, the score does not
        improve indefinitely with the number of components: use it to choose that.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Nonnegative data, preferably samples that the model was not fitted on.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            At most 1; higher is better.
        """
        check_is_fitted(self)
        data = self._check(X, "score", reset=False)
        X = self._to_device(data)
        shown, hidden = split_columns(X.shape[1])
        seen, held_out = (take_columns(X, c.to(X.device)) for c in (shown, hidden))
        if not all_any(has_observed(held_out)):
            raise ValueError("All cells of the held-out columns are NaN (unobserved).")
        means = np.asarray(self.feature_means_, np.float64)
        means = means / (means.mean() or 1)  # their weights are fitted
        means = to_device(means.astype(numpy_dtype(X))[:, None], X.device)
        HT = self._transposed_components(X)
        W = self._weights(seen, HT[shown])
        w = null_weights(seen, means[shown], self._beta, masked=self._masks(seen))
        factors, null = (W, HT[hidden]), (w, means[hidden])
        masked = self._masks(held_out)
        return d2_score(held_out, factors, null, self._beta, masked=masked)
