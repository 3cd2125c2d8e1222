"""What scikit-learn's users turn on: sparse arrays, metadata routing, HTML, threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 6
MODELS = [
    TorchPoissonNMF(2, random_state=0),
    TorchBetaNMF(2, init="random", max_iter=1000, random_state=0),
    TorchDeepNMF((3, 2), tol=1e-2, max_iter=1000, random_state=0),
    TorchETM(2, embedding_dim=4, hidden_layer_sizes=(4,), max_iter=2, random_state=0),
    TorchLDA(2, random_state=0),
    TorchTruncatedSVD(2, random_state=0),
]
EACH = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@EACH
def test_sparse_arrays_and_matrices_are_alike(model):
    X = CountVectorizer().fit_transform(TEXTS)
    expected = clone(model).fit_transform(sp.csr_matrix(X))
    found = clone(model).fit_transform(sp.csr_array(X))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(
    "sparse_interface" not in sklearn.get_config(),
    reason="this scikit-learn has no sparse_interface",
)
@EACH
def test_vectorizers_that_return_sparse_arrays(model):
    with sklearn.config_context(sparse_interface="sparray"):
        pipe = make_pipeline(CountVectorizer(), clone(model)).fit(TEXTS)
        assert isinstance(pipe[0].transform(TEXTS), sp.sparray)
        found = pipe.transform(TEXTS)
    expected = make_pipeline(CountVectorizer(), clone(model)).fit(TEXTS)
    np.testing.assert_array_equal(found, expected.transform(TEXTS))


def test_validation_documents_are_routed_through_a_pipeline():
    X = CountVectorizer().fit_transform(TEXTS)
    with sklearn.config_context(enable_metadata_routing=True):
        model = clone(MODELS[3]).set_params(early_stopping=True)
        pipe = make_pipeline(model.set_fit_request(X_val=True))
        pipe.fit(X[:20], X_val=X[20:])
    direct = clone(model).fit(X[:20], X_val=X[20:])
    np.testing.assert_array_equal(pipe[-1].components_, direct.components_)
    assert "validation" in direct.loss_history_


@EACH
def test_html_representation(model):
    html = estimator_html_repr(make_pipeline(CountVectorizer(), clone(model)))
    assert type(model).__name__ in html


@EACH
def test_fits_in_threads_are_those_without(model):
    X = CountVectorizer().fit_transform(TEXTS * 5)
    expected = clone(model).fit(X).components_
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda _: clone(model).fit(X).components_, range(8)))
    for found in fits:
        np.testing.assert_array_equal(found, expected)
