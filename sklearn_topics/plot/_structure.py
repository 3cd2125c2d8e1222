"""Topic proportions of many documents at once."""

import numpy as np

from ..inspection import top_terms
from ..metrics import sort_documents
from ..metrics._models import model_input, split_pipeline, topic_proportions
from ._figure import axes, topic_colors

#: Most topics that a legend lists.
_LEGEND = 20

#: Tick of the documents whose label is missing.
_NO_GROUP = "(none)"


class StructureDisplay:
    """Stacked topic proportions, one column a document ("Structure plot").

    Documents are sorted by their dominant topic and its proportion, within groups if
    there are any. Make it with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    theta : ndarray of shape (n_documents, n_topics)
        Proportions, in the order of the picture.
    groups : ndarray of shape (n_documents,) or None
        Group of each document, in the same order; None where it is missing.
    topic_names : list of str
        For the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    TopTermsDisplay : What the topics are about.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics.plot import StructureDisplay
    >>> theta = np.random.default_rng(0).dirichlet([0.3] * 4, 200)
    >>> display = StructureDisplay.from_predictions(theta)
    >>> display.theta.shape
    (200, 4)
    """

    def __init__(self, theta, *, groups=None, topic_names):
        self.theta = theta
        self.groups = groups
        self.topic_names = topic_names

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        *,
        groups=None,
        feature_names=None,
        n_documents=2000,
        random_state=0,
        ax=None,
    ):
        """Proportions by a fitted model; the legend has each topic's first terms.

        Parameters
        ----------
        model : fitted model, pipeline or search
            Whose proportions.
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts; with a pipeline, what goes into it.
        groups : array-like of shape (n_samples,), default=None
            Known groups, drawn side by side: sorted, or in the order of the categories
            of a pandas Categorical or a polars Enum. Documents whose label is missing
            (None, NaN) are a group of their own, "(none)", the last.
        feature_names : sequence of str, default=None
            Names of the terms. None takes those of the pipeline or of the fitted data,
            or the numbers of the columns.
        n_documents : int, default=2000
            Most documents drawn; more are sampled.
        random_state : int, default=0
            Draws the sample.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : StructureDisplay
            With the picture drawn.
        """
        before, last = split_pipeline(model)
        names = [
            f"{k}: {' '.join(str(term) for term, _ in row)}"
            for k, row in enumerate(top_terms(model, feature_names, 3))
        ]
        return cls.from_predictions(
            topic_proportions(last, model_input(before, X)),
            groups=groups,
            topic_names=names,
            n_documents=n_documents,
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        theta,
        *,
        groups=None,
        topic_names=None,
        n_documents=2000,
        random_state=0,
        ax=None,
    ):
        """Proportions given.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_topics)
            Topic proportions.
        groups : array-like of shape (n_samples,), default=None
            Known groups, drawn side by side: sorted, or in the order of the categories
            of a pandas Categorical or a polars Enum. Documents whose label is missing
            (None, NaN) are a group of their own, "(none)", the last.
        topic_names : list of str, default=None
            For the legend. None numbers the topics.
        n_documents : int, default=2000
            Most documents drawn; more are sampled.
        random_state : int, default=0
            Draws the sample.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : StructureDisplay
            With the picture drawn.
        """
        theta = np.asarray(theta)
        chosen = np.arange(len(theta))
        if len(theta) > n_documents:
            rng = np.random.default_rng(random_state)
            chosen = rng.choice(len(theta), n_documents, replace=False)
        chosen = chosen[sort_documents(theta[chosen])]
        if groups is not None:
            if len(groups) != len(theta):
                raise ValueError(
                    f"There are {len(groups)} groups, but {len(theta)} documents."
                )
            names, numbers = _number_groups(groups)
            chosen = chosen[np.argsort(numbers[chosen], kind="stable")]
            groups = names[numbers[chosen]]
        if topic_names is None:
            topic_names = [str(k) for k in range(theta.shape[1])]
        display = cls(theta[chosen], groups=groups, topic_names=list(topic_names))
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : StructureDisplay
            The display itself.
        """
        n, K = self.theta.shape
        self.ax_ = ax = axes(ax, figsize=(11, max(4, 0.25 * min(K, _LEGEND) + 0.8)))
        self.figure_ = ax.figure
        edges, top = np.arange(n + 1), np.zeros(n)
        for k, color in enumerate(topic_colors(K)):
            bottom, top = top, top + self.theta[:, k]
            name = self.topic_names[k] if k < _LEGEND else None
            ax.stairs(top, edges, baseline=bottom, fill=True, color=color, label=name)
        ax.set(xlim=(0, n), ylim=(0, 1), ylabel="topic proportion")
        if self.groups is None:
            ax.set(xticks=[], xlabel=f"{n} documents")
        else:
            self._mark_groups(ax, n)
        title = None if K <= _LEGEND else f"the first {_LEGEND} of {K} topics"
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.005, 1.0),
            fontsize="small",
            title=title,
            borderaxespad=0,
        )
        return self

    def _mark_groups(self, ax, n):
        names, numbers = _number_groups(self.groups)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], n)
        for start in starts[1:]:
            ax.axvline(start, color="black", linewidth=0.8)
        shown = names[numbers[starts]]
        ticks = [_NO_GROUP if name is None else str(name) for name in shown]
        ax.set_xticks((starts + ends) / 2, ticks)
        ax.tick_params(axis="x", length=0, rotation=0 if len(ticks) <= 6 else 60)


def _number_groups(groups):
    """The groups in their order, None last if labels are missing; each label's number.

    The order is that of the categories if `groups` has such, as a pandas Categorical
    and a polars Enum have, and the sorted one otherwise.
    """
    labels = _labels(groups)
    present = set(labels)
    missing = present & {None}
    categories = getattr(getattr(groups, "dtype", None), "categories", None)
    # A polars Categorical has no order, and what it lists there is no array.
    if hasattr(categories, "__array__"):
        names = [name for name in np.asarray(categories) if name in present]
    else:
        names = _sorted(present - missing)
    names += missing
    number = {name: i for i, name in enumerate(names)}
    numbers = np.array([number[label] for label in labels], dtype=np.intp)
    return np.fromiter(names, labels.dtype, len(names)), numbers


def _labels(groups) -> np.ndarray:
    """One label a document; objects, with None for those missing, if any is."""
    # numpy would make the text "nan" of a NaN in a list of texts.
    values = groups if isinstance(groups, list | tuple) else np.asarray(groups)
    if np.ndim(values) != 1:
        raise ValueError(
            "groups must be one label a document, in one dimension. Got an array of "
            f"shape {np.shape(values)}."
        )
    missing = [_is_missing(value) for value in values]
    if not any(missing):
        return np.asarray(values)
    pairs = zip(values, missing, strict=True)
    return np.array([None if gone else value for value, gone in pairs], dtype=object)


def _is_missing(label) -> bool:
    """Whether it is None, NaN, NaT, or pandas' NA, which is compared without answer."""
    same = label == label
    return label is None or not isinstance(same, bool | np.bool_) or not same


def _sorted(labels) -> list:
    try:
        return sorted(labels)
    except TypeError:  # of types without a common order, as numbers and texts
        return sorted(labels, key=str)
