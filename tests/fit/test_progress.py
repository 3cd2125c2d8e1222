"""Progress: lines by time, blocks of rows between them, and silence."""

import sys
from contextlib import nullcontext

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchDeepNMF, TorchETM, TorchPoissonNMF
from sklearn_topics._boundary.transfer import to_device
from sklearn_topics._core import etm_init
from sklearn_topics._fit import progress, row_blocks
from sklearn_topics._fit.progress import Progress
from sklearn_topics._kernels import chunks, ops
from sklearn_topics._kernels.cpu.compiling import compiling, watch_compiling

SEED = {"random_state": 0}
NET = {"embedding_dim": 4, "hidden_layer_sizes": (5,), "max_iter": 1}
KL = {"beta_loss": "kullback-leibler", "tol": 0, "max_iter": 20}
MODELS = {
    "map": TorchPoissonNMF(3, max_iter=5, tol=0, **SEED),
    "etm": TorchETM(3, **NET, **SEED),
    "etm, encoder": TorchETM(3, inference="encoder", **NET, **SEED),
    "deep": TorchDeepNMF((4, 2), **KL, **SEED),
    "deep, euclidean": TorchDeepNMF((4, 2), **{**KL, "beta_loss": 2}, **SEED),
    "beta": TorchBetaNMF(3, solver="mu", **KL, **SEED),
}
EACH = pytest.mark.parametrize("name", MODELS)
COUNTS = np.random.default_rng(0).poisson(1.0, (83, 37)).astype(np.float32)
COUNTS[[0, 40, 82]] = 0


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Nothing says that kernels are compiled: whether they are depends on the cache."""
    monkeypatch.setattr(progress, "watch_compiling", lambda watcher: nullcontext())


def lines(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


# -------------------------------------------------------------------------------- lines


def test_lines_come_by_time(capsys, clock):
    with Progress(10_000, "documents", 1) as progress:
        for done in range(0, 10_001, 10):
            progress.show(done)
            clock.seconds += 0.05
        progress.show(10_000, last=True)
    found = lines(capsys)
    seconds = np.array([float(line.split()[3]) for line in found])
    assert seconds[0] == 0
    assert seconds[1] == pytest.approx(1.0, abs=0.1)
    assert np.diff(seconds)[:-1].max() == pytest.approx(5.0, abs=0.1)
    assert 10 < len(found) < 16
    assert " 10,000/10,000 documents " in found[-1]
    assert found[-1].count("#") == 30


def test_the_end_is_shown_once(capsys, clock):
    with Progress(3, "documents", True) as progress:
        progress.show(0)
        clock.seconds += 9
        progress.show(3, {"error": 0.5})
        progress.show(3, {"error": 0.5}, last=True)
    assert len(lines(capsys)) == 2


def test_numbers_do_not_wait_for_a_line_without(capsys, clock):
    with Progress(100, "iterations", 1) as progress:
        for done in range(100):
            progress.show(done, {"error": 0.5} if done % 7 == 6 else None)
            clock.seconds += 1.0
    found = lines(capsys)
    with_numbers = [int(x.split()[1].split("/")[0]) for x in found if "error" in x]
    assert np.diff(with_numbers).max() == 7  # all of them
    assert len(found) < 40


def test_a_terminal_has_one_line(capsys, clock, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(100, "iterations", 1) as progress:
        for done in range(100):
            progress.show(done, {"error": 0.5} if done % 10 == 0 else None)
            clock.seconds += 0.1
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert 40 < err.count("\r") < 60
    shown = [""] + err.rstrip("\n").split("\r")[:-1]
    for before, after in zip(shown, shown[1:], strict=False):
        assert len(after) >= len(before.rstrip())  # nothing of it is left to be seen


@pytest.mark.parametrize("verbose", [0, False])
def test_silence(capsys, verbose):
    with Progress(3, "documents", verbose) as progress:
        progress.show(0)
        progress.show(3, last=True)
    assert lines(capsys) == []


# ------------------------------------------------------------------------------- models


def test_what_stands_for_standard_error_may_only_write(monkeypatch, clock):
    written = []

    class Window:
        write = written.append

    monkeypatch.setattr(sys, "stderr", Window())
    clone(MODELS["map"]).set_params(verbose=1).fit(COUNTS)
    assert "".join(written).count("\n") == 3


def test_fit_says_once_that_kernels_are_compiled(capsys, monkeypatch):
    monkeypatch.setattr(progress, "watch_compiling", watch_compiling)
    with progress.announced_fit(watched("map"), COUNTS):
        compiling()
        compiling()
    compiling()
    begin, line = lines(capsys)
    assert begin.startswith("TorchPoissonNMF: ")
    assert line.startswith("Compiling CPU kernels (first run only)")


def watched(name):
    return clone(MODELS[name]).set_params(verbose=1)


@EACH
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("X", [COUNTS, sp.csr_matrix(COUNTS)], ids=["dense", "sparse"])
def test_fit_says_what_it_begins_before_it_takes_its_time(capsys, name, X):
    model = watched(name).fit(X)
    begin, *between, last = lines(capsys)
    if name in ("etm", "etm, encoder"):
        assert "/60 iterations of Poisson NMF " in between[0]
        assert f"/{4 * 83} documents to pretrain the encoder " in between[1]
    topics = ", ".join(map(str, getattr(model, "layer_sizes", [3])))
    assert begin == (
        f"{type(model).__name__}: 83 documents, 37 terms, {topics} topics, on cpu"
    )
    assert any(f" 0/{model.max_iter} iterations " in line for line in between)
    assert f" {model.n_iter_}/{model.max_iter} iterations " in last
    assert "objective" in last


@pytest.mark.filterwarnings("ignore")
def test_each_start_shows_its_iterations(capsys):
    watched("map").set_params(n_init=2).fit(COUNTS)
    assert sum(" 0/5 iterations " in line for line in lines(capsys)) == 2


@EACH
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_a_fit_of_its_own_is_silent(capsys, name):
    model = watched(name).fit(COUNTS)
    capsys.readouterr()
    model.score(COUNTS)
    model.inverse_transform(np.ones((2, len(model.components_))))
    if hasattr(model, "perplexity"):
        model.perplexity(COUNTS)
    assert lines(capsys) == []


# --------------------------------------------------------------------------- row blocks


@EACH
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entries", [1, 100, 700])
@pytest.mark.parametrize("X", [COUNTS, sp.csr_matrix(COUNTS)], ids=["dense", "sparse"])
def test_blocks_of_rows_change_no_bit(monkeypatch, capsys, name, X, entries):
    """Neither of transform nor of fit_transform, which ends in the same code."""
    monkeypatch.setattr(etm_init, "_NMF_ITERATIONS", 2)
    model = clone(MODELS[name])
    expected = model.fit_transform(X), model.transform(X)
    monkeypatch.setattr(chunks, "_ENTRIES", entries)
    model = watched(name)
    np.testing.assert_array_equal(model.fit_transform(X), expected[0])
    capsys.readouterr()
    np.testing.assert_array_equal(model.transform(X), expected[1])
    if name in ("map", "etm", "deep"):
        first, *_, last = lines(capsys)
        assert " 0/83 documents " in first
        assert " 83/83 documents " in last


@pytest.mark.parametrize("entries", [1, 100, 1 << 22])
@pytest.mark.parametrize("sparse", [True, False])
def test_blocks_are_all_rows_in_their_order(monkeypatch, entries, sparse):
    monkeypatch.setattr(chunks, "_ENTRIES", entries)
    X = to_device(sp.csr_array(COUNTS) if sparse else COUNTS, torch.device("cpu"))
    number = torch.arange(83.0)[:, None]

    def sums(X, number):
        rows = ops.row_sums(X)
        return rows[:, None].double() * 100 + number

    found = row_blocks.in_row_blocks(sums, X, number, verbose=1)
    expected = COUNTS.sum(1, keepdims=True) * 100 + number.numpy()
    np.testing.assert_array_equal(found, expected)
