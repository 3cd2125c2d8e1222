"""Every estimator on a pretended device: no mixing of devices, and equal results."""

import warnings

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
from sklearn_topics._core import etm, etm_init
from sklearn_topics._fit import checkpoint
from sklearn_topics._fit.run import Run
from sklearn_topics._kernels import ops, registry
from sklearn_topics.datasets import make_topic_corpus

from .pretended import DEVICE, PretendedDevice, pretend

# --------------------------------------------------------------------------- the tool


def test_operations_run_and_are_counted():
    with PretendedDevice() as device:
        A = torch.arange(6.0).reshape(2, 3).to(DEVICE, non_blocking=True)
        total = (A.T @ A).sum()
        assert total.device == DEVICE
        assert float(total) == 153
        assert A.tolist() == [[0, 1, 2], [3, 4, 5]]
    traffic = device.traffic
    names = {key.split()[-1].removeprefix("aten::") for key in traffic.launches}
    assert names == {"_to_copy", "permute", "mm", "sum"}
    assert traffic.launches.total() == 4
    assert traffic.reads.total() == 2
    assert traffic.uploaded.total() == 6
    assert traffic.downloaded.total() == 7


def test_what_waits_for_the_device_is_a_read():
    with PretendedDevice() as device:
        A = torch.tensor([1.0, 0, 2]).to(DEVICE, non_blocking=True)
        counts = torch.tensor([1, 2, 0]).to(DEVICE, non_blocking=True)
        for count, wait in enumerate(
            [
                lambda: A[A > 0],
                lambda: A.nonzero(),
                lambda: bool(A.any()),
                lambda: A.cpu(),
                lambda: A.repeat_interleave(counts),
                lambda: torch.ones(2).to(DEVICE),
                lambda: A[torch.tensor([0])],
            ],
            start=1,
        ):
            wait()
            assert device.traffic.reads.total() == count
        A.repeat_interleave(counts, output_size=3)
        A.masked_fill(A > 0, 1)
        A.copy_(torch.ones(3), non_blocking=True)
        assert device.traffic.reads.total() == count


def test_mixing_is_an_error():
    with PretendedDevice():
        A, B = torch.ones(3, device=DEVICE), torch.ones(3, device="cpu")
        with pytest.raises(RuntimeError, match="of the device and of the host meet"):
            A + B
        with pytest.raises(TypeError, match="no array of the host"):
            A.numpy()
        assert float((A + B.sum()).sum()) == 12  # a number may go along
        B[:] = A * 2
        assert B.tolist() == [2, 2, 2]


def test_reads_name_the_line():
    with PretendedDevice() as device:
        parts = torch.tensor([0, 2]), torch.tensor([0, 1]), torch.ones(2)
        X = ops.CSR(*(part.to(DEVICE, non_blocking=True) for part in parts), (1, 2))
        assert X.host_indptr.tolist() == [0, 2]
    (place,) = device.traffic.reads
    assert place.startswith("_kernels/csr.py:")


# --------------------------------------------------------------------- the estimators

K = 4
#: Each of its sweeps is many operations, and each operation takes time here.
FEW_SWEEPS = {"max_iter": 3, "max_doc_update_iter": 4}
SETTINGS = {
    "PoissonNMF scd": (TorchPoissonNMF, {"max_iter": 18}),
    "PoissonNMF scd, no pseudocounts": (
        TorchPoissonNMF,
        {"max_iter": 18, "doc_topic_pseudocount": 0, "topic_word_pseudocount": 0},
    ),
    "PoissonNMF em": (TorchPoissonNMF, {"solver": "em", "init": "nndsvda"}),
    "PoissonNMF adam": (TorchPoissonNMF, {"solver": "adam", "batch_size": 20}),
    "BetaNMF mu 2": (TorchBetaNMF, {"solver": "mu", "alpha_W": 0.1, "l1_ratio": 0.5}),
    "BetaNMF mu 1": (TorchBetaNMF, {"solver": "mu", "beta_loss": 1}),
    "BetaNMF mu 1.5": (TorchBetaNMF, {"solver": "mu", "beta_loss": 1.5}),
    "BetaNMF mu 0.5": (TorchBetaNMF, {"solver": "mu", "beta_loss": 0.5}),
    "BetaNMF cd": (TorchBetaNMF, {"solver": "cd", "shuffle": True}),
    "BetaNMF scd": (TorchBetaNMF, {"solver": "scd", "beta_loss": 1}),
    "BetaNMF adam": (TorchBetaNMF, {"solver": "adam", "beta_loss": 1}),
    "DeepNMF 1": (TorchDeepNMF, {"beta_loss": 1}),
    "DeepNMF 2": (TorchDeepNMF, {"beta_loss": 2}),
    "ETM": (  # without token dropout, whose draws depend on the device
        TorchETM,
        {
            "embedding_dim": 6,
            "hidden_layer_sizes": (8,),
            "max_iter": 2,
            "token_dropout": 0,
        },
    ),
    "LDA": (TorchLDA, FEW_SWEEPS),
    "LDA online": (
        TorchLDA,
        {"learning_method": "online", "batch_size": 40, **FEW_SWEEPS},
    ),
    "TruncatedSVD": (TorchTruncatedSVD, {}),
}


def make(name, **shared):
    kind, options = SETTINGS[name]
    shared |= {"random_state": 0}
    if kind is not TorchTruncatedSVD:
        shared |= {"max_iter": 11}
    if kind in (TorchBetaNMF, TorchPoissonNMF, TorchDeepNMF):
        shared |= {"tol": 0}
    return kind((6, K) if kind is TorchDeepNMF else K, **{**shared, **options})


def results(model, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        found = [model.components_, model.transform(X)]
        return found + ([model.score(X)] if hasattr(model, "score") else [])


@pytest.fixture(scope="module")
def counts():
    return make_topic_corpus(50, 40, K, doc_length=30, random_state=0)[0]


def compare(monkeypatch, name, X, **options):
    pretend(monkeypatch)
    # Noise is drawn on the device; here with the numbers of the CPU.
    for module in etm, etm_init:
        monkeypatch.setattr(module, "noise_generator", lambda host, device: host)
    with PretendedDevice() as device:
        found = results(make(name, device="meta", **options), X)
    assert device.traffic.launches.total() > 100
    reference = {k: v for k, v in registry.IMPLEMENTATIONS.items() if k[2] == "any"}
    monkeypatch.setattr(registry, "IMPLEMENTATIONS", reference)
    monkeypatch.setattr(registry, "_find", registry._find.__wrapped__)
    expected = results(make(name, device="cpu", **options), X)
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, type(b))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("container", ["csr", "dense"])
@pytest.mark.parametrize("name", SETTINGS)
def test_results_are_those_of_the_reference(counts, name, container, monkeypatch):
    X = counts if container == "csr" else counts.toarray()
    compare(monkeypatch, name, X)


@pytest.mark.parametrize("container", [sp.csr_array, np.asarray])
@pytest.mark.parametrize("name", ["BetaNMF mu 2", "BetaNMF mu 1", "BetaNMF mu 1.5"])
def test_hidden_cells(counts, name, container, monkeypatch):
    X = counts.toarray().astype(np.float64)
    X[::7, ::5] = np.nan
    compare(monkeypatch, name, container(X), missing="mask")


@pytest.mark.parametrize("rate", [0, 0.3])
def test_noise_of_etm_is_drawn_on_the_device(counts, monkeypatch, rate):
    """The seed decides there, too; another type of device has other numbers."""
    pretend(monkeypatch)
    options = {"device": "meta", "dropout": rate, "token_dropout": rate}
    options["init"] = "random"  # no NMF before
    with PretendedDevice() as device:
        one, two = (make("ETM", **options).fit(counts).components_ for _ in range(2))
    np.testing.assert_array_equal(one, two)
    draws = {key for key in device.traffic.launches if "aten::rand" in key}
    assert draws
    cpu = make("ETM", **{**options, "device": "cpu"}).fit(counts).components_
    assert not np.allclose(one, cpu)


class _Killed(Exception):
    """In place of a signal."""


@pytest.mark.parametrize("name", ["PoissonNMF scd", "BetaNMF scd", "ETM"])
def test_a_killed_fit_resumes_on_the_device(counts, monkeypatch, tmp_path, name):
    """To the same bits: the choices of extrapolation and the noise are in the file."""
    pretend(monkeypatch)
    monkeypatch.setattr(checkpoint, "_PAUSE", -1)
    options = {"device": "meta", "checkpoint": tmp_path / "state"}
    if name == "ETM":
        options |= {"max_iter": 4, "init": "random"}
        options |= {"dropout": 0.3, "token_dropout": 0.3}
    model, step = make(name).set_params(**options), Run.step

    def dying_step(run):
        if run.n_iter == model.max_iter - 2:
            raise _Killed
        step(run)

    with PretendedDevice(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = clone(model).fit(counts)
        monkeypatch.setattr(Run, "step", dying_step)
        with pytest.raises(_Killed):
            clone(model).fit(counts)
        monkeypatch.setattr(Run, "step", step)
        assert options["checkpoint"].exists()
        found = clone(model).fit(counts)
    np.testing.assert_array_equal(found.components_, expected.components_)
    assert not options["checkpoint"].exists()
