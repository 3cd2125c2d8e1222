"""How fits went on, several together."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._boundary.pipelines import split_pipeline


class ConvergenceDisplay:
    """A column of ``loss_history_`` against seconds or iterations.

    Make it with :meth:`from_estimators`.

    Parameters
    ----------
    traces : dict of str to tuple of ndarray
        For each name the values along x and y.
    x : str
        What is along the axis.
    y : str
        What is drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn_topics.TorchPoissonNMF : Has a ``loss_history_``, as all models here.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.plot import ConvergenceDisplay
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> models = {
    ...     solver: TorchPoissonNMF(3, solver=solver, random_state=0).fit(X)
    ...     for solver in ("scd", "em")
    ... }
    >>> list(ConvergenceDisplay.from_estimators(models).traces)
    ['scd', 'em']
    """

    def __init__(self, traces, *, x="seconds", y="objective"):
        self.traces = traces
        self.x, self.y = x, y

    @classmethod
    def from_estimators(cls, models, *, x="seconds", y="objective", ax=None):
        """Histories of fitted models.

        Parameters
        ----------
        models : fitted model, list of fitted models, or dict of str to fitted model
            Pipelines and searches too; each needs ``loss_history_``. The keys of a dict
            are the labels; those of a list are the parameters that differ, or numbers.
        x : {"seconds", "iteration"}, default="seconds"
            Along the axis.
        y : str, default="objective"
            A column of the histories: "objective", "kkt", "elbo", ...
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : ConvergenceDisplay
            With the picture drawn.
        """
        traces = {}
        for name, model in _named(models).items():
            check_is_fitted(model)
            history = getattr(model, "loss_history_", {})
            for column in (x, y):
                if column not in history:
                    known = ", ".join(history) or "none"
                    raise ValueError(
                        f"{name} has no column {column!r} in loss_history_: {known}."
                    )
            traces[name] = np.asarray(history[x]), np.asarray(history[y])
        return cls(traces, x=x, y=y).plot(ax=ax)

    def plot(self, ax=None):
        """Draw it; a column without negative values that falls gets logarithms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : ConvergenceDisplay
            The display itself.
        """
        from ._figure import PLAIN, add_legend, axes, line_legend, line_styles, one_line

        options, beside = line_legend(self.traces)
        self.ax_ = ax = axes(ax, figsize=(6 + beside, 4))
        self.figure_ = ax.figure
        lines = []
        styles = line_styles(len(self.traces))
        for style, (x, y) in zip(styles, self.traces.values(), strict=True):
            marker = "o" if len(x) < 40 else None
            lines += ax.plot(x, y, marker=marker, markersize=3, **style)
        values = np.concatenate([y for _, y in self.traces.values()])
        values = values[np.isfinite(values)]
        if len(values) and 0 < 20 * values.min() < values.max():
            ax.set_yscale("log")
        ax.set_xlabel(one_line(self.x, 60), **PLAIN)
        ax.set_ylabel(one_line(self.y, 60), **PLAIN)
        if len(self.traces) > 1:
            add_legend(ax, lines, list(self.traces), **options)
        return self


def _named(models) -> dict:
    """Label -> topic model, without the steps before it."""
    if _is_model(models):
        models = [models]
    if isinstance(models, str) or not isinstance(models, Iterable):
        raise TypeError(
            "models must be a fitted model, a list of them, or a dict {name: model}. "
            f"Got {models!r:.60}."
        )
    keyed = models if isinstance(models, Mapping) else dict(enumerate(models))
    if not keyed:
        raise ValueError("models is empty: there is nothing to draw.")
    found = {key: split_pipeline(model)[1] for key, model in keyed.items()}
    for key, model in found.items():
        if not _is_model(model):
            raise TypeError(
                f"models[{key!r}] must be a fitted model. Got {model!r:.60}."
            )
    if isinstance(models, Mapping):
        return found
    return dict(zip(_labels(found.values()), found.values(), strict=True))


def _is_model(model) -> bool:
    return hasattr(model, "get_params") and not isinstance(model, type)


def _labels(models) -> list[str]:
    """The parameters that differ among models of a class; a number where none does."""
    kinds = {type(model) for model in models}
    found = []
    for model in models:
        others = [_settings(other) for other in models if type(other) is type(model)]
        varied = [
            f"{key}={value}"
            for key, value in _settings(model).items()
            if any(other[key] != value for other in others)
        ]
        name = [type(model).__name__] if len(kinds) > 1 or not varied else []
        found.append(" ".join([*name, ", ".join(varied)]).strip())
    times, seen = Counter(found), Counter()
    for i, label in enumerate(found):
        if times[label] > 1:
            seen[label] += 1
            found[i] = f"{label} ({seen[label]})"
    return found


def _settings(model) -> dict[str, str]:
    return {key: str(value) for key, value in model.get_params(deep=False).items()}
