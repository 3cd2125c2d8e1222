"""Topic proportions of groups of documents, and over time."""

from typing import Self

import numpy as np

from .._boundary.arguments import check_choice
from ..inspection import topics_by
from ..inspection._periods import after_gaps, runs
from ._display import Display
from ._documents import choose_topics, name_topics, theta_for_labels

#: More topics or groups than these are drawn as a heat map rather than as bars.
_BAR_TOPICS, _BAR_GROUPS = 10, 8

_KINDS = "auto", "line", "bar", "heatmap"

#: Label of documents without a group.
_NO_GROUP = "(none)"


class TopicGroupsDisplay(Display):
    """Topic proportions of groups of documents, or over time.

    It shows which topics grow or shrink, and how groups differ. Dates and numbers are
    drawn as lines, one panel per topic, with the confidence intervals as bands; labels
    as bars with the intervals or, if there are many, as a heat map. Create the display
    with :meth:`from_estimator`.

    Parameters
    ----------
    groups : ndarray of shape (n_groups,)
        Labels, or starts of the periods, in the order of the plot.
    shares : ndarray of shape (n_groups, n_topics)
        Share of each topic among the tokens of each group.
    lower, upper : ndarray of shape (n_groups, n_topics)
        Limits of the confidence intervals.
    topic_names : list of str
        Name or number, and top terms, of each topic.
    kind : {"auto", "line", "bar", "heatmap"}, default="auto"
        How the proportions are drawn.
    freq : {"year", "quarter", "month", "week", "day", "hour"}, default=None
        Unit of the periods. If given, lines are broken where a period is missing.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the last drawing, one per topic; a single one of a heat map.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sklearn_topics.inspection.topics_by : Table of the proportions.
    TopicEffectsDisplay : Effects of several covariates.
    StructureDisplay : Proportions of single documents by group.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import TopicGroupsDisplay
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> years = [2000, 2001, 2002, 2003] * 50
    >>> display = TopicGroupsDisplay.from_estimator(model, X, years)
    >>> display.shares.shape
    (4, 3)
    """

    def __init__(
        self, groups, shares, *, lower, upper, topic_names, kind="auto", freq=None
    ):
        self.groups = groups
        self.shares = shares
        self.lower, self.upper = lower, upper
        self.topic_names = topic_names
        self.kind = kind
        self.freq = freq

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        groups,
        *,
        freq=None,
        theta=None,
        topics=None,
        feature_names=None,
        by="probability",
        confidence_level=0.95,
        kind="auto",
        ax=None,
    ) -> Self:
        """Plot the topic proportions of groups of documents.

        Parameters
        ----------
        model : fitted model, pipeline or search
            The topic model.
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts; with a pipeline, the pipeline's input.
        groups : array-like of shape (n_samples,)
            Label or date of each document, as in
            :func:`sklearn_topics.inspection.topics_by`.
        freq : {"year", "quarter", "month", "week", "day", "hour"}, default=None
            If given, `groups` contains dates, which are grouped by period.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them. If None, they are
            computed.
        topics : sequence of int or str, default=None
            Numbers or names of the topics that are drawn. If None, all topics.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which the terms in the names of the topics are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`.
        confidence_level : float, default=0.95
            Level of the intervals, between 0 and 1.
        kind : {"auto", "line", "bar", "heatmap"}, default="auto"
            How the proportions are drawn: lines need dates or numbers.
        ax : matplotlib Axes, default=None
            Axes to draw on, or that the panels replace. If None, a new figure is
            created.

        Returns
        -------
        display : TopicGroupsDisplay
            The drawn display.
        """
        check_choice(kind, "kind", _KINDS)
        theta = theta_for_labels(model, X, theta, by)
        names = name_topics(model, feature_names, 3, by, X=X, theta=theta)
        chosen = choose_topics(model, topics)
        options = {"freq": freq, "theta": theta, "confidence_level": confidence_level}
        table = topics_by(model, X, groups, **options)
        K = len(names)
        columns = (table[name].to_numpy() for name in ("Share", "Lower", "Upper"))
        shares, lower, upper = (column.reshape(-1, K)[:, chosen] for column in columns)
        known = table["Group"].to_numpy()[::K]
        if hasattr(getattr(groups, "dtype", None), "categories"):
            # Categories are labels, also if they are numbers.
            known = np.array([None if g != g else str(g) for g in known], dtype=object)
        display = cls(
            known,
            shares,
            lower=lower,
            upper=upper,
            topic_names=[names[k] for k in chosen],
            kind=kind,
            freq=freq,
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        groups, rows = self._known_groups()
        kind = check_choice(self.kind, "kind", _KINDS)
        ordered = groups.dtype.kind in "iufM"
        if kind == "line" and not ordered:
            raise ValueError(
                "kind='line' needs groups that are dates or numbers. Pass freq if they "
                "are dates as text, or use kind='bar'."
            )
        if kind == "auto":
            few = len(rows) <= _BAR_GROUPS and self.shares.shape[1] <= _BAR_TOPICS
            kind = "bar" if few else "heatmap"
            kind = "line" if ordered and len(groups) > 2 else kind
        draw = {"line": self._lines, "bar": self._bars, "heatmap": self._cells}
        draw[kind](ax, groups, rows)
        self.figure_ = self.axes_[0].figure

    def _known_groups(self):
        """The groups that are not missing, in a dtype of their own, and their rows."""
        groups = np.asarray(self.groups)
        rows = np.flatnonzero(groups == groups)  # NaN and NaT are unequal
        rows = np.array([i for i in rows if groups[i] is not None], dtype=np.intp)
        known = groups[rows]
        return np.array(known.tolist()) if known.dtype == object else known, rows

    def _lines(self, ax, groups, rows):
        from ._figure import few_dates, in_percent, topic_colors

        panels = self._panels(ax, height=1.7)
        colors = topic_colors(len(panels))
        gaps = [] if self.freq is None else after_gaps(groups, self.freq)
        x = np.insert(groups, gaps, groups[gaps])
        for k, panel in enumerate(panels):
            share, low, high = (
                np.insert(np.asarray(a, dtype=float)[rows, k], gaps, np.nan)
                for a in (self.shares, self.lower, self.upper)
            )
            band = {"color": colors[k], "alpha": 0.2}
            panel.fill_between(x, low, high, linewidth=0, **band)
            alone = _alone(low)  # whose bands have no width
            panel.vlines(x[alone], low[alone], high[alone], linewidth=2, **band)
            every = None if len(groups) < 40 else _alone(share)
            line = {"color": colors[k], "marker": "o", "markersize": 2.5}
            panel.plot(x, share, linewidth=1.2, markevery=every, **line)
            panel.set_ylim(bottom=0)
            if groups.dtype.kind == "M":
                few_dates(panel, 4)
            else:
                whole = groups.dtype.kind in "iu"
                panel.locator_params(axis="x", nbins=4, integer=whole)
            panel.locator_params(axis="y", nbins=3)
            in_percent(panel.yaxis)

    def _bars(self, ax, groups, rows):
        from ._figure import PLAIN, in_percent, one_line, topic_colors

        names = self._group_names()
        longest = max(len(one_line(name, 24)) for name in names)
        height = 0.7 + 0.2 * len(names)
        panels = self._panels(ax, height=height, margin=0.07 * longest)
        colors = topic_colors(len(panels))
        n_columns = _columns(len(panels))
        for k, panel in enumerate(panels):
            share = self.shares[:, k]
            error = np.abs([share - self.lower[:, k], self.upper[:, k] - share])
            places = range(len(names))
            style = {"color": colors[k], "alpha": 0.7, "error_kw": {"linewidth": 1}}
            panel.barh(places, share, xerr=error, **style)
            shown = names if k % n_columns == 0 else [""] * len(names)
            panel.set_yticks(places, [one_line(name, 24) for name in shown], **PLAIN)
            panel.invert_yaxis()
            panel.set_xlim(left=0)
            panel.locator_params(axis="x", nbins=3)
            in_percent(panel.xaxis)

    def _cells(self, ax, groups, rows):
        from ._figure import (
            PLAIN,
            axes,
            fit_tick_labels,
            hide_overlaps,
            in_percent,
            one_line,
        )

        names = [one_line(name, 40) for name in self.topic_names]
        G, K = self.shares.shape
        width, height = (max(2.5, 0.25 * cells) for cells in (G, K))
        margin = 2 + 0.08 * max(len(name) for name in names)
        ax = axes(ax, figsize=(width + margin, height + 1.0))
        self.axes_ = [ax]
        image = ax.imshow(self.shares.T, cmap="cividis", aspect="auto", vmin=0)
        small = {"fontsize": "small" if max(G, K) <= 25 else "x-small"}
        ticks = [one_line(name, 20) for name in self._group_names()]
        ax.set_xticks(range(G), ticks, **small, **PLAIN)
        ax.set_yticks(range(K), names, **small, **PLAIN)
        bar = ax.figure.colorbar(image, ax=ax, label="share of tokens", shrink=0.8)
        in_percent(bar.ax.yaxis)
        fit_tick_labels(ax, np.arange(G))
        hide_overlaps(ax.get_yticklabels())

    def _panels(self, ax, height, margin=0.0):
        """A panel with a title for each topic."""
        from ._figure import PLAIN, one_line, panels

        K = len(self.topic_names)
        n_columns = _columns(K)
        figsize = margin + 2.4 * n_columns + 0.4, height * -(-K // n_columns)
        self.axes_ = panels(ax, K, n_columns, figsize=figsize)
        for panel, name in zip(self.axes_, self.topic_names, strict=True):
            panel.set_title(one_line(name, 34), fontsize=8, **PLAIN)
            panel.tick_params(labelsize=8)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
        return self.axes_

    def _group_names(self):
        """The groups as texts; dates without a time of day."""
        groups = np.asarray(self.groups)
        if groups.dtype.kind == "M":
            days = groups.astype("M8[D]")
            groups = days if (days == groups)[~np.isnat(groups)].all() else groups
        missing = [group is None or group != group for group in groups]
        pairs = zip(groups, missing, strict=True)
        return [_NO_GROUP if none else str(group) for group, none in pairs]


def _alone(values) -> list[int]:
    """Positions of numbers without a number beside them."""
    return [int(run[0]) for run in runs(~np.isnan(values), []) if len(run) == 1]


def _columns(n_panels: int) -> int:
    """Number of panels side by side."""
    return min(n_panels, 5 if n_panels <= 25 else 10)
