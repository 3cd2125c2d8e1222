"""Launches and reads of the host in an iteration on a device, counted without one.

Each launch costs a GPU about five microseconds, and a read empties its queue. A number
here is what an iteration needs, with some room: raise it only for a reason.
"""

import warnings

import pytest

from sklearn_topics import TorchBetaNMF, TorchDeepNMF, TorchETM, TorchPoissonNMF
from sklearn_topics._boundary import transfer
from sklearn_topics.datasets import make_topic_corpus

from .pretended import PretendedDevice

K = 20
_ML = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}

#: Estimator, its options, and the launches in an iteration. Those of coordinate descent
#: take each of the 2 K coordinates in turn: about 40 launches a coordinate for "scd",
#: and 2 for "cd", which looks at its state after every iteration.
BUDGETS = {
    "scd": (TorchPoissonNMF, {"solver": "scd"}, 2000),
    "scd, no pseudocounts": (TorchPoissonNMF, {"solver": "scd", **_ML}, 2000),
    "em": (TorchPoissonNMF, {"solver": "em"}, 120),
    "variational em": (TorchPoissonNMF, {"inference": "variational"}, 165),
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
    monkeypatch.setattr(transfer, "available_devices", lambda: ["cpu", "meta"])


def traffic(model, X):
    with PretendedDevice() as device, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(device="meta", random_state=0).fit(X)
    return device.traffic


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
    short, long = (
        traffic(kind(size, tol=0, max_iter=n, **options), X) for n in (20, 30)
    )
    launches = by_place(long.launches, short.launches, 10)
    reads = by_place(long.reads, short.reads, 10)
    assert 10 < sum(launches.values()) <= most, launches
    assert sum(reads.values()) <= 2, reads


def test_a_batch_of_etm(X):
    """Forward, backward and Adam's step, with batch norm and token dropout."""

    def two_epochs(batch_size):
        """An epoch of two."""
        options = {"embedding_dim": 8, "hidden_layer_sizes": (8, 8), "init": "random"}
        short, long = (
            traffic(TorchETM(K, max_iter=n, batch_size=batch_size, **options), X)
            for n in (1, 2)
        )
        return long.launches - short.launches, long.reads - short.reads

    (launches, reads), (more_launches, more_reads) = map(two_epochs, (30, 15))
    launches = by_place(more_launches, launches, 2)  # four batches, not two
    reads = by_place(more_reads, reads, 2)
    assert 100 < sum(launches.values()) <= 300, launches
    assert sum(reads.values()) <= 2, reads
