"""Sparse X stays sparse: the peak memory is far below that of all its cells."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._kernels import CSR, ops

FEW = {"max_iter": 2, "tol": 0, "random_state": 0}
KL = {"beta_loss": "kullback-leibler"}
MODELS = {
    "scd": TorchPoissonNMF(3, **FEW),
    "em": TorchPoissonNMF(3, solver="em", **FEW),
    "softmax adam": TorchPoissonNMF(3, solver="adam", **FEW),
    "nndsvda": TorchPoissonNMF(3, init="nndsvda", **FEW),
    "cd": TorchBetaNMF(3, **FEW),
    "mu": TorchBetaNMF(3, solver="mu", **FEW),
    "mu for KL": TorchBetaNMF(3, solver="mu", **KL, **FEW),
    "beta scd": TorchBetaNMF(3, solver="scd", **KL, **FEW),
    "beta adam": TorchBetaNMF(3, solver="adam", **KL, **FEW),
    "deep": TorchDeepNMF((4, 2), pretrain_iter=2, **FEW),
    "lda": TorchLDA(3, max_iter=2, random_state=0),
    "svd": TorchTruncatedSVD(3, random_state=0),
    "arpack": TorchTruncatedSVD(3, algorithm="arpack", random_state=0),
    "etm": TorchETM(
        3, embedding_dim=4, hidden_layer_sizes=(4,), max_iter=1, random_state=0
    ),
}
#: They look at every cell, in blocks of rows.
IN_BLOCKS = {
    "mu, beta of 1.5": TorchBetaNMF(3, solver="mu", beta_loss=1.5, **FEW),
    "missing": TorchBetaNMF(3, solver="mu", missing="mask", **KL, **FEW),
}


def corpus(n, m, per_row):
    rng = np.random.default_rng(0)
    columns = rng.integers(m, size=n * per_row)
    rows = np.repeat(np.arange(n), per_row)
    counts = 1 + rng.integers(3, size=n * per_row)
    return sp.csr_array((counts, (rows, columns)), shape=(n, m))


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


def peak_above(function, *args):
    """Bytes by which the resident memory rises, at most, during a call."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _status("VmRSS")
    function(*args)
    return _status("VmHWM") - before


def mask(X):
    """Bytes of a mask of all cells: a quarter of those of X as dense float32."""
    return X.shape[0] * X.shape[1]


def everything(model, X):
    model.fit(X)
    model.transform(X)
    if hasattr(model, "score"):
        model.score(X)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_sparse_x_is_never_dense(name):
    everything(clone(MODELS[name]), corpus(300, 200, 10))  # compiles
    X = corpus(20_000, 20_000, 10)
    assert peak_above(everything, clone(MODELS[name]), X) < mask(X) / 3


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IN_BLOCKS)
def test_blocks_are_small(name):
    everything(clone(IN_BLOCKS[name]), corpus(300, 200, 10))
    X = corpus(6000, 6000, 10).astype(np.float32)
    if name == "missing":
        X.data[::100] = np.nan
    assert peak_above(everything, clone(IN_BLOCKS[name]), X) < mask(X)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_descent_of_a_very_long_row_needs_a_few_numbers_an_entry():
    def sweep(n, K=64):
        counts, places = torch.ones(n), torch.arange(n, dtype=torch.int32)
        X = CSR(torch.tensor([0, n]), places, counts, (1, n))
        HT = torch.rand(n, K)
        args = X, torch.rand(1, K), HT, HT.sum(0)
        return partial(ops.scd_rows, *args, n_sweeps=2, pseudocount=0.1)

    n, tile = 400_000, 32 << 20
    sweep(tile // 256 + 8)()  # compiles: its weights are just beyond a tile
    weights, lines = 4 * 64 * n, 2 * 4 * n
    assert tile + lines < weights / 2
    assert peak_above(sweep(n)) < 1.1 * (tile + lines)
