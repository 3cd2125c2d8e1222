"""Fits that are killed go on as if they had not been."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics._boundary.sklearn_private import HAS_CALLBACKS
from sklearn_topics._boundary.transfer import to_device
from sklearn_topics._fit import checkpoint
from sklearn_topics._fit.checkpoint import Checkpoint, fingerprint
from sklearn_topics._fit.run import Run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Topics .* coincide"
    ),
]

SCRIPT = Path(__file__).with_name("killed_fits.py")
_script = runpy.run_path(str(SCRIPT))
CASES, X = _script["CASES"], _script["corpus"]()


@pytest.fixture
def always(monkeypatch):
    """A checkpoint after every iteration."""
    monkeypatch.setattr(checkpoint, "_PAUSE", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


class Killed(BaseException):
    """Not an Exception: nothing in between may catch it."""


@pytest.fixture
def killed(monkeypatch, always, path):
    """A function of (model, n, fit's arguments): fits it until its n-th checkpoint."""

    def fit(model, n, *data, **arguments):
        write, writes = Checkpoint.write, []

        def counted(self, content):
            write(self, content)
            writes.append(content)
            if len(writes) == n:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "write", counted)
            with pytest.raises(Killed):
                model.set_params(checkpoint=path).fit(*(data or (X,)), **arguments)
        assert path.exists()

    return fit


def assert_same_fit(model, other):
    """All that fit has set is equal to the last bit, but for the seconds."""
    fitted = {n: v for n, v in vars(model).items() if n.endswith("_")}
    assert "components_" in fitted
    for name, value in fitted.items():
        assert_same(value, getattr(other, name), name)


def assert_same(value, other, name):
    if isinstance(value, np.random.RandomState):
        value, other = (list(rng.get_state()[1:]) for rng in (value, other))
    if isinstance(value, dict):
        assert list(value) == list(other)
        for key in value.keys() - {"seconds"}:
            assert_same(value[key], other[key], f"{name}: {key}")
    elif isinstance(value, list):
        for number, pair in enumerate(zip(value, other, strict=True)):
            assert_same(*pair, f"{name}: {number}")
    else:
        np.testing.assert_array_equal(value, other, err_msg=name, strict=True)


# ------------------------------------------------------------------------------ resumed


@pytest.fixture(scope="module")
def killed_folder(tmp_path_factory):
    """What `killed_fits.py` leaves, and what it says."""
    folder = tmp_path_factory.mktemp("killed")
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork and no kill -9")
    command = [sys.executable, str(SCRIPT), str(folder)]
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return folder, out.stdout.splitlines()


@pytest.mark.parametrize("name", CASES)
def test_after_kill_9_within_a_write_fit_goes_on(killed_folder, name):
    folder, said = killed_folder
    # Three checkpoints were complete, or fourteen of starts with eleven each.
    assert f"{name} went on from 3" in said
    assert not (folder / name).exists()
    whole, resumed = (
        SimpleNamespace(**joblib.load(folder / f"{name}.{which}"))
        for which in ("whole", "resumed")
    )
    assert_same_fit(whole, resumed)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 9])
@pytest.mark.parametrize(
    "make",
    [
        lambda: TorchPoissonNMF(2, n_init=3, tol=0, max_iter=4, random_state=0),
        lambda: TorchBetaNMF(2, solver="mu", tol=0, max_iter=12, random_state=0),
        lambda: TorchBetaNMF(
            2, solver="mu", tol=0, max_iter=12, random_state=0, missing="mask"
        ),
        lambda: TorchETM(
            2,
            hidden_layer_sizes=(4,),
            learning_rate_schedule="ReduceLROnPlateau",
            schedule_params={"patience": 0, "threshold": 1.0},
            max_iter=12,
            init="random",
            random_state=0,
        ),
    ],
)
def test_it_does_not_matter_when(killed, make, n, path):
    killed(make(), n)
    resumed = make().set_params(checkpoint=path).fit(X)
    assert_same_fit(make().fit(X), resumed)
    assert not path.exists()


def test_killed_twice(killed, path):
    def make():
        return TorchPoissonNMF(2, tol=0, max_iter=22, random_state=0)

    killed(make(), 5)
    killed(make(), 9)  # of the fourteen that are left before iteration 20
    assert_same_fit(make().fit(X), make().set_params(checkpoint=path).fit(X))


def test_given_starts_and_validation_documents(killed, path):
    rng = np.random.default_rng(0)
    start = {"W": rng.random((90, 2)), "H": rng.random((2, 30))}
    custom = TorchPoissonNMF(2, init="custom", tol=0, max_iter=12, random_state=0)
    whole = clone(custom).fit(X, **start)
    killed(custom, 3, **start)
    other = {**start, "H": start["H"] + 1}
    with pytest.raises(ValueError, match="another fit: H was .* and is .*. Delete"):
        custom.fit(X, **other)
    assert_same_fit(whole, custom.fit(X, **start))
    etm = TorchETM(2, hidden_layer_sizes=(4,), init="random", random_state=0)
    killed(etm, 2, X[20:], X_val=X[:20])
    with pytest.raises(ValueError, match="the validation documents was 20 x 30"):
        etm.fit(X[20:], X_val=X[:10])
    assert etm.fit(X[20:], X_val=X[:20]).n_iter_ == 8


def test_ctrl_c_writes_and_the_next_fit_goes_on(monkeypatch, path):
    def make(path=None):
        options = {"init": "random", "tol": 0, "max_iter": 25, "random_state": 0}
        return TorchPoissonNMF(2, checkpoint=path, **options)

    from sklearn_topics._core.poisson_nmf import SCD

    step, steps = SCD.step, []

    def interrupted(self, X, state):
        steps.append(state)
        if len(steps) == 18:
            raise KeyboardInterrupt
        return step(self, X, state)

    model = make(path)
    with monkeypatch.context() as patch:
        patch.setattr(SCD, "step", interrupted)
        patch.setattr(checkpoint, "_PAUSE", 1e9)  # none after the first, but for Ctrl-C
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
    assert model.n_iter_ == 17
    with monkeypatch.context() as patch:
        patch.setattr(SCD, "step", lambda *a: steps.append(a) or step(*a))
        model.fit(X)
    assert len(steps) == 18 + 8
    assert_same_fit(make().fit(X), model)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_callbacks_remember(killed, path, tmp_path):
    from sklearn_topics.callbacks import EarlyStopping, HistoryLogger

    scores = dict(enumerate([5, 6, 4, 4, 7, 3, 2, 1, 0, -1], start=1))

    def make(log):
        metric = lambda model, X: scores[model.n_iter_]  # noqa: E731
        watchers = EarlyStopping(X, metric=metric), HistoryLogger(tmp_path / log)
        model = TorchBetaNMF(2, tol=0, random_state=0)
        return model.set_callbacks(*watchers)

    killed(make("killed.csv"), 7)
    resumed = make("killed.csv").set_params(checkpoint=path).fit(X)
    whole = make("whole.csv").fit(X)
    assert whole.n_iter_ == 8  # three after the best
    assert_same_fit(whole, resumed)
    found = (tmp_path / "killed.csv").read_text().splitlines()
    assert len({line.split(",")[0] for line in found[1:]}) == 1
    assert len(found) == 1 + 8


# ------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({"n_components": 4}, X, "n_components was 2 and is 4"),
        ({"tol": 0.5}, X, "tol was 0 and is 0.5"),
        ({"random_state": 1}, X, "random_state was 3 and is 1"),
        ({}, X[:50], r"X was 90 x 30, .*, hash \w+ and is 50 x 30"),
        ({}, X[::-1], r"X was 90 x 30, .*, hash \w+ and is 90 x 30, "),
        ({}, X.astype(float), "float32, hash .* and is .* float64"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused(
    killed, path, parameters, data, message
):
    model = TorchPoissonNMF(2, tol=0, max_iter=9, random_state=3)
    killed(model, 2)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=f"belongs to another fit: .*{message}"):
        model.set_params(**parameters).fit(data)
    assert path.read_bytes() == content
    assert not hasattr(model, "components_")


def test_another_model_is_refused(killed, path):
    killed(TorchPoissonNMF(2, tol=0, max_iter=9, random_state=3), 2)
    other = TorchBetaNMF(2, tol=0, max_iter=9, random_state=3, checkpoint=path)
    with pytest.raises(ValueError, match="estimator was TorchPoissonNMF and is TorchB"):
        other.fit(X)


def test_another_version_is_refused(killed, path, monkeypatch):
    model = TorchPoissonNMF(2, tol=0, max_iter=9, random_state=3)
    killed(model, 2)
    monkeypatch.setattr(checkpoint, "__version__", "99.0")
    with pytest.raises(ValueError, match=r"sklearn_topics was .* and is 99.0"):
        model.fit(X)


def test_what_does_not_change_results_may_change(killed, path, capsys):
    model = TorchPoissonNMF(2, tol=0, max_iter=9, random_state=3)
    killed(model, 2)
    assert model.set_params(verbose=1, device="cpu").fit(X).n_iter_ == 9
    assert " 9/9 " in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"my thesis", b"PK\x03\x04 and nothing"])
def test_other_files_are_left_as_they_are(path, content):
    path.write_bytes(content)
    model = TorchPoissonNMF(2, random_state=0, checkpoint=path)
    with pytest.raises(ValueError, match="is not a checkpoint of sklearn_topics"):
        model.fit(X)
    assert path.read_bytes() == content


def test_archives_of_arrays_that_are_not_ours(path):
    np.savez(path, components=np.eye(3))
    with pytest.raises(ValueError, match="is not a checkpoint of sklearn_topics"):
        TorchPoissonNMF(2, random_state=0, checkpoint=path).fit(X)
    np.savez(path, sklearn_topics=np.array([{"a": 1}], dtype=object))  # a pickle
    with pytest.raises(ValueError, match="is not a checkpoint of sklearn_topics"):
        TorchPoissonNMF(2, random_state=0, checkpoint=path).fit(X)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_start_that_cannot_be_drawn_again(path, random_state):
    model = TorchBetaNMF(2, random_state=random_state, checkpoint=path)
    with pytest.raises(ValueError, match="needs an int as random_state"):
        model.fit(X)


def test_the_folder_must_exist(tmp_path):
    model = TorchETM(2, random_state=0, checkpoint=tmp_path / "no" / "fit.npz")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")


# ----------------------------------------------------------------------------- the file


def test_writing_takes_a_tenth_of_the_time_at_most(path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    file = Checkpoint(path, TorchPoissonNMF(random_state=0))
    written = []

    def replaced(*paths):
        clock[0] += 2.0
        written.append(run.n_iter - 1)

    monkeypatch.setattr(checkpoint.os, "replace", replaced)
    run = Run(None, torch.ones(2, 2), max_iter=100)
    run.begin(0, {})
    file.resume(run)
    for iteration in range(100):
        clock[0] += 1.0
        run.outcome.n_iter = iteration + 1
        file.begin_iteration(run)
    # The first at once, and then 18 seconds after each, which takes 2.
    assert written == list(range(0, 100, 18))


def test_a_state_comes_back_as_it_was(path):
    file = Checkpoint(path, TorchPoissonNMF(random_state=0))
    data = {"X": torch.ones(2, 2)}
    assert file.read(data) is None
    wide = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    state = {
        "W": wide,
        "T": wide.T,
        "part": wide[:, 1:3],
        "bits": torch.tensor([1, 255], dtype=torch.uint8),
        "step": torch.tensor(3.0),
        "empty": torch.zeros(0, 2),
        "none": None,
        "yes": True,
        "count": 2**60,
        "tiny": 5e-324,
        "infinite": -float("inf"),
    }
    file.write({"state": state, "chosen": state, "list": [0.1, 2]})
    found = Checkpoint(path, TorchPoissonNMF(random_state=0)).read(data)
    assert found["list"] == [0.1, 2]
    for name, value in state.items():
        back = found["state"][name]
        if not isinstance(value, torch.Tensor):
            assert back == value
            assert type(back) is type(value)
            continue
        assert back.dtype == value.dtype
        assert torch.equal(back, value)
        assert found["chosen"][name] is back  # held once, in memory as in the file
    assert found["state"]["T"].stride() == wide.T.stride()


def test_what_a_file_cannot_hold_is_refused(path):
    file = Checkpoint(path, TorchPoissonNMF(random_state=0))
    with pytest.raises(TypeError, match="cannot contain a set"):
        file.write({"state": {"words": {"a"}}})
    assert not path.exists()


def test_fingerprints_see_each_entry_and_its_place():
    A = sp.random(30, 20, density=0.2, format="csr", random_state=0)
    A.data[3], A.data[7] = 2.0, 3.0
    device = torch.device("cpu")

    def of(data=A.data, indices=A.indices, indptr=A.indptr, shape=A.shape):
        matrix = sp.csr_array((data, indices, indptr), shape=shape)
        return fingerprint(to_device(matrix, device))

    swapped = A.data.copy()
    swapped[[3, 7]] = swapped[[7, 3]]
    moved = A.indices.copy()
    moved[5] += 1
    later = A.indptr.copy()
    later[4] += 1
    found = [
        *(of(), of(data=np.nextafter(A.data, 9)), of(data=swapped)),
        *(of(indices=moved), of(indptr=later), of(shape=(30, 21))),
        *(fingerprint(A.toarray()), fingerprint(A.toarray()[::-1])),
        *(fingerprint(["a", "b"]), fingerprint(["ab"]), fingerprint(None)),
    ]
    assert len(set(found)) == len(found)
    assert of() == of()
    assert fingerprint(A.toarray()) == fingerprint(torch.from_numpy(A.toarray()))


def embeddings_of(seed):
    rng = np.random.default_rng(seed)
    return {f"w{j}": rng.standard_normal(6) for j in range(120)}


def test_other_embeddings_are_another_fit(killed, path):
    counts = sp.csr_array(np.random.default_rng(0).poisson(0.5, (40, 120)))
    words = [f"w{j}" for j in range(120)]

    def model(seed):
        network = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
        given = {"embeddings": embeddings_of(seed), "vocabulary": words}
        return TorchETM(3, train_embeddings=False, checkpoint=path, **given, **network)

    killed(model(0), 2, counts)
    with pytest.raises(ValueError, match="another fit: the embeddings"):
        model(1).fit(counts)
    np.testing.assert_array_equal(
        model(0).fit(counts).embeddings_,
        model(0).set_params(checkpoint=None).fit(counts).embeddings_,
    )


def test_a_parameter_that_is_a_function_is_refused(path):
    schedule = lambda epochs: 1.0  # noqa: E731
    with pytest.raises(ValueError, match="learning_rate_schedule contains a function"):
        Checkpoint(path, TorchETM(learning_rate_schedule=schedule, random_state=0))


@pytest.mark.parametrize("content", ["array", "list"])
def test_files_of_others_are_no_checkpoints(tmp_path, content):
    path = tmp_path / "other.npz"
    with path.open("wb") as file:
        if content == "array":
            np.save(file, np.ones(3))
        else:
            np.savez(file, sklearn_topics=np.array("[1, 2]"))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is not a checkpoint of sklearn_topics"):
        TorchPoissonNMF(3, random_state=0, checkpoint=path).fit(X)
    assert path.read_bytes() == before


def test_warm_starts_have_no_checkpoint(path):
    model = TorchPoissonNMF(3, random_state=0, warm_start=True, checkpoint=path)
    with pytest.raises(ValueError, match="cannot be used with warm_start=True"):
        model.fit(X)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="this scikit-learn has no callbacks")
@pytest.mark.parametrize("at", [5, 6, 7])
def test_ctrl_c_in_a_callback_resumes_what_the_others_knew(always, path, at):
    from sklearn_topics._fit.callbacks import FitWatcher
    from sklearn_topics.callbacks import EarlyStopping

    class Interrupt(FitWatcher):
        """Ctrl-C, once, after the callbacks before it have seen the iteration."""

        at = None

        def _iteration(self, fit):
            if fit.run.n_iter == Interrupt.at:
                Interrupt.at = None
                raise KeyboardInterrupt
            return False

    def score(model, data):
        return -abs(model.n_iter_ - 6.0)

    def make(checkpoint=None):
        model = TorchPoissonNMF(
            3, tol=0, max_iter=20, random_state=0, checkpoint=checkpoint
        )
        stopping = EarlyStopping(X[:20], metric=score, patience=3)
        return model.set_callbacks(stopping, Interrupt())

    whole = make().fit(X)
    Interrupt.at = at
    with pytest.raises(KeyboardInterrupt):
        make(path).fit(X)
    resumed = make(path).fit(X)
    assert_same_fit(whole, resumed)
    assert whole.n_iter_ == 9


@pytest.mark.skipif(not HAS_CALLBACKS, reason="this scikit-learn has no callbacks")
def test_other_callbacks_are_another_fit(killed, path):
    from sklearn_topics.callbacks import EarlyStopping

    model = TorchPoissonNMF(3, tol=0, max_iter=20, random_state=0, checkpoint=path)
    killed(clone(model).set_callbacks(EarlyStopping(X[:20], patience=9)), 3, X)
    for callbacks in ([], [EarlyStopping(X[:20], patience=8)]):
        with pytest.raises(ValueError, match="list of callbacks was 0 Early"):
            clone(model).set_callbacks(*callbacks).fit(X)
    clone(model).set_callbacks(EarlyStopping(X[:20], patience=9)).fit(X)
