"""A tree of topics: the merges that lose least come first."""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list
from scipy.special import xlogy

from .._boundary.arguments import check_integer
from .._boundary.topics import topic_distributions
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
        topics, where number ``n_topics + i`` is the result of merge i, what the merge
        loses, and the number of topics in the result.

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
    def n_topics(self) -> int:
        """Number of topics."""
        return len(self.linkage) + 1

    def order(self) -> list[int]:
        """Return the topics in the order of the tree, similar ones side by side.

        Returns
        -------
        order : list of int
            Numbers of the topics.
        """
        return leaves_list(self.linkage).tolist() if self.n_topics > 1 else [0]

    def groups(self, n_topics) -> list[list[int]]:
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


def topic_hierarchy(model, *, X=None) -> TopicHierarchy:
    """Merge the two topics that lose least again and again, into a tree of topics.

    A merge loses the information which of the two topics a token has: their
    Jensen-Shannon divergence, weighted by their tokens [1]_. It is the decrease of the
    expected log-likelihood of the tokens, so that small topics are merged first.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents that weight the topics, as in :func:`merge_topics`.

    Returns
    -------
    hierarchy : TopicHierarchy
        The tree. Its distances are losses in nats per token of the corpus.

    References
    ----------
    .. [1] N. Slonim, N. Tishby, "Agglomerative information bottleneck", Advances in
       Neural Information Processing Systems 12, 1999, equation 9.

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
    mass = mixing_weights(model, X) * sums  # as rows that sum to one are weighted
    mass = mass / (mass.sum() or 1)
    return TopicHierarchy(_linkage(topic_distributions(last), mass))


def _linkage(topics, mass) -> np.ndarray:
    """The merges of topics (K x m) with shares `mass` (K,): (K - 1, 4)."""
    K = len(topics)
    linkage, size = np.empty((K - 1, 4)), np.ones(2 * K - 1)
    counts = np.zeros((2 * K - 1, topics.shape[1]))
    counts[:K] = topics * mass[:, None]
    loss = np.full((2 * K - 1, 2 * K - 1), np.inf)
    for a in range(1, K):
        loss[a, :a] = _losses(counts[a], counts[:a])
    alive = list(range(K))
    for new in range(K, 2 * K - 1):
        b, a = map(int, np.unravel_index(loss.argmin(), loss.shape))
        size[new], counts[new] = size[a] + size[b], counts[a] + counts[b]
        linkage[new - K] = a, b, loss[b, a], size[new]
        alive = [k for k in alive if k not in (a, b)]
        loss[[a, b]] = loss[:, [a, b]] = np.inf
        loss[new, alive] = _losses(counts[new], counts[alive])
        alive.append(new)
    return linkage


def _losses(counts, others) -> np.ndarray:
    """What the merges of one topic (m,) with others (K x m) lose, at least 0: (K,)."""
    apart = _information(counts[None]) + _information(others)
    return np.maximum(apart - _information(counts + others), 0)


def _information(counts) -> np.ndarray:
    """sum c log(c / sum c) by row."""
    total = counts.sum(axis=1)
    return xlogy(counts, counts).sum(axis=1) - xlogy(total, total)
