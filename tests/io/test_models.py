"""Models, metrics and tables take counts on disk, with the results of memory."""

import numpy as np
import pytest

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    inspection,
    io,
    metrics,
)
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.plot import StructureDisplay

MODELS = [
    TorchPoissonNMF(3, max_iter=3, random_state=0),
    TorchBetaNMF(3, max_iter=3, random_state=0),
    TorchETM(3, max_iter=1, hidden_layer_sizes=(8,), random_state=0),
    TorchDeepNMF((4, 3), max_iter=3, random_state=0),
    TorchTruncatedSVD(3, random_state=0),
]


@pytest.fixture(scope="module")
def corpus():
    return make_topic_corpus(120, 40, 3, random_state=0)[0]


@pytest.fixture(scope="module")
def on_disk(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "corpus"
    return io.write_counts(path, corpus, dtype="float32")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_fit_from_disk_is_the_fit_from_memory(model, corpus, on_disk):
    methods = {"fit_transform", "transform", *({"score"} & set(dir(model)))}
    results = [
        [getattr(model, method)(X) for method in sorted(methods)] + [model.components_]
        for X in (corpus.astype(np.float32), on_disk)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    assert not hasattr(model, "feature_names_in_")


def test_validation_documents(corpus, on_disk):
    options = {"max_iter": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    fits = [TorchETM(3, **options).fit(corpus, X_val=X) for X in (corpus[:9], on_disk)]
    assert fits[0].components_.shape == fits[1].components_.shape
    with pytest.raises(
        ValueError, match=r"X_val has the shape \(120, 40\), but X has 9"
    ):
        TorchETM(3, **options).fit(corpus[:, :9], X_val=on_disk)


def test_metrics_and_tables(corpus, on_disk):
    model = TorchPoissonNMF(3, random_state=0).fit(corpus)
    assert metrics.perplexity(model, on_disk) == metrics.perplexity(model, corpus)
    found, expected = (metrics.coherence(model, X) for X in (on_disk, corpus))
    assert np.array_equal(found.per_topic, expected.per_topic)
    for table in "topic_info", "dominant_topics", "differential_terms":
        found, expected = (
            getattr(inspection, table)(model, X) for X in (on_disk, corpus)
        )
        assert found.equals(expected)


def test_structure_of_some_documents(corpus, on_disk):
    pytest.importorskip("matplotlib")
    model = TorchPoissonNMF(3, random_state=0).fit(corpus)
    shown = [
        StructureDisplay.from_estimator(model, X, n_documents=20).theta
        for X in (corpus, on_disk)
    ]
    assert np.array_equal(*shown)


def test_wrong_columns_are_named(corpus, on_disk):
    model = TorchPoissonNMF(3, random_state=0).fit(corpus[:, :9])
    with pytest.raises(
        ValueError, match="40 features, but TorchPoissonNMF is expecting"
    ):
        model.transform(on_disk)
