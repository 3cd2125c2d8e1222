"""What every topic model shares: tags, inputs and outputs, held-out scores."""

import math
from abc import ABCMeta, abstractmethod
from inspect import signature

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._boundary.documentation import page_template
from .._boundary.inputs import check_counts
from .._boundary.sklearn_private import CallbackSupportMixin
from .._boundary.transfer import like_input, resolve_device, to_device, to_numpy
from .._boundary.warning import OtherVersionWarning, warn_user
from .._core.heldout import completion_score, thin
from .._version import __version__

#: Under this name a stored model has the version that stored it.
_STAMP = "_sklearn_topics_version"


class BaseDecomposition(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of every model: X is about W @ ``components_``."""

    _doc_link_module = "sklearn_topics"

    @property
    def _doc_link_template(self):
        return page_template()

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

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

    def inverse_transform(self, X):
        """Data with these coordinates, in the original space.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            What `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            ``X @ components_``; always dense.
        """
        check_is_fitted(self)
        W = check_array(
            X,
            dtype=[np.float64, np.float32],
            accept_sparse=True,
            input_name="X",
            estimator=self,
        )
        K = self.components_.shape[0]
        if W.shape[1] != K:
            raise ValueError(
                f"X has {W.shape[1]} columns, but {type(self).__name__} has {K} "
                "components: pass what transform returns."
            )
        return W @ self.components_.astype(W.dtype, copy=False)


class BaseTopicModel(CallbackSupportMixin, BaseDecomposition):
    """Base class of the topic models; holds no algorithm.

    A subclass sets ``components_`` (topics x terms, rows that sum to one) in fit and
    infers topic proportions in `_infer`.
    """

    @abstractmethod
    def _infer(self, X, topics):
        """Topic proportions (n x K tensor) of X (on the device), given the topics."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _upload(self, X, method):
        """X, checked against the fitted model, and the topics: on the device."""
        check_is_fitted(self)
        data = check_counts(self, X, reset=False, method=method)
        device = resolve_device(self.device)
        topics = self.components_.astype(data.dtype, copy=False)
        return to_device(data, device), to_device(topics, device)

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
        return like_input(to_numpy(self._infer(X_device, topics)), X)

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
        shown, held_out = thin(X_device)
        return completion_score(held_out, self._infer(shown, topics), topics)

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
