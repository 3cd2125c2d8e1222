"""Whatever a user has switched on around a call: the numbers are those without it."""

import asyncio
import os
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics.datasets import make_topic_corpus

COUNTS = make_topic_corpus(60, 30, 3, doc_length=40, random_state=0)[0]
SEED = {"random_state": 0}
FEW = {"max_iter": 6, "tol": 0, **SEED}
NET = {"embedding_dim": 4, "hidden_layer_sizes": (6, 5), "max_iter": 2, **SEED}
VECTORS = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
KL = {"beta_loss": "kullback-leibler"}
MODELS = {
    "scd": TorchPoissonNMF(3, **FEW),
    "em, two starts": TorchPoissonNMF(3, solver="em", n_init=2, **FEW),
    "nndsvda": TorchPoissonNMF(3, init="nndsvda", **FEW),
    "softmax adam": TorchPoissonNMF(3, solver="adam", batch_size=20, **FEW),
    "plateau": TorchPoissonNMF(
        3, solver="adam", learning_rate_schedule="ReduceLROnPlateau", **FEW
    ),
    "variational": TorchPoissonNMF(
        3, inference="variational", doc_topic_pseudocount=0.5, **FEW
    ),
    "cd": TorchBetaNMF(3, shuffle=True, alpha_W=0.01, l1_ratio=0.5, **FEW),
    "mu": TorchBetaNMF(3, solver="mu", beta_loss=0.5, **FEW),
    "beta scd": TorchBetaNMF(3, solver="scd", **KL, **FEW),
    "beta adam": TorchBetaNMF(3, solver="adam", **KL, **FEW),
    "deep": TorchDeepNMF((4, 2), pretrain_iter=2, **FEW),
    "svd": TorchTruncatedSVD(3, **SEED),
    "arpack": TorchTruncatedSVD(3, algorithm="arpack", **SEED),
    "etm": TorchETM(3, dropout=0.1, **NET),
    "etm from random": TorchETM(
        3,
        init="random",
        batch_norm=False,
        max_grad_norm=1.0,
        inference="encoder",
        **NET,
    ),
    "etm, given vectors": TorchETM(
        3,
        embeddings=VECTORS,
        early_stopping=True,
        learning_rate_schedule="StepLR",
        schedule_params={"step_size": 1},
        **{**NET, "embedding_dim": None},
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore")  # but where they are errors
EACH = pytest.mark.parametrize("name", MODELS)


# ----------------------------------------------------------------------------- contexts


@contextmanager
def setting(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


@contextmanager
def warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings(
            "ignore", category=sklearn.exceptions.ConvergenceWarning
        )
        warnings.filterwarnings("ignore", message="Topics .* coincide")
        yield


@contextmanager
def without_stderr():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", None)  # as under pythonw
        yield


@contextmanager
def folder_that_is_gone():
    """No current folder: not one that could be written to, either."""
    before = os.getcwd()
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir(os.getcwd())
    try:
        yield
    finally:
        os.chdir(before)


CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "default dtype float64": lambda: setting(
        torch.set_default_dtype, torch.float64, torch.float32
    ),
    "default dtype float16": lambda: setting(
        torch.set_default_dtype, torch.float16, torch.float32
    ),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "device mode": lambda: torch.device("meta"),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "flush_denormal": lambda: setting(torch.set_flush_denormal, True, False),
    "detect_anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "numpy raises": lambda: np.errstate(all="raise"),
    "warnings are errors": warnings_as_errors,
    "pandas out": lambda: sklearn.config_context(transform_output="pandas"),
    "polars out": lambda: sklearn.config_context(transform_output="polars"),
    "metadata routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "assume_finite": lambda: sklearn.config_context(assume_finite=True),
    "no validation": lambda: sklearn.config_context(skip_parameter_validation=True),
    "no stderr": without_stderr,
    "no folder": folder_that_is_gone,
}
WITHIN = pytest.mark.parametrize("context", CONTEXTS)


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def in_event_loop(function):
    async def call():
        return function()

    return asyncio.run(call())


# ------------------------------------------------------------------------------- models


def everything(name, X):
    """All that a model says, by name."""
    model = clone(MODELS[name])
    if sys.stderr is None and hasattr(model, "verbose"):
        model.verbose = 1
    found = {"fit_transform": model.fit_transform(X)}
    model = clone(model).fit(X)
    found["transform"] = W = model.transform(X)
    found["inverse_transform"] = model.inverse_transform(W)
    for method in "score", "perplexity", "elbo":
        if hasattr(model, method):
            found[method] = getattr(model, method)(X)
    for attribute in "components_", "n_iter_", "singular_values_", "deviance_":
        found[attribute] = getattr(model, attribute, 0)
    history = getattr(model, "loss_history_", {"objective": 0})
    found["objective"] = history["objective"]
    return {key: np.asarray(value) for key, value in found.items()}


@cache
def plain(name, sparse):
    return everything(name, data(sparse))


def data(sparse):
    return sp.csr_array(COUNTS) if sparse else COUNTS.toarray().astype(np.float32)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert_array_equal(found[key], value, key)
        assert found[key].dtype == value.dtype, key


@EACH
@WITHIN
@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_a_context_changes_no_number(name, context, sparse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected, X = plain(name, sparse), data(sparse)
    with CONTEXTS[context]():
        found = everything(name, X)
    assert_same(found, expected)


@EACH
@pytest.mark.parametrize("call", [in_thread, in_event_loop])
def test_nor_does_a_thread_or_an_event_loop(name, call):
    assert_same(call(lambda: everything(name, data(True))), plain(name, True))
