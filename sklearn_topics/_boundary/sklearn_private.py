"""Every import from scikit-learn's private modules, and every version shim."""

from contextlib import contextmanager

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""


__all__ = [
    "CallbackSupportMixin",
    "FitTask",
    "Interval",
    "StrOptions",
    "_fit_context",
    "fit_task",
]


class FitTask:
    """A fit seen by callbacks as `max_iter` iterations; does nothing without any."""

    def __init__(self, estimator, X, y, context=None):
        self._estimator, self._X, self._y = estimator, X, y
        self._context = context

    @property
    def watched(self) -> bool:
        """Whether any callback listens, so that others need not pay for it."""
        return self._context is not None

    @contextmanager
    def iteration(self, number: int):
        """One iteration: yields a function to be called with the fitted attributes.

        The argument is a function without arguments, called when a callback wants the
        estimator as if fit had stopped here; True is returned if one asks to stop.
        """
        if not self.watched:
            yield lambda attributes: False
            return
        sub = self._context.subcontext(task_name=f"iteration {number}")
        data = {"estimator": self._estimator, "X": self._X, "y": self._y}
        sub.call_on_fit_task_begin(**data)
        yield lambda attributes: sub.call_on_fit_task_end(
            **data, reconstruction_attributes=attributes
        )


#: What validation of X sets, before anything is fitted.
_SEEN = "n_features_in_", "feature_names_in_"


@contextmanager
def fit_task(estimator, X, y, *, max_iter: int):
    """Open the callback context of one fit (`_fit_context` closes it).

    A fit that fails before it has set ``components_`` leaves the estimator as it was.
    """
    before = dict(vars(estimator))
    try:
        with _callback_task(estimator, X, y, max_iter) as task:
            yield task
    finally:
        now = vars(estimator)
        if now.get("components_") is before.get("components_"):
            for name in _SEEN:
                now.pop(name, None)
            now.update({name: before[name] for name in _SEEN if name in before})


@contextmanager
def _callback_task(estimator, X, y, max_iter):
    if not hasattr(estimator, "_init_callback_context"):
        yield FitTask(estimator, X, y)
        return
    context = estimator._init_callback_context(max_subtasks=max_iter)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    listening = bool(getattr(estimator, "_skl_callbacks", None))
    yield FitTask(estimator, X, y, context if listening else None)
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=dict
    )
