"""scikit-learn's callbacks: the observer that calls them, and our base class.

scikit-learn passes a fitted copy of the estimator to callbacks, which would copy the
model from the device in each iteration. Our callbacks get a `WatchedFit` in the
metadata of the task instead, and request only what they need.
"""

from collections.abc import Iterator
from copy import copy
from functools import cached_property

from .._boundary.sklearn_private import require_callbacks
from .run import Observer, Run

#: The key of a `WatchedFit` in the metadata of a task.
_KEY = "sklearn_topics"


class WatchedFit(Observer):
    """A fit, a task of ``n_init * max_iter`` iterations for callbacks.

    Attributes
    ----------
    estimator, X : object
        The estimator, and the data that it is fitted to.
    run : Run or None
        The run; None before the first iteration.
    memories : dict
        State of the callbacks: plain values, so that checkpoints can contain them.
    """

    def __init__(self, estimator, X, y, context):
        self.estimator, self.X, self._y = estimator, X, y
        self._context, self._iteration = context, None
        self.run, self.memories = None, {}

    @cached_property
    def path(self) -> str:
        """Place of the fit in a pipeline or search; "fit" without one."""
        names, context = [], self._context
        while context.parent is not None:
            name = context.source_task_name or context.task_name
            names.append(f"{name} {context.task_id}")
            context = context.parent
        return "/".join(reversed(names)) or context.task_name

    @property
    def scores(self) -> dict[str, list]:
        """Name -> [iteration, value] of the last evaluations by callbacks.

        A callback that evaluates a score adds its name, with NaN, before the first
        iteration.
        """
        return self.memories.setdefault("scores", {})

    def memory(self, callback) -> dict:
        """State of a callback for this fit: numbers and strings.

        A callback may be attached to several fits at once and copied to other
        processes, so its state for one fit is stored here.
        """
        place = [other is callback for other in _ours(self.estimator)].index(True)
        return self.memories.setdefault(watchers(self.estimator)[place], {})

    def model(self):
        """The estimator, fitted as of the last iteration."""
        model = copy(self.estimator)
        vars(model).update(self.run.fitted_attributes())
        return model

    def open(self) -> None:
        """Notify the callbacks that fit begins."""
        self._context.call_on_fit_task_begin(**self._task())

    def close(self) -> None:
        """Notify our callbacks that fit has ended, also by an error."""
        if self.run is not None:  # else no iteration has begun
            for callback in _ours(self.estimator):
                callback._end(self)

    def complete(self) -> None:
        """Notify the callbacks that fit has succeeded."""
        self._context.call_on_fit_task_end(
            **self._task(), reconstruction_attributes=dict
        )

    def resume(self, run: Run) -> None:
        for name, memory in run.memories.items():
            self.memories.setdefault(name, {}).update(memory)
        run.memories = self.memories
        self.run = run

    def begin_iteration(self, run: Run) -> None:
        number = run.start * run.max_iter + run.n_iter
        self._iteration = self._context.subcontext(task_name=f"iteration {number}")
        self._iteration.call_on_fit_task_begin(**self._task(iteration=number))

    def end_iteration(self, run: Run) -> bool:
        return self._iteration.call_on_fit_task_end(
            **self._task(iteration=run.start * run.max_iter + run.n_iter - 1),
            reconstruction_attributes=run.fitted_attributes,
        )

    def _task(self, **about) -> dict:
        metadata = {_KEY: self, **about}
        data = {"estimator": self.estimator, "X": self.X, "y": self._y}
        return {**data, "metadata": metadata}


class FitWatcher:
    """Base class of the callbacks, which override `_iteration`.

    An instance may be attached to several fits at once and copied to other processes,
    so it never changes itself; its state for one fit is in ``fit.memory(self)``.
    """

    def __init__(self):
        require_callbacks(type(self).__name__)

    def _begin(self, fit: WatchedFit) -> None:
        """Called before the first iteration."""

    def _iteration(self, fit: WatchedFit) -> bool | None:
        """Called after each iteration; return True to stop."""
        raise NotImplementedError

    def _end(self, fit: WatchedFit) -> None:
        """Called when fit has ended, also by an error or Ctrl-C."""

    def setup(self, estimator, context):
        """Called by scikit-learn before fit begins."""

    def on_fit_task_begin(self, estimator, context, *, metadata):
        """Called by scikit-learn at the beginning of fit and of each iteration."""
        if _KEY not in (metadata or {}):
            raise TypeError(
                f"{type(self).__name__} works with the iterative models of "
                f"sklearn_topics, not {type(estimator).__name__}. Attach it to the "
                "model itself, which may be a step of a pipeline or search."
            )
        if "iteration" not in metadata:
            self._begin(metadata[_KEY])

    def on_fit_task_end(self, estimator, context, *, metadata):
        """Called by scikit-learn at the end of fit and of each iteration.

        Returns
        -------
        stop : bool
            Whether to stop fit.
        """
        return "iteration" in metadata and bool(self._iteration(metadata[_KEY]))

    def teardown(self, estimator, context):
        """Called by scikit-learn when fit has ended, also by an error."""


def _ours(estimator) -> Iterator[FitWatcher]:
    attached = getattr(estimator, "_skl_callbacks", [])
    return (callback for callback in attached if isinstance(callback, FitWatcher))


def watchers(estimator) -> list[str]:
    """Names of our callbacks of an estimator, with settings that affect the fit."""
    return [
        f"{place} {type(callback).__name__}{getattr(callback, '_settings', '')}"
        for place, callback in enumerate(_ours(estimator))
    ]
