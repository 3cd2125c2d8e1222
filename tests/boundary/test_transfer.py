"""Devices by name, private generators, and what is shared or copied."""

import json
import random
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_array_equal

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._boundary import cuda, transfer
from sklearn_topics._boundary.transfer import to_device

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many CUDA devices and no other accelerator."""

    def describe(n_cuda):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (10**10, 10**10))
        monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: False)
        monkeypatch.setattr(cuda, "find_spec", lambda name: name)
        monkeypatch.setenv("CC", "cc")

    return describe


@pytest.mark.parametrize(
    ("n_cuda", "device", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (0, "cpu:0", "cpu:0"),
        (2, "auto", "cpu"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_resolve_device(machine, n_cuda, device, expected):
    machine(n_cuda)
    assert transfer.resolve_device(device) == torch.device(expected)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "xpu", "gpu", "", "cpu:1"])
def test_an_absent_device_is_an_error_that_lists_what_is_there(machine, device):
    machine(0)
    with pytest.raises(ValueError, match=r"Available: auto, cpu\.") as error:
        transfer.resolve_device(device)
    assert f"device={device!r}" in str(error.value)


def test_the_error_lists_every_device(machine):
    machine(2)
    with pytest.raises(ValueError, match=r"auto, cpu, cuda, cuda:0, cuda:1\."):
        transfer.resolve_device("cuda:2")


@pytest.mark.parametrize("n_cuda", [0, 1])
def test_auto_is_cuda_where_it_was_measured_to_be_faster(machine, monkeypatch, n_cuda):
    machine(n_cuda)
    table = {"TorchPoissonNMF scd": {"csr": 30, "dense": 60}}
    monkeypatch.setattr(cuda, "FASTER_ON_CUDA", table)
    X = sp.csr_matrix(np.arange(30.0).reshape(6, 5) % 2)  # 15 nonzeros
    tensor = torch.from_numpy(X.toarray()).to_sparse_csr()

    def choice(X, K, model="TorchPoissonNMF scd"):
        return transfer.resolve_device("auto", model, X, K).type

    faster = "cuda" if n_cuda else "cpu"
    for sparse in X, X.tocoo(), tensor, tensor.to_sparse_coo():
        assert [choice(sparse, K) for K in (1, 2)] == ["cpu", faster]
    for dense in X.toarray(), tensor.to_dense(), pd.DataFrame(X.toarray()):
        assert [choice(dense, K) for K in (1, 2)] == ["cpu", faster]
    assert choice(X, 9, "TorchPoissonNMF em") == "cpu"
    assert choice([[1, 2]] * 100, 9) == "cpu"  # of a size not known yet
    assert transfer.resolve_device("auto") == CPU


@pytest.mark.parametrize(
    ("model", "name", "K"),
    [
        (TorchPoissonNMF(7), "TorchPoissonNMF scd", 7),
        (TorchPoissonNMF(7, solver="em"), "TorchPoissonNMF em", 7),
        (TorchPoissonNMF(7, learning_rate=0.1), "TorchPoissonNMF adam", 7),
        (TorchBetaNMF(), "TorchBetaNMF cd", 9),
        (TorchBetaNMF(7, solver="mu"), "TorchBetaNMF mu", 7),
        (TorchDeepNMF((5, 2)), "TorchDeepNMF", 7),
        (TorchETM(7), "TorchETM", 7),
        (TorchLDA(7), "TorchLDA", 7),
        (TorchTruncatedSVD(7), "TorchTruncatedSVD", 7),
    ],
)
def test_models_choose_by_their_own_row(machine, monkeypatch, model, name, K):
    machine(1)
    X = np.ones((3, 9))
    for least, expected in (27 * K, "cuda"), (27 * K + 1, "cpu"):
        monkeypatch.setattr(cuda, "FASTER_ON_CUDA", {name: {"dense": least}})
        assert model._resolve_device(X).type == expected
    assert model.set_params(device="cuda")._resolve_device(X).type == "cuda"


def test_no_row_of_the_table_is_invented():
    """Each row is a measurement, in which CUDA took at most two thirds of the time."""
    record = Path(__file__).parents[2] / "benchmarks/data/gpu-nvidia-h200.json"
    found = {}
    for row in json.loads(record.read_text("utf-8"))["figures"]["crossover"]:
        place = row["model"].split(",")[0], row["container"]
        times = row["device_seconds"] / row["cpu_seconds"], row["size_times_topics"]
        found.setdefault(place, []).append(times)
    faster = {
        place: min(size for _, size in rows)
        for place, rows in found.items()
        if all(ratio < 0.7 for ratio, _ in rows)
    }
    table = {
        (model, container): size
        for model, sizes in cuda.FASTER_ON_CUDA.items()
        for container, size in sizes.items()
    }
    assert "cd" not in {model.split()[-1] for model, kind in table if kind == "csr"}
    for place, size in table.items():
        # The benchmark counts the topics of one layer of a deep model; fit counts all.
        assert faster[place] <= size <= 1.3 * faster[place], place


def forked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)


def without_triton(monkeypatch):
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)


def without_compiler(monkeypatch):
    monkeypatch.delenv("CC")
    monkeypatch.setattr(cuda.shutil, "which", lambda name: None)


def without_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (10**3, 10**10))


def in_a_group(monkeypatch):
    monkeypatch.setattr(cuda, "current", lambda: "ranks")


@pytest.mark.parametrize(
    "change",
    [forked, without_triton, without_compiler, without_memory, in_a_group],
    ids=lambda change: change.__name__,
)
def test_auto_is_the_cpu_where_cuda_would_fail(machine, monkeypatch, change):
    machine(1)
    X = sp.random(100, 50, 0.2, "csr")
    monkeypatch.setattr(cuda, "FASTER_ON_CUDA", {"model": {"csr": 30}})
    assert transfer.resolve_device("auto", "model", X).type == "cuda"
    change(monkeypatch)
    assert transfer.resolve_device("auto", "model", X).type == "cpu"


def test_auto_is_the_cpu_for_counts_on_disk(machine, monkeypatch):
    machine(1)
    monkeypatch.setattr(cuda, "FASTER_ON_CUDA", {"model": {"csr": 30}})
    X = to_device(sp.random(100, 50, 0.2, "csr"), CPU)
    assert transfer.resolve_device("auto", "model", X).type == "cuda"
    X.find_transpose = lambda: X
    assert transfer.resolve_device("auto", "model", X).type == "cpu"


# --------------------------------------------------------------------------- generators


def _draws(random_state):
    return torch.randn(4, generator=transfer.make_generator(random_state)).tolist()


def test_the_seed_decides():
    assert _draws(3) == _draws(3)
    assert _draws(3) != _draws(4)
    legacy = np.random.RandomState(3)
    assert _draws(legacy) == _draws(3)
    assert _draws(legacy) != _draws(3)  # an instance moves on, as in scikit-learn


def test_no_seed_gives_other_draws_each_time():
    assert _draws(None) != _draws(None)


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0)])
def test_global_generators_are_left_alone(random_state):
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    state = torch.get_rng_state()
    _draws(random_state)
    assert random.getstate() == python
    assert_array_equal(np.random.get_state()[1], legacy[1])  # noqa: NPY002
    assert np.random.get_state()[2] == legacy[2]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), state)


# ----------------------------------------------------------------------- there and back


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_csr_to_device(index_dtype):
    A = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float32)
    X = sp.csr_array(A)
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    out = transfer.to_device(X, CPU)
    assert out.shape == (3, 3)
    assert (out.indptr.dtype, out.indices.dtype) == (torch.int64, torch.int32)
    assert out.indptr.tolist() == [0, 1, 1, 3]
    assert out.indices.tolist() == [1, 0, 2]
    assert out.data.tolist() == [2, 1, 3]
    assert np.shares_memory(out.data.numpy(), X.data)
    assert X.indices.dtype == index_dtype


def test_more_columns_than_32_bits():
    column = 2**31 + 3
    X = sp.csr_array(([1.0], ([0], [column])), shape=(1, 2**31 + 5))
    out = transfer.to_device(X, CPU)
    assert out.indices.dtype == torch.int64
    assert out.indices.tolist() == [column]


def test_dense_to_device_is_shared_also_when_read_only():
    A = np.ones((2, 3))
    A.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = transfer.to_device(A, CPU)
    assert np.shares_memory(out.numpy(), A)
    assert out.dtype == torch.float64


def test_to_numpy_is_memory_of_its_own():
    tensor = torch.ones(2, 3, requires_grad=True)
    array = transfer.to_numpy(tensor)
    with torch.no_grad():
        tensor.zero_()
    assert_array_equal(array, np.ones((2, 3)))


def test_like_input():
    array = np.arange(3.0)
    assert transfer.like_input(array, [[1]]) is array
    out = transfer.like_input(array, torch.ones(1, 1))
    assert isinstance(out, torch.Tensor)
    assert out.tolist() == [0, 1, 2]
