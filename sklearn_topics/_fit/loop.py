"""The loop: iterations of a solver, from one or several initial states."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from .._boundary.warning import warn_user
from .._core.solver import Diverged, Solver, State
from .._kernels import CSR
from .._kernels.ranks import all_any, is_first, met_by_all
from .run import Observer, Run
from .stopping import StoppingRule

#: Relative difference of objectives that the order of additions can make.
_ROUNDING = 1e-9


def iterate(run: Run, stop: StoppingRule, observers: Sequence[Observer] = ()) -> None:
    """Iterate from ``run.state`` until a rule, an observer or `max_iter` stops the run.

    Ctrl-C and a diverged step stop it too: they are stored in ``run.interrupted``, and
    the outcome is that of the last complete iteration.
    """
    try:
        for observer in observers:
            observer.begin(run)
        try:
            _iterate(run, stop, observers)
        except KeyboardInterrupt as interruption:
            if not met_by_all(interruption):  # the other ranks are within an iteration
                raise
            run.interrupted = interruption
        except Diverged as divergence:
            run.interrupted = divergence
        run.finish()
    finally:
        for observer in observers:
            observer.end(run)


def _iterate(run, stop, observers):
    if stop.from_start and run.n_iter == 0:
        run.record()
    done = False
    while not done and run.n_iter < run.max_iter:
        for observer in observers:
            observer.begin_iteration(run)
        run.step()
        due = run.n_iter % stop.every == 0
        if due or run.n_iter == run.max_iter:
            run.record()
        asked = [observer.end_iteration(run) for observer in observers]
        run.stopped = all_any(any(asked))
        done = run.stopped or (due and stop.reached(run.history))
    if not done and stop.tol > 0:
        run.outcome.unconverged = stop.missed(run.history, run.max_iter)


def _is_better(outcome, best) -> bool:
    """By more than rounding: equal fits may differ in the order of their topics."""
    found, known = outcome.metrics["objective"], best.metrics["objective"]
    return found - known > _ROUNDING * abs(known)


def fit_from_starts(
    solver: Solver,
    X: CSR | Tensor,
    starts: Iterable[State],
    *,
    max_iter: int,
    stop: StoppingRule,
    select: str = "best",
    observers: Sequence[Observer] = (),
    attributes: Callable[[State, int], dict] = lambda state, n_iter: {},
    data: Mapping | None = None,
) -> Run:
    """Iterate from each initial state; ``best`` of the result has the best objective.

    Ctrl-C and observers can stop the whole run. Warns if the best outcome has not
    converged. The parameters are those of `Run` and `iterate`.

    Raises
    ------
    FloatingPointError
        If the objective is not finite.
    """
    run = Run(solver, X, max_iter, select, attributes, data or {})
    for observer in observers:
        observer.resume(run)
    try:
        number = -1
        for state in starts:
            number += 1
            if number < run.start:
                continue  # done before the resume; drawn to advance the generator
            if number > run.start or run.state is None:
                run.begin(number, state)
            del state  # W may be large, and `enumerate` would keep it
            iterate(run, stop, observers)
            if run.best.state is None or _is_better(run.outcome, run.best):
                run.best = run.outcome
            if run.interrupted or run.stopped:
                break
    except KeyboardInterrupt as interruption:  # while a start was drawn
        run.interrupted = interruption
    if run.best.unconverged and is_first():
        warn_user(run.best.unconverged, ConvergenceWarning)
    return run
