"""How fits went on, several together."""

import numpy as np

from ..metrics._models import split_pipeline
from ._figure import axes, topic_colors


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
        models : fitted model, or dict of str to fitted model
            Pipelines and searches too; each needs ``loss_history_``.
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
        if not isinstance(models, dict):
            models = {type(split_pipeline(models)[1]).__name__: models}
        traces = {}
        for name, model in models.items():
            _, last = split_pipeline(model)
            history = getattr(last, "loss_history_", {})
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
        self.ax_ = ax = axes(ax, figsize=(6, 4))
        self.figure_ = ax.figure
        colors = topic_colors(len(self.traces))
        for color, (name, (x, y)) in zip(colors, self.traces.items(), strict=True):
            marker = "o" if len(x) < 40 else None
            ax.plot(x, y, color=color, label=name, marker=marker, markersize=3)
        values = np.concatenate([y for _, y in self.traces.values()])
        if (values > 0).all() and values.max() > 20 * values.min():
            ax.set_yscale("log")
        ax.set(xlabel=self.x, ylabel=self.y)
        if len(self.traces) > 1:
            ax.legend()
        return self
