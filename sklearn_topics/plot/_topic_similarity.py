"""How alike topics are, as a heat map."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from .._boundary.topics import topic_distributions
from ..metrics import align_topics, topic_distances
from ._documents import name_topics


class TopicSimilarityDisplay:
    """Similarities of topics, 1 minus their distances, ordered so that like are near.

    Of one model, where neighbors come from a hierarchical clustering and the diagonal
    is left white, or of two, where matched topics stand on the diagonal. Make it with
    :meth:`from_estimator`.

    Parameters
    ----------
    similarity : ndarray of shape (n_rows, n_columns)
        In the order of the picture.
    rows, columns : ndarray of int
        The topics that they are, in the order of the picture.
    row_names : list of str
        Number and first terms of the topic in each row.
    labels : tuple of str
        What rows and columns are.
    of_one_model : bool
        Whether rows and columns are the same topics.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn last.
    figure_ : matplotlib Figure
        What they belong to.

    See Also
    --------
    TopicMapDisplay : The distances in a plane.

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
    ):
        self.similarity = similarity
        self.rows, self.columns = rows, columns
        self.row_names = row_names
        self.labels = labels
        self.of_one_model = of_one_model

    @classmethod
    def from_estimator(
        cls,
        model,
        other=None,
        *,
        feature_names=None,
        distance="hellinger",
        labels=None,
        ax=None,
    ):
        """Similarities within a fitted model, or between two.

        Parameters
        ----------
        model : fitted model, pipeline or search, or array-like
            Whose topics, in the rows; an array holds their weights
            (n_topics x n_features).
        other : fitted model, pipeline or search, or array-like, default=None
            Whose topics are in the columns, over the same terms. None takes `model`.
        feature_names : sequence of str, default=None
            Names of the terms. None takes those of the pipeline or of the fitted data,
            or the numbers of the columns.
        distance : str, default="hellinger"
            As for :func:`sklearn_topics.metrics.topic_distances`.
        labels : tuple of two str, default=None
            What the rows and the columns are.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : TopicSimilarityDisplay
            With the picture drawn.
        """
        topics = topic_distributions(model)
        others = None if other is None else topic_distributions(other)
        between = topic_distances(topics, others, distance=distance)
        rows = columns = _by_likeness(between) if other is None else None
        if other is not None:
            rows, columns = _matched(align_topics(topics, others, distance=distance))
            rows = np.r_[rows, np.setdiff1d(np.arange(len(between)), rows)]
            columns = np.r_[columns, np.setdiff1d(np.arange(between.shape[1]), columns)]
        names = name_topics(model, feature_names, 3)
        if labels is None:
            labels = ("topic", "topic") if other is None else ("model", "other")
        elif isinstance(labels, str) or len(labels) != 2:
            raise ValueError(
                "labels must be two texts, for the rows and for the columns. Got "
                f"{labels!r}."
            )
        display = cls(
            1 - between[np.ix_(rows, columns)],
            rows=rows,
            columns=columns,
            row_names=[names[k] for k in rows],
            labels=labels,
            of_one_model=other is None,
        )
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : TopicSimilarityDisplay
            The display itself.
        """
        from ._figure import PLAIN, axes, fit_tick_labels, hide_overlaps, one_line

        n, m = self.similarity.shape
        names = [one_line(name, 40) for name in self.row_names]
        # Cells that are nearly square, beside them names and a scale, in inches. (Where
        # cells must be square, constrained layout cuts labels off.)
        beside = 2 + 0.08 * max(len(name) for name in names)
        size = [max(2.5, 0.25 * cells) for cells in (m, n)]
        self.ax_ = ax = axes(ax, figsize=(size[0] + beside, size[1] + 0.7))
        self.figure_ = ax.figure
        shown = np.array(self.similarity)
        if self.of_one_model:  # each topic with itself says nothing
            np.fill_diagonal(shown, np.nan)
        image = ax.imshow(shown, cmap="cividis", aspect="auto")
        small = {"fontsize": "small" if max(n, m) <= 25 else "x-small"}
        ax.set_xticks(range(m), [str(k) for k in self.columns], **small)
        ax.set_yticks(range(n), names, **small, **PLAIN)
        rows, columns = (one_line(label, 30) for label in self.labels)
        ax.set_ylabel(rows, **PLAIN)
        ax.set_xlabel(columns, **PLAIN)
        self.figure_.colorbar(image, ax=ax, label="similarity", shrink=0.8)
        fit_tick_labels(ax, np.arange(m), angle=90)
        hide_overlaps(ax.get_yticklabels())
        return self


def _by_likeness(distances):
    """Leaves of the clustering of the topics, neighbors as alike as can be."""
    if len(distances) < 3:
        return np.arange(len(distances))
    condensed = squareform(distances, checks=False)
    return leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))


def _matched(alignment):
    """Pairs, the most alike first."""
    order = np.argsort(alignment.distance, kind="stable")
    return alignment.reference[order], alignment.matched[order]
