"""A tree of topics: the most similar ones are merged first."""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list

from .._boundary.arguments import check_integer
from .._boundary.topics import topic_distributions
from ..metrics import topic_distances
from ._copies import check_model, mixing_weights


@dataclass(frozen=True)
class TopicHierarchy:
    """The tree of topics that :func:`topic_hierarchy` returns.

    It says which topics are merged, in which order. Pass ``groups(n)`` to
    :func:`merge_topics`.

    Parameters
    ----------
    linkage : ndarray of shape (n_topics - 1, 4)
        The merges in the format of :func:`scipy.cluster.hierarchy.linkage`: the two
        topics, where number ``n_topics + i`` is the result of merge i, their distance,
        and the number of topics in the result.

    See Also
    --------
    topic_hierarchy : Compute the tree.
    sklearn_topics.plot.TopicHierarchyDisplay : Plot the tree.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import topic_hierarchy
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> tree = topic_hierarchy(TorchPoissonNMF(4, random_state=0).fit(X))
    >>> len(tree.groups(2))
    2
    """

    linkage: np.ndarray

    @property
    def n_topics(self):
        """Number of topics."""
        return len(self.linkage) + 1

    def order(self):
        """Return the topics in the order of the tree, similar ones side by side.

        Returns
        -------
        order : list of int
            Numbers of the topics.
        """
        return leaves_list(self.linkage).tolist() if self.n_topics > 1 else [0]

    def groups(self, n_topics):
        """Return the topics that are merged when `n_topics` are left.

        Parameters
        ----------
        n_topics : int
            Number of groups.

        Returns
        -------
        groups : list of list of int
            The topics of each group.
        """
        K = self.n_topics
        n_topics = check_integer(n_topics, "n_topics")
        if n_topics > K:
            raise ValueError(f"n_topics is {n_topics}, but there are {K} topics.")
        groups = {k: [k] for k in range(K)}
        for i, (a, b) in enumerate(self.linkage[: K - n_topics, :2].astype(int)):
            groups[K + i] = sorted(groups.pop(a) + groups.pop(b))
        return sorted(groups.values())


def topic_hierarchy(model, *, X=None, distance="hellinger"):
    """Merge the two most similar topics again and again, into a tree of topics.

    After each merge, the distances of the merged topic from the others are computed
    anew; it is the mean of its topics, weighted as in :func:`merge_topics`.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents that weight the topics, as in :func:`merge_topics`.
    distance : str, default="hellinger"
        Distance between topics, as in
        :func:`sklearn_topics.metrics.topic_distances`.

    Returns
    -------
    hierarchy : TopicHierarchy
        The tree.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import topic_hierarchy
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> tree = topic_hierarchy(TorchPoissonNMF(4, random_state=0).fit(X))
    >>> tree.linkage.shape
    (3, 4)
    """
    last = check_model(model)
    sums = last.components_.sum(axis=1, dtype=np.float64)
    # Of counts, the mass of each topic: all weigh rows that sum to one.
    weights = list(mixing_weights(model, X) * sums)
    topics = list(topic_distributions(last))
    K = len(topics)
    linkage, size = np.empty((K - 1, 4)), [1] * K
    between = np.full((2 * K - 1, 2 * K - 1), np.inf)
    between[:K, :K] = topic_distances(np.array(topics), distance=distance)
    np.fill_diagonal(between, np.inf)
    for i in range(K - 1):
        a, b = sorted(np.unravel_index(between.argmin(), between.shape))
        total = weights[a] + weights[b]
        wa = weights[a] / total if total > 0 else 0.5
        linkage[i] = a, b, between[a, b], size[a] + size[b]
        topics.append(wa * topics[a] + (1 - wa) * topics[b])
        weights.append(total)
        size.append(size[a] + size[b])
        alive = np.flatnonzero(np.isfinite(between).any(axis=1))
        others = np.setdiff1d(alive, (a, b))
        between[[a, b]] = between[:, [a, b]] = np.inf
        if len(others):
            rest = np.array([topics[k] for k in others])
            found = topic_distances(topics[-1][None], rest, distance=distance)[0]
            between[K + i, others] = between[others, K + i] = found
    return TopicHierarchy(linkage)
