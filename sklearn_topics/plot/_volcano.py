"""Volcano plots of the terms of each topic."""

from typing import Self

import numpy as np

from .._boundary.arguments import check_integer
from .._boundary.topics import topic_labels
from ..inspection import differential_terms
from ._display import Display
from ._documents import choose_topics, topic_titles


class VolcanoDisplay(Display):
    """Volcano plots: log fold changes of all terms and their z-scores, by topic.

    They show how many terms distinguish a topic from the others, and which. By default,
    the log fold change is the least extreme one, against the topic with the nearest
    rate, as in fastTopics. The terms with the largest z-scores are named; names that
    would overlap are omitted. Create the display with :meth:`from_estimator`.

    Parameters
    ----------
    changes : ndarray of shape (n_topics, n_terms)
        Log fold changes, base 2.
    z : ndarray of shape (n_topics, n_terms)
        Their z-scores.
    terms : list of str
        The terms.
    topic_names : list of str
        Titles of the panels.
    n_labels : int, default=8
        Number of terms per topic that are named.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the last drawing, one per topic.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sklearn_topics.inspection.differential_terms : Table of the terms.
    TermDotsDisplay : Dot plot of terms by topics.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import VolcanoDisplay
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> VolcanoDisplay.from_estimator(model, X).changes.shape
    (3, 50)
    """

    def __init__(self, changes, *, z, terms, topic_names, n_labels=8):
        self.changes = changes
        self.z = z
        self.terms = terms
        self.topic_names = topic_names
        self.n_labels = n_labels

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        *,
        theta=None,
        feature_names=None,
        against="least_extreme",
        topics=None,
        n_labels=8,
        ax=None,
    ) -> Self:
        """Compute and plot the log fold changes of all terms.

        Parameters
        ----------
        model : fitted model, pipeline or search
            The topic model.
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts; with a pipeline, the pipeline's input.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them. If None, they are
            computed.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        against : {"least_extreme", "overall"}, default="least_extreme"
            The rate to compare with, as in
            :func:`sklearn_topics.inspection.differential_terms`.
        topics : sequence of int or str, default=None
            Numbers or names of the topics that are drawn. If None, all topics.
        n_labels : int, default=8
            Number of terms per topic that are named.
        ax : matplotlib Axes, default=None
            Axes that the panels replace. If None, a new figure is created.

        Returns
        -------
        display : VolcanoDisplay
            The drawn display.
        """
        n_labels = check_integer(n_labels, "n_labels", least=0)
        if against not in ("least_extreme", "overall"):
            raise ValueError(
                f"against must be 'least_extreme' or 'overall'. Got {against!r}."
            )
        chosen = choose_topics(model, topics)
        options = {"theta": theta, "feature_names": feature_names, "against": against}
        table = differential_terms(model, X, n_terms=None, **options)
        table = table.sort_values(["Topic", "Term"], key=_order, kind="stable")
        n = int((table["Topic"] == 0).sum())
        changes, z = (table[name].to_numpy().reshape(-1, n) for name in ("LFC", "Z"))
        labels = topic_labels(model)
        display = cls(
            changes[chosen],
            z=z[chosen],
            terms=[str(term) for term in table["Term"].iloc[:n]],
            topic_names=topic_titles(labels[k] for k in chosen),
            n_labels=n_labels,
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        from ._figure import OTHER, PLAIN, hide_overlaps, one_line, panels, topic_colors

        K = len(self.changes)
        n_columns = min(K, 3 if K <= 9 else 5 if K <= 25 else 10)
        figsize = 3.2 * n_columns, 2.6 * -(-K // n_columns)
        self.axes_ = panels(ax, K, n_columns, figsize=figsize)
        self.figure_ = self.axes_[0].figure
        colors, texts = topic_colors(K), []
        for k, panel in enumerate(self.axes_):
            change, z = self.changes[k], self.z[k]
            shade = np.where((change > 0) & (z > 2), colors[k], OTHER)
            panel.scatter(change, z, s=6, c=shade, linewidth=0, rasterized=True)
            for j in np.argsort(-z, kind="stable")[: self.n_labels]:
                side = {"ha": "right", "xytext": (-3, 0)}
                place = {"textcoords": "offset points", "va": "center", **side}
                name = one_line(self.terms[j], 20)
                style = {"fontsize": "x-small", **place, **PLAIN}
                texts.append(panel.annotate(name, (change[j], z[j]), **style))
            panel.axvline(0, color="0.7", linewidth=0.8, zorder=0)
            panel.set_title(one_line(self.topic_names[k], 30), fontsize=9, **PLAIN)
            panel.tick_params(labelsize=8)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
        for panel in self.axes_[-n_columns:]:
            panel.set_xlabel("log fold change (base 2)", fontsize=8)
        for panel in self.axes_[::n_columns]:
            panel.set_ylabel("z-score", fontsize=8)
        hide_overlaps(texts)


def _order(column):
    """Sort terms as text, so that topics have them in the same order."""
    return column if column.name == "Topic" else column.astype(str)
