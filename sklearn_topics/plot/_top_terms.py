"""Top terms of each topic as bar charts."""

import math
from typing import Self

from .._boundary.topics import topic_labels
from ._display import Display
from ._documents import ranked_terms, topic_titles


class TopTermsDisplay(Display):
    """Bar charts of the top terms, one panel per topic.

    They show what the topics are about. Create the display with :meth:`from_estimator`.

    Parameters
    ----------
    terms : list of list of tuple
        The pairs (term, weight) of each topic, largest weight first.
    by : str
        Label of the weights.
    topic_names : list of str, default=None
        Titles of the panels. If None, the topics are numbered.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the last drawing, one per topic.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    StructureDisplay : Topic proportions of the documents.

    Examples
    --------
    >>> from sklearn_topics.plot import TopTermsDisplay
    >>> display = TopTermsDisplay.from_estimator([[3, 1], [1, 3]], ["cat", "sun"])
    >>> len(display.axes_)
    2
    """

    def __init__(self, terms, *, by="probability", topic_names=None):
        self.terms = terms
        self.by = by
        self.topic_names = topic_names

    @classmethod
    def from_estimator(
        cls,
        model,
        feature_names=None,
        *,
        n_terms=8,
        by="probability",
        relevance_weight=0.6,
        X=None,
        theta=None,
        ax=None,
    ) -> Self:
        """Plot the top terms of a fitted model.

        Parameters
        ----------
        model : fitted model, pipeline or search, or array-like
            The model whose topics are shown, or an array of topic weights (n_topics x
            n_features).
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        n_terms : int, default=8
            Number of terms per topic.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which terms are ranked, as in
            :func:`sklearn_topics.inspection.top_terms`; or "differential", the z-scores
            of :func:`sklearn_topics.inspection.differential_terms`.
        relevance_weight : float, default=0.6
            Weight of the probability in the relevance, between 0 and 1; used for
            ``by="relevance"`` only.
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Document-term counts; with a pipeline, the pipeline's input. Needed for
            ``by="differential"`` only.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them; used for
            ``by="differential"`` only. If None, they are computed.
        ax : matplotlib Axes, default=None
            Axes that the panels replace. If None, a new figure is created.

        Returns
        -------
        display : TopTermsDisplay
            The drawn display.
        """
        options = {"X": X, "theta": theta, "relevance_weight": relevance_weight}
        terms = ranked_terms(model, feature_names, n_terms, by, **options)
        names = topic_titles(topic_labels(model))
        by = "z-score" if by == "differential" else by
        return cls(terms, by=by, topic_names=names).plot(ax=ax)

    def _draw(self, ax):
        from ._figure import PLAIN, one_line, panels, topic_colors

        K = len(self.terms)
        titles = self.topic_names
        titles = topic_titles(range(K)) if titles is None else titles
        n_columns = min(K, 5 if K <= 25 else 10)
        n_rows = math.ceil(K / n_columns)
        height = 0.6 + 0.19 * max(len(row) for row in self.terms)
        figsize = 2.3 * n_columns, height * n_rows
        self.axes_ = panels(ax, K, n_columns, figsize=figsize)
        self.figure_ = self.axes_[0].figure
        colors = topic_colors(K)
        for k, (panel, row) in enumerate(zip(self.axes_, self.terms, strict=True)):
            names, weights = zip(*row[::-1], strict=True)
            names = [one_line(name, 24) for name in names]
            # Weights on a logarithmic scale have no zero where bars could start.
            low = 0
            if weights[0] <= 0:
                low = weights[0] - (0.1 * (weights[-1] - weights[0]) or 1.0)
            widths = [weight - low for weight in weights]
            panel.barh(range(len(row)), widths, left=low, color=colors[k])
            panel.set_yticks(range(len(row)), names, **PLAIN)
            panel.tick_params(labelsize=8)
            panel.locator_params(axis="x", nbins=3)
            panel.set_title(one_line(titles[k], 30), fontsize=9, **PLAIN)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
        for panel in self.axes_[-n_columns:]:
            panel.set_xlabel(self.by, fontsize=8)
