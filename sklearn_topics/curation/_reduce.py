"""Reduce the number of topics of a fitted model by merging similar ones."""

from typing import Any

from ._hierarchy import topic_hierarchy
from ._merge import merge_topics


def reduce_topics(model, n_topics, *, X=None) -> Any:
    """Merge similar topics of a fitted model until `n_topics` are left.

    The same as :func:`merge_topics` with the groups of :func:`topic_hierarchy`. The
    model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    n_topics : int
        Number of topics to keep.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents that weight the topics, as in :func:`merge_topics`.

    Returns
    -------
    reduced : fitted model or pipeline
        A copy with `n_topics` topics.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import reduce_topics
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 6, random_state=0)
    >>> reduce_topics(TorchPoissonNMF(6, random_state=0).fit(X), 3).n_components_
    3
    """
    hierarchy = topic_hierarchy(model, X=X)
    groups = [g for g in hierarchy.groups(n_topics) if len(g) > 1]
    return merge_topics(model, groups, X=X)
