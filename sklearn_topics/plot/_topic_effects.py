"""Effects of covariates on the topic proportions, with confidence intervals."""

from typing import Self

import numpy as np

from .._boundary.arguments import check_sequence, did_you_mean
from ..inspection import topic_effects
from ._display import Display
from ._documents import choose_topics, name_topics, theta_for_labels

_INTERCEPT = "Intercept"

#: Most panels side by side.
_COLUMNS = 6


class TopicEffectsDisplay(Display):
    """Effects of covariates on the topic proportions, with confidence intervals.

    It shows which topics depend on a covariate: one panel per covariate, one row per
    topic. Effects whose interval contains 0 are grey. Topics are sorted by the effect
    of the first covariate, largest first. Create the display with
    :meth:`from_estimator`.

    Parameters
    ----------
    effects : ndarray of shape (n_topics, n_covariates)
        Changes of the proportions, in the order of the plot.
    lower, upper : ndarray of shape (n_topics, n_covariates)
        Limits of the confidence intervals.
    topic_names : list of str
        Name or number, and top terms, of each topic.
    covariates : list of str
        Names of the covariates.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the last drawing, one per covariate.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sklearn_topics.inspection.topic_effects : Table of the effects.
    TopicGroupsDisplay : Proportions of groups, and over time.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import TopicEffectsDisplay
    >>> X, theta, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> covariates = {"first": theta[:, 0], "side": ["left", "right"] * 100}
    >>> display = TopicEffectsDisplay.from_estimator(model, X, covariates)
    >>> display.covariates
    ['first', 'side[T.right]']
    """

    def __init__(self, effects, *, lower, upper, topic_names, covariates):
        self.effects = effects
        self.lower, self.upper = lower, upper
        self.topic_names = topic_names
        self.covariates = covariates

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        covariates,
        *,
        formula=None,
        theta=None,
        shown=None,
        topics=None,
        feature_names=None,
        by="probability",
        confidence_level=0.95,
        ax=None,
    ) -> Self:
        """Estimate and plot the effects of covariates.

        Parameters
        ----------
        model : fitted model, pipeline or search
            The topic model.
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts; with a pipeline, the pipeline's input.
        covariates : DataFrame or dict of str to array-like of shape (n_samples,)
            Covariates of the documents, as in
            :func:`sklearn_topics.inspection.topic_effects`.
        formula : str, default=None
            Formula of the covariates, such as ``"~ year + outlet"``.
        theta : array-like of shape (n_samples, n_topics), default=None
            Topic proportions as ``model.transform(X)`` returns them. If None, they are
            computed.
        shown : sequence of str, default=None
            Names of the coefficients that are drawn, as in the column "Covariate" of
            the table. If None, all but the intercept.
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
        ax : matplotlib Axes, default=None
            Axes that the panels replace. If None, a new figure is created.

        Returns
        -------
        display : TopicEffectsDisplay
            The drawn display.
        """
        theta = theta_for_labels(model, X, theta, by)
        names = name_topics(model, feature_names, 3, by, X=X, theta=theta)
        chosen = choose_topics(model, topics)
        options = {"formula": formula, "theta": theta}
        table = topic_effects(
            model, X, covariates, confidence_level=confidence_level, **options
        )
        K = len(names)
        known = table["Covariate"].tolist()[: len(table) // K]
        places = _places(known, shown)
        columns = (table[name].to_numpy() for name in ("Effect", "Lower", "Upper"))
        parts = [c.reshape(K, -1)[np.ix_(chosen, places)] for c in columns]
        order = np.argsort(-parts[0][:, 0], kind="stable")
        effects, lower, upper = (part[order] for part in parts)
        display = cls(
            effects,
            lower=lower,
            upper=upper,
            topic_names=[names[chosen[i]] for i in order],
            covariates=[known[j] for j in places],
        )
        return display.plot(ax=ax)

    def _draw(self, ax):
        from ._figure import OTHER, PLAIN, hide_overlaps, one_line, panels, topic_colors

        K, n = self.effects.shape
        names = [one_line(name, 40) for name in self.topic_names]
        margin = 0.4 + 0.07 * max(len(name) for name in names)
        n_columns = min(n, _COLUMNS)
        n_rows = -(-n // n_columns)
        figsize = margin + 2.6 * n_columns, n_rows * max(1.8, 0.22 * K + 0.9)
        self.axes_ = panels(ax, n, n_columns, figsize=figsize)
        self.figure_ = self.axes_[0].figure
        (color,) = topic_colors(1)
        for j, (panel, name) in enumerate(
            zip(self.axes_, self.covariates, strict=True)
        ):
            low, high = self.lower[:, j], self.upper[:, j]
            zero = (low <= 0) & (high >= 0)
            colors = [OTHER if inside else color for inside in zero]
            panel.axvline(0, color="0.6", linewidth=0.8, zorder=0)
            panel.hlines(range(K), low, high, colors=colors, linewidth=1.6)
            panel.scatter(self.effects[:, j], range(K), color=colors, s=18, zorder=3)
            shown = names if j % n_columns == 0 else [""] * K
            panel.set_yticks(range(K), shown, **PLAIN)
            panel.tick_params(axis="y", length=0, labelsize="small")
            panel.tick_params(axis="x", labelsize="small")
            panel.locator_params(axis="x", nbins=4)
            panel.set_ylim(K - 0.5, -0.5)
            panel.set_title(one_line(name, 34), fontsize="medium", **PLAIN)
            for side in ("top", "right", "left"):
                panel.spines[side].set_visible(False)
        for panel in self.axes_[::n_columns]:
            hide_overlaps(panel.get_yticklabels())
        corner = self.axes_[(n_rows - 1) * n_columns]
        corner.set_xlabel("change of the proportion", fontsize="small")


def _places(known, shown) -> list[int]:
    """Positions of the coefficients that are drawn."""
    if shown is None:
        shown = [name for name in known if name != _INTERCEPT] or known
    given = [shown] if isinstance(shown, str) else check_sequence(shown, "shown", "str")
    if not given:
        raise ValueError("shown is empty. Pass at least one coefficient, or None.")
    for name in given:
        if name not in known:
            raise ValueError(
                f"There is no coefficient {name!r}. Expected one of "
                f"{', '.join(known)}.{did_you_mean(name, known)}"
            )
    return [known.index(name) for name in given]
