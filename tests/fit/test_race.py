"""The race of initialisations, and k-means as one of them."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_topics import TorchPoissonNMF
from sklearn_topics._boundary.transfer import to_device
from sklearn_topics._core.clusters import (
    _OWN,
    document_vectors,
    factors_of_clusters,
)
from sklearn_topics._fit import race
from sklearn_topics._fit.starts import DrawByRuns
from sklearn_topics.datasets import make_topic_corpus

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def short():
    """Short documents of one topic each, about many different terms."""
    options = {"doc_length": 8, "doc_topic_prior": 0.01, "random_state": 0}
    return make_topic_corpus(600, 400, 8, **options)


def test_document_vectors_are_lsa_of_tf_idf(short):
    from sklearn.feature_extraction.text import TfidfTransformer

    X = short[0].astype(np.float64)
    vectors = {}
    for name, data in ("sparse", X), ("dense", X.toarray()):
        draw = DrawByRuns(torch.Generator().manual_seed(0))
        vectors[name] = document_vectors(to_device(data, CPU), 8, draw).numpy()
    tf_idf = TfidfTransformer().fit_transform(X).toarray()
    U, s, _ = np.linalg.svd(tf_idf, full_matrices=False)
    expected = U[:, :8] * s[:8]
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-12)
    for found in vectors.values():
        # Cosines do not depend on the signs of singular vectors.
        error = np.abs(found @ found.T - expected @ expected.T)
        assert error.mean() < 0.02


def test_factors_of_clusters_hold_the_tokens(short):
    X = sp.csr_array(short[0].astype(np.float64))
    clusters = torch.arange(X.shape[0]) % 3
    W, HT = factors_of_clusters(to_device(X, CPU), clusters, 4)
    np.testing.assert_allclose(W.sum(1), X.sum(1))
    np.testing.assert_allclose(HT.sum(0), 1)
    own = np.asarray(X[(clusters == 1).numpy()].sum(0)).ravel()
    other = np.asarray(X.sum(0)).ravel()
    expected = _OWN * own + (1 - _OWN) / 4 * other
    np.testing.assert_allclose(HT[:, 1], expected / expected.sum())


@pytest.mark.parametrize("kind", ["csr", "dense", "torch"])
@pytest.mark.parametrize("init", ["auto", "kmeans"])
def test_every_container_has_the_same_start(short, kind, init):
    X = short[0].astype(np.float64)
    data = {"csr": X, "dense": X.toarray(), "torch": torch.tensor(X.toarray())}[kind]
    options = {"init": init, "max_iter": 1, "tol": 0, "random_state": 3}
    expected = TorchPoissonNMF(8, **options).fit(sp.csr_matrix(X))
    model = TorchPoissonNMF(8, **options).fit(data)
    assert model.init_ == expected.init_
    np.testing.assert_allclose(
        np.asarray(model.components_), expected.components_, rtol=1e-6, atol=1e-12
    )


def test_short_documents_do_not_fail(short):
    """A random start joins words that never occur together."""
    X = short[0]
    fits = {
        init: [TorchPoissonNMF(8, init=init, random_state=s).fit(X) for s in range(3)]
        for init in ("random", "auto")
    }
    likelihood = {k: [m.log_likelihood_ for m in f] for k, f in fits.items()}
    assert np.mean(likelihood["auto"]) > np.mean(likelihood["random"])
    assert np.std(likelihood["auto"]) < np.std(likelihood["random"])


def test_the_better_candidate_goes_on(short, monkeypatch):
    X = short[0]
    for lead, name in (-np.inf, "nndsvda"), (np.inf, "kmeans"):
        monkeypatch.setattr(race, "_LEAD", lead)
        assert TorchPoissonNMF(8, max_iter=1, tol=0).fit(X).init_ == name


def test_several_races_are_repeatable(short):
    model = TorchPoissonNMF(8, n_init=3, random_state=0, max_iter=5, tol=0)
    first = model.fit(short[0]).components_
    np.testing.assert_array_equal(model.fit(short[0]).components_, first)


def test_what_init_chose(short):
    X = short[0]
    options = {"max_iter": 2, "tol": 0, "random_state": 0}
    assert TorchPoissonNMF(8, init="random", **options).fit(X).init_ == "random"
    assert TorchPoissonNMF(8, solver="adam", **options).fit(X).init_ == "random"
    few = TorchPoissonNMF(8, **options).fit(X[:5])  # fewer documents than topics
    assert few.init_ == "random"
    H = np.ones((8, X.shape[1]))
    custom = TorchPoissonNMF(8, init="custom", **options).fit(X, H=H)
    assert custom.init_ == "custom"
    again = TorchPoissonNMF(8, warm_start=True, **options).fit(X).fit(X)
    assert again.init_ == "warm_start"


def test_equal_documents(short):
    """Fewer different documents than topics are no reason to warn or to fail."""
    X = sp.vstack([short[0][:2]] * 20)
    model = TorchPoissonNMF(5, random_state=0).fit(X)
    assert np.isfinite(model.components_).all()
