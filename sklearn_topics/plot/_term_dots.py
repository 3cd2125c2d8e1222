"""Dot plot of terms by topics."""

from typing import Self

import numpy as np

from .._boundary.arguments import check_integer, check_sequence
from .._boundary.topics import term_names, topic_distributions, topic_labels
from ._display import Display
from ._documents import choose_topics, ranked_terms


class TermDotsDisplay(Display):
    """Dot plot of the top terms of all topics, as for marker genes of cell types.

    It shows which terms several topics share, and which belong to one. The area of a
    dot is the probability of the term in the topic, relative to the largest one in the
    plot of this topic. The colour is its exclusivity: the share of the topic in the
    probabilities of the term in all topics. Create the display with
    :meth:`from_estimator`.

    Parameters
    ----------
    probabilities : ndarray of shape (n_terms, n_topics)
        Probabilities of the terms in the topics, in the order of the plot.
    exclusivity : ndarray of shape (n_terms, n_topics)
        Shares of the topics in the probabilities of each term.
    terms : list of str
        The terms.
    topic_names : list of str
        Name or number of each topic.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TopTermsDisplay : Bar charts of the top terms of each topic.
    VolcanoDisplay : Log fold changes of all terms.

    Examples
    --------
    >>> from sklearn_topics.plot import TermDotsDisplay
    >>> topics = [[6, 2, 1, 1], [1, 1, 2, 6]]
    >>> names = ["cat", "dog", "sun", "moon"]
    >>> display = TermDotsDisplay.from_estimator(topics, names, n_terms=2)
    >>> display.terms
    ['cat', 'dog', 'moon', 'sun']
    """

    def __init__(self, probabilities, *, exclusivity, terms, topic_names):
        self.probabilities = probabilities
        self.exclusivity = exclusivity
        self.terms = terms
        self.topic_names = topic_names

    @classmethod
    def from_estimator(
        cls,
        model,
        feature_names=None,
        *,
        n_terms=3,
        by="relevance",
        X=None,
        theta=None,
        terms=None,
        topics=None,
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
        n_terms : int, default=3
            Number of terms per topic. A term of several topics is drawn once.
        by : {"probability", "relevance", "lift", "differential"}, default="relevance"
            Weight by which the terms of a topic are chosen, as in
            :meth:`TopTermsDisplay.from_estimator`.
        X : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_samples, n_features), default=None
            Document-term counts; with a pipeline, the pipeline's input. Needed for
            ``by="differential"`` only.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them; used for
            ``by="differential"`` only. If None, they are computed.
        terms : str or sequence of str, default=None
            Terms to draw in place of the top terms, such as known marker genes.
        topics : sequence of int or str, default=None
            Numbers or names of the topics that are drawn. If None, all topics.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : TermDotsDisplay
            The drawn display.
        """
        n_terms = check_integer(n_terms, "n_terms")
        names = [str(name) for name in term_names(model, feature_names)]
        chosen = choose_topics(model, topics)
        if terms is None:
            rows = ranked_terms(model, names, n_terms, by, X=X, theta=theta)
            terms = [str(term) for k in chosen for term, _ in rows[k]]
        elif isinstance(terms, str):
            terms = [terms]
        terms = list(dict.fromkeys(check_sequence(terms, "terms", "str")))
        if not terms:
            raise ValueError("terms is empty. Pass at least one term, or None.")
        column = {name: j for j, name in enumerate(names)}
        unknown = [term for term in terms if term not in column]
        if unknown:
            raise ValueError(f"terms contains {unknown[0]!r}, not a term of the model.")
        weights = topic_distributions(model)[:, [column[term] for term in terms]].T
        total = weights.sum(axis=1, keepdims=True)
        labels = topic_labels(model)
        display = cls(
            weights[:, chosen],
            exclusivity=(weights / np.where(total > 0, total, 1))[:, chosen],
            terms=terms,
            topic_names=[str(labels[k]) for k in chosen],
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        from ._figure import PLAIN, axes, fit_tick_labels, hide_overlaps, one_line

        n, K = np.shape(self.probabilities)
        names = [one_line(term, 24) for term in self.terms]
        margin = 1.6 + 0.08 * max(len(name) for name in names)
        size = max(2.0, 0.25 * K) + margin, max(2.0, 0.19 * n) + 0.8
        self.ax_ = ax = axes(ax, figsize=size)
        self.figure_ = ax.figure
        most = self.probabilities.max(axis=0, keepdims=True)
        sizes = self.probabilities / np.where(most > 0, most, 1)
        y, x = np.indices((n, K)).reshape(2, -1)
        dots = ax.scatter(
            x,
            y,
            s=110 * sizes.ravel(),
            c=self.exclusivity.ravel(),
            cmap="cividis_r",
            vmin=0,
            vmax=1,
            linewidth=0,
        )
        small = {"fontsize": "small" if n <= 80 else "x-small"}
        ax.set_yticks(range(n), names, **small, **PLAIN)
        ax.set_xticks(range(K), [one_line(k, 24) for k in self.topic_names], **PLAIN)
        ax.set(xlim=(-0.6, K - 0.4), ylim=(n - 0.4, -0.6), xlabel="topic")
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        self.figure_.colorbar(dots, ax=ax, label="exclusivity", shrink=0.6)
        fit_tick_labels(ax, np.arange(K), angle=90)
        hide_overlaps(ax.get_yticklabels())
