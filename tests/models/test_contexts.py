"""Whatever a user has switched on around a call: the numbers are those without it."""

import asyncio
import os
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager
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
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    embedding_matrix,
    inspection,
    metrics,
    nn,
    plot,
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
    "cd": TorchBetaNMF(3, shuffle=True, alpha_W=0.01, l1_ratio=0.5, **FEW),
    "mu": TorchBetaNMF(3, solver="mu", beta_loss=0.5, **FEW),
    "beta scd": TorchBetaNMF(3, solver="scd", **KL, **FEW),
    "beta adam": TorchBetaNMF(3, solver="adam", **KL, **FEW),
    "deep": TorchDeepNMF((4, 2), pretrain_iter=2, **FEW),
    "lda": TorchLDA(3, max_iter=2, **SEED),
    "online lda": TorchLDA(3, learning_method="online", max_iter=1, **SEED),
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
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # but where they are errors
    pytest.mark.usefixtures("short_start"),
]
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
#: All of them in four: what changes nothing among others changes nothing alone. Where
#: one fails, enter its contexts one by one.
AT_ONCE = {
    "torch": ["inference_mode", "default dtype float16", "default device"],
    "torch's others": [
        "no_grad",
        "autocast",
        "default dtype float64",
        "device mode",
        "deterministic",
        "flush_denormal",
        "detect_anomaly",
    ],
    "sklearn": ["pandas out", "metadata routing", "assume_finite", "numpy raises"],
    "the process": [
        "polars out",
        "no validation",
        "warnings are errors",
        "no stderr",
        "no folder",
    ],
}
WITHIN = pytest.mark.parametrize("contexts", AT_ONCE)


@contextmanager
def within(contexts):
    with ExitStack() as stack:
        for name in AT_ONCE[contexts]:
            stack.enter_context(CONTEXTS[name]())
        yield


def test_no_context_is_forgotten():
    assert {name for names in AT_ONCE.values() for name in names} == set(CONTEXTS)


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
def test_a_context_changes_no_number(name, contexts, sparse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected, X = plain(name, sparse), data(sparse)
    with within(contexts):
        found = everything(name, X)
    assert_same(found, expected)


@EACH
@pytest.mark.parametrize("call", [in_thread, in_event_loop])
def test_nor_does_a_thread_or_an_event_loop(name, call):
    assert_same(call(lambda: everything(name, data(True))), plain(name, True))


# ---------------------------------------------------------------------------- functions

TEXTS = [[f"w{j}" for j in np.repeat(np.arange(30), row)] for row in COUNTS.toarray()]
NAMES = [f"w{j}" for j in range(30)]


@cache
def models():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            TorchPoissonNMF(3, max_iter=20, tol=0, random_state=seed).fit(COUNTS)
            for seed in range(2)
        ]


def model():
    return models()[0]


def theta():
    return np.asarray(model().transform(COUNTS))


FUNCTIONS = {
    "coherence": lambda: metrics.coherence(model(), COUNTS),
    "coherence of texts": lambda: metrics.coherence(
        model(), texts=TEXTS, feature_names=NAMES, measure="c_v"
    ),
    "topic_diversity": lambda: metrics.topic_diversity(model()),
    "rbo_diversity": lambda: metrics.rbo_diversity(model()),
    "topic_quality": lambda: metrics.topic_quality(model(), COUNTS),
    "topic_distances": lambda: metrics.topic_distances(*models()),
    "topic_stability": lambda: metrics.topic_stability(models()),
    "sort_documents": lambda: metrics.sort_documents(theta()),
    "completion_score": lambda: metrics.completion_score(model(), COUNTS),
    "dense completion_score": lambda: metrics.completion_score(
        model(), COUNTS.toarray()
    ),
    "perplexity": lambda: metrics.perplexity(model(), COUNTS),
    "purity": lambda: metrics.purity(np.arange(60) % 3, theta()),
    "label_agreement": lambda: metrics.label_agreement(np.arange(60) % 3, theta()),
    "topic_scorer": lambda: metrics.topic_scorer("diversity")(model(), COUNTS),
    "top_terms": lambda: inspection.top_terms(model()),
    "topic_words": lambda: inspection.topic_words(model()),
    "dominant_topics": lambda: inspection.dominant_topics(model(), COUNTS),
    "topic_info": lambda: inspection.topic_info(model(), COUNTS),
    "summary": lambda: inspection.summary(model(), COUNTS),
    "differential_terms": lambda: inspection.differential_terms(model(), COUNTS),
    "top terms": lambda: plot.TopTermsDisplay.from_estimator(model()) and 0,
    "structure": lambda: plot.StructureDisplay.from_estimator(model(), COUNTS) and 0,
    "similarity": lambda: plot.TopicSimilarityDisplay.from_estimator(model()) and 0,
    "convergence": lambda: (
        plot.ConvergenceDisplay.from_estimators({"m": model()}) and 0
    ),
    "embedding_matrix": lambda: embedding_matrix(
        ["a", "b"], {"a": torch.tensor([1.0], device="cpu")}, random_state=0
    ),
}


@cache
def outside(name):
    return FUNCTIONS[name]()


@WITHIN
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_context_changes_no_number_of_a_function(
    name, contexts, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib").use("agg")
    expected = outside(name)
    with within(contexts):
        found = FUNCTIONS[name]()
    if hasattr(expected, "columns"):
        assert list(found.columns) == list(expected.columns)
        found, expected = found.values.tolist(), expected.values.tolist()
    assert str(found) == str(expected)


# ------------------------------------------------------------------------------ modules


def modules(**options):
    generator = torch.Generator("cpu").manual_seed(0)
    yield nn.NMF((8, 6), 2, generator=generator, **options)
    yield nn.ETM(
        6,
        2,
        embedding_dim=3,
        hidden_layer_sizes=(4, 5),
        batch_norm=True,
        generator=generator,
        **options,
    )


@pytest.mark.parametrize("context", ["default device", "device mode"])
def test_the_default_device_is_that_of_new_modules(context):
    with CONTEXTS[context]():
        made = list(modules())
    for module in made:
        assert {value.device.type for value in module.state_dict().values()} == {"meta"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_default_dtype_is_that_of_new_modules(dtype):
    with CONTEXTS[f"default dtype {str(dtype)[6:]}"]():
        made = list(modules())
    for module in made:
        assert {value.dtype for value in module.parameters()} == {dtype}


@pytest.mark.parametrize(
    "context", [name for name in CONTEXTS if name.startswith("default")]
)
def test_modules_elsewhere_compute_as_without_defaults(context):
    V = torch.from_numpy(COUNTS[:8, :6].toarray()).float() + 1

    def results():
        nmf, etm = modules(device="cpu", dtype=torch.float32)
        nmf.fit(V, beta=0.5, max_iter=5, tol=0)
        nn.BetaMu(nmf.parameters(), beta=1).step(lambda: (V, nmf()))
        bound = etm.train()(V, torch.Generator("cpu").manual_seed(0))
        bound.log_likelihood.sum().backward()
        return [*nmf.parameters(), *bound, etm.embeddings.grad, etm.topics()]

    expected = results()
    with CONTEXTS[context]():
        found = results()
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)
