"""The first terms of every topic, as bars."""

import math

import numpy as np

from ..inspection import top_terms


class TopTermsDisplay:
    """Bars of the first terms, one panel a topic.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    terms : list of list of tuple
        For each topic (term, weight), greatest first.
    by : str
        What the weights are, for the label.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each topic.
    figure_ : matplotlib Figure

    See Also
    --------
    StructureDisplay : Where the topics are.

    Examples
    --------
    >>> from sklearn_topics.plot import TopTermsDisplay
    >>> display = TopTermsDisplay.from_estimator([[3, 1], [1, 3]], ["cat", "sun"])
    >>> len(display.axes_)
    2
    """

    def __init__(self, terms, *, by="probability"):
        self.terms = terms
        self.by = by

    @classmethod
    def from_estimator(
        cls,
        model,
        feature_names=None,
        *,
        n_terms=8,
        by="probability",
        relevance_weight=0.6,
        ax=None,
    ):
        """The first terms of a fitted model.

        Parameters
        ----------
        model : fitted model, pipeline or search, or array-like
            Whose topics; an array holds their weights (n_topics x n_features).
        feature_names : sequence of str, default=None
            Names of the terms. None takes those of the pipeline or of the fitted data,
            or the numbers of the columns.
        n_terms : int, default=8
            Terms for each topic.
        by : {"probability", "relevance", "lift"}, default="probability"
            As for :func:`sklearn_topics.inspection.top_terms`.
        relevance_weight : float, default=0.6
            For by="relevance".
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a new figure.

        Returns
        -------
        display : TopTermsDisplay
            With the picture drawn.
        """
        options = {"by": by, "relevance_weight": relevance_weight}
        terms = top_terms(model, feature_names, n_terms, **options)
        terms = [[pair for pair in row if np.isfinite(pair[1])] for row in terms]
        return cls(terms, by=by).plot(ax=ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a new figure.

        Returns
        -------
        display : TopTermsDisplay
            The display itself.
        """
        from ._figure import PLAIN, one_line, panels, topic_colors

        K = len(self.terms)
        n_columns = min(K, 5 if K <= 25 else 10)
        n_rows = math.ceil(K / n_columns)
        height = 0.6 + 0.19 * max(len(row) for row in self.terms)
        figsize = 2.3 * n_columns, height * n_rows
        grid = panels(ax, n_rows, n_columns, figsize=figsize)
        self.figure_, self.axes_ = grid[0].figure, grid[:K]
        for unused in grid[K:]:
            unused.set_axis_off()
        colors = topic_colors(K)
        for k, (panel, row) in enumerate(zip(self.axes_, self.terms, strict=True)):
            names, weights = zip(*row[::-1], strict=True)
            names = [one_line(name, 24) for name in names]
            # Weights that are logarithms have no zero to begin at.
            low = 0
            if weights[0] <= 0:
                low = weights[0] - (0.1 * (weights[-1] - weights[0]) or 1.0)
            widths = [weight - low for weight in weights]
            panel.barh(range(len(row)), widths, left=low, color=colors[k])
            panel.set_yticks(range(len(row)), names, **PLAIN)
            panel.tick_params(labelsize=8)
            panel.locator_params(axis="x", nbins=3)
            panel.set_title(f"topic {k}", fontsize=9)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
        for panel in self.axes_[-n_columns:]:
            panel.set_xlabel(self.by, fontsize=8)
        return self
