"""Torch in, torch out: every method that returns a row for each row of X."""

import numpy as np
import pytest
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
    non_negative_factorization,
)
from sklearn_topics.datasets import make_topic_corpus

COUNTS = make_topic_corpus(40, 20, 3, random_state=0)[0].toarray()
SEED = {"random_state": 0}
NET = {"embedding_dim": 4, "hidden_layer_sizes": (5,), "max_iter": 1, **SEED}
MODELS = [
    TorchPoissonNMF(3, max_iter=20, tol=0, **SEED),
    TorchBetaNMF(3, solver="mu", max_iter=20, tol=0, **SEED),
    TorchDeepNMF((4, 3), max_iter=20, tol=0, **SEED),
    TorchETM(3, **NET),
    TorchLDA(3, **SEED),
    TorchTruncatedSVD(3, **SEED),
]
pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CSR"),
    pytest.mark.usefixtures("short_start"),
]
EACH = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
LAYOUTS = {
    "dense": lambda X: X,
    "strided": lambda X: torch.stack([X, X], 2)[:, :, 0],
    "requires grad": lambda X: X.clone().requires_grad_(),
    "CSR": torch.Tensor.to_sparse_csr,
    "COO": torch.Tensor.to_sparse_coo,
}


class Elsewhere(torch.Tensor):
    """A tensor on a device that numpy cannot read; "meta" stands for its name."""

    device = property(lambda self: torch.device("meta"))

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def numpy(self, *args, **options):
        raise TypeError("can't convert a tensor of this device to numpy")

    __array__ = tolist = numpy


def calls(model, X):
    """(method, array of X, result) of all methods that return rows."""
    model = clone(model)
    yield model.fit_transform(X)
    yield (W := model.transform(X))
    yield model.inverse_transform(W)


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors_give_tensors(model, layout, dtype):
    values = torch.from_numpy(COUNTS).to(dtype)
    X = LAYOUTS[layout](values)
    like = values.to_sparse_csr() if "CS" in layout or "CO" in layout else values
    found = list(calls(model, X))
    for ours, theirs in zip(found, calls(model, as_numpy(like)), strict=True):
        assert isinstance(ours, torch.Tensor)
        assert isinstance(theirs, np.ndarray)
        assert ours.layout == torch.strided
        assert ours.dtype == dtype
        assert not ours.requires_grad
        assert_array_equal(ours, theirs)


def as_numpy(X):
    if X.layout == torch.strided:
        return X.numpy()
    import scipy.sparse as sp

    parts = X.values(), X.col_indices(), X.crow_indices()
    return sp.csr_array(tuple(part.numpy() for part in parts), shape=X.shape)


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_are_where_the_tensor_is(model, dtype):
    X = torch.from_numpy(COUNTS).to(dtype).as_subclass(Elsewhere)
    widths = model.get_params().get("n_components", 3), 3, COUNTS.shape[1]
    fitted = clone(model)
    found = fitted.fit_transform(X), fitted.transform(X)
    W = torch.from_numpy(fitted.transform(COUNTS.astype(str(dtype)[6:])))
    found += (fitted.inverse_transform(W.as_subclass(Elsewhere)),)
    for result, width in zip(found, widths, strict=True):
        assert result.device.type == "meta"
        assert result.dtype == dtype
        assert result.shape == (len(COUNTS), width)
    for method in "score", "perplexity", "elbo":
        if hasattr(fitted, method):
            value = getattr(fitted, method)(X)
            expected = getattr(fitted, method)(COUNTS.astype(str(dtype)[6:]))
            assert value == expected


@EACH
def test_a_tensor_of_another_device_gives_a_data_frame_where_one_is_asked_for(model):
    pytest.importorskip("pandas")
    X = torch.from_numpy(COUNTS).as_subclass(Elsewhere)
    fitted = clone(model).set_output(transform="pandas")
    for found in fitted.fit_transform(X), fitted.transform(X):
        assert list(found.columns) == list(fitted.get_feature_names_out())
        assert found.shape == (len(COUNTS), 3)


def test_the_function_gives_tensors_too():
    X = torch.from_numpy(COUNTS).float().as_subclass(Elsewhere)
    W, H, _ = non_negative_factorization(X, n_components=2, max_iter=300, **SEED)
    assert (W.device.type, H.device.type) == ("meta", "meta")
    start = {"W": torch.rand(40, 2), "H": torch.rand(2, 20)}
    start = {name: value.as_subclass(Elsewhere) for name, value in start.items()}
    model = TorchBetaNMF(2, init="custom", solver="mu", tol=0, max_iter=3)
    assert model.fit_transform(X, **start).device.type == "meta"


def test_embeddings_of_a_layer_are_taken():
    """Parameters, which need gradients, on another device: of a layer, or by word."""
    layer = torch.nn.Embedding(20, 4).weight
    X, options = COUNTS, {**NET, "embedding_dim": None, "train_embeddings": False}
    expected = TorchETM(3, embeddings=layer.detach().numpy(), **options).fit(X)
    elsewhere = layer.detach().as_subclass(Elsewhere)
    found = TorchETM(3, embeddings=elsewhere, **options).fit(X)
    assert_array_equal(found.embeddings_, expected.embeddings_)
    found = TorchETM(3, embeddings=layer, **options).fit(X)
    assert_array_equal(found.components_, expected.components_)
    words = [f"w{i}" for i in range(20)]
    matrix = embedding_matrix(words, dict(zip(words, layer, strict=True)))
    assert_array_equal(matrix, layer.detach())


CONTAINERS = {
    "list": lambda W: W.tolist(),
    "read-only": lambda W: _read_only(W),
    "negative strides": lambda W: W[::-1, ::-1].copy()[::-1, ::-1],
    "columns first": np.asfortranarray,
    "other endian": lambda W: W.astype(W.dtype.newbyteorder()),
    "half": lambda W: W.astype(np.float16),
    "integers": lambda W: W.round().astype(int),
}


def _read_only(W):
    W = W.copy()
    W.flags.writeable = False
    return W


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", CONTAINERS)
def test_inverse_transform_takes_what_arrays_there_are(model, container, dtype):
    X = COUNTS.astype(dtype)
    fitted = clone(model).fit(X)
    W = CONTAINERS[container](fitted.transform(X))
    narrow = getattr(W, "dtype", np.dtype(float)).itemsize == 4
    wide = np.asarray(W, np.float32 if narrow else np.float64)
    found = fitted.inverse_transform(W)
    assert found.dtype == wide.dtype
    topics = fitted.components_
    if isinstance(fitted, TorchLDA):  # numbers of tokens
        topics = topics / topics.sum(1, keepdims=True)
    np.testing.assert_allclose(found, wide @ topics, 1e-5, 1e-6)


@EACH
def test_inverse_transform_keeps_the_dtype_of_a_data_frame(model):
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    fitted = clone(model).fit(COUNTS.astype(np.float32))
    W = fitted.transform(COUNTS.astype(np.float32))
    expected = fitted.inverse_transform(W)
    for frame in pd.DataFrame(W), pl.DataFrame(W):
        found = fitted.inverse_transform(frame)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@EACH
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("width", [1, 4])
def test_inverse_transform_says_how_many_columns_it_needs(model, kind, width):
    fitted = clone(model).fit(COUNTS)
    message = f"X has {width} columns, but {type(model).__name__} has 3 components"
    with pytest.raises(ValueError, match=message):
        fitted.inverse_transform(kind(np.ones((5, width))))


@EACH
@pytest.mark.parametrize("width", [19, 21])
def test_wrong_tensors_are_refused_as_wrong_arrays(model, width):
    fitted = clone(model).fit(COUNTS)
    methods = [fitted.transform]
    methods += [fitted.score] if hasattr(fitted, "score") else []
    for method in methods:
        messages = []
        for kind in np.asarray, torch.from_numpy:
            with pytest.raises(ValueError, match=f"X has {width} features") as error:
                method(kind(np.ones((5, width))))
            messages.append(str(error.value))
        assert messages[0] == messages[1]
