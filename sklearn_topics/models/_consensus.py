"""ConsensusTopics: the topics that many fits of a topic model agree on."""

from copy import copy
from inspect import signature
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.special import psi
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.decomposition import NMF, MiniBatchNMF
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from .._boundary.containers import from_torch, on_disk
from .._boundary.documentation import page_template
from .._boundary.shards import require_support
from .._boundary.sklearn_private import HasMethods, Interval, _fit_context
from .._boundary.topics import normalize_rows
from .._boundary.warning import warn_user
from .._fit.consensus import (
    find_consensus,
    mean_topics,
    training_error,
    with_random_init,
)
from .._kernels.threads import divided_threads

#: Share of each topic that is spread over all terms, because multiplicative updates
#: cannot change a zero.
_EVERY_TERM = 1e-6


def _estimator_has(name):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)  # raises if missing
        return True

    return check


class ConsensusTopics(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Topics that many fits of a topic model agree on (consensus NMF, cNMF).

    A fit of a topic model ends in one of many local optima, and part of its topics
    depend on the seed. This meta-estimator fits the model from `n_fits` random
    initialisations, clusters the topics of all fits, and fits the model once more from
    the means of the clusters; consensus NMF has medians [1]_. The result is better than
    a single fit, and `topic_stability_` says which topics to trust.

    Read more in the :ref:`User Guide <consensus>`.

    Parameters
    ----------
    estimator : estimator
        The topic model: :class:`TorchPoissonNMF`, :class:`TorchBetaNMF`,
        :class:`TorchLDA`, or NMF, MiniBatchNMF or LatentDirichletAllocation of
        scikit-learn. If its `init` is "auto" or None, the fits use "random"; an `init`
        that is the same for all seeds, such as "nndsvd", raises an error.

    n_fits : int, default=20
        Number of fits. Time is proportional to it. More fits estimate the stability of
        the topics better; 20 are enough to tell topics that all fits find from topics
        of a few.

    density_threshold : float, default=0.6
        Topics are outliers, and do not take part in the means, if their mean
        Hellinger distance to the most similar topics of 30 % of the other fits exceeds
        this number between 0 and 1. 1 keeps all topics; smaller values keep only the
        most reproducible ones. It costs no time.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the fits. Pass an int for reproducible results.

    n_jobs : int, default=None
        Number of fits that run in parallel, in threads that share the cores. None is 1,
        unless in a :obj:`joblib.parallel_backend` context; -1 uses all processors.

    verbose : int, default=0
        If positive, :class:`joblib.Parallel` reports the progress of the fits; larger
        values report more often.

    Attributes
    ----------
    estimator_ : estimator
        The final fit, from the means of the clusters. TorchLDA and
        LatentDirichletAllocation cannot start from given topics: it is the first fit,
        with the means as topics.

    components_ : ndarray of shape (n_components, n_features)
        The topics of `estimator_`, in the order of decreasing stability of their
        clusters.

    n_components_ : int
        Number of topics.

    stability_ : float
        How reproducible the topics are: the mean silhouette of the topics of all fits
        in their clusters, where outliers count as 0. 1 if all fits have the same
        topics, about 0 if the data have no topics.

    topic_stability_ : ndarray of shape (n_components,)
        Mean silhouette of each cluster.

    topic_support_ : ndarray of shape (n_components,)
        Share of the fits that have a topic in the cluster.

    labels_ : ndarray of shape (n_fits, n_components)
        Topic of the consensus that each topic of each fit belongs to; -1 for outliers.

    densities_ : ndarray of shape (n_fits, n_components)
        Mean distances that `density_threshold` is compared with; lower is denser.

    distances_ : ndarray of shape (n_fits * n_components, n_fits * n_components)
        Hellinger distances between the topics of all fits, float32.

    errors_ : ndarray of shape (n_fits,)
        Training error of each fit: `deviance_`, `reconstruction_err_`, or for
        TorchLDA and LatentDirichletAllocation the perplexity `bound_`.

    n_features_in_ : int
        Number of terms seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms, if all columns of X have string names.

    See Also
    --------
    sklearn_topics.plot.StabilityDisplay : Plot of the distances between all topics.
    sklearn_topics.metrics.topic_stability : Stability of given fits.

    Notes
    -----
    **How it scales.** A fit takes as long as `n_fits` + 1 fits of `estimator`, less
    with `n_jobs`. The comparison of all pairs of topics takes (n_fits * K)^2 * m for K
    topics and m terms, and (n_fits * K)^2 numbers of memory. `transform` takes as long
    as that of `estimator`.

    References
    ----------
    .. [1] D. Kotliar et al., "Identifying gene expression programs of cell-type
       identity and cellular activity with single-cell RNA-Seq", eLife 8, e43803, 2019,
       section "Consensus non-negative matrix factorization".

    Examples
    --------
    >>> from sklearn_topics import ConsensusTopics, TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(300, 100, 4, random_state=0)
    >>> model = ConsensusTopics(TorchPoissonNMF(4), n_fits=5, random_state=0).fit(X)
    >>> model.components_.shape
    (4, 100)
    >>> model.topic_support_.tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    # Set by `fit`.
    estimator_: Any
    stability_: float
    topic_stability_: np.ndarray
    topic_support_: np.ndarray
    labels_: np.ndarray
    densities_: np.ndarray
    distances_: np.ndarray
    errors_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _doc_link_module = "sklearn_topics"

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "fit_transform", "transform"])],
        "n_fits": [Interval(Integral, 2, None, closed="left")],
        "density_threshold": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        n_fits=20,
        *,
        density_threshold=0.6,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ) -> None:
        self.estimator = estimator
        self.n_fits = n_fits
        self.density_threshold = density_threshold
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None) -> Self:
        """Fit the model many times and find the topics that the fits agree on.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts, or what `estimator` accepts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted model.
        """
        self.fit_transform(X)
        return self

    # The parameters of `estimator` are validated by its own fit.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None) -> np.ndarray:
        """Fit the model and return the final fit's weights of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts, or what `estimator` accepts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            ``estimator_.fit_transform`` of the final fit. A torch.Tensor on the device
            of X if X is a torch.Tensor and `estimator` returns one.
        """
        require_support(self, "fit")
        model = for_many_fits(self.estimator)
        stored = on_disk(X)  # rows of other libraries are read once for all fits
        X = X if stored is None else stored
        validate_data(self, _named(X), skip_check_array=True)
        seeds = check_random_state(self.random_state).randint(
            np.iinfo(np.int32).max, size=self.n_fits
        )
        parallel = Parallel(n_jobs=self.n_jobs, verbose=self.verbose, prefer="threads")
        workers = min(parallel._effective_n_jobs(), self.n_fits)
        first, *others = parallel(
            delayed(_fitted)(clone(model), X, seed, workers) for seed in seeds
        )
        fits = first, *others
        self.errors_ = np.array([training_error(fit) for fit in fits])
        means = self._find([fit.components_ for fit in fits])
        self.estimator_, W = _from_topics(model, first, means, X, seeds[0])
        return W

    def _find(self, topics):
        """Set what the fits agree on; returns the means of their components."""
        K = len(topics[0])
        distributions = [normalize_rows(rows) for rows in topics]
        found = find_consensus(distributions, self.density_threshold)
        if found.unfiltered:
            warn_user(
                f"Only {found.n_dense} of the {self.n_fits * K} topics of all fits "
                f"have neighbors within density_threshold={self.density_threshold}, so "
                "no topic is treated as an outlier. The fits disagree (stability_ is "
                f"{found.stability:.2f}). Use fewer topics, or a larger "
                "density_threshold.",
                UserWarning,
            )
        shape = self.n_fits, K
        self.labels_ = found.labels.reshape(shape)
        self.densities_ = found.densities.reshape(shape)
        self.distances_ = found.distances.astype(np.float32)
        self.stability_ = found.stability
        self.topic_stability_ = found.cluster_stability
        self.topic_support_ = np.array(
            [(self.labels_ == k).any(axis=1).mean() for k in range(K)]
        )
        return mean_topics(topics, found.labels)

    def transform(self, X) -> np.ndarray:
        """Infer the weights of the topics in documents, by the final fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts, or what `estimator` accepts.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            ``estimator_.transform(X)``.
        """
        return self._checked(X).transform(X)

    @available_if(_estimator_has("score"))
    def score(self, X, y=None) -> float:
        """Score documents by the final fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts, or what `estimator` accepts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            ``estimator_.score(X)``.
        """
        return self._checked(X).score(X)

    @available_if(_estimator_has("perplexity"))
    def perplexity(self, X, y=None) -> float:
        """Compute the perplexity of documents under the final fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        perplexity : float
            ``estimator_.perplexity(X)``.
        """
        return self._checked(X).perplexity(X)

    @available_if(_estimator_has("inverse_transform"))
    def inverse_transform(self, X) -> np.ndarray:
        """Transform weights back to the original space, by the final fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_components)
            Weights as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            ``estimator_.inverse_transform(X)``.
        """
        check_is_fitted(self)
        return self.estimator_.inverse_transform(X)

    @property
    def components_(self) -> np.ndarray:
        """Topics of the final fit."""
        return self.estimator_.components_

    @property
    def n_components_(self) -> int:
        """Number of topics."""
        return len(self.components_)

    @property
    def _n_features_out(self):
        return self.n_components_

    @property
    def _topic_model(self):
        """The model that inspection, metrics and plots read."""
        return self.estimator_

    @property
    def _doc_link_template(self):
        return page_template()

    def _checked(self, X):
        """The final fit, after a check of the names and the number of features of X."""
        check_is_fitted(self)
        named = _named(X)
        if len(named.shape) == 2:  # otherwise the final fit raises the error
            validate_data(self, named, reset=False, skip_check_array=True)
        return self.estimator_

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = own.input_tags
        tags.transformer_tags = own.transformer_tags
        return tags


def _named(X):
    """X in a container of which scikit-learn reads the shape and the names."""
    return from_torch(X) if hasattr(X, "shape") else np.asarray(X)


def for_many_fits(estimator):
    """A copy to fit from several seeds; raises if it cannot start from given topics."""
    model = with_random_init(estimator, "ConsensusTopics")
    parameters = model.get_params(deep=False)
    name = type(model).__name__
    if parameters.get("checkpoint") is not None:
        raise ValueError(
            f"The fits of ConsensusTopics cannot share the file checkpoint="
            f"{model.checkpoint!r}. Set checkpoint=None in {name}."
        )
    if "random_state" not in parameters:
        raise TypeError(
            f"ConsensusTopics needs fits that differ, but {name} has no parameter "
            "random_state."
        )
    if not _starts_from_topics(model) and "doc_topic_prior" not in parameters:
        raise TypeError(
            f"ConsensusTopics cannot fit {name} from the consensus topics. Use "
            "TorchPoissonNMF, TorchBetaNMF, TorchLDA, or NMF, MiniBatchNMF or "
            "LatentDirichletAllocation of scikit-learn."
        )
    return model


def _starts_from_topics(model) -> bool:
    return hasattr(model, "init") and "H" in signature(model.fit_transform).parameters


def _fitted(model, X, seed, workers):
    with divided_threads(workers):
        return model.set_params(random_state=int(seed)).fit(X)


def _from_topics(model, first, topics, X, seed):
    """The final fit from given topics (K x m), and its weights of the documents.

    `first` is a fit of `model` that is not needed any more.
    """
    if not _starts_from_topics(model):
        first = copy(first)
        first.components_ = topics = topics.astype(first.components_.dtype)
        if "exp_dirichlet_component_" in vars(first):  # scikit-learn's, by its equation
            total = topics.sum(axis=1, keepdims=True)
            first.exp_dirichlet_component_ = np.exp(psi(topics) - psi(total))
        return first, first.transform(X)
    mean = topics.mean(axis=1, keepdims=True)
    H = (topics + _EVERY_TERM * mean).astype(first.components_.dtype)
    final = clone(model).set_params(init="custom", random_state=int(seed))
    if "n_init" in final.get_params(deep=False):
        final.set_params(n_init=1)
    start = {"H": H}
    if isinstance(model, NMF | MiniBatchNMF):  # which do not infer W themselves
        first.components_ = H
        start["W"] = first.transform(X).astype(H.dtype, copy=False)
    W = final.fit_transform(X, **start)
    return final, W
