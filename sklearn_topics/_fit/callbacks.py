"""scikit-learn's callbacks: an observer that calls them, and the base class of ours.

scikit-learn offers a callback a fitted copy of the estimator, which costs a download in
each iteration. Our callbacks find a `WatchedFit` in the metadata of a task instead, and
ask it for what they need.
"""

from collections.abc import Iterator
from copy import copy
from functools import cached_property

from .._boundary.sklearn_private import require_callbacks
from .run import Observer, Run

#: The key of a `WatchedFit` in the metadata of a task.
_KEY = "sklearn_topics"


class WatchedFit(Observer):
    """A fit, which callbacks see as a task of ``n_init * max_iter`` iterations.

    Attributes
    ----------
    estimator, X : object
        What is fitted to what.
    run : Run
        From the first iteration on.
    memories : dict
        The callbacks' memories: plain values, so that checkpoints can hold them.
    """

    def __init__(self, estimator, X, y, context):
        self.estimator, self.X, self._y = estimator, X, y
        self._context, self._iteration = context, None
        self.run, self.memories = None, {}

    @cached_property
    def path(self) -> str:
        """Where the fit is in a pipeline or a search; "fit" where it is in none."""
        names, context = [], self._context
        while context.parent is not None:
            name = context.source_task_name or context.task_name
            names.append(f"{name} {context.task_id}")
            context = context.parent
        return "/".join(reversed(names)) or context.task_name

    @property
    def scores(self) -> dict[str, list]:
        """Name -> [iteration, value] of the last measurements by callbacks.

        A callback that measures announces the name, with NaN, before the iterations.
        """
        return self.memories.setdefault("scores", {})

    def memory(self, callback) -> dict:
        """Numbers and strings that a callback remembers of this fit.

        A callback may watch several fits at once, and be copied to other processes:
        what it knows of one fit is here.
        """
        names = watchers(self.estimator)
        return self.memories.setdefault(names[_place(callback, self.estimator)], {})

    def model(self):
        """The estimator as if fit had stopped after the last iteration."""
        model = copy(self.estimator)
        vars(model).update(self.run.fitted_attributes())
        return model

    def open(self) -> None:
        """Tell the callbacks that fit begins."""
        self._context.call_on_fit_task_begin(**self._task())

    def close(self) -> None:
        """Tell our callbacks that fit has ended, however it did."""
        if self.run is not None:  # else nothing was begun
            for callback in _ours(self.estimator):
                callback._end(self)

    def complete(self) -> None:
        """Tell the callbacks that fit has ended well."""
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
    """Base class of the callbacks: tells `_iteration` of each iteration of a fit.

    An instance may watch several fits at once and be copied to other processes, so it
    changes nothing on itself; what it remembers of one fit is in ``fit.memory(self)``.
    """

    def __init__(self):
        require_callbacks(type(self).__name__)

    def _begin(self, fit: WatchedFit) -> None:
        """Called before the first iteration."""

    def _iteration(self, fit: WatchedFit) -> bool | None:
        """Called after each iteration; True asks to stop."""
        raise NotImplementedError

    def _end(self, fit: WatchedFit) -> None:
        """Called when fit has ended, also by an error or Ctrl-C."""

    def setup(self, estimator, context):
        """Called by scikit-learn before fit begins."""

    def on_fit_task_begin(self, estimator, context, *, metadata):
        """Called by scikit-learn at the beginning of fit and of each iteration."""
        if _KEY not in (metadata or {}):
            raise TypeError(
                f"{type(self).__name__} watches the iterative models of "
                f"sklearn_topics, not {type(estimator).__name__}. Attach it to the "
                "model itself, in a pipeline or a search to its step."
            )
        if "iteration" not in metadata:
            self._begin(metadata[_KEY])

    def on_fit_task_end(self, estimator, context, *, metadata):
        """Called by scikit-learn at the end of fit and of each iteration.

        Returns
        -------
        stop : bool
            Whether fit is to stop.
        """
        return "iteration" in metadata and bool(self._iteration(metadata[_KEY]))

    def teardown(self, estimator, context):
        """Called by scikit-learn when fit has ended, however it did."""


def _ours(estimator) -> Iterator[FitWatcher]:
    attached = getattr(estimator, "_skl_callbacks", [])
    return (callback for callback in attached if isinstance(callback, FitWatcher))


def _place(callback, estimator) -> int:
    places = enumerate(_ours(estimator))
    return next(place for place, other in places if other is callback)


def watchers(estimator) -> list[str]:
    """Names of our callbacks of an estimator, with the settings that matter."""
    return [
        f"{place} {type(callback).__name__}{getattr(callback, '_settings', '')}"
        for place, callback in enumerate(_ours(estimator))
    ]
