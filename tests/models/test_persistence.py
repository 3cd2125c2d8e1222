"""Stored models: skops, joblib and pickle, other processes, machines and versions."""

import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    ConsensusTopics,
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    __version__,
    _version,
    trusted_types,
)
from sklearn_topics.models import _base

TEXTS = [
    *("red apple pie", "apple tart and apple pie", "green apple", "pie with red plums"),
    *("blue sky over green hills", "green hills", "the sky is blue", "red sky"),
] * 3

MODELS = {
    "_poisson_nmf": TorchPoissonNMF(2),
    "_beta_nmf": TorchBetaNMF(2, tol=1e-2, max_iter=500),
    "_deep_nmf": TorchDeepNMF((3, 2), tol=1e-2, max_iter=500),
    "_etm": TorchETM(2, embedding_dim=4, hidden_layer_sizes=(4,), max_iter=2),
    "_truncated_svd": TorchTruncatedSVD(2),
}
for model in MODELS.values():
    model.set_params(random_state=0, device="cpu")
EACH = pytest.mark.parametrize("module", MODELS)


@pytest.fixture(scope="module")
def fitted():
    """Pipelines from texts, by the name of the model's file."""
    return {
        module: make_pipeline(CountVectorizer(), clone(model)).fit(TEXTS)
        for module, model in MODELS.items()
    }


def assert_equal_models(pipeline, other):
    np.testing.assert_array_equal(pipeline.transform(TEXTS), other.transform(TEXTS))
    model, other = pipeline[-1], other[-1]
    assert vars(model).keys() == vars(other).keys()
    assert model.get_params() == other.get_params()
    np.testing.assert_array_equal(model.components_, other.components_)
    history = getattr(model, "loss_history_", {})
    for name, column in history.items():
        np.testing.assert_array_equal(column, other.loss_history_[name])


# -------------------------------------------------------------------------------- skops


@EACH
def test_skops_needs_trust_in_the_model_alone(fitted, module, tmp_path):
    file = tmp_path / "model.skops"
    skops.io.dump(fitted[module], file)
    (own,) = skops.io.get_untrusted_types(file=file)
    assert own in trusted_types()
    assert_equal_models(fitted[module], skops.io.load(file, trusted=trusted_types()))
    others = [name for name in trusted_types() if name != own]
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match=module):
        skops.io.load(file, trusted=others)


def test_trusted_types_are_those_of_the_estimators():
    estimators = [type(model) for model in MODELS.values()]
    names = [
        f"{cls.__module__}.{cls.__qualname__}" for cls in [*estimators, ConsensusTopics]
    ]
    assert trusted_types() == sorted(names)


def test_a_consensus_and_its_fits():
    model = ConsensusTopics(TorchPoissonNMF(2), n_fits=2, random_state=0)
    pipeline = make_pipeline(CountVectorizer(), model).fit(TEXTS)
    stored = skops.io.loads(skops.io.dumps(pipeline), trusted=trusted_types())
    for loaded in (stored, pickle.loads(pickle.dumps(pipeline))):
        np.testing.assert_array_equal(
            loaded.transform(TEXTS), pipeline.transform(TEXTS)
        )
        np.testing.assert_array_equal(loaded[-1].labels_, model.labels_)


class Foreign:
    """Stands for what somebody else has put into a file."""

    def __init__(self):
        self.payload = 1


def test_skops_refuses_a_foreign_type_beside_ours(fitted):
    pipeline = clone(fitted["_poisson_nmf"]).fit(TEXTS)
    pipeline[-1].components_ = Foreign()
    data = skops.io.dumps(pipeline)
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="Forei"):
        skops.io.loads(data, trusted=trusted_types())


# ---------------------------------------------------------------------- other processes

SCRIPT = """
import sys, joblib, numpy as np
from pathlib import Path
folder, texts = Path(sys.argv[1]), sys.argv[2:]
for file in folder.glob("*.joblib"):
    pipeline = joblib.load(file)
    assert pipeline[-1].device == "cuda"
    try:
        pipeline.transform(texts)
    except ValueError as error:
        (folder / f"{file.stem}.txt").write_text(str(error))
    pipeline[-1].set_params(device="auto")
    np.save(folder / f"{file.stem}.npy", pipeline.transform(texts))
"""


@pytest.fixture(scope="module")
def elsewhere(fitted, tmp_path_factory):
    """A folder with what a process without CUDA made of models stored with "cuda"."""
    folder = tmp_path_factory.mktemp("models")
    for module, pipeline in fitted.items():
        pipeline = pickle.loads(pickle.dumps(pipeline))
        pipeline[-1].set_params(device="cuda")
        joblib.dump(pipeline, folder / f"{module}.joblib")
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), *TEXTS],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    return folder


@EACH
def test_joblib_in_another_process(fitted, elsewhere, module):
    found = np.load(elsewhere / f"{module}.npy")
    expected = fitted[module].transform(TEXTS)
    # If this process had to compile kernels, its last digits may be others.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@EACH
def test_a_model_of_a_machine_with_cuda_elsewhere(elsewhere, module):
    """It loads; what is asked of the absent device is a clear error; "auto" works."""
    message = (elsewhere / f"{module}.txt").read_text()
    assert "this machine. Available: auto, cpu" in message
    assert np.isfinite(np.load(elsewhere / f"{module}.npy")).all()


@EACH
def test_pickle(fitted, module):
    assert_equal_models(fitted[module], pickle.loads(pickle.dumps(fitted[module])))


# ----------------------------------------------------------------------------- versions


@EACH
def test_models_are_stamped_with_our_version(fitted, module, monkeypatch, recwarn):
    model = fitted[module][-1]
    data, file = pickle.dumps(model), skops.io.dumps(model)
    before = dict(vars(model))
    assert "_sklearn_topics_version" not in vars(pickle.loads(data))
    assert vars(model).keys() == before.keys()
    assert not recwarn.list
    assert _version.__version__ == __version__
    monkeypatch.setattr(_base, "__version__", "99.0")
    name = type(model).__name__
    message = f"This {name} was saved with sklearn_topics {__version__} .* with 99.0"
    for load in (
        lambda: pickle.loads(data),
        lambda: skops.io.loads(file, trusted=trusted_types()),
    ):
        with pytest.warns(InconsistentVersionWarning, match=message) as caught:
            loaded = load()
        assert len(caught) == 1
        np.testing.assert_array_equal(loaded.components_, model.components_)


def test_files_from_before_the_stamp(fitted):
    model = fitted["_poisson_nmf"][-1]
    other = clone(model)
    with pytest.warns(InconsistentVersionWarning, match="before 0.1"):
        other.__setstate__(dict(vars(model)))
    assert other.components_ is model.components_


@EACH
def test_parameters_that_came_later_have_their_defaults(fitted, module):
    model = fitted[module][-1]
    state = model.__getstate__()
    del state["device"]
    loaded = type(model).__new__(type(model))
    loaded.__setstate__(state)
    assert loaded.device == "auto"
    assert loaded.get_params() == {**model.get_params(), "device": "auto"}
