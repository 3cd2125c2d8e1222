"""The session around the loop in the fit of an estimator."""

from collections.abc import Iterator
from contextlib import contextmanager

from .._kernels.ranks import current
from .callbacks import WatchedFit
from .checkpoint import Checkpoint
from .interrupts import interrupts
from .progress import IterationProgress, announced_fit
from .run import Observer
from .shared_checkpoint import SharedCheckpoint

#: Attributes that the validation of X sets before the fit.
_SEEN = "n_features_in_", "feature_names_in_"


@contextmanager
def fit_session(
    estimator, X, y=None, *, max_iter: int, progress: Observer | None = None
) -> Iterator[list[Observer]]:
    """Open the observers of one fit and yield them, in the order of their calls.

    A fit that fails before it has set ``components_`` leaves the estimator unchanged; a
    fit that succeeds deletes its checkpoint. `max_iter` is the maximum number of
    iterations of all starts together; `progress` prints in place of
    `IterationProgress`.
    """
    before = dict(vars(estimator))
    path = getattr(estimator, "checkpoint", None)
    kind = Checkpoint if current() is None else SharedCheckpoint
    # First, so that a checkpoint has the callbacks' state after the last iteration.
    checkpoint = [] if path is None else [kind(path, estimator)]
    try:
        announcement = announced_fit(estimator, X)
        watching = _watched(estimator, X, y, max_iter)
        with announcement, interrupts() as interrupting, watching as watched:
            shown = progress or IterationProgress(estimator.verbose)
            yield [*checkpoint, *interrupting, shown, *watched]
        for file in checkpoint:
            file.remove()
    finally:
        now = vars(estimator)
        if now.get("components_") is before.get("components_"):
            for name in _SEEN:
                now.pop(name, None)
            now.update({name: before[name] for name in _SEEN if name in before})


@contextmanager
def _watched(estimator, X, y, max_iter) -> Iterator[list[WatchedFit]]:
    """Yield the observer of scikit-learn's callbacks, if any are attached."""
    if not hasattr(estimator, "_init_callback_context"):  # scikit-learn < 1.9
        yield []
        return
    context = estimator._init_callback_context(max_subtasks=max_iter)
    fit = WatchedFit(estimator, X, y, context)
    fit.open()
    try:
        yield [fit] if getattr(estimator, "_skl_callbacks", []) else []
    finally:
        fit.close()
    fit.complete()
