"""Similarities of topics as a heat map."""

from typing import Self

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from .._boundary.topics import topic_distributions, topic_labels
from ..metrics import align_topics, topic_distances
from ._display import Display
from ._documents import name_topics


class TopicSimilarityDisplay(Display):
    """Heat map of the similarities between topics.

    It shows redundant topics of one model, or which topics of two models correspond.
    The similarity is 1 minus the distance. The topics of one model are ordered by
    hierarchical clustering, so that similar topics are neighbors, and the diagonal is
    white. For two models, matched topics are on the diagonal. Create the display with
    :meth:`from_estimator`.

    Parameters
    ----------
    similarity : ndarray of shape (n_rows, n_columns)
        Similarities, in the order of the plot.
    rows, columns : ndarray of int
        Numbers of the topics in the rows and columns, in the order of the plot.
    row_names : list of str
        Number and top terms of the topic in each row.
    labels : tuple of str
        Labels of the rows and of the columns.
    of_one_model : bool
        Whether rows and columns are the same topics.
    column_names : list of str, default=None
        Name of the topic in each column. If None, its number.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopicMapDisplay : The topics in a plane.

    Examples
    --------
    >>> from sklearn_topics.plot import TopicSimilarityDisplay
    >>> topics = [[8, 1, 1], [1, 8, 1], [7, 2, 1]]
    >>> display = TopicSimilarityDisplay.from_estimator(topics)
    >>> display.rows.tolist() in ([0, 2, 1], [1, 2, 0])
    True
    """

    def __init__(
        self,
        similarity,
        *,
        rows,
        columns,
        row_names,
        labels=("topic", "topic"),
        of_one_model=True,
        column_names=None,
    ):
        self.similarity = similarity
        self.rows, self.columns = rows, columns
        self.row_names = row_names
        self.labels = labels
        self.of_one_model = of_one_model
        self.column_names = column_names

    @classmethod
    def from_estimator(
        cls,
        model,
        other=None,
        *,
        feature_names=None,
        by="probability",
        X=None,
        theta=None,
        distance="hellinger",
        labels=None,
        ax=None,
    ) -> Self:
        """Plot the topic similarities within a fitted model, or between two models.

        Parameters
        ----------
        model : fitted model, pipeline or search, or array-like
            The model whose topics are in the rows, or an array of topic weights
            (n_topics x n_features).
        other : fitted model, pipeline or search, or array-like, default=None
            The model whose topics are in the columns, over the same terms. If None, the
            topics of `model` are compared with each other.
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
        distance : str, default="hellinger"
            Distance between topics, as in
            :func:`sklearn_topics.metrics.topic_distances`.
        labels : tuple of two str, default=None
            Labels of the rows and of the columns.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : TopicSimilarityDisplay
            The drawn display.
        """
        topics = topic_distributions(model)
        others = None if other is None else topic_distributions(other)
        between = topic_distances(topics, others, distance=distance)
        rows = columns = _by_similarity(between) if other is None else None
        if other is not None:
            rows, columns = _matched(align_topics(topics, others, distance=distance))
            rows = np.r_[rows, np.setdiff1d(np.arange(len(between)), rows)]
            columns = np.r_[columns, np.setdiff1d(np.arange(between.shape[1]), columns)]
        names = name_topics(model, feature_names, 3, by, X=X, theta=theta)
        column_labels = topic_labels(model if other is None else other)
        if labels is None:
            labels = ("topic", "topic") if other is None else ("model", "other")
        elif isinstance(labels, str) or len(labels) != 2:
            raise ValueError(
                "labels must be a tuple of two texts, for the rows and the columns. "
                f"Got {labels!r}."
            )
        display = cls(
            1 - between[np.ix_(rows, columns)],
            rows=rows,
            columns=columns,
            row_names=[names[k] for k in rows],
            labels=labels,
            of_one_model=other is None,
            column_names=[str(column_labels[k]) for k in columns],
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        from ._figure import PLAIN, axes, fit_tick_labels, hide_overlaps, one_line

        n, m = self.similarity.shape
        names = [one_line(name, 40) for name in self.row_names]
        # Cells are nearly square, with room for names and a colour bar, in inches.
        # (Exactly square cells make the constrained layout cut labels off.)
        margin = 2 + 0.08 * max(len(name) for name in names)
        width, height = (max(2.5, 0.25 * cells) for cells in (m, n))
        self.ax_ = ax = axes(ax, figsize=(width + margin, height + 0.7))
        self.figure_ = ax.figure
        shown = np.array(self.similarity)
        if self.of_one_model:  # the similarity of a topic with itself is always 1
            np.fill_diagonal(shown, np.nan)
        image = ax.imshow(shown, cmap="cividis", aspect="auto")
        small = {"fontsize": "small" if max(n, m) <= 25 else "x-small"}
        shown = self.columns if self.column_names is None else self.column_names
        ax.set_xticks(range(m), [one_line(k, 20) for k in shown], **small, **PLAIN)
        ax.set_yticks(range(n), names, **small, **PLAIN)
        rows, columns = (one_line(label, 30) for label in self.labels)
        ax.set_ylabel(rows, **PLAIN)
        ax.set_xlabel(columns, **PLAIN)
        self.figure_.colorbar(image, ax=ax, label="similarity", shrink=0.8)
        fit_tick_labels(ax, np.arange(m), angle=90)
        hide_overlaps(ax.get_yticklabels())


def _by_similarity(distances):
    """Order the topics by hierarchical clustering, similar topics side by side."""
    if len(distances) < 3:
        return np.arange(len(distances))
    condensed = squareform(distances, checks=False)
    return leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))


def _matched(alignment):
    """Matched topics of both models, most similar pair first."""
    order = np.argsort(alignment.distance, kind="stable")
    return alignment.reference[order], alignment.matched[order]
