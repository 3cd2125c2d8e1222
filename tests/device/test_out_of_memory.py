"""An error of the device's memory says what needs how much, and what to do."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    metrics,
    non_negative_factorization,
)
from sklearn_topics._boundary.memory import out_of_memory
from sklearn_topics._kernels import CSR, registry
from sklearn_topics.datasets import make_topic_corpus

X = make_topic_corpus(30, 20, 3, random_state=0)[0]
SAID = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 "
    "GiB of which 1 GiB is free."
)
NET = {"embedding_dim": 4, "hidden_layer_sizes": (6,), "max_iter": 1}
#: Estimator, and what the error message must contain: bytes, factors, advice.
MODELS = {
    "scd": (TorchPoissonNMF(3), "8 bytes", "W and H of 3", "n_components, device"),
    "adam": (TorchPoissonNMF(3, solver="adam"), "8 bytes", "W and H", "batch_size"),
    "mu": (TorchBetaNMF(3, solver="mu"), "12 bytes", "W and H of 3", "float32 data"),
    "deep": (TorchDeepNMF((4, 3)), "12 bytes", "W and H of 7", "layer_sizes"),
    "etm": (TorchETM(3, **NET), "8 bytes", "Embeddings and first", "embedding_dim"),
    "lda": (TorchLDA(3), "12 bytes", "W and H of 3", "n_components"),
    "svd": (TorchTruncatedSVD(3), "12 bytes", "W and H of 3", "n_components"),
}


@pytest.fixture
def full(monkeypatch):
    """A device whose memory ends in any operation on X."""

    def find(operation, X):
        raise torch.OutOfMemoryError(SAID)

    return lambda: monkeypatch.setattr(registry, "find", find)


@pytest.mark.parametrize("container", ["csr", "dense"])
@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_of_a_model(full, name, method, container):
    model, entry, need, advice = MODELS[name]
    model = clone(model).set_params(device="cpu")
    data = X if container == "csr" else X.toarray()
    if method == "transform":
        model.fit(data)
    full()
    with pytest.raises(torch.OutOfMemoryError) as caught:
        getattr(model, method)(data)
    assert hasattr(model, "components_") == (method == "transform")
    message, cause = str(caught.value), caught.value.__cause__
    assert f"{type(model).__name__}.{method}" in message.replace("fit_transform", "fit")
    size = f"{X.nnz:,} nonzeros of {entry}" if container == "csr" else "600 cells"
    for part in "Tried to allocate 2.00 GiB. ", size, need, advice:
        assert part in message
    assert message.endswith("or a GPU with more memory.")
    assert ("transpose" in message) == (container == "csr" and method == "fit")
    assert str(cause) == SAID
    assert cause.__cause__ is None  # explained once


def test_sizes_are_those_of_the_arrays():
    error, model = torch.OutOfMemoryError(SAID), TorchPoissonNMF(100)
    value, index = torch.zeros(1), torch.zeros(1, dtype=torch.int32)
    entries = index.expand(3 * 10**8), value.expand(3 * 10**8)
    sparse = CSR(index.expand(10**6 + 1), *entries, (10**6, 10**5))
    message = str(out_of_memory(error, "fit", model, sparse))
    assert (
        "X (300,000,000 nonzeros of 8 bytes): 2.4 GB. The transpose of X: 2.4 GB. "
        in (message)
    )
    assert "several copies: 440 MB. Use" in message
    dense = np.broadcast_to(np.float64(0), (10**5, 10**4))
    message = str(out_of_memory(error, "fit", model, dense))
    assert "X (1,000,000,000 cells of 8 bytes): 8.0 GB. W and H" in message


def test_of_functions_and_of_data_without_a_shape(full):
    model = TorchPoissonNMF(3, max_iter=2, tol=0).fit(X)
    full()
    with pytest.raises(
        torch.OutOfMemoryError, match="non_negative_factorization needs"
    ):
        non_negative_factorization(X, n_components=2)
    with pytest.raises(torch.OutOfMemoryError, match="TorchPoissonNMF.transform needs"):
        metrics.completion_score(model, X)
    with pytest.raises(
        torch.OutOfMemoryError, match="the device has: CUDA out of memo"
    ):
        model.transform(X.toarray().tolist())
