"""Callbacks: what they write, when they stop, and what they need."""

import csv
import json
import pickle
import weakref

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._boundary.sklearn_private import HAS_CALLBACKS
from sklearn_topics._fit.callbacks import FitWatcher
from sklearn_topics.callbacks import EarlyStopping, HistoryLogger, TensorBoardLogger
from sklearn_topics.datasets import make_topic_corpus

pytestmark = pytest.mark.usefixtures("one_thread")
with_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on"
)

X, _, _ = make_topic_corpus(220, 40, 3, doc_length=60, random_state=0)
X, X_VALID = X[:200], X[200:]

MODELS = [
    TorchPoissonNMF(3, tol=0, max_iter=30, random_state=0),
    TorchPoissonNMF(3, solver="adam", max_iter=20, batch_size=50, random_state=0),
    TorchBetaNMF(3, max_iter=12, tol=0, random_state=0),
    TorchBetaNMF(3, solver="mu", beta_loss=1, max_iter=20, tol=0, random_state=0),
    TorchDeepNMF((6, 3), max_iter=20, tol=0, random_state=0),
    TorchETM(3, embedding_dim=8, hidden_layer_sizes=(8,), max_iter=6, random_state=0),
    TorchLDA(3, max_iter=20, evaluate_every=10, perp_tol=0, random_state=0),
]
EACH_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@pytest.fixture
def watch(model):
    """A function of callbacks: the model, with its parameters, fitted under them."""

    def fit(*callbacks, X=X, **parameters):
        fresh = type(model)(**{**model.get_params(), **parameters})
        return fresh.set_callbacks(*callbacks).fit(X)

    return fit


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def scalars(run):
    """Tag -> [(step, value)] of a run of TensorBoard."""
    events = read_run(run)
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def read_run(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run), {"tensors": 0}).Reload()  # all, no sample


def constructions(tmp_path):
    return {
        "EarlyStopping": lambda **k: EarlyStopping(X_VALID, **k),
        "HistoryLogger": lambda **k: HistoryLogger(tmp_path / "log.csv", **k),
        "TensorBoardLogger": lambda **k: TensorBoardLogger(tmp_path, **k),
    }


# ------------------------------------------------------------------------- construction


@pytest.mark.skipif(HAS_CALLBACKS, reason="this scikit-learn has callbacks")
def test_below_1_9_a_callback_names_the_version_it_needs(tmp_path):
    for name, make in constructions(tmp_path).items():
        with pytest.raises(ImportError, match=f"{name} needs scikit-learn >= 1.9"):
            make()


@with_callbacks
@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("EarlyStopping", {"patience": 0}, "patience must be an integer of at least 1"),
        ("EarlyStopping", {"every": 1.5}, "every must be an integer"),
        ("EarlyStopping", {"min_delta": -1}, "min_delta must be a number >= 0"),
        ("EarlyStopping", {"metric": "npmi"}, "metric must be 'completion' or"),
        ("TensorBoardLogger", {"n_terms": 0}, "n_terms must be an integer"),
        ("TensorBoardLogger", {"every": True}, "every must be an integer"),
    ],
)
def test_bad_parameters_are_named(tmp_path, name, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        constructions(tmp_path)[name](**parameters)


@with_callbacks
def test_a_log_has_a_format_and_a_folder(tmp_path):
    with pytest.raises(ValueError, match="must end in one of .csv, .jsonl"):
        HistoryLogger(tmp_path / "log.txt")
    with pytest.raises(FileNotFoundError, match="path: no folder"):
        HistoryLogger(tmp_path / "nowhere" / "log.csv")


@with_callbacks
def test_what_is_not_ours_is_refused(tmp_path):
    """A pipeline calls the callbacks set on it for its own steps, not for ours."""
    pipeline = make_pipeline(MaxAbsScaler(), TorchBetaNMF(2))
    for make in constructions(tmp_path).values():
        with pytest.raises(TypeError, match="not Pipeline. Attach it to the model"):
            pipeline.set_callbacks(make()).fit(X)
    assert not list(tmp_path.iterdir())
    assert not hasattr(TorchTruncatedSVD(), "set_callbacks")  # has no iterations


# ------------------------------------------------------------------------ HistoryLogger


@with_callbacks
@EACH_MODEL
def test_the_log_is_the_loss_history(watch, tmp_path):
    fitted = watch(
        HistoryLogger(tmp_path / "a.jsonl"), HistoryLogger(tmp_path / "a.csv")
    )
    rows, history = rows_of(tmp_path / "a.jsonl"), fitted.loss_history_
    assert list(rows[0]) == ["fit", "task", "start", *history]
    for name, column in history.items():
        assert [row[name] for row in rows] == column.tolist()
    assert {row["fit"] for row in rows} == {rows[0]["fit"]}
    with open(tmp_path / "a.csv", newline="") as file:
        table = list(csv.DictReader(file))
    for name, column in history.items():
        assert [float(row[name]) for row in table] == column.tolist()


@with_callbacks
@EACH_MODEL
def test_watching_changes_no_result(model, watch, tmp_path):
    loggers = HistoryLogger(tmp_path / "a.csv"), TensorBoardLogger(tmp_path)
    alone, watched = watch(), watch(*loggers)
    np.testing.assert_array_equal(alone.components_, watched.components_)
    for name, column in alone.loss_history_.items():
        if name != "seconds":
            np.testing.assert_array_equal(column, watched.loss_history_[name])


@with_callbacks
def test_lines_are_there_before_the_fit_ends(tmp_path):
    path, seen = tmp_path / "log.csv", []

    def look(model, X):
        seen.append(len(path.read_text().splitlines()) if path.exists() else 0)
        return 0.0

    model = TorchBetaNMF(2, max_iter=4, tol=0, random_state=0)
    watchers = HistoryLogger(path), EarlyStopping(X_VALID, metric=look, patience=9)
    model.set_callbacks(*watchers).fit(X)
    assert seen == [2, 3, 4, 5]  # with a header


@with_callbacks
def test_a_log_is_appended_to(tmp_path):
    logger, model = (
        HistoryLogger(tmp_path / "log.csv"),
        TorchBetaNMF(2, max_iter=3, tol=0),
    )
    for _ in range(2):
        model.set_callbacks(logger).fit(X)
    with open(logger.path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == list("123123")
    assert len({row["fit"] for row in rows}) == 2
    other = TorchETM(2, max_iter=1, hidden_layer_sizes=(4,)).set_callbacks(logger)
    with pytest.raises(ValueError, match=r"has the columns fit,task.*, but this fit"):
        other.fit(X)


@with_callbacks
def test_several_starts_are_told_apart(tmp_path):
    log, runs = tmp_path / "log.jsonl", tmp_path / "runs"
    model = TorchPoissonNMF(2, n_init=2, tol=0, max_iter=10, random_state=0)
    model.set_callbacks(HistoryLogger(log), TensorBoardLogger(runs, every=10)).fit(X)
    found = [(row["start"], row["iteration"]) for row in rows_of(log)]
    assert found == [(0, 10), (1, 10)]
    (run,) = runs.iterdir()
    assert [step for step, _ in scalars(run)["objective"]] == [10, 20]


# -------------------------------------------------------------------- TensorBoardLogger


@with_callbacks
@EACH_MODEL
def test_tensorboard_holds_losses_topics_and_their_use(watch, tmp_path):
    words = [f"word{j}" for j in range(X.shape[1])]
    fitted = watch(TensorBoardLogger(tmp_path, words, n_terms=4, every=2))
    (run,) = tmp_path.iterdir()
    assert run.name.startswith(type(fitted).__name__)
    found, history = scalars(run), fitted.loss_history_
    assert set(found) == set(history) - {"iteration"}
    for name, events in found.items():
        steps, values = zip(*events, strict=True)
        np.testing.assert_array_equal(steps, history["iteration"])
        np.testing.assert_allclose(values, history[name], rtol=1e-6)
    events = read_run(run)
    tables = events.Tensors("topics/text_summary")
    assert [t.step for t in tables] == list(range(2, fitted.n_iter_ + 1, 2))
    table = tables[-1].tensor_proto.string_val[0].decode().splitlines()
    for k, row in enumerate(table[2:]):
        first = np.argsort(-fitted.components_[k], kind="stable")[:4]
        assert row == f"| {k} | {' '.join(words[j] for j in first)} |"
    usage = events.Histograms("topic usage")[-1].histogram_value
    assert usage.num == len(fitted.components_)
    assert usage.sum == pytest.approx(1)


@with_callbacks
def test_feature_names_must_fit(tmp_path):
    model = TorchBetaNMF(2).set_callbacks(TensorBoardLogger(tmp_path, ["one"]))
    with pytest.raises(ValueError, match="has 1 names, but the topics have 40 terms"):
        model.fit(X)


# ------------------------------------------------------------------------ EarlyStopping


def scripted(*scores):
    """A metric that gives these scores in turn."""
    left = iter(scores)
    return lambda model, X: next(left)


@with_callbacks
@EACH_MODEL
def test_stops_after_patience_and_returns_the_best(model, watch):
    scores = scripted(1, 3, 2, 3, 2.9)
    best = watch(EarlyStopping(X_VALID, metric=scores))
    assert best.n_iter_ == 5
    assert max(best.loss_history_["iteration"]) == 5
    models = []

    def keep(model, X):
        models.append(model)
        return -len(models)

    watch(EarlyStopping(X_VALID, metric=keep, patience=5))
    np.testing.assert_array_equal(best.components_, models[1].components_)


@with_callbacks
def test_without_restoring_the_last_model_is_returned():
    def fit(restore_best):
        model = TorchETM(2, hidden_layer_sizes=(4,), random_state=0)
        metric = scripted(3, 2, 1)
        stop = EarlyStopping(
            X_VALID, metric=metric, patience=2, restore_best=restore_best
        )
        return model.set_callbacks(stop).fit(X)

    class Stop:
        def __init__(self, after):
            self.after, self.models = after, []

        def __call__(self, model, X):
            self.models.append(model)
            return -len(self.models)

    every = Stop(3)
    model = TorchETM(2, hidden_layer_sizes=(4,), random_state=0)
    model.set_callbacks(EarlyStopping(X_VALID, metric=every, patience=2)).fit(X)
    first, _, last = every.models
    np.testing.assert_array_equal(fit(True).components_, first.components_)
    np.testing.assert_array_equal(fit(False).components_, last.components_)


@with_callbacks
@EACH_MODEL
def test_the_score_is_that_of_the_model_as_of_that_iteration(model, watch, tmp_path):
    stop = EarlyStopping(X_VALID, every=2, patience=99, restore_best=False)
    fitted = watch(stop, TensorBoardLogger(tmp_path, every=99), max_iter=4)
    (run,) = tmp_path.iterdir()
    (_, _), (step, score) = scalars(run)["validation_score"]
    assert step == 4
    assert score == pytest.approx(fitted.score(X_VALID), rel=1e-6)


@with_callbacks
def test_a_small_rise_is_no_improvement_and_scores_are_every_so_often(tmp_path):
    log = HistoryLogger(tmp_path / "log.jsonl")
    options = {"min_delta": 0.5, "every": 3, "patience": 2}
    stop = EarlyStopping(X_VALID, metric=scripted(1, 1.4, 1.5), **options)
    model = TorchBetaNMF(2, tol=0, random_state=0).set_callbacks(stop, log).fit(X)
    assert model.n_iter_ == 9
    found = [row["validation_score"] for row in rows_of(log.path)]
    assert found == [None] * 2 + [1, 1, 1, 1.4, 1.4, 1.4, 1.5]


@with_callbacks
def test_each_start_is_judged_by_itself():
    seen = []

    def falls_in_the_second(model, X):
        seen.append(model.n_iter_)
        return [7, 8, 9, 3, 2, 1][len(seen) - 1]

    model = TorchPoissonNMF(2, n_init=3, max_iter=3, tol=0, random_state=0)
    stop = EarlyStopping(X_VALID, metric=falls_in_the_second, patience=2)
    model.set_callbacks(stop).fit(X)
    # The second start's first score is not compared with the first start's last; where
    # it falls twice, the third start is not begun.
    assert seen == [1, 2, 3, 1, 2, 3]


@with_callbacks
def test_a_score_that_is_no_number_is_refused():
    stop = EarlyStopping(X_VALID, metric=lambda model, X: np.nan)
    model = TorchBetaNMF(2).set_callbacks(stop)
    with pytest.raises(ValueError, match="score of X_valid is nan after 1 iterations"):
        model.fit(X)
    assert not hasattr(model, "components_")


# -------------------------------------------------------------- pipelines and processes


@with_callbacks
def test_callbacks_are_pickled_with_their_model(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    model = TorchBetaNMF(2, max_iter=2, tol=0).set_callbacks(logger)
    for copy in model.fit(X), pickle.loads(pickle.dumps(model)).fit(X):
        assert copy.n_iter_ == 2
    assert len(list(tmp_path.iterdir())) == 2


@with_callbacks
def test_a_search_does_not_keep_the_models_that_callbacks_watched(collect):
    """Its contexts live as long as it does, and callbacks are found by them."""
    fits, alive = [], []

    class Look(FitWatcher):
        def _begin(self, fit):
            fits.append(weakref.ref(fit.estimator))
            collect()
            alive.append(sum(estimator() is not None for estimator in fits))

        def _iteration(self, fit):
            return True

    model = TorchBetaNMF(tol=0, init="random", random_state=0).set_callbacks(Look())
    GridSearchCV(model, {"n_components": [1, 2, 3]}, cv=2, refit=False).fit(X)
    assert alive == [1] * 6


@with_callbacks
def test_searches_over_pipelines_in_two_processes(tmp_path):
    watchers = (
        EarlyStopping(X_VALID, patience=1, every=2),
        HistoryLogger(tmp_path / "log.csv"),
        TensorBoardLogger(tmp_path / "runs", every=50),
    )
    model = TorchPoissonNMF(max_iter=20, tol=0, random_state=0)
    pipeline = make_pipeline(model.set_callbacks(*watchers), LogisticRegression())
    grid = {"torchpoissonnmf__n_components": [2, 3]}
    y = np.arange(X.shape[0]) % 2
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_estimator_[0].n_iter_ <= 20
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    fits = {row["fit"]: row["task"] for row in rows}
    assert len(fits) == 5  # two candidates on two splits, and the best one on all of X
    assert len(set(fits.values())) == 5
    assert sum("candidate-split-evaluation" in task for task in fits.values()) == 4
    assert all(None not in row.values() for row in rows)
    runs = list((tmp_path / "runs").iterdir())
    assert len(runs) == 5
    assert all("objective" in scalars(run) for run in runs)


@with_callbacks
def test_an_empty_file_is_a_new_log(tmp_path, monkeypatch):
    def no_links(*args):
        raise PermissionError("this file system has none")

    model = TorchPoissonNMF(3, tol=0, max_iter=10, random_state=0)
    path = tmp_path / "log.csv"
    path.touch()
    clone(model).set_callbacks(HistoryLogger(path)).fit(X)
    monkeypatch.setattr("os.link", no_links)
    other = tmp_path / "other.csv"
    clone(model).set_callbacks(HistoryLogger(other)).fit(X)
    first, second = (list(csv.DictReader(file.open())) for file in (path, other))
    assert [row["iteration"] for row in first] == ["10"]
    assert [row["objective"] for row in first] == [row["objective"] for row in second]
