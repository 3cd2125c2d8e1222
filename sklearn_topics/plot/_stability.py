"""Distances between the topics of several fits as a heat map."""

from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._boundary.pipelines import last_step
from ._display import Display
from ._documents import name_topics


class StabilityDisplay(Display):
    """Heat map of the distances between the topics of all fits (clustergram).

    It shows which topics a :class:`~sklearn_topics.ConsensusTopics` is made of. Topics
    that all fits agree on are dark squares on the diagonal; outliers, which take no
    part in the consensus, are last. Create the display with :meth:`from_estimator`.

    Parameters
    ----------
    distances : ndarray of shape (n_all_topics, n_all_topics)
        Hellinger distances between the topics of all fits, in the order of the plot.
    labels : ndarray of shape (n_all_topics,)
        Topic of the consensus that each of them belongs to, ascending; outliers, -1,
        are last.
    topic_names : list of str
        Number and top terms of each topic of the consensus.
    topic_stability : ndarray of shape (n_topics,)
        Stability of each topic of the consensus.
    stability : float
        Stability of all topics.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopicNumberDisplay : Stability and other scores against the number of topics.
    TopicSimilarityDisplay : Similarities between the topics of one fit or two fits.

    Examples
    --------
    >>> from sklearn_topics import ConsensusTopics, TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import StabilityDisplay
    >>> X, _, _ = make_topic_corpus(300, 100, 4, random_state=0)
    >>> model = ConsensusTopics(TorchPoissonNMF(4), n_fits=5, random_state=0).fit(X)
    >>> StabilityDisplay.from_estimator(model).distances.shape
    (20, 20)
    """

    def __init__(self, distances, *, labels, topic_names, topic_stability, stability):
        self.distances = distances
        self.labels = labels
        self.topic_names = topic_names
        self.topic_stability = topic_stability
        self.stability = stability

    @classmethod
    def from_estimator(
        cls,
        model,
        *,
        feature_names=None,
        by="probability",
        X=None,
        theta=None,
        ax=None,
    ) -> Self:
        """Plot the distances between the topics of all fits of a consensus.

        Parameters
        ----------
        model : fitted ConsensusTopics, pipeline or search
            The consensus.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which the terms in the names of the topics are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`.
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Document-term counts; with a pipeline, the pipeline's input. Needed for
            ``by="differential"`` only.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them; used for
            ``by="differential"`` only. If None, they are computed.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : StabilityDisplay
            The drawn display.
        """
        consensus = last_step(model)
        if not hasattr(consensus, "n_fits"):
            raise TypeError(
                "StabilityDisplay needs a fitted ConsensusTopics. Got "
                f"{type(consensus).__name__}."
            )
        check_is_fitted(consensus)
        labels = consensus.labels_.ravel()
        within = np.where(labels < 0, labels.max() + 1, labels)
        order = np.lexsort((consensus.densities_.ravel(), within))
        display = cls(
            consensus.distances_[np.ix_(order, order)],
            labels=labels[order],
            topic_names=name_topics(model, feature_names, 3, by, X=X, theta=theta),
            topic_stability=consensus.topic_stability_,
            stability=consensus.stability_,
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        from ._figure import PLAIN, axes, hide_overlaps, one_line

        names = [
            f"{one_line(name, 40)} ({stability:.2f})"
            for name, stability in zip(
                self.topic_names, self.topic_stability, strict=True
            )
        ]
        if (self.labels < 0).any():
            names.append("outliers")
        groups = np.where(self.labels < 0, len(self.topic_names), self.labels)
        edges = np.searchsorted(groups, np.arange(len(names) + 1)) - 0.5
        size = min(max(3.5, 0.22 * len(names)), 11)
        margin = 2 + 0.08 * max(len(name) for name in names)
        self.ax_ = ax = axes(ax, figsize=(size + margin, size + 0.7))
        self.figure_ = ax.figure
        image = ax.imshow(self.distances, cmap="cividis", aspect="auto", vmin=0, vmax=1)
        line = {"color": "white", "linewidth": 0.5}
        for edge in edges[1:-1]:
            ax.axvline(edge, **line)
            ax.axhline(edge, **line)
        small = {"fontsize": "small" if len(names) <= 25 else "x-small"}
        ax.set_yticks((edges[:-1] + edges[1:]) / 2, names, **small, **PLAIN)
        ax.set_xticks([])
        ax.tick_params(left=False)
        n_fits = round(len(self.labels) / len(self.topic_names))
        ax.set_xlabel(f"topics of {n_fits} fits")
        ax.set_ylabel("topic of the consensus (stability)")
        ax.set_title(f"stability {self.stability:.2f}")
        self.figure_.colorbar(image, ax=ax, label="Hellinger distance", shrink=0.8)
        hide_overlaps(ax.get_yticklabels())
