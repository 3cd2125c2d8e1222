"""Groups of processes against one process."""

import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import scipy.sparse as sp
import torch
import torch.distributed as dist
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import sklearn_topics
from sklearn_topics import (
    TorchBetaNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._fit.first_rank import drawn_rows
from sklearn_topics._kernels import ranks
from sklearn_topics.callbacks import EarlyStopping
from sklearn_topics.curation import split_topic
from sklearn_topics.distributed import process_group
from sklearn_topics.distributed._group import made_group
from sklearn_topics.inspection import choose_n_topics

from . import group_fits

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the ranks of all groups have found, by the name of their file."""
    folder = tmp_path_factory.mktemp("groups")
    done = subprocess.run(
        [sys.executable, "-m", "tests.distributed.groups", str(folder)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    found = {p.stem: json.loads(p.read_text()) for p in folder.glob("*.json")}
    assert len(found) == 2 + 3 + 2 + 2 + 2 + 2 + 2, done.stderr  # a rank was killed
    return found


@pytest.fixture(scope="module")
def alone():
    """The fits of one process to all rows."""
    return {
        name: group_fits.fitted(name, group_fits.shard(0, 1, name))
        for name in group_fits.names()
    }


@pytest.mark.parametrize("name", group_fits.names())
@pytest.mark.parametrize("size", [2, 3])
def test_a_group_fits_as_one_process(results, alone, name, size):
    expected = alone[name]
    fits = [results[f"fit_all {size} {rank}"] for rank in range(size)]
    for found in (one[name] for one in fits):
        assert found.get("n_iter_") == expected.get("n_iter_")
        for key in {*expected} - {"transformed"}:
            if isinstance(expected[key], str):
                assert found[key] == expected[key], key
            else:
                # Adam makes large steps where gradients are near zero.
                least = 1e-9 if "embeddings" in key else 1e-14
                tolerance = {"rtol": 1e-9, "atol": least, "err_msg": key}
                assert_allclose(found[key], expected[key], **tolerance)
    if not name.startswith("beta mu"):  # which stops by all rows that it is given
        rows = [row for one in fits for row in one[name]["transformed"]]
        assert_allclose(rows, expected["transformed"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("size", [2, 3])
def test_partial_fit_of_a_group_is_that_of_one_process(results, size):
    shards = (group_fits.thirds(group_fits.shard(r, size)) for r in range(size))
    batches = [sp.vstack(parts, format="csr") for parts in zip(*shards, strict=True)]
    expected = group_fits.fitted_in_batches(batches)
    for rank in range(size):
        found = results[f"fit_all {size} {rank}"]["partial_fit"]
        for name, value in expected.items():
            assert_allclose(found[name], value, rtol=1e-9, err_msg=name)


def dealt(shards):
    """The rows of all ranks, in the order in which batches of 16 have them."""
    places = sorted(
        ((2 * i + 1) / (2 * X.shape[0]), rank, i)
        for rank, X in enumerate(shards)
        for i in range(X.shape[0])
    )
    batches = (places[b : b + 16] for b in range(0, len(places), 16))
    # The documents of a batch draw random numbers in the order of the ranks.
    places = [place for batch in batches for place in sorted(p[1:] for p in batch)]
    return sp.vstack([shards[rank][[i]] for rank, i in places], format="csr")


@pytest.mark.parametrize("size", [2, 3])
def test_online_lda_of_a_group_is_that_of_one_process(results, size):
    """With batches that have equal shares of the documents of all ranks."""
    shards = [group_fits.shard(rank, size) for rank in range(size)]
    parts = zip(*map(group_fits.thirds, shards), strict=True)
    whole, _ = group_fits.fitted_online([dealt(shards)])
    _, calls = group_fits.fitted_online([*map(dealt, parts)])
    found = [results[f"fit_all {size} {rank}"]["online"] for rank in range(size)]
    for one in found:
        for values, expected in zip(one, (whole, calls), strict=True):
            assert values[1] == expected[1] > 6
            for k in 0, 2, 3:
                assert_allclose(values[k], expected[k], rtol=1e-9)
    assert all(one == found[0] for one in found)
    for rank in range(size):
        errors = results[f"fit_all {size} {rank}"]["other models"]
        assert len(errors) == 2
        for error in errors:
            assert "The ranks of the process group must agree, but comp" in error


def test_a_fit_is_resumed_from_the_checkpoints_of_all_ranks(results):
    for rank in 0, 1:
        found = results[f"resume 2 {rank}"]
        assert "tol was 0 and is 1" in found["other"]["error"]
        assert found["resumed"] == found["expected"]
        assert found["etm"]
        assert found["files"] == []


@pytest.mark.skipif(
    not hasattr(TorchPoissonNMF, "set_callbacks"), reason="older scikit-learn"
)
def test_one_rank_writes_the_logs(results):
    assert results["resume 2 0"]["log"] == 3
    assert results["resume 2 0"]["boards"] == 1


@pytest.mark.parametrize("name", [*group_fits.SAME_BITS, "online"])
def test_ranks_with_other_processors_end_with_the_same_bits(results, name):
    fits = [dict(results[f"round_otherwise 2 {rank}"][name]) for rank in (0, 1)]
    for found in fits:
        found.pop("transformed", None)  # of other rows
    assert fits[0] == fits[1]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("negative", "ValueError: Rank 1 of the process group: ValueError: Negative"),
        ("parameters", "ValueError: The ranks of the process group must agree, but"),
        ("invalid", "Rank 1 of the process group: InvalidParameterError: The 'n_comp"),
        ("methods", "Rank 1 of the process group: NotFittedError: This TorchPoisson"),
        ("order", "The ranks of the process group call different methods"),
        ("W", "Rank 1 of the process group: ValueError: Negative values"),
        ("seeds", "ValueError: random_state has another state on each rank"),
        ("frozen", "ValueError: frozen_topics must have at most 3 rows"),
        ("rank", "ValueError: init = 'nndsvd' can only be used when"),
        ("components", "ValueError: n_components(60) must be <= n_features(40)"),
        ("validation", "Rank 1 of the process group: ValueError: Other ranks of the"),
        ("negative validation", "Rank 1 of the process group: ValueError: Negative"),
        ("vectors", "must agree, but the parameter embeddings is"),
        ("schedule", "must agree, but the parameter schedule_params is [('step_size'"),
        ("interrupt", "KeyboardInterrupt: "),
        ("error", "rank 1: OSError: the disk is full"),
        ("caught", "rank 1: MemoryError: no room"),
        ("without", "Rank 1 of the process group: it leaves the process group"),
        ("killed", "rank 1 ended, or did not answer"),
    ],
)
def test_a_failing_rank_ends_all_with_its_message(results, what, message):
    failures = [results[f"fail 3 {rank}"] for rank in (0, 2)]
    for found in failures:
        assert message in found[what]["error"]
        assert found[what]["seconds"] < 80  # the groups wait for 90
        assert found["afterwards"]["error"] == ""
    assert failures[0]["interrupt"]["n_iter"] == failures[1]["interrupt"]["n_iter"] > 0


def test_groups_end(results):
    assert results["end_often 2 0"] == results["end_often 2 1"] == 100


def test_random_states_of_all_ranks_stay_alike(results):
    first, other = (results[f"fail 3 {rank}"]["drawn afterwards"] for rank in (0, 2))
    assert first == other


def test_a_rank_that_computes_for_long_is_not_called_dead(results):
    for rank in 0, 2:
        found = results[f"wait 3 {rank}"]["killed"]
        assert "all ranks stop: rank 1 ended" in found["error"]
        assert found["seconds"] < 80  # the groups wait for 90


@pytest.fixture
def group_of_one():
    """A process group of this process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        with process_group():
            yield ranks.current()
    finally:
        dist.destroy_process_group()


SUPPORTED = {
    "TorchBetaNMF",
    "TorchETM",
    "TorchLDA",
    "TorchPoissonNMF",
    "TorchTruncatedSVD",
}


@pytest.mark.parametrize("name", [n for n in sklearn_topics.__all__ if n[0].isupper()])
def test_an_estimator_fits_or_refuses(name, group_of_one):
    cls = getattr(sklearn_topics, name)
    model = cls(TorchPoissonNMF(2)) if name == "ConsensusTopics" else cls()
    message = f"{name}.fit cannot be used in a process group"
    refusal = pytest.raises(ValueError, match=message)
    model.set_params(random_state=0)
    if name in SUPPORTED:
        model.set_params(n_components=3)
    with nullcontext() if name in SUPPORTED else refusal:
        model.fit(group_fits.COUNTS)
    if name in SUPPORTED:
        with ranks.alone():
            expected = clone(model).fit(group_fits.COUNTS).components_
        assert_allclose(model.components_, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (TorchPoissonNMF(3, solver="adam"), "fit"),
        (TorchPoissonNMF(3, init="nndsvda"), "fit"),
        (TorchPoissonNMF(3, init="custom"), "fit"),
        (TorchBetaNMF(3, solver="adam"), "fit"),
        (TorchBetaNMF(3, solver="mu", beta_loss=0.5), "fit"),
        (TorchBetaNMF(3, solver="mu", missing="mask"), "fit"),
        (TorchBetaNMF(3, init="nndsvdar"), "fit"),
        (TorchTruncatedSVD(3, algorithm="arpack"), "fit"),
    ],
    ids=str,
)
def test_settings_that_a_group_cannot_have_are_refused(model, method, group_of_one):
    with pytest.raises(ValueError, match="process group"):
        getattr(model, method)(group_fits.COUNTS)
    assert not hasattr(model, "n_features_in_")


class LateMessage:
    """A message that comes just after one has stopped to wait for it."""

    late, waited = False, 0

    def wait(self, timeout=None):
        self.waited += 1
        if not self.late:
            raise RuntimeError("Operation timed out!")

    def is_completed(self):
        before, self.late = self.late, True
        return before


def test_a_message_that_comes_late_is_not_lost(group_of_one):
    message = LateMessage()
    group_of_one._send(lambda *args, **options: message, torch.zeros(1))
    assert message.waited == 2
    assert group_of_one.sum(torch.ones(1)) == 1


def test_a_group_belongs_to_a_thread(group_of_one):
    fit = TorchPoissonNMF(2).fit
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="n_jobs=1"):
        pool.submit(fit, group_fits.COUNTS).result()


def test_transform_works_in_other_threads(group_of_one):
    model = TorchPoissonNMF(2, verbose=1).fit(group_fits.COUNTS)
    with ThreadPoolExecutor(1) as pool:
        theta = pool.submit(model.transform, group_fits.COUNTS).result()
    assert_array_equal(theta, model.transform(group_fits.COUNTS))


@pytest.mark.parametrize(
    "fit",
    [
        lambda X: choose_n_topics(TorchPoissonNMF(), X, [2, 3]),
        lambda X: split_topic(None, 0, X),
    ],
)
def test_functions_that_fit_to_some_documents_are_refused(fit, group_of_one):
    with pytest.raises(ValueError, match="outside of the group"):
        fit(group_fits.COUNTS)


def test_a_group_without_a_backend_for_the_cpu_is_refused(monkeypatch):
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    monkeypatch.setattr(dist, "get_backend_config", lambda group: "cuda:nccl")
    try:
        with pytest.raises(ValueError, match="cpu:gloo,cuda:nccl"):
            process_group().__enter__()
    finally:
        dist.destroy_process_group()


def test_some_of_very_many_documents_are_drawn_without_a_list_of_all():
    n = 2**40
    rows = drawn_rows(n, 1000, torch.Generator("cpu").manual_seed(0))
    assert len(rows) == 1000
    assert (rows.diff() > 0).all()
    assert 0 <= rows[0] <= rows[-1] < n
    assert abs(rows.double().mean() / n - 0.5) < 0.05


def test_groups_are_not_nested(group_of_one):
    with pytest.raises(RuntimeError, match="nested"):
        process_group().__enter__()


def _sent(group, model):
    """Messages and bytes of a fit; metrics are recorded after the last iteration."""
    before = group.messages, group.sent_bytes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        model.fit(group_fits.COUNTS)
    return group.messages - before[0], group.sent_bytes - before[1]


@pytest.mark.parametrize(
    ("solver", "messages", "numbers"),
    [
        ("em", 8, lambda m, K: m * K + 2 * K + 4),
        ("scd", 3 + 12, lambda m, K: 3 * m * K + 3 * m + 2 * K + 4),
    ],
)
def test_an_iteration_sends_what_the_guide_says(
    group_of_one, solver, messages, numbers
):
    options = {"solver": solver, "init": "random", "tol": 0}
    few, many = (
        _sent(group_of_one, TorchPoissonNMF(3, max_iter=n, **options)) for n in (21, 25)
    )
    assert many[0] - few[0] == 4 * messages
    flags = 2 * 4
    m, K = group_fits.COUNTS.shape[1], 3
    assert many[1] - few[1] == 4 * (8 * numbers(m, K) + flags)


def test_a_batch_of_the_etm_sends_what_the_guide_says(group_of_one):
    options = {"embedding_dim": 4, "hidden_layer_sizes": (6, 5), "init": "random"}
    options |= {"max_iter": 2, "random_state": 0}
    few, many = (  # 2 and 3 batches in each of 2 epochs
        _sent(group_of_one, TorchETM(3, batch_size=n, **options)) for n in (45, 30)
    )
    m, K, E, H, last = group_fits.COUNTS.shape[1], 3, 4, 6, 5
    encoder = (m + 1) * H + (H + 1) * last + 2 * K * (last + 1)
    parameters = m * E + K * E + encoder + 2 * (H + last)
    assert many[0] - few[0] == 2 * (1 + 4 * 2)
    assert many[1] - few[1] == 2 * 8 * (parameters + 4 * (H + last))


def test_without_torchrun_process_group_says_what_to_do(monkeypatch):
    for name in "RANK", "WORLD_SIZE":
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="torchrun"):
        process_group().__enter__()


def launched(*program):
    """A program that torchrun has started twice, and that has succeeded."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "--standalone", *program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def without_connections(monkeypatch):
    """Groups of torch that connect to nobody."""
    for name in "init_process_group", "destroy_process_group":
        monkeypatch.setattr(dist, name, lambda *args, **options: None)


def test_a_group_begins_when_all_have_connected(without_connections):
    store = dist.HashStore()
    other = threading.Timer(0.3, store.set, ("connected 1", ""))
    other.start()
    with made_group("gloo", store, 0, 2):
        assert store.check(["connected 1"])
    other.join()


def no_room(*args, **options):
    raise MemoryError("no room")


def test_who_cannot_connect_is_named(without_connections, monkeypatch):
    store = dist.HashStore()
    store.set("connected 1", "OSError: no route")
    message = "Rank 1 could not connect to the process group: OSError: no route"
    with pytest.raises(RuntimeError, match=message):
        made_group("gloo", store, 0, 2).__enter__()
    monkeypatch.setattr(dist, "init_process_group", no_room)
    with pytest.raises(MemoryError):
        made_group("gloo", store, 0, 2).__enter__()
    assert store.get("connected 0") == b"MemoryError: no room"


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_program_of_torchrun_can_make_groups_one_after_the_other(restarts):
    """Also after groups in which a rank failed before the other had connected."""
    options = [
        "--max-restarts",
        str(restarts),
        "-m",
        "tests.distributed.groups_of_torchrun",
    ]
    found = launched(*options, *["fail"] * restarts).stdout.splitlines()
    assert sorted(found) == [f"rank {r}: 10 fits, 10 failures" for r in range(2)]


def test_torchrun_runs_the_example():
    example = Path(__file__).parents[2] / "examples/torchrun_fit.py"
    done = launched(str(example))
    assert done.stdout.startswith("2 processes, 2000 documents: perplexity=")
    announced = "TorchPoissonNMF: 2,000 documents, 100 terms, 4 topics, on cpu"
    assert done.stderr.count(announced) == 1, done.stderr


def test_workers_of_a_rank_are_refused(group_of_one):
    """They would fit the rows of the rank as if they were the whole corpus."""
    search = GridSearchCV(
        TorchPoissonNMF(max_iter=2),
        {"n_components": [2]},
        n_jobs=2,
        error_score="raise",
    )
    with pytest.raises(RuntimeError, match="n_jobs=1"), parallel_config("loky"):
        search.fit(group_fits.COUNTS)


@pytest.mark.skipif(
    not hasattr(TorchPoissonNMF, "set_callbacks"), reason="older scikit-learn"
)
def test_early_stopping_is_refused(group_of_one):
    model = TorchPoissonNMF(2, max_iter=2)
    model.set_callbacks(EarlyStopping(group_fits.COUNTS))
    with pytest.raises(ValueError, match="EarlyStopping cannot be used"):
        model.fit(group_fits.COUNTS)
