"""The tree of topics as a dendrogram."""

from typing import Self

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from ..curation import topic_hierarchy
from ._display import Display
from ._documents import name_topics


class TopicHierarchyDisplay(Display):
    """Dendrogram of the topics: similar ones are joined first.

    It shows which topics :func:`sklearn_topics.curation.reduce_topics` merges, and what
    that loses. Create the display with :meth:`from_estimator`.

    Parameters
    ----------
    linkage : ndarray of shape (n_topics - 1, 4)
        The merges, as in :class:`sklearn_topics.curation.TopicHierarchy`.
    topic_names : list of str
        Name or number, and top terms, of each topic.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopicSimilarityDisplay : Similarities of all pairs of topics.
    sklearn_topics.curation.topic_hierarchy : Compute the tree.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import TopicHierarchyDisplay
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = TorchPoissonNMF(4, random_state=0).fit(X)
    >>> TopicHierarchyDisplay.from_estimator(model).linkage.shape
    (3, 4)
    """

    def __init__(self, linkage, *, topic_names):
        self.linkage = linkage
        self.topic_names = topic_names

    @classmethod
    def from_estimator(
        cls, model, X=None, *, feature_names=None, by="probability", ax=None
    ) -> Self:
        """Plot the tree of the topics of a fitted model.

        Parameters
        ----------
        model : fitted model or pipeline
            A model as in :func:`sklearn_topics.curation.topic_hierarchy`.
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Documents that weight the topics; with a pipeline, the pipeline's input. If
            None, ``topic_tokens_`` of the model.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which the terms in the names of the topics are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`. "differential" needs `X`.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : TopicHierarchyDisplay
            The drawn display.
        """
        hierarchy = topic_hierarchy(model, X=X)
        names = name_topics(model, feature_names, 4, by, X=X)
        return cls(hierarchy.linkage, topic_names=names).plot(ax=ax)

    def _draw(self, ax):
        from ._figure import PLAIN, axes, hide_overlaps, one_line

        K = len(self.topic_names)
        self.ax_ = ax = axes(ax, figsize=(8, max(2.0, 0.22 * K + 0.9)))
        self.figure_ = ax.figure
        order = [0]
        if K > 1:
            tree = dendrogram(self.linkage, no_plot=True)
            order = tree["leaves"]
            # scipy has the leaves at 5, 15, 25, ...
            for x, y in zip(tree["dcoord"], tree["icoord"], strict=True):
                ax.plot(x, (np.array(y) - 5) / 10, color="C0", linewidth=1.2)
        names = [one_line(self.topic_names[k], 50) for k in order]
        ax.set_yticks(range(K), names, fontsize="small", **PLAIN)
        ax.set(ylim=(K - 0.5, -0.5), xlabel="loss by merging (nats per token)")
        ax.set_xlim(left=0)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="y", length=0)
        hide_overlaps(ax.get_yticklabels())
