"""Topics as circles in a plane; similar topics are close to each other."""

from typing import Self

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import KernelPCA
from sklearn.manifold import smacof

from .._boundary.documents import row_labels
from .._boundary.proportions import proportions_and_counts, token_shares
from .._boundary.topics import topic_distributions
from ..metrics import topic_distances
from ._display import Display
from ._documents import (
    known_proportions,
    name_topics,
    require_transform,
    theta_for_labels,
)

#: Largest total area of the circles, as a share of the axes, and their largest mean
#: area, in points squared.
_AREA, _MEAN_AREA = 0.2, 4_000


class TopicMapDisplay(Display):
    """Topic map: the sizes of the topics, and which topics are similar.

    Multidimensional scaling places the topics so that the distances in the plane
    approximate the distances between the topics (majorization [1]_, initialised by
    classical scaling). The area of a circle is the share of the tokens in its topic.
    Names that would overlap are omitted. Create the display with
    :meth:`from_estimator`.

    Parameters
    ----------
    places : ndarray of shape (n_topics, 2)
        Centers of the circles.
    shares : ndarray of shape (n_topics,)
        Share of the tokens in each topic; the shares sum to one.
    topic_names : list of str
        Number and top terms of each topic, as in "3: cat dog".
    correlation : float
        Correlation between the distances in the plane and the distances between the
        topics.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopicSimilarityDisplay : Heat map of all similarities between topics.
    sklearn_topics.inspection.to_pyldavis : An interactive map.

    References
    ----------
    .. [1] I. Borg, P. Groenen, "Modern multidimensional scaling", Springer, 2005,
       chapter 8.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import TopicMapDisplay
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> TopicMapDisplay.from_estimator(model, X).places.shape
    (3, 2)
    """

    def __init__(self, places, shares, *, topic_names, correlation):
        self.places, self.shares = places, shares
        self.topic_names = topic_names
        self.correlation = correlation

    @classmethod
    def from_estimator(
        cls,
        model,
        X=None,
        *,
        theta=None,
        feature_names=None,
        by="probability",
        distance="hellinger",
        ax=None,
    ) -> Self:
        """Plot the topic map of a fitted model.

        Parameters
        ----------
        model : fitted model, pipeline or search, or array-like
            The model whose topics are shown, or an array of topic weights (n_topics x
            n_features).
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Document-term counts, from which the sizes are computed; with a pipeline,
            the pipeline's input. If X and `theta` are None, all circles have the same
            size.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them. If None, they are
            computed from `X`. Without `X`, the areas are the mean proportions: every
            document has the same weight, whatever its length.
        feature_names : sequence of str, default=None
            Names of the terms. If None, they come from the pipeline or from the data
            that the model was fitted on; without names, terms are column numbers.
        by : {"probability", "relevance", "lift", "differential"}, \
                default="probability"
            Weight by which the terms in the names of the topics are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`. "differential" needs `X`.
        distance : str, default="hellinger"
            Distance between topics, as in
            :func:`sklearn_topics.metrics.topic_distances`.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : TopicMapDisplay
            The drawn display.
        """
        row_labels(X=X, theta=theta)
        topics = topic_distributions(model)
        theta = theta_for_labels(model, X, theta, by)
        K = len(topics)
        shares = np.full(K, 1 / K)
        if X is not None and theta is None:
            require_transform(model)
        if X is not None:
            shares = token_shares(*proportions_and_counts(model, X, theta))
        elif theta is not None:
            known = known_proportions(model, None, theta)
            shares = np.nan_to_num(known).mean(axis=0)
            shares = shares / (shares.sum() or 1)
        names = name_topics(model, feature_names, 2, by, X=X, theta=theta)
        return cls._arranged(topics, shares, names, distance).plot(ax=ax)

    @classmethod
    def _arranged(cls, topics, shares, topic_names, distance="hellinger"):
        """Place topics, given as distributions over terms."""
        between = topic_distances(topics, distance=distance)
        places = _in_plane(between)
        pairs = np.triu_indices(len(topics), 1)
        correlation = _correlation(between[pairs], pdist(places))
        return cls(places, shares, topic_names=topic_names, correlation=correlation)

    def _draw(self, ax):
        from ._figure import (
            MAX_TOPICS,
            PLAIN,
            axes,
            hide_overlaps,
            keep_inside,
            one_line,
            topic_colors,
        )

        K = len(self.places)
        self.ax_ = ax = axes(ax, figsize=(8, 8) if K <= 25 else (11, 11))
        self.figure_ = ax.figure
        room = ax.get_window_extent().size * 72 / ax.figure.dpi  # in points
        areas = min(_AREA * room.prod(), _MEAN_AREA * K) * self.shares
        # Without sizes, colours of many topics would repeat and suggest groups.
        one_color = K > MAX_TOPICS and np.ptp(self.shares) == 0
        ax.scatter(
            *self.places.T,
            s=areas,
            color=topic_colors(1) if one_color else topic_colors(K, self.shares),
            alpha=0.6,
            linewidth=0.8,
            edgecolor="black",
        )
        texts = []
        for k in np.argsort(-self.shares, kind="stable"):
            number, _, terms = one_line(self.topic_names[k], 40).partition(": ")
            at = {"xy": self.places[k], "ha": "center", "textcoords": "offset points"}
            at |= PLAIN
            upper, lower = {"xytext": (0, 1), **at}, {"xytext": (0, -2), **at}
            texts.append(ax.annotate(number, va="bottom", weight="bold", **upper))
            texts.append(ax.annotate(terms, va="top", fontsize="x-small", **lower))
        xlim, ylim = _limits(self.places, room, np.sqrt(areas.max() / np.pi))
        ax.set(xlim=xlim, ylim=ylim, aspect="equal")
        title = f"{K} topics" if K > 1 else "1 topic"
        if K > 3:  # the distances of three topics are exact in a plane
            title += f" (map vs. true distances: r = {self.correlation:.2f})"
        ax.set(xticks=[], yticks=[], title=title)
        keep_inside(ax, texts)
        hide_overlaps(texts, dict(zip(texts[1::2], texts[::2], strict=True)))


def _in_plane(distances):
    """Positions in a plane by majorization, initialised by classical scaling."""
    K = len(distances)
    if K < 2:
        return np.zeros((K, 2))
    # Kernel PCA of the squared distances, times -1/2, is classical scaling.
    scaling = KernelPCA(
        kernel="precomputed", eigen_solver="dense", remove_zero_eig=True
    ).set_output(transform="default")
    scaled = scaling.fit_transform(-(distances**2) / 2)[:, :2]
    places = np.zeros((K, 2))
    places[:, : scaled.shape[1]] = scaled
    # The sign of an axis is arbitrary: make its largest entry positive.
    largest = places[np.abs(places).argmax(axis=0), [0, 1]]
    places *= np.where(largest < 0, -1, 1)
    if K < 4 or distances.max() == 0:  # the distances are exact in a plane
        return places
    precise = {"max_iter": 3000, "eps": 1e-9}
    moved, _ = smacof(distances, init=places, n_init=1, random_state=0, **precise)
    return moved


def _limits(places, room, radius):
    """Limits of x and y on one scale, with room for the circles.

    `room` and `radius` are in points.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    free = np.maximum(room - 2 * np.maximum(0.12 * room, 1.2 * radius), 1)
    unit = max(*((high - low) / free), 1e-9)  # data units per point
    center, half = (low + high) / 2, room * unit / 2
    return np.transpose([center - half, center + half])


def _correlation(a, b):
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])
