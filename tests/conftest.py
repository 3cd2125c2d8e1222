"""What every test may use: real corpora, and a data home that is not the user's."""

import gc
import gzip
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import scipy.sparse as sp
from hypothesis import settings

# The first call of a kernel compiles it, which no deadline allows for.
settings.register_profile("sklearn_topics", deadline=None)
settings.load_profile("sklearn_topics")


def pytest_addoption(parser):
    parser.addoption(
        "--one-in",
        type=int,
        default=1,
        metavar="N",
        help="of the cases of each test, run the first and every N-th after it; "
        "scikit-learn's own checks and tests run whole",
    )


def pytest_collection_modifyitems(config, items):
    step, seen = config.getoption("--one-in"), Counter()
    kept, left_out = [], []
    for item in items:
        test = item.nodeid.partition("[")[0]
        in_turn = seen[test] % step == 0 or "sklearn" in test.partition("::")[2]
        (kept if in_turn else left_out).append(item)
        seen[test] += 1
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def pytest_configure():
    """Processes that test side by side share the cores; torch is imported later."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if workers is not None:
        share = max(1, (os.cpu_count() or 1) // int(workers))
        os.environ.setdefault("OMP_NUM_THREADS", str(share))


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory):
    """scikit-learn's data home, where `load_docstrings` keeps its corpus: a new one.

    Processes that test side by side have one, so that the corpus is made once.
    """
    path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        path = path.parent
    path = path / "scikit_learn_data"
    path.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCIKIT_LEARN_DATA", str(path))
        yield path


@pytest.fixture(autouse=True)
def closed_figures():
    """What a test has drawn is closed, or matplotlib warns in a later one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def one_thread():
    """For fits so small that threads wait for each other most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def collect():
    """`gc.collect` of what the test has made; the others take a second to search."""
    gc.freeze()
    yield gc.collect
    gc.unfreeze()


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still: add to its `seconds`."""

    class Clock:
        seconds = 0.0

    monkeypatch.setattr(time, "perf_counter", lambda: Clock.seconds)
    return Clock


@pytest.fixture
def ctrl_c():
    """SIGINT raises KeyboardInterrupt; a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.SIGINT
    signal.signal(signal.SIGINT, before)


def _corpora() -> Path:
    """The corpora's folder.

    The test is skipped where SKLEARN_TOPICS_DATA does not name it, and fails where it
    does and a file is not there.
    """
    folder = os.environ.get("SKLEARN_TOPICS_DATA")
    if not folder:
        pytest.skip("SKLEARN_TOPICS_DATA, the folder of the corpora, is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def corpus():
    """Function of (corpus, part="counts"): counts of documents x terms, as CSR."""

    def load(name, part="counts"):
        return sp.csr_matrix(sp.load_npz(_corpora() / name / f"{part}.npz"))

    return load


@pytest.fixture(scope="session")
def corpus_texts():
    """Function of a corpus: its documents as text."""

    def load(name):
        with gzip.open(_corpora() / name / "texts.jsonl.gz", "rt") as lines:
            return [json.loads(line)["text"] for line in lines]

    return load


@pytest.fixture(scope="session")
def corpus_lines():
    """Function of (corpus, part), "labels" or "vocab": lines of text."""

    def load(name, part):
        text = (_corpora() / name / f"{part}.txt").read_text(encoding="utf-8")
        return text.removesuffix("\n").split("\n")

    return load
