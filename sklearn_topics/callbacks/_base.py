"""What every callback shares: scikit-learn's hooks, told apart."""

from numbers import Integral

from .._boundary.sklearn_private import require_callbacks
from .._fit.task import FitTask, watched_fit


class FitWatcher:
    """Base class of the callbacks: tells `_iteration` of each iteration of a fit.

    An instance may watch several fits at once and be copied to other processes, so it
    changes nothing on itself; what it remembers of one fit is in ``fit.memory(self)``.
    """

    def __init__(self):
        require_callbacks(type(self).__name__)

    def _begin(self, fit: FitTask) -> None:
        """Called before the first iteration."""

    def _iteration(self, fit: FitTask) -> bool | None:
        """Called after each iteration; True asks to stop."""
        raise NotImplementedError

    def _end(self, fit: FitTask) -> None:
        """Called when fit has ended, also by an error or Ctrl-C."""

    def setup(self, estimator, context):
        """Called by scikit-learn before fit begins."""

    def on_fit_task_begin(self, estimator, context):
        """Called by scikit-learn at the beginning of fit and of each iteration."""
        fit = watched_fit(context)
        if fit is None:
            raise TypeError(
                f"{type(self).__name__} watches the iterative models of "
                f"sklearn_topics, not {type(estimator).__name__}. Attach it to the "
                "model itself, in a pipeline or a search to step of it."
            )
        if not fit.is_iteration(context):
            self._begin(fit)

    def on_fit_task_end(self, estimator, context):
        """Called by scikit-learn at the end of fit and of each iteration.

        Returns
        -------
        stop : bool
            Whether fit is to stop.
        """
        fit = watched_fit(context)
        return fit.is_iteration(context) and bool(self._iteration(fit))

    def teardown(self, estimator, context):
        """Called by scikit-learn when fit has ended, however it did."""
        fit = watched_fit(context)
        if fit is not None:  # else the beginning was refused
            self._end(fit)


def check_count(name: str, value, least: int = 1) -> int:
    """An integer parameter of a callback, of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}; got {value!r}."
        )
    return int(value)
