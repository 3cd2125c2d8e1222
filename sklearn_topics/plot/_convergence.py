"""Convergence of one or several fits."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._boundary.arguments import did_you_mean
from .._boundary.pipelines import split_pipeline
from ._display import Display


class ConvergenceDisplay(Display):
    """Compare how fits converge: the loss against seconds or iterations.

    The values come from the ``loss_history_`` of the fitted models. The y axis is
    logarithmic if the values are positive and span a factor of 20. Create the display
    with :meth:`from_estimators`.

    Parameters
    ----------
    traces : dict of str to tuple of ndarray
        Label of each line -> its x values and its y values.
    x : str
        Label of the x axis.
    y : str
        Label of the y axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last drawing.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sklearn_topics.TorchPoissonNMF : A model that records ``loss_history_``.

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
    def from_estimators(cls, models, *, x="seconds", y="objective", ax=None) -> Self:
        """Plot the loss histories of fitted models.

        Parameters
        ----------
        models : fitted model, list of fitted models, or dict of str to fitted model
            Models with a ``loss_history_``; fitted pipelines and searches also work.
            The keys of a dict are the labels. The models of a list are labelled by the
            parameters in which they differ, or numbered.
        x : {"seconds", "iteration"}, default="seconds"
            Column of the histories for the x axis.
        y : str, default="objective"
            Column of the histories for the y axis: "objective", "kkt", "elbo", ...
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : ConvergenceDisplay
            The drawn display.
        """
        traces = {}
        for name, model in _named(models).items():
            check_is_fitted(model)
            history = getattr(model, "loss_history_", {})
            for column in (x, y):
                if column not in history:
                    raise ValueError(_missing_column(name, column, history))
            traces[name] = np.asarray(history[x]), np.asarray(history[y])
        return cls(traces, x=x, y=y).plot(ax=ax)

    def _draw(self, ax):
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


def _named(models) -> dict:
    """Label -> topic model, without the other steps of its pipeline."""
    if _is_model(models):
        models = [models]
    if isinstance(models, str) or not isinstance(models, Iterable):
        raise TypeError(
            "models must be a fitted model, a list of fitted models, or a dict "
            f"{{label: model}}. Got {models!r:.60}."
        )
    keyed = models if isinstance(models, Mapping) else dict(enumerate(models))
    if not keyed:
        raise ValueError("models is empty. Pass at least one fitted model.")
    topic_models = {key: split_pipeline(model)[1] for key, model in keyed.items()}
    for key, model in topic_models.items():
        if not _is_model(model):
            raise TypeError(
                f"models[{key!r}] must be a fitted model. Got {model!r:.60}."
            )
    if isinstance(models, Mapping):
        return topic_models
    models = topic_models.values()
    return dict(zip(_labels(models), models, strict=True))


def _missing_column(name, column, history) -> str:
    if not history:
        return f"{name} has no loss_history_. Leave it out, or pass an iterative model."
    return (
        f"{name} has no column {column!r} in loss_history_. Expected one of "
        f"{', '.join(history)}.{did_you_mean(column, history)}"
    )


def _is_model(model) -> bool:
    return hasattr(model, "get_params") and not isinstance(model, type)


def _labels(models) -> list[str]:
    """The parameters that differ among models of a class, numbered if labels repeat."""
    classes = {type(model) for model in models}
    labels = []
    for model in models:
        others = [_settings(other) for other in models if type(other) is type(model)]
        differing = [
            f"{key}={value}"
            for key, value in _settings(model).items()
            if any(other[key] != value for other in others)
        ]
        name = [type(model).__name__] if len(classes) > 1 or not differing else []
        labels.append(" ".join([*name, ", ".join(differing)]).strip())
    total, so_far = Counter(labels), Counter()
    for i, label in enumerate(labels):
        if total[label] > 1:
            so_far[label] += 1
            labels[i] = f"{label} ({so_far[label]})"
    return labels


def _settings(model) -> dict[str, str]:
    return {key: str(value) for key, value in model.get_params(deep=False).items()}
