"""Scores against the number of topics, read from a fitted search."""

from itertools import combinations
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .._boundary.arguments import check_integer
from .._boundary.topics import topic_distributions
from .._boundary.warning import warn_user
from ..metrics import topic_stability

#: Parameters whose values are only seeds.
_SEED = "random_state"


class TopicNumberDisplay:
    """Scores against the number of topics, with their spread over folds and seeds.

    One panel for each score of a fitted search: held-out likelihood, coherence,
    diversity, whatever it was run with; and one for the stability of the topics if
    asked for. Make it with :meth:`from_search`.

    Parameters
    ----------
    curves : dict of str to dict of str to ndarray of shape (n_numbers, 4)
        Score -> other parameters -> rows of (number of topics, mean, least and
        greatest over folds and seeds).
    best : dict of str to int
        Score -> the number of topics of its greatest mean; None if there is none.
    parameter : str
        What was varied.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each score.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn_topics.metrics.topic_scorer : Scores for the search.

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
    def from_search(
        cls,
        search,
        X=None,
        *,
        parameter=None,
        n_seeds=None,
        n_jobs=None,
        verbose=0,
        ax=None,
    ):
        """Curves of a fitted ``GridSearchCV`` or ``RandomizedSearchCV``.

        Parameters
        ----------
        search : fitted search
            Over the number of topics, and whatever else: each combination of the
            others is a line, seeds aside, which add to the spread. A search with
            several scores has several panels.
        X : array-like, default=None
            What the search was fitted on; with `n_seeds`, for the stability of the
            topics.
        parameter : str, default=None
            Name of the number of topics in the grid. None finds "n_components", alone
            or at the end of a name such as "nmf__n_components".
        n_seeds : int, default=None
            Adds the stability of the topics, which needs `X`: for each number of topics
            in the grid the estimator is fitted to all of `X` this many times, with
            ``random_state`` 0, 1, ..., at the best of the other parameters; three seeds
            and five numbers are 15 fits. None fits nothing.
        n_jobs : int, default=None
            Number of these fits at the same time. None is one, unless in a
            :obj:`joblib.parallel_backend` context; -1 uses all processors.
        verbose : int, default=0
            If positive, :class:`joblib.Parallel` reports how many of the fits are done;
            the larger, the more often.
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a new figure.

        Returns
        -------
        display : TopicNumberDisplay
            With the picture drawn.
        """
        results = getattr(search, "cv_results_", None)
        if results is None:
            raise ValueError(
                "TopicNumberDisplay needs a fitted search with cv_results_; got "
                f"{type(search).__name__}."
            )
        if "n_resources" in results:
            raise ValueError(
                "A successive-halving search compares candidates on different amounts "
                "of data; use GridSearchCV or RandomizedSearchCV."
            )
        parameter = _find_parameter(results["params"], parameter)
        _check_numbers(results["params"], parameter)
        curves = {
            score: _curves(results, score, parameter)
            for score in (name[10:] for name in results if name[:10] == "mean_test_")
        }
        if n_seeds is not None:
            if X is None:
                raise ValueError(
                    f"Stability with n_seeds={n_seeds} needs X, what the search was "
                    "fitted on."
                )
            if not hasattr(search, "best_params_"):
                raise ValueError(
                    "Stability needs the best of the other parameters: fit the search "
                    "with refit=, or leave n_seeds out."
                )
            if check_integer(n_seeds, "n_seeds") < 2:
                raise ValueError(
                    f"Stability needs n_seeds of 2 or more. Got {n_seeds}."
                )
            numbers = sorted({params[parameter] for params in results["params"]})
            fits = [(K, seed) for K in numbers for seed in range(n_seeds)]
            topics = Parallel(n_jobs=n_jobs, verbose=verbose)(
                delayed(_fitted_topics)(search, X, parameter, *fit) for fit in fits
            )
            groups = [topics[i : i + n_seeds] for i in range(0, len(topics), n_seeds)]
            rows = [_stability(group) for group in groups]
            curves["stability"] = {"": np.column_stack([numbers, rows])}
        elif X is not None:
            n = len({params[parameter] for params in results["params"]})
            warn_user(
                "X is only used for the stability of the topics, and n_seeds is not "
                f"given, so nothing was fitted. Pass n_seeds=3 for it, which takes "
                f"{3 * n} fits (see n_jobs and verbose), or leave X out.",
                UserWarning,
            )
        best = {score: _best(lines) for score, lines in curves.items()}
        return cls(curves, best=best, parameter=parameter).plot(ax=ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a new figure.

        Returns
        -------
        display : TopicNumberDisplay
            The display itself.
        """
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
        # One legend for all panels with the same lines, in the last one.
        legends = {tuple(lines): score for score, lines in self.curves.items()}
        beside = max(line_legend(lines)[1] for lines in legends)
        size = 4.2 * n_columns + beside, 3.2 * n_rows
        grid = panels(ax, n_rows, n_columns, figsize=size)
        self.figure_, self.axes_ = grid[0].figure, grid[:n]
        for unused in grid[n:]:
            unused.set_axis_off()
        for panel, (score, lines) in zip(self.axes_, self.curves.items(), strict=True):
            drawn = []
            for style, rows in zip(
                line_styles(len(lines)), lines.values(), strict=True
            ):
                K, mean, least, greatest = rows.T
                band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
                panel.fill_between(K, least, greatest, **band)
                drawn += panel.plot(K, mean, marker="o", markersize=4, **style)
            if self.best[score] is not None:
                panel.axvline(self.best[score], color="0.6", linestyle=":", zorder=0)
            numbers = np.unique(np.concatenate([r[:, 0] for r in lines.values()]))
            if numbers.max() > 8 * numbers.min():
                panel.set_xscale("log")
            panel.set_xticks(numbers, [f"{K:g}" for K in numbers])
            panel.minorticks_off()
            panel.set(xlabel="topics")
            panel.set_title(one_line(str(score).replace("_", " "), 40), **PLAIN)
            if len(lines) > 1 and legends[tuple(lines)] == score:
                options, _ = line_legend(lines)
                add_legend(panel, drawn, list(lines), **options)
        for panel in self.axes_:
            hide_overlaps(panel.get_xticklabels())
        return self


def _find_parameter(params, name):
    varied = list(dict.fromkeys(key for found in params for key in found))
    if name is None:
        fitting = [key for key in varied if key.split("__")[-1] == "n_components"]
        if len(fitting) == 1:
            return fitting[0]
    elif name in varied:
        return name
    numbered = [key for key in varied if any(_is_number(p.get(key)) for p in params)]
    if not numbered:
        raise ValueError(
            f"The search varies {', '.join(varied)}, none of which is a number of "
            "topics. Search over integers, as in {'n_components': [5, 10, 20]}."
        )
    raise ValueError(
        "Which parameter is the number of topics? Pass parameter=, one of "
        f"{', '.join(numbered)}." + ("" if name is None else f" Got {name!r}.")
    )


def _is_number(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_numbers(params, parameter) -> None:
    """Refuse values that are no numbers of topics, and candidates without one."""
    for found in params:
        if not _is_number(found.get(parameter)):
            got = f"has {found[parameter]!r}" if parameter in found else "leaves it out"
            raise ValueError(
                f"{parameter} must be a number of topics in every candidate of the "
                f"search, to draw scores against it; candidate {found} {got}. Search "
                "over integers, as in {'n_components': [5, 10, 20]}."
            )


def _curves(results, score, parameter):
    """Other parameters -> rows of (number, mean, least, greatest)."""
    folds = [
        results[name]
        for name in results
        if name.startswith("split") and name.partition("_test_")[2] == score
    ]
    values = np.array(folds, np.float64).T  # [candidates, folds]
    found = {}
    for params, row in zip(results["params"], values, strict=True):
        others = ", ".join(
            f"{key.split('__')[-1]}={_short(value)}"
            for key, value in params.items()
            if key != parameter and key.split("__")[-1] != _SEED
        )
        numbers = found.setdefault(others, {})
        numbers.setdefault(params[parameter], []).append(row)
    return {
        others: np.array(
            [
                [K, np.mean(rows), np.min(rows), np.max(rows)]
                for K, rows in sorted(numbers.items())
            ]
        )
        for others, numbers in found.items()
    }


def _short(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def _best(lines):
    """The number of topics of the greatest mean, over all lines."""
    rows = np.concatenate(list(lines.values()))
    known = rows[~np.isnan(rows[:, 1])]
    return int(known[known[:, 1].argmax(), 0]) if len(known) else None


def _fitted_topics(search, X, parameter, K, seed):
    """Topics x terms of one fit, at the best of the other parameters."""
    # Copies: a value may itself be an estimator, which belongs to the search.
    given = {
        key: clone(value, safe=False)
        for key, value in search.best_params_.items()
        if key.split("__")[-1] != _SEED
    }
    within, dots, _ = parameter.rpartition("__")
    model = clone(search.estimator).set_params(**given)
    model.set_params(**{parameter: K, f"{within}{dots}{_SEED}": seed})
    return topic_distributions(model.fit(X))


def _stability(topics):
    """Mean, least and greatest stability of pairs of fits."""
    pairs = [topic_stability(pair) for pair in combinations(topics, 2)]
    return np.mean(pairs), np.min(pairs), np.max(pairs)
