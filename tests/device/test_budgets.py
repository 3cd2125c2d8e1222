"""Launches and reads of the host in an iteration on a device, counted without one.

Each launch costs a GPU about five microseconds, and a read empties its queue. A number
here is what an iteration needs, with some room: raise it only for a reason. Metrics are
recorded at intervals; an iteration without a record reads nothing.
"""

import warnings
from functools import partial

import numpy as np
import pytest
import torch

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._boundary import transfer
from sklearn_topics._core.beta_nmf import Penalties
from sklearn_topics._core.deep_nmf import document_weights
from sklearn_topics._core.fold_in import fold_in
from sklearn_topics._core.lda import Inference
from sklearn_topics._fit.run import Run
from sklearn_topics._fit.stopping import SmallViolation
from sklearn_topics._kernels.csr import as_csr
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.models import _beta_nmf

from .pretended import DEVICE, PretendedDevice, pretend

K = 20
_ML = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}

#: Estimator, its options, and the launches in an iteration. Those of coordinate descent
#: take each of the 2 K coordinates in turn: about 40 launches a coordinate for "scd",
#: and 2 for "cd". Of "em", 26 are those of extrapolation and its choice.
BUDGETS = {
    "scd": (TorchPoissonNMF, {"solver": "scd"}, 2000),
    "scd, no pseudocounts": (TorchPoissonNMF, {"solver": "scd", **_ML}, 2000),
    "em": (TorchPoissonNMF, {"solver": "em"}, 120),
    "adam, one batch": (TorchPoissonNMF, {"solver": "adam"}, 120),
    "mu, beta 1": (TorchBetaNMF, {"solver": "mu", "beta_loss": 1}, 80),
    "mu, beta 1.5": (TorchBetaNMF, {"solver": "mu", "beta_loss": 1.5}, 80),
    "mu, beta 2": (TorchBetaNMF, {"solver": "mu"}, 80),
    "cd": (TorchBetaNMF, {"solver": "cd"}, 130),
    "scd, beta 1": (TorchBetaNMF, {"solver": "scd", "beta_loss": 1}, 2000),
    "adam, beta 1": (TorchBetaNMF, {"solver": "adam", "beta_loss": 1}, 80),
    "deep, beta 1": (TorchDeepNMF, {"beta_loss": 1}, 180),
    "deep, beta 2": (TorchDeepNMF, {"beta_loss": 2}, 130),
}


@pytest.fixture(scope="module")
def X():
    return make_topic_corpus(60, 50, 5, doc_length=30, random_state=0)[0]


@pytest.fixture(autouse=True)
def pretended(monkeypatch):
    pretend(monkeypatch)
    # "cd" records each iteration; here each tenth, as the others.
    rule = partial(SmallViolation, every=10)
    monkeypatch.setattr(_beta_nmf, "SmallViolation", rule)


def traffic(model, X):
    with PretendedDevice() as device, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(device="meta", random_state=0).fit(X)
    return device.traffic


def iterations(model, X, first, last):
    """What is counted from the beginning of an iteration to the end of another one.

    Records at the end of a fit are after it.
    """
    counted, step = [], Run.step

    def counting_step(run):
        if run.n_iter in (first - 1, last):
            traffic = device.traffic
            counted.append((traffic.launches.copy(), traffic.reads.copy()))
        step(run)

    with PretendedDevice() as device, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "step", counting_step)
            model.set_params(device="meta", random_state=0, max_iter=last + 1).fit(X)
    return counted


def by_place(more, less, number):
    """What one of `number` iterations costs at each line, the largest first."""
    cost = {place: (n - less[place]) / number for place, n in more.items()}
    return dict(sorted(cost.items(), key=lambda item: -item[1]))


@pytest.mark.parametrize("name", BUDGETS)
def test_an_iteration(X, name):
    kind, options, most = BUDGETS[name]
    size = (K, K // 2) if kind is TorchDeepNMF else K
    if kind is TorchBetaNMF:
        options = {"init": "random", **options}
    before, after = iterations(kind(size, tol=0, **options), X, 17, 19)
    launches, reads = map(by_place, after, before, (3, 3))
    assert 10 < sum(launches.values()) <= most, launches
    assert sum(reads.values()) == 0, reads


@pytest.mark.parametrize("dropout", [0, 0.2])
def test_a_batch_of_etm(X, dropout):
    """Forward, backward and Adam's step. An epoch ends with one read."""
    options = {"embedding_dim": 8, "hidden_layer_sizes": (8, 8), "init": "random"}
    options |= {"dropout": dropout, "token_dropout": dropout}

    def two_epochs(batch_size):
        """An epoch of two."""
        short, long = (
            traffic(TorchETM(K, max_iter=n, batch_size=batch_size, **options), X)
            for n in (1, 2)
        )
        return long.launches - short.launches, long.reads - short.reads

    (launches, reads), (more_launches, more_reads) = map(two_epochs, (30, 15))
    assert reads.total() == more_reads.total() == 1, reads
    launches = by_place(more_launches, launches, 2)  # four batches, not two
    assert 100 < sum(launches.values()) <= 300, launches


def test_a_power_iteration_of_truncated_svd(X):
    """One read decides how a product is made orthogonal, two more if a column is zero.

    Of the two products, one has the columns that fill its cache lines.
    """
    short, long = (traffic(TorchTruncatedSVD(K, n_iter=n), X) for n in (4, 7))
    launches = by_place(long.launches, short.launches, 3)
    reads = by_place(long.reads, short.reads, 3)
    assert 20 < sum(launches.values()) <= 100, launches
    assert sum(reads.values()) <= 3, reads


#: Function of (X, topics, number of sweeps), launches and reads in a sweep. Descent
#: stops once no row moves: the one read of a sweep costs less than a sweep too many.
SWEEPS = {
    "fold-in": (
        lambda X, topics, n: fold_in(X, topics, pseudocount=0.1, max_sweeps=n, tol=0),
        1000,
        1,
    ),
    "deep NMF": (
        lambda X, topics, n: document_weights(
            X, topics.T.contiguous(), 2.0, Penalties(), n
        ),
        40,
        0,
    ),
    "LDA": (
        lambda X, topics, n: Inference(0.1, n, tol=0).posterior(as_csr(X), topics.T),
        120,
        1,
    ),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_of_inference(X, name):
    infer, most, most_reads = SWEEPS[name]

    def counted(n):
        with PretendedDevice() as device:
            X_device = transfer.to_device(X.astype(np.float32), DEVICE)
            topics = torch.rand(K, X.shape[1], device=DEVICE, dtype=X_device.dtype)
            infer(X_device, topics, n)
        return device.traffic

    short, long = counted(3), counted(6)
    launches = by_place(long.launches, short.launches, 3)
    reads = by_place(long.reads, short.reads, 3)
    assert 5 < sum(launches.values()) <= most, launches
    assert sum(reads.values()) <= most_reads, reads
