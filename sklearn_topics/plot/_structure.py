"""Topic proportions of many documents in one plot."""

from typing import Self

import numpy as np

from .._boundary.arguments import check_integer
from .._boundary.containers import readable
from .._boundary.documents import row_labels
from .._boundary.inputs import count_rows, take_rows
from ..inspection._groups import number_groups
from ..metrics import sort_documents
from ._display import Display
from ._documents import (
    check_proportions,
    count_documents,
    known_proportions,
    name_topics,
    theta_for_labels,
    without_topic,
)

#: Tick label of documents without a group, legend entry of documents without a topic.
_NO_GROUP, _NO_TOPIC = "(none)", "(no known terms)"


class StructureDisplay(Display):
    """Structure plot: stacked topic proportions, one column per document.

    It shows which topics the documents use, and how groups of documents differ.
    Documents are sorted by their dominant topic and its proportion, within each group
    if groups are given. Documents without a dominant topic come last and are hatched:
    they have no known terms, or all their proportions are equal. Create the display
    with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    theta : ndarray of shape (n_documents, n_topics)
        Topic proportions, in the order of the plot; NaN for a document without a topic.
    groups : ndarray of shape (n_documents,) or None
        Group of each document, in the same order; None if the group is missing.
    topic_names : list of str
        Names of the topics in the legend.
    max_topics : int, default=20
        Largest number of topics with their own colours. If there are more topics, the
        largest in the documents drawn have colours, and the others are one grey area,
        "other".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopTermsDisplay : Top terms of each topic.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics.plot import StructureDisplay
    >>> theta = np.random.default_rng(0).dirichlet([0.3] * 4, 200)
    >>> display = StructureDisplay.from_predictions(theta)
    >>> display.theta.shape
    (200, 4)
    """

    def __init__(self, theta, *, groups=None, topic_names, max_topics=20):
        self.theta = theta
        self.groups = groups
        self.topic_names = topic_names
        self.max_topics = max_topics

    @classmethod
    def from_estimator(
        cls,
        model,
        X=None,
        *,
        theta=None,
        groups=None,
        feature_names=None,
        by="probability",
        max_topics=20,
        n_documents=2000,
        random_state=0,
        ax=None,
    ) -> Self:
        """Plot the topic proportions that a fitted model infers.

        The legend shows the top terms of each topic.

        Parameters
        ----------
        model : fitted model, pipeline or search
            The model that infers the proportions.
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Document-term counts; with a pipeline, the pipeline's input. Only the
            documents drawn are transformed, or all for ``by="differential"``. May be
            None if `theta` is given; if both are given, X shows which documents have no
            known terms.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them. If None, they are
            computed.
        groups : array-like of shape (n_samples,), default=None
            Known groups of the documents, drawn side by side: sorted, or in the order
            of the categories of a pandas Categorical or a polars Enum. Documents
            without a label (None, NaN) form the last group, "(none)". A pandas index
            must equal that of the documents.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which the terms in the names of the topics are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`.
        max_topics : int, default=20
            Largest number of topics with their own colours, at most 20. If there are
            more topics, the largest have colours, and the others are one grey area,
            "other".
        n_documents : int, default=2000
            Largest number of documents drawn; if there are more, a random sample is
            drawn.
        random_state : int, default=0
            Seed of the sample.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : StructureDisplay
            The drawn display.
        """
        row_labels(X=X, theta=theta, groups=groups)
        theta = theta_for_labels(model, X, theta, by)
        names = name_topics(model, feature_names, 3, by, X=X, theta=theta)
        n = count_documents(X, theta, model)
        chosen = _sample(n, n_documents, random_state)
        numbered = _numbered(groups, chosen, n)
        theta = known_proportions(model, _part(X, chosen, n), _part(theta, chosen, n))
        return cls._arranged(theta, numbered, names, max_topics).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        theta,
        *,
        groups=None,
        topic_names=None,
        max_topics=20,
        n_documents=2000,
        random_state=0,
        ax=None,
    ) -> Self:
        """Plot given topic proportions.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_topics)
            Topic proportions. Each row sums to one, or is all zero or NaN for a
            document without a topic.
        groups : array-like of shape (n_samples,), default=None
            Known groups of the documents, drawn side by side: sorted, or in the order
            of the categories of a pandas Categorical or a polars Enum. Documents
            without a label (None, NaN) form the last group, "(none)". A pandas index
            must equal that of the documents.
        topic_names : list of str, default=None
            Names of the topics in the legend. If None, the topics are numbered.
        max_topics : int, default=20
            Largest number of topics with their own colours, at most 20. If there are
            more topics, the largest have colours, and the others are one grey area,
            "other".
        n_documents : int, default=2000
            Largest number of documents drawn; if there are more, a random sample is
            drawn.
        random_state : int, default=0
            Seed of the sample.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : StructureDisplay
            The drawn display.
        """
        row_labels(theta=theta, groups=groups)
        n = count_documents(None, theta)
        chosen = _sample(n, n_documents, random_state)
        numbered = _numbered(groups, chosen, n)
        theta = check_proportions(_part(theta, chosen, n))
        if topic_names is None:
            topic_names = range(theta.shape[1])
        names = [str(name) for name in topic_names]
        return cls._arranged(theta, numbered, names, max_topics).plot(ax=ax)

    @classmethod
    def _arranged(cls, theta, numbered, topic_names, max_topics):
        """Sort the documents into the order of the plot."""
        sequence = _sequence(theta, max_topics)
        order = sort_documents(np.nan_to_num(theta)[:, sequence])
        blank = np.isnan(theta).any(axis=1)
        order = order[np.argsort(blank[order], kind="stable")]
        groups = None
        if numbered is not None:
            names, numbers = numbered
            order = order[np.argsort(numbers[order], kind="stable")]
            groups = names[numbers[order]]
        return cls(
            theta[order], groups=groups, topic_names=topic_names, max_topics=max_topics
        )

    def _draw(self, ax):
        from ._figure import axes, draw_columns

        theta = without_topic(np.asarray(self.theta, np.float64))
        n, K = theta.shape
        if len(self.topic_names) != K:
            raise ValueError(
                f"topic_names has {len(self.topic_names)} names, but theta has {K} "
                "topics."
            )
        blank = np.isnan(theta).any(axis=1)
        layers, colors, names = self._layers(np.nan_to_num(theta))
        height = max(4, 0.25 * (len(names) + blank.any()) + 0.8)
        own = ax is None
        self.ax_ = ax = axes(ax, figsize=(11, height))
        self.figure_ = ax.figure
        ax.set(xlim=(0, n), ylim=(0, 1), ylabel="topic proportion")
        self._add_legend(ax, colors, names, blank.any())
        if self.groups is None:
            ax.set(xticks=[], xlabel=f"{n} documents")
        else:
            label_height = self._mark_groups(ax, n)
            if own:
                self.figure_.set_figheight(height + label_height)
        draw_columns(ax, layers, colors, blank)

    def _layers(self, theta):
        """Heights, colours and names of the topics shown and of all others together."""
        from ._figure import OTHER, colored_topics, topic_colors

        shown = colored_topics(_sizes(theta), self.max_topics)
        others = np.setdiff1d(np.arange(theta.shape[1]), shown)
        layers, colors = theta[:, shown], topic_colors(len(shown))
        names = [self.topic_names[k] for k in shown]
        if len(others) == 0:
            return layers, colors, names
        rest = theta[:, others].sum(axis=1)
        name = f"other ({len(others)} topic{'s' if len(others) > 1 else ''})"
        return np.column_stack([layers, rest]), [*colors, OTHER], [*names, name]

    def _add_legend(self, ax, colors, names, any_blank):
        from ._figure import add_legend, color_handles

        handles = color_handles(colors, blank=any_blank)
        names = [*names, _NO_TOPIC] if any_blank else names
        place = {"loc": "upper left", "bbox_to_anchor": (1.005, 1.0)}
        options = {"fontsize": "small", "borderaxespad": 0, **place}
        K = len(self.topic_names)
        if self.max_topics < K:
            options["title"] = f"{self.max_topics} largest of {K} topics"
        add_legend(ax, handles, names, **options)

    def _mark_groups(self, ax, n):
        """Separate and label the groups; return the height of the labels in inches."""
        from ._figure import PLAIN, fit_tick_labels, one_line

        names, numbers = number_groups(self.groups)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], n)
        for start in starts[1:]:
            ax.axvline(start, color="black", linewidth=0.8)
        shown = names[numbers[starts]]
        ticks = [_NO_GROUP if name is None else one_line(name, 30) for name in shown]
        ax.set_xticks((starts + ends) / 2, ticks, **PLAIN)
        ax.tick_params(axis="x", length=0)
        fit_tick_labels(ax, np.argsort(starts - ends, kind="stable"))
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
        return max(0, max(box.height for box in boxes) / ax.figure.dpi - 0.2)


def _sample(n, n_documents, random_state) -> np.ndarray:
    """Positions of the documents drawn."""
    n_documents = check_integer(n_documents, "n_documents")
    if n <= n_documents:
        return np.arange(n)
    return np.random.default_rng(random_state).choice(n, n_documents, replace=False)


def _part(A, chosen, n):
    return A if A is None or len(chosen) == n else take_rows(A, chosen)


def _numbered(groups, chosen, n):
    """Names of the groups, and the group number of each document drawn."""
    if groups is None:
        return None
    groups = readable(groups, "groups")
    if count_rows(groups) != n:
        raise ValueError(
            f"groups has {count_rows(groups)} labels, but there are {n} documents. "
            "Pass one label per document."
        )
    return number_groups(_part(groups, chosen, n))


def _sizes(theta) -> np.ndarray:
    """Total proportion of each topic, over the documents that have topics."""
    return np.nan_to_num(theta).sum(axis=0)


def _sequence(theta, max_topics) -> np.ndarray:
    """Topics from left to right: those with colours, then the others by size."""
    from ._figure import colored_topics

    sizes = _sizes(theta)
    first = colored_topics(sizes, max_topics)
    rest = np.setdiff1d(np.arange(len(sizes)), first)
    return np.concatenate([first, rest[np.argsort(-sizes[rest], kind="stable")]])
