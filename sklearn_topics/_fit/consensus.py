"""Topics that several fits agree on: clusters of the topics of all fits.

D. Kotliar et al., "Identifying gene expression programs of cell-type identity and
cellular activity with single-cell RNA-Seq", eLife 8, 2019 (cNMF).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_samples

from .._boundary.topics import normalize_rows

#: Share of the fits in which a topic needs neighbors, as in cNMF.
_NEIGHBORS = 0.3


#: Initialisations that are about the same for all seeds, and defaults that may choose
#: one of them.
_SAME_INITS = "nndsvd", "nndsvda", "nndsvdar", "custom"
_DEFAULT_INITS = "auto", None

#: Training errors of models, each a fitted attribute: the first that a model has.
_ERRORS = "deviance_", "reconstruction_err_", "bound_"


@dataclass(frozen=True)
class Consensus:
    """Clusters of the topics of several fits, in the order of the fits.

    Clusters are in the order of decreasing mean silhouette; distances are Hellinger's,
    from 0 to 1.
    """

    labels: np.ndarray  # [n_topics], int; -1 for outliers
    silhouettes: np.ndarray  # [n_topics], float64; 0 for outliers
    densities: np.ndarray  # [n_topics], mean distance to neighbors in other fits
    distances: np.ndarray  # [n_topics, n_topics]
    n_dense: int  # topics with neighbors near enough
    unfiltered: bool  # whether these are too few to leave the others out

    @property
    def stability(self) -> float:
        """The mean silhouette."""
        return float(self.silhouettes.mean())

    @property
    def cluster_stability(self) -> np.ndarray:
        return _cluster_means(self.silhouettes, self.labels)


def find_consensus(topics: Sequence[np.ndarray], threshold: float = 1.0) -> Consensus:
    """Cluster the topics of several fits by k-means of their square roots.

    There are as many clusters as topics in the largest fit.

    Parameters
    ----------
    topics : sequence of ndarray of shape (n_topics, n_features)
        The topics of each fit, distributions over the same terms.
    threshold : float
        Topics whose mean distance to the nearest topics of other fits exceeds this are
        outliers. None are if fewer than two topics per cluster would be left.
    """
    sizes = [len(rows) for rows in topics]
    fits, K = np.repeat(np.arange(len(topics)), sizes), max(sizes)
    affinity = _affinity(topics)
    distances = np.sqrt(1 - affinity)
    densities = _densities(distances, fits)
    dense = densities <= threshold
    unfiltered = bool(dense.sum() < 2 * K)
    kept = np.ones_like(dense) if unfiltered else dense
    places = _places(affinity)
    starts = [places[fits == fit] for fit in range(len(topics)) if sizes[fit] == K]
    labels, silhouettes = np.full(len(fits), -1), np.zeros(len(fits))
    labels[kept] = _k_means(places[kept], starts)
    silhouettes[kept] = _silhouettes(distances[np.ix_(kept, kept)], labels[kept])
    order = np.argsort(-_cluster_means(silhouettes, labels), kind="stable")
    labels[kept] = np.argsort(order)[labels[kept]]
    return Consensus(
        labels, silhouettes, densities, distances, int(dense.sum()), unfiltered
    )


def cluster_medians(weights: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Median topic of each cluster times the median of its topics' sums: float64."""
    rows = np.concatenate(weights)
    totals, medians = rows.sum(axis=1, dtype=np.float64), []
    for k in range(labels.max() + 1):
        members = labels == k
        median = np.median(normalize_rows(rows[members]), axis=0)
        medians.append(median / median.sum() * np.median(totals[members]))
    return np.array(medians)


def with_random_init(estimator, whom: str):
    """A copy of a model whose fits by different seeds are independent of each other."""
    model = clone(estimator)
    if not hasattr(model, "init"):
        return model
    if model.init in _DEFAULT_INITS:
        return model.set_params(init="random")
    if isinstance(model.init, str) and model.init in _SAME_INITS:
        raise ValueError(
            f"{whom} needs fits that differ, but init={model.init!r} of "
            f"{type(model).__name__} is about the same for all seeds. Use "
            "init='random'."
        )
    return model


def training_error(model) -> float:
    """Error on the training data that a fitted model reports; NaN if it has none."""
    model = getattr(model, "_topic_model", model)
    errors = (getattr(model, name) for name in _ERRORS if hasattr(model, name))
    return float(next(errors, np.nan))


def _affinity(topics) -> np.ndarray:
    """1 minus the squared Hellinger distances of all topics, float64."""
    roots = np.concatenate([np.sqrt(rows, dtype=np.float32) for rows in topics])
    affinity = np.minimum(roots @ roots.T, 1).astype(np.float64)
    affinity[affinity > 1 - 1e-6] = 1  # rounding
    np.fill_diagonal(affinity, 1)
    return affinity


def _densities(distances, fits) -> np.ndarray:
    """Mean distance of each topic to its neighbors, one in each of the nearest fits."""
    n_fits = fits[-1] + 1
    nearest = np.stack(
        [distances[:, fits == fit].min(axis=1) for fit in range(n_fits)], axis=1
    )
    nearest[np.arange(len(fits)), fits] = np.inf  # the topic itself
    n_neighbors = max(1, round(_NEIGHBORS * n_fits))
    return np.sort(nearest, axis=1)[:, :n_neighbors].mean(axis=1)


def _places(affinity) -> np.ndarray:
    """Points with the Euclidean distances of the square roots of the topics."""
    means = affinity.mean(axis=0)
    centered = affinity - means - means[:, None] + means.mean()
    values, vectors = np.linalg.eigh(centered)
    return vectors * np.sqrt(np.maximum(values, 0))


def _k_means(places, starts) -> np.ndarray:
    """Labels of the best of several runs, each from the topics of one fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # coinciding topics
        runs = [
            KMeans(len(start), init=start, n_init=1).fit(places) for start in starts
        ]
    labels = min(runs, key=lambda run: run.inertia_).labels_
    while (sizes := np.bincount(labels, minlength=len(starts[0]))).min() == 0:
        # Fewer different topics than clusters: a cluster gives one of its equal topics.
        labels[np.flatnonzero(labels == sizes.argmax())[0]] = sizes.argmin()
    return labels


def _silhouettes(distances, labels) -> np.ndarray:
    """Silhouettes; for a single cluster, 1 is the distance to any other topic."""
    if labels.max() > 0:
        return silhouette_samples(distances, labels, metric="precomputed")
    return 1 - distances.sum(axis=1) / (len(labels) - 1)


def _cluster_means(values, labels) -> np.ndarray:
    return np.array([values[labels == k].mean() for k in range(labels.max() + 1)])
