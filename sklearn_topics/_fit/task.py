"""A fit as scikit-learn's callbacks see it."""

from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property
from weakref import WeakKeyDictionary, ref

from .checkpoint import Checkpoint
from .progress import announce_fit


def _memory_key(position, callback) -> str:
    return f"{position} {type(callback).__name__}{getattr(callback, '_settings', '')}"


class FitTask:
    """A fit, which callbacks see as a task with `max_iter` iterations.

    scikit-learn's protocol gives a callback the estimator and a fitted one, at a
    download in each iteration. What is here besides costs nothing unless it is asked
    for: see `watched_fit`.

    Attributes
    ----------
    estimator, X : object
        What is fitted to what.
    start : int
        Number of the start, of several.
    n_iter : int
        Iterations of this start.
    max_iter : int
        Most of them.
    history : dict of str to list of float
        The loss history of this start until now.
    checkpoint : Checkpoint or None
        Where the fit is kept for the case that it is killed.
    best : dict or None
        Of earlier starts.
    data : dict of str to object
        What else than X is fitted, or decides what is: of another one a checkpoint is
        refused.
    """

    def __init__(self, estimator, X, y, context=None):
        self.estimator, self.X, self._y = estimator, X, y
        # Weak, because contexts are the keys that tasks are found by.
        self._context_ref = None if context is None else ref(context)
        self._callbacks = list(getattr(estimator, "_skl_callbacks", []))
        self._attributes = None
        self.start, self.n_iter, self.max_iter, self.history = 0, 0, 1, {}
        self._memories = {}
        self._kept = False
        self.checkpoint, self.best, self._saved = None, None, None
        self.data, self._resumed = {}, False

    @property
    def watched(self) -> bool:
        """Whether any callback listens, so that others need not pay for it."""
        return self._context_ref is not None

    @property
    def _context(self):
        return self._context_ref()

    def release(self) -> None:
        """Forget data and model: a search keeps the contexts of all its fits."""
        self.estimator = self.X = self._y = self._attributes = None

    @cached_property
    def path(self) -> str:
        """Where the fit is in a pipeline or a search; "fit" where it is in none."""
        names, context = [], self._context
        while context.parent is not None:
            name = context.source_task_name or context.task_name
            names.append(f"{name} {context.task_id}")
            context = context.parent
        return "/".join(reversed(names)) or context.task_name

    def is_iteration(self, context) -> bool:
        """Whether a context of this fit is that of an iteration, not of all of it."""
        return context is not self._context

    @property
    def scores(self) -> dict[str, list]:
        """Name -> [iteration, value] of what callbacks measured last.

        A callback that measures announces the name, with NaN, before the iterations.
        """
        return self._memories.setdefault("scores", {})

    def memory(self, callback) -> dict:
        """Numbers and strings that a callback remembers of this fit.

        A callback may watch several fits at once, and be copied to other processes:
        what it knows of one fit is here.
        """
        others = enumerate(self._callbacks)
        position = next(i for i, other in others if other is callback)
        return self._memories.setdefault(_memory_key(position, callback), {})

    def model(self):
        """The estimator as if fit had stopped after the last iteration."""
        model = copy(self.estimator)
        vars(model).update(self._attributes())
        return model

    def keep(self) -> None:
        """Have fit end with the state of the last iteration, whatever comes later."""
        self._kept = True

    def take_kept(self) -> bool:
        """Whether `keep` was called since this was last asked."""
        kept, self._kept = self._kept, False
        return kept

    def resume(self, X) -> None:
        """Read the checkpoint, once, if there is one: of a fit to X on its device."""
        if self.checkpoint is None or self._resumed:
            return
        self._resumed = True
        saved = self.checkpoint.read({"X": X, **self.data})
        if saved is not None:
            self.start, self.best = saved.pop("start"), saved.pop("best")
            self._remember(saved.pop("memories"))
            self._saved = saved

    def _remember(self, memories):
        """Take over what the callbacks of the killed fit knew, if they are the same."""
        known = {_memory_key(i, other) for i, other in enumerate(self._callbacks)}
        others = memories.keys() - known - {"scores"}
        if others:
            raise ValueError(
                "The checkpoint is that of a fit with other callbacks: "
                f"{', '.join(sorted(others))}; now there are "
                f"{', '.join(sorted(known)) or 'none'}. To begin anew delete the file, "
                "or name another."
            )
        self._memories.update(memories)

    def take_saved(self) -> dict | None:
        """What was written of the start that is to be continued; only once."""
        saved, self._saved = self._saved, None
        return saved

    def offer(self, content) -> None:
        """Write what `content` returns if it is time."""
        self.checkpoint.offer(content)

    def write(self, content: dict) -> None:
        """The same now."""
        self.checkpoint.write(content)

    def own(self) -> dict:
        """What a resumed fit needs of the task: starts, and the callbacks' memories.

        As they are now: callbacks may go on before it is written.
        """
        memories = deepcopy(self._memories)
        return {"start": self.start, "best": self.best, "memories": memories}

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
        data = {"estimator": self.estimator, "X": self.X, "y": self._y}
        sub.call_on_fit_task_begin(**data)

        def end(attributes):
            self._attributes = attributes
            return sub.call_on_fit_task_end(
                **data, reconstruction_attributes=attributes
            )

        yield end


#: The root contexts of our fits that callbacks watch.
_WATCHED: WeakKeyDictionary = WeakKeyDictionary()


def watched_fit(context) -> FitTask | None:
    """The fit that a callback's context, or its parent, is that of, if it is ours."""
    fit = _WATCHED.get(context)
    if fit is None and context.parent is not None:
        fit = _WATCHED.get(context.parent)
    return fit


#: What validation of X sets, before anything is fitted.
_SEEN = "n_features_in_", "feature_names_in_"


@contextmanager
def fit_task(estimator, X, y, *, max_iter: int):
    """Open the callback context of one fit (`_fit_context` closes it).

    A fit that fails before it has set ``components_`` leaves the estimator as it was.
    One that ends well removes its checkpoint.
    """
    announce_fit(estimator, X)
    before = dict(vars(estimator))
    path = getattr(estimator, "checkpoint", None)
    checkpoint = None if path is None else Checkpoint(path, estimator)
    try:
        with _callback_task(estimator, X, y, max_iter) as task:
            task.checkpoint = checkpoint
            yield task
        if checkpoint is not None:
            checkpoint.remove()
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
    listening = bool(getattr(estimator, "_skl_callbacks", None))
    task = FitTask(estimator, X, y, context if listening else None)
    if listening:
        _WATCHED[context] = task
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    try:
        yield task
    finally:
        task.release()
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=dict
    )
