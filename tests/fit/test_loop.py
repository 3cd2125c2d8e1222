"""The loop: stopping, history, best state, interruption, progress, callbacks."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

from sklearn_topics._boundary.sklearn_private import (
    CallbackSupportMixin,
    _fit_context,
)
from sklearn_topics._fit.loop import fit_from_starts
from sklearn_topics._fit.progress import IterationProgress
from sklearn_topics._fit.run import Observer
from sklearn_topics._fit.session import fit_session
from sklearn_topics._fit.stopping import SmallGain

X = torch.zeros(2, 2)


@dataclass
class Climb:
    """A solver whose objective is a function of the iteration number."""

    objective: object = lambda i: 1 - 0.5**i
    step_raises: tuple = ()  # (iteration, error)
    evaluate_raises: tuple = ()  # (iteration, error), the first time

    def step(self, X, state):
        if self.step_raises and state["i"] + 1 == self.step_raises[0]:
            raise self.step_raises[1]
        return {"i": state["i"] + 1}

    def evaluate(self, X, state):
        if self.evaluate_raises and state["i"] == self.evaluate_raises[0]:
            error, self.evaluate_raises = self.evaluate_raises[1], ()
            raise error
        return {"objective": self.objective(state["i"]), "kkt": 1 / (1 + state["i"])}


def fit(solver, *, max_iter=100, tol=1e-5, scale=1.0, verbose=0, **options):
    observers = options.pop("observers", [IterationProgress(verbose)])
    stop = SmallGain(tol, scale)
    options |= {"max_iter": max_iter, "stop": stop, "observers": observers}
    return fit_from_starts(solver, X, [{"i": 0}], **options)


def assert_columns(history, iterations):
    assert list(history) == ["iteration", "seconds", "objective", "kkt"]
    assert history["iteration"] == iterations
    assert {len(column) for column in history.values()} == {len(iterations)}
    assert history["seconds"][0] > 0
    assert np.all(np.diff(history["seconds"]) >= 0)
    assert np.all(np.diff(history["iteration"]) > 0)


# ----------------------------------------------------------------------------- stopping


def test_stops_when_the_gain_is_small():
    # From 10 to 20 the objective gains 1e-3, from 20 to 30 1e-6.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(Climb())
    assert found.best.n_iter == 30
    assert found.best.state == {"i": 30}
    assert found.interrupted is None
    assert_columns(found.best.history, [10, 20, 30])
    assert found.best.history["objective"] == [1 - 0.5**i for i in (10, 20, 30)]
    assert found.best.history["kkt"] == [1 / (1 + i) for i in (10, 20, 30)]


def test_the_gain_is_relative_to_the_scale():
    assert fit(Climb(), scale=1e3).best.n_iter == 20
    assert fit(Climb(), scale=1e-3).best.n_iter == 40


def test_a_small_gain_at_the_last_iteration_is_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(Climb(), max_iter=30).best.n_iter == 30


@pytest.mark.parametrize("max_iter", [1, 9, 10, 25])
def test_warns_at_max_iter(max_iter):
    with pytest.warns(ConvergenceWarning, match=f"max_iter={max_iter} iterations"):
        found = fit(Climb(float), max_iter=max_iter)
    assert found.best.n_iter == max_iter
    checks = [i for i in (10, 20) if i < max_iter]
    assert_columns(found.best.history, [*checks, max_iter])


@pytest.mark.parametrize("objective", [float, lambda i: 0.0, lambda i: -float(i)])
def test_without_tolerance_runs_all_iterations_without_a_warning(objective):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(Climb(objective), max_iter=25, tol=0)
    assert found.best.n_iter == 25
    assert_columns(found.best.history, [10, 20, 25])


def test_keeps_the_best_state():
    peak = Climb(lambda i: -abs(i - 20.0))
    found = fit(peak, max_iter=45, tol=0)
    assert found.best.n_iter == 45
    assert found.best.state == {"i": 20}
    stopped = fit(peak)  # a fall is no gain
    assert stopped.best.n_iter == 30
    assert stopped.best.state == {"i": 20}


def test_an_equal_state_is_not_older():
    assert fit(Climb(lambda i: 7.0), max_iter=20, tol=0).best.state == {"i": 20}


# ------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [10, 20])
def test_an_objective_that_is_not_finite_raises_and_names_the_dtype(value, at):
    solver = Climb(lambda i: value if i >= at else float(i))
    message = f"became {value} after {at} iterations, computed in torch.float32"
    with pytest.raises(FloatingPointError, match=message):
        fit(solver)


def test_errors_of_the_solver_are_raised():
    with pytest.raises(ZeroDivisionError, match="here"):
        fit(Climb(step_raises=(3, ZeroDivisionError("here"))))


# ------------------------------------------------------------------------- interruption


def test_interruption_keeps_the_last_complete_iteration():
    stop = KeyboardInterrupt()
    found = fit(Climb(step_raises=(7, stop)))
    assert found.interrupted is stop
    assert found.best.n_iter == 6
    assert found.best.state == {"i": 6}
    assert_columns(found.best.history, [6])
    assert found.best.history["objective"][-1] == 1 - 0.5**6


def test_interruption_after_a_check():
    found = fit(Climb(step_raises=(21, KeyboardInterrupt())), tol=0)
    assert found.best.n_iter == 20
    assert found.best.state == {"i": 20}
    assert_columns(found.best.history, [10, 20])


def test_interruption_within_a_check():
    found = fit(Climb(evaluate_raises=(10, KeyboardInterrupt())), tol=0)
    assert found.interrupted is not None
    assert found.best.n_iter == 10
    assert found.best.state == {"i": 10}
    assert_columns(found.best.history, [10])


def test_interruption_keeps_the_best_state():
    peak = Climb(lambda i: -abs(i - 10.0), step_raises=(16, KeyboardInterrupt()))
    found = fit(peak, tol=0)
    assert found.best.n_iter == 15
    assert found.best.state == {"i": 10}


def test_interruption_before_the_first_iteration():
    found = fit(Climb(step_raises=(1, KeyboardInterrupt())))
    assert found.interrupted is not None
    assert found.best.state is None
    assert found.best.n_iter == 0


def test_interruption_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(Climb(float, step_raises=(25, KeyboardInterrupt())), max_iter=30)


# ----------------------------------------------------------------------------- progress


def test_silent_by_default(capsys):
    fit(Climb())
    assert capsys.readouterr() == ("", "")


def test_progress_begins_at_once_and_ends_with_what_was_found(capsys, clock):
    fit(Climb(), verbose=1, max_iter=60)
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert " 0/60 iterations " in first
    assert " 30/60 iterations " in last
    assert f"objective {1 - 0.5**30:.6g}" in last
    assert last.count("#") == 15  # of a bar of 30


def test_progress_asks_for_no_more_evaluations():
    seen = []

    class Counted(Climb):
        def evaluate(self, X, state):
            seen.append(state["i"])
            return super().evaluate(X, state)

    found = fit(Counted(), tol=0, max_iter=25, verbose=1)
    assert seen == found.best.history["iteration"] == [10, 20, 25]


def test_progress_of_a_slow_iteration_does_not_wait_for_an_evaluation(capsys, clock):
    class Slow(Climb):
        def step(self, X, state):
            clock.seconds += 3.0
            return super().step(X, state)

    fit(Slow(), tol=0, max_iter=15, verbose=1)
    lines = capsys.readouterr().err.splitlines()
    assert " 1/15 iterations  3.0 s, up to 42 s left" in lines[1]
    with_numbers = [line for line in lines if "objective" in line]
    assert [line.split()[1] for line in with_numbers] == ["10/15", "15/15"]


def test_progress_after_ctrl_c_ends_with_the_last_iteration(capsys):
    fit(Climb(step_raises=(7, KeyboardInterrupt())), verbose=1)
    assert " 6/100 iterations " in capsys.readouterr().err.splitlines()[-1]
    fit(Climb(step_raises=(1, KeyboardInterrupt())), verbose=1)
    assert len(capsys.readouterr().err.splitlines()) == 1


# ---------------------------------------------------------------------------- callbacks

with_callbacks = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9.dev0"),
    reason="scikit-learn has callbacks from 1.9 on",
)


class Model(CallbackSupportMixin, BaseEstimator):
    """The least estimator that fits through `fit_session`."""

    _parameter_constraints = {}

    def __init__(self, solver=None, max_iter=25, verbose=0):
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, data):
        with fit_session(self, data, max_iter=self.max_iter) as observers:
            found = fit(
                self.solver or Climb(float),
                max_iter=self.max_iter,
                tol=0,
                observers=observers,
                attributes=lambda state, n_iter: {"i_": state["i"], "n_iter_": n_iter},
            )
            self.n_iter_ = found.best.n_iter
            if found.interrupted:
                raise found.interrupted
        return self


class Recorder:
    """Notes every hook; asks to stop at one iteration."""

    def __init__(self, stop_at=None):
        self.stop_at, self.events = stop_at, []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None):
        self.events.append(("end", context.task_name))
        return context.task_id + 1 == self.stop_at and context.parent is not None

    def names(self, event):
        return [name for kind, name in self.events if kind == event]


class Watcher(Recorder):
    """Asks for the model as if fit had stopped."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append((context.task_name, vars(fitted_estimator).get("i_")))


@with_callbacks
def test_callbacks_see_every_iteration_begin_and_end():
    recorder = Recorder()
    Model(max_iter=12).set_callbacks(recorder).fit([[1]])
    iterations = [f"iteration {i}" for i in range(12)]
    assert recorder.names("begin") == ["fit", *iterations]
    assert recorder.names("end") == [*iterations, "fit"]
    assert recorder.names("setup") == recorder.names("teardown") == ["fit"]
    inner = [e for e in recorder.events if e[1] != "fit"]
    assert inner == [(k, name) for name in iterations for k in ("begin", "end")]


@with_callbacks
@pytest.mark.parametrize("stop_at", [1, 5, 10, 12])
def test_a_callback_stops_the_fit(stop_at):
    recorder = Recorder(stop_at)
    model = Model(max_iter=12).set_callbacks(recorder).fit([[1]])
    assert model.n_iter_ == stop_at
    assert len(recorder.names("begin")) == len(recorder.names("end")) == stop_at + 1


@with_callbacks
def test_one_of_several_callbacks_stops_the_fit():
    recorders = Recorder(), Recorder(4), Recorder()
    assert Model().set_callbacks(*recorders).fit([[1]]).n_iter_ == 4
    assert {len(r.names("end")) for r in recorders} == {5}


@with_callbacks
def test_a_callback_gets_the_model_as_if_fit_had_stopped():
    watcher = Watcher()
    Model(max_iter=3).set_callbacks(watcher).fit([[1]])
    ends = [e for e in watcher.events if e[0].startswith("iteration")]
    assert ends == [("iteration 0", 1), ("iteration 1", 2), ("iteration 2", 3)]


@with_callbacks
def test_callbacks_are_torn_down_after_ctrl_c():
    recorder = Recorder()
    model = Model(Climb(step_raises=(7, KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        model.set_callbacks(recorder).fit([[1]])
    assert model.n_iter_ == 6
    assert recorder.names("end") == [f"iteration {i}" for i in range(6)]
    assert recorder.names("teardown") == ["fit"]


def test_without_callbacks_nothing_is_asked_of_the_model():
    def attributes(state, n_iter):
        raise AssertionError("attributes were downloaded for nobody")

    Model().fit([[1]])
    assert fit(Climb(), attributes=attributes).best.n_iter == 30


# ----------------------------------------------------------------------- several starts


def test_an_interruption_while_a_start_is_drawn_keeps_the_finished_ones():
    def heights():
        yield 2.0
        raise KeyboardInterrupt

    found = fits(heights())
    assert found.best.state["height"] == 2.0
    assert isinstance(found.interrupted, KeyboardInterrupt)


def test_one_warning_for_the_fit_that_is_kept():
    with pytest.warns(ConvergenceWarning) as caught:
        fits([3.0, 2.0, 1.0], max_iter=5)
    assert len(caught) == 1


@dataclass
class Hill(Climb):
    """Climbs to the height that its start names."""

    def step(self, X, state):
        return {**super().step(X, state), "height": state["height"]}

    def evaluate(self, X, state):
        return {"objective": state["height"] * (1 - 0.5 ** state["i"]), "kkt": 0.0}


def fits(heights, *, max_iter=100, observers=(), solver=None):
    return fit_from_starts(
        solver or Hill(),
        X,
        ({"i": 0, "height": height} for height in heights),
        max_iter=max_iter,
        stop=SmallGain(1e-5, 1.0),
        observers=observers,
    )


@pytest.mark.parametrize("heights", [[3.0], [1.0, 3.0, 2.0], [3.0, 2.0], [1.0, 3.0]])
def test_the_best_of_several_starts_is_kept(heights):
    found = fits(heights)
    assert found.best.state["height"] == 3.0
    assert found.best.metrics["objective"] == pytest.approx(3.0)
    assert found.best.n_iter == found.best.history["iteration"][-1]


def test_rounding_does_not_choose_the_start():
    """Two starts often end in the same topics, in another order."""
    assert fits([3.0, 3.0 * (1 + 1e-14)]).best.start == 0
    assert fits([3.0, 3.0 * (1 + 1e-6)]).best.start == 1


def test_the_residual_is_that_of_the_state_that_is_kept():
    found = fit(Climb(lambda i: -abs(i - 20)), max_iter=40, tol=0)
    assert found.best.state == {"i": 20}
    assert found.best.metrics["kkt"] == 1 / 21


def test_an_interruption_ends_all_starts_and_keeps_the_best():
    taken = []

    def heights():
        for height in (2.0, 1.0, 5.0):
            taken.append(height)
            yield height

    @dataclass
    class Interrupted(Hill):
        def step(self, X, state):
            if state["height"] == 1.0 and state["i"] == 14:
                raise KeyboardInterrupt
            return super().step(X, state)

    found = fits(heights(), solver=Interrupted())
    assert taken == [2.0, 1.0]
    assert found.best.state["height"] == 2.0
    assert isinstance(found.interrupted, KeyboardInterrupt)


@with_callbacks
def test_callbacks_number_the_iterations_through():
    class Starts(Model):
        def fit(self, data):
            with fit_session(self, data, max_iter=200) as observers:
                fits([1.0, 2.0], observers=observers)
            return self

    recorder = Recorder()
    Starts().set_callbacks(recorder).fit([[1]])
    numbers = [int(name.split()[1]) for name in recorder.names("begin")[1:]]
    assert numbers == [*range(30), *range(100, 130)]


def test_an_observer_that_stops_ends_all_starts():
    class Stop(Observer):
        def end_iteration(self, run):
            return run.n_iter == 5

    found = fits([1.0, 2.0], observers=[Stop()])
    assert found.stopped
    assert found.best.n_iter == 5
    assert found.best.state["height"] == 1.0


def test_observers_see_each_start_whole():
    seen = []

    class Note(Observer):
        def resume(self, run):
            seen.append("resume")

        def begin(self, run):
            seen.append(("begin", run.start, run.n_iter))

        def begin_iteration(self, run):
            seen.append(("before", run.n_iter, run.state["i"]))

        def end_iteration(self, run):
            seen.append(("after", run.n_iter, run.state["i"]))

        def end(self, run):
            seen.append(("end", run.start, run.n_iter, run.outcome.state["i"]))

    fits([1.0, 2.0], max_iter=2, observers=[Note()], solver=Hill())
    start = [("before", 0, 0), ("after", 1, 1), ("before", 1, 1), ("after", 2, 2)]
    whole = [[("begin", n, 0), *start, ("end", n, 2, 2)] for n in (0, 1)]
    assert seen == ["resume", *whole[0], *whole[1]]


def test_observers_are_told_of_the_end_after_an_error():
    ended = []

    class Note(Observer):
        def end(self, run):
            ended.append(run.n_iter)

    with pytest.raises(ZeroDivisionError):
        fit(Climb(step_raises=(3, ZeroDivisionError("here"))), observers=[Note()])
    assert ended == [2]


def test_an_objective_that_is_not_finite_names_its_own_starts_iterations():
    class Overflows(Hill):
        def evaluate(self, X, state):
            if state["height"] == 2.0:
                return {"objective": math.inf, "kkt": 0.0}
            return super().evaluate(X, state)

    with pytest.raises(FloatingPointError, match="became inf after 10 iterations"):
        fits([1.0, 2.0], solver=Overflows())
