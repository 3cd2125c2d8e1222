"""Merge, drop and reorder the topics of a fitted model."""

from typing import Any

import numpy as np

from .._boundary.arguments import check_choice, is_integer
from .._boundary.topics import topic_names
from ._copies import (
    check_model,
    known_tokens,
    mixing_weights,
    topic_tokens,
    with_topics,
)
from ._hierarchy import topic_hierarchy

_ORDERS = "share", "similarity"


def merge_topics(model, groups, *, X=None) -> Any:
    """Merge topics of a fitted model.

    The expected counts of merged topics add up, so that the merged topic is the mean of
    its topics, weighted by their sizes. Documents are then inferred with the merged
    topics. The model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        TorchPoissonNMF, TorchBetaNMF, TorchETM, TorchDeepNMF (the topics of its last
        layer), scikit-learn's NMF or LatentDirichletAllocation, or a pipeline that ends
        in one.
    groups : list of list of int, or list of list of str
        Topics to merge, by number or name: ``[[0, 3], [2, 5, 7]]``. Each merged topic
        takes the place of the first topic of its list; the other topics stay, in order.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents that weight the topics; with a pipeline, the pipeline's input. If
        None, the sizes of the topics in the training data are used, ``topic_tokens_``.
        scikit-learn's NMF does not store them and needs X.

    Returns
    -------
    merged : fitted model or pipeline
        A copy with fewer topics. The names of merged topics are joined by " + ".
        Pseudocounts add up. Attributes that describe the fit, such as
        ``log_likelihood_``, are left out. A TorchETM keeps its encoder and sums the
        proportions that it gives to merged topics.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import merge_topics
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = TorchPoissonNMF(4, random_state=0).fit(X)
    >>> merge_topics(model, [[0, 2]]).transform(X).shape
    (200, 3)
    """
    K = len(check_model(model).components_)
    groups = _check_groups(model, groups, K)
    merged = {group[0]: group for group in groups}
    gone = {k for group in groups for k in group[1:]}
    rows = [merged.get(k, [k]) for k in range(K) if k not in gone]
    # Without weights of topics, also an empty list of groups works.
    weights = mixing_weights(model, X) if merged else np.ones(K)
    return combined(model, rows, weights, X=X)


def drop_topics(model, topics) -> Any:
    """Remove topics from a fitted model.

    Documents are then inferred with the other topics alone. The model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    topics : list of int or str
        Topics to remove, by number or name.

    Returns
    -------
    edited : fitted model or pipeline
        A copy with fewer topics.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import drop_topics
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = TorchPoissonNMF(4, random_state=0).fit(X)
    >>> drop_topics(model, [1]).transform(X).shape
    (200, 3)
    """
    K = len(check_model(model).components_)
    gone = set(find_topics(model, topics, K, "topics"))
    if len(gone) == K:
        raise ValueError("All topics would be dropped. Keep at least one.")
    return combined(model, [[k] for k in range(K) if k not in gone])


def reorder_topics(model, order="share", *, X=None) -> Any:
    """Reorder the topics of a fitted model.

    The model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    order : {"share", "similarity"} or list of int or str, default="share"
        "share": largest topic first; "similarity": similar topics side by side, in the
        order of :func:`topic_hierarchy`; or all topics, by number or name, in the new
        order.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents that weight the topics, as in :func:`merge_topics`.

    Returns
    -------
    edited : fitted model or pipeline
        A copy with the topics in the new order.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import reorder_topics
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = reorder_topics(TorchPoissonNMF(4, random_state=0).fit(X))
    >>> bool((model.topic_tokens_[:-1] >= model.topic_tokens_[1:]).all())
    True
    """
    K = len(check_model(model).components_)
    if isinstance(order, str):
        if check_choice(order, "order", _ORDERS) == "share":
            found = np.argsort(-topic_tokens(model, X), kind="stable").tolist()
        else:
            found = topic_hierarchy(model, X=X).order()
    else:
        found = find_topics(model, order, K, "order")
        if len(found) != K:
            raise ValueError(
                f"order has {len(found)} topics, but the model has {K}. To remove "
                "topics use drop_topics."
            )
    return combined(model, [[k] for k in found], X=X)


def combined(model, rows, weights=None, *, X=None):
    """A copy whose topics are lists of old ones, merged with these weights."""
    last = check_model(model)
    K, components = len(last.components_), last.components_.astype(np.float64)
    shares, mix = np.zeros((2, len(rows), K))
    for i, group in enumerate(rows):
        shares[i, group] = 1
        own = np.ones(len(group)) if weights is None else weights[group]
        mix[i, group] = own if own.sum() > 0 else 1
    if not hasattr(last, "exp_dirichlet_component_"):  # whose components are counts
        mix /= mix.sum(axis=1, keepdims=True)
    tokens = known_tokens(model, X)
    return with_topics(
        model,
        mix @ components,
        _joined_names(model, rows),
        None if tokens is None else shares @ tokens,
        mix=mix,
        shares=shares,
    )


def find_topics(model, topics, K: int, name: str) -> list[int]:
    """The numbers of topics that are given by number or name, each once."""
    if isinstance(topics, str) or not hasattr(topics, "__iter__"):
        raise TypeError(f"{name} must be a list of topics. Got {topics!r}.")
    known = topic_names(model) or []
    found = []
    for topic in topics:
        if isinstance(topic, str) and topic in known and topic:
            topic = known.index(topic)
        if not (is_integer(topic, 0) and topic < K):
            names = f", or a name of {[n for n in known if n]}" if any(known) else ""
            raise ValueError(
                f"{name} contains {topic!r}. Expected a number from 0 to {K - 1}"
                f"{names}."
            )
        found.append(int(topic))
    if len(set(found)) < len(found):
        raise ValueError(f"{name} contains a topic twice: {topics!r}.")
    return found


def _check_groups(model, groups, K) -> list[list[int]]:
    if isinstance(groups, str) or not hasattr(groups, "__iter__"):
        raise TypeError(f"groups must be a list of lists of topics. Got {groups!r}.")
    groups = list(groups)
    if groups and all(is_integer(k) or isinstance(k, str) for k in groups):
        raise TypeError(
            f"groups must be a list of lists of topics: [{groups!r}] for one group."
        )
    found = [find_topics(model, group, K, "groups") for group in groups]
    if not all(found):
        raise ValueError("groups contains an empty list.")
    every = [k for group in found for k in group]
    if len(set(every)) < len(every):
        raise ValueError(f"groups contains a topic twice: {groups!r}.")
    return found


def _joined_names(model, rows):
    names = topic_names(model)
    if names is None:
        return None
    return [" + ".join(filter(None, (names[k] for k in group))) for group in rows]
