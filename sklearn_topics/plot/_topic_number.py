"""Scores against the number of topics."""

from typing import Self

import numpy as np

from .._boundary.arguments import is_integer
from ._display import Display

#: Parameter whose values are only seeds.
_SEED = "random_state"


class TopicNumberDisplay(Display):
    """Choose the number of topics: scores with their spread over folds and seeds.

    There is one panel per score, such as held-out likelihood, coherence or stability. A
    dotted line marks the best number of topics. Create the display with
    :meth:`from_choice` or :meth:`from_search`.

    Parameters
    ----------
    curves : dict of str to dict of str to ndarray of shape (n_numbers, 4)
        Score -> values of the other parameters -> rows of (number of topics, mean,
        minimum, maximum over folds and seeds).
    best : dict of str to int
        Score -> the number of topics with the highest mean score; None for the training
        error, and if all scores are NaN.
    parameter : str
        Name of the parameter that is the number of topics.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the last drawing, one per score.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sklearn_topics.inspection.choose_n_topics : Fits for several numbers of topics.
    sklearn_topics.metrics.topic_scorer : Scores for a search.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import TopicNumberDisplay
    >>> X, _, _ = make_topic_corpus(300, 100, 4, random_state=0)
    >>> grid = {"n_components": [2, 4, 8]}
    >>> search = GridSearchCV(TorchPoissonNMF(random_state=0), grid, cv=3).fit(X)
    >>> TopicNumberDisplay.from_search(search).best
    {'score': 4}
    """

    def __init__(self, curves, *, best, parameter):
        self.curves, self.best = curves, best
        self.parameter = parameter

    @classmethod
    def from_choice(cls, choice, *, ax=None) -> Self:
        """Plot the scores of :func:`sklearn_topics.inspection.choose_n_topics`.

        Parameters
        ----------
        choice : TopicNumberChoice
            The scores. The bands show the smallest and largest score of the fits.
        ax : matplotlib Axes, default=None
            Axes that the panels replace. If None, a new figure is created.

        Returns
        -------
        display : TopicNumberDisplay
            The drawn display.
        """
        spread = np.mean, np.min, np.max
        curves = {
            score: {
                "": np.column_stack(
                    [choice.numbers, *(function(values, axis=1) for function in spread)]
                )
            }
            for score, values in choice.scores.items()
            if not np.isnan(values).all()
        }
        # The training error decreases with the number of topics.
        best = {score: _best(lines) for score, lines in curves.items()}
        best.update({score: None for score in best if score == "error"})
        return cls(curves, best=best, parameter="n_components").plot(ax=ax)

    @classmethod
    def from_search(cls, search, *, parameter=None, ax=None) -> Self:
        """Plot the scores of a fitted ``GridSearchCV`` or ``RandomizedSearchCV``.

        Parameters
        ----------
        search : fitted search
            A search over the number of topics and, optionally, other parameters. Each
            combination of the other parameters is a line; seeds only add to the spread.
            A search with several scores has several panels.
        parameter : str, default=None
            Name of the number of topics in the grid. If None, it is "n_components",
            alone or at the end of a name such as "nmf__n_components".
        ax : matplotlib Axes, default=None
            Axes that the panels replace. If None, a new figure is created.

        Returns
        -------
        display : TopicNumberDisplay
            The drawn display.
        """
        results = getattr(search, "cv_results_", None)
        if results is None:
            raise ValueError(
                "TopicNumberDisplay needs a fitted search with cv_results_, such as "
                f"GridSearchCV. Got {type(search).__name__}."
            )
        if "n_resources" in results:
            raise ValueError(
                f"{type(search).__name__} scores its candidates on different amounts "
                "of data, so the scores are not comparable. Use GridSearchCV or "
                "RandomizedSearchCV."
            )
        parameter = _find_parameter(results["params"], parameter)
        _check_numbers(results["params"], parameter)
        curves = {
            score: _curves(results, score, parameter)
            for score in (name[10:] for name in results if name[:10] == "mean_test_")
        }
        best = {score: _best(lines) for score, lines in curves.items()}
        return cls(curves, best=best, parameter=parameter).plot(ax=ax)

    def _draw(self, ax):
        from ._figure import (
            PLAIN,
            add_legend,
            hide_overlaps,
            line_legend,
            line_styles,
            one_line,
            panels,
        )

        n = len(self.curves)
        n_columns = n if n <= 3 else 2 if n == 4 else 3
        n_rows = -(-n // n_columns)
        # Panels with the same lines share one legend, in the last of them.
        legends = {tuple(lines): score for score, lines in self.curves.items()}
        legend_width = max(line_legend(lines)[1] for lines in legends)
        size = 4.2 * n_columns + legend_width, 3.2 * n_rows
        self.axes_ = panels(ax, n, n_columns, figsize=size)
        self.figure_ = self.axes_[0].figure
        for panel, (score, lines) in zip(self.axes_, self.curves.items(), strict=True):
            drawn = []
            for style, rows in zip(
                line_styles(len(lines)), lines.values(), strict=True
            ):
                K, mean, low, high = rows.T
                band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
                panel.fill_between(K, low, high, **band)
                drawn += panel.plot(K, mean, marker="o", markersize=4, **style)
            if self.best[score] is not None:
                panel.axvline(self.best[score], color="0.6", linestyle=":", zorder=0)
            numbers = np.unique(np.concatenate([r[:, 0] for r in lines.values()]))
            if numbers.max() > 8 * numbers.min():
                panel.set_xscale("log")
            panel.set_xticks(numbers, [f"{K:g}" for K in numbers])
            panel.minorticks_off()
            panel.set(xlabel="number of topics")
            panel.set_title(one_line(str(score).replace("_", " "), 40), **PLAIN)
            if len(lines) > 1 and legends[tuple(lines)] == score:
                options, _ = line_legend(lines)
                add_legend(panel, drawn, list(lines), **options)
        for panel in self.axes_:
            hide_overlaps(panel.get_xticklabels())


def _find_parameter(params, name):
    """Name of the parameter that is the number of topics."""
    varied = list(dict.fromkeys(key for candidate in params for key in candidate))
    if name is None:
        matching = [key for key in varied if key.split("__")[-1] == "n_components"]
        if len(matching) == 1:
            return matching[0]
    elif name in varied:
        return name
    integers = [key for key in varied if any(is_integer(p.get(key)) for p in params)]
    if not integers:
        raise ValueError(
            f"The search varies {', '.join(varied)}, none of which is a number of "
            "topics. Search over integers, as in {'n_components': [5, 10, 20]}."
        )
    problem = (
        "It is unclear which parameter is the number of topics."
        if name is None
        else f"parameter={name!r} is not varied by the search."
    )
    raise ValueError(f"{problem} Pass parameter=, one of {', '.join(integers)}.")


def _check_numbers(params, parameter) -> None:
    """Refuse candidates whose parameter is missing or is not a number of topics."""
    for candidate in params:
        if not is_integer(candidate.get(parameter)):
            got = (
                f"has {candidate[parameter]!r}"
                if parameter in candidate
                else "does not set it"
            )
            raise ValueError(
                f"{parameter} must be a number of topics in every candidate of the "
                f"search. Candidate {candidate} {got}. Search over integers, as in "
                "{'n_components': [5, 10, 20]}."
            )


def _curves(results, score, parameter):
    """Values of the other parameters -> rows of (number of topics, mean, min, max)."""
    folds = [
        results[name]
        for name in results
        if name.startswith("split") and name.partition("_test_")[2] == score
    ]
    values = np.array(folds, np.float64).T  # [candidates, folds]
    scores = {}  # values of the other parameters -> number of topics -> rows of folds
    for params, row in zip(results["params"], values, strict=True):
        others = ", ".join(
            f"{key.split('__')[-1]}={_short(value)}"
            for key, value in params.items()
            if key != parameter and key.split("__")[-1] != _SEED
        )
        by_number = scores.setdefault(others, {})
        by_number.setdefault(params[parameter], []).append(row)
    return {
        others: np.array(
            [
                [K, np.mean(rows), np.min(rows), np.max(rows)]
                for K, rows in sorted(by_number.items())
            ]
        )
        for others, by_number in scores.items()
    }


def _short(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def _best(lines):
    """The number of topics with the highest mean score, over all lines."""
    rows = np.concatenate(list(lines.values()))
    known = rows[~np.isnan(rows[:, 1])]
    return int(known[known[:, 1].argmax(), 0]) if len(known) else None
