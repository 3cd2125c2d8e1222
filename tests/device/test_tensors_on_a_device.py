"""A tensor on a device is validated, fitted and transformed there, by every model."""

import warnings
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_topics import TorchBetaNMF, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics._boundary import transfer
from sklearn_topics._boundary.inputs import check_counts
from sklearn_topics._kernels import transfer as uploads
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.metrics import coherence

from .pretended import DEVICE, PretendedDevice, PretendedTensor, pretend
from .test_pretended_device import SETTINGS, make

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|invariant)")
LAYOUTS = {
    "dense": lambda A: A,
    "csr": torch.Tensor.to_sparse_csr,
    "coo": torch.Tensor.to_sparse_coo,
}


@pytest.fixture(autouse=True)
def pretended(monkeypatch):
    pretend(monkeypatch)


@pytest.fixture(scope="module")
def counts():
    X = make_topic_corpus(120, 100, 4, doc_length=200, random_state=0)[0]
    return torch.from_numpy(X.toarray())


def there(A, layout="dense"):
    return LAYOUTS[layout](A).to(DEVICE, non_blocking=True)


def few(name, **options):
    """The model, with an iteration that is recorded and one that is not.

    Coordinate descent of Poisson NMF comes after iterations of EM.
    """
    model = make(name, **options)
    if "max_iter" in model.get_params() and not name.startswith("PoissonNMF scd"):
        model.set_params(max_iter=2)
    return model


@pytest.fixture(scope="module")
def from_the_host(counts):
    """Function of a setting and a layout: what a tensor of the host is fitted to.

    Both sparse layouts are the same counts to a model.
    """

    @cache
    def fitted(name, layout):
        with PretendedDevice(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            X = LAYOUTS[layout](counts.float())
            return few(name, device="meta").fit_transform(X)

    return lambda name, layout: fitted(name, "dense" if layout == "dense" else "csr")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SETTINGS)
def test_it_is_never_sent_through_the_host(counts, from_the_host, name, layout):
    """The largest copy is one of factors, weights or row pointers, not of X."""
    counts = counts.float()
    model, least = few(name, device="auto"), counts.count_nonzero()
    with PretendedDevice() as device, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = there(counts, layout)
        assert device.traffic.largest >= least
        device.traffic.largest = 0
        one, two = model.fit_transform(X), model.transform(X)
        assert device.traffic.largest < least
    assert isinstance(one, PretendedTensor)
    assert one.dtype == two.dtype == torch.float32
    expected = from_the_host(name, layout)
    size = float(expected.abs().max())
    torch.testing.assert_close(one.held, expected, rtol=1e-5, atol=1e-5 * size)


FORMS = {
    "strided": lambda A: there(torch.stack([A, A], 2))[:, :, 0],
    "gradient": lambda A: there(A.double()).requires_grad_(),
    "stored zeros": lambda A: _csr(A, torch.ones_like(A, dtype=torch.bool)),
    "unsorted": lambda A: _csr(A, A != 0, order=-1),
    "duplicates": lambda A: _doubled(A),
}


def _csr(A, stored, order=1):
    rows = [A_row[s] for A_row, s in zip(A, stored, strict=True)]
    columns = [
        s.nonzero()[:, 0].flip(0) if order < 0 else s.nonzero()[:, 0] for s in stored
    ]
    values = [row.flip(0) if order < 0 else row for row in rows]
    indptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    parts = indptr, torch.cat(columns), torch.cat(values)
    X = torch.sparse_csr_tensor(*parts, A.shape, check_invariants=False)
    return X.to(DEVICE, non_blocking=True)


def _doubled(A):
    """COO in which each entry is twice the half of its value."""
    X = (A.double() / 2).to_sparse_coo()
    indices = torch.cat([X.indices(), X.indices().flip(1)], 1)
    values = torch.cat([X.values(), X.values().flip(0)])
    X = torch.sparse_coo_tensor(indices, values, A.shape, check_invariants=False)
    return X.to(DEVICE, non_blocking=True)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_made_canonical_there(counts, form):
    model = TorchPoissonNMF()
    with PretendedDevice():
        X = FORMS[form](counts)
        found = check_counts(model, X, reset=True, method="fit")
        assert model.n_features_in_ == counts.shape[1]
        if isinstance(found, torch.Tensor):
            assert found.is_contiguous()
            assert not found.requires_grad
            np.testing.assert_array_equal(found.held, counts)
            return
        expected = sp.csr_array(counts.numpy())
        np.testing.assert_array_equal(found.data.held, expected.data)
        np.testing.assert_array_equal(found.indices.held, expected.indices)
        np.testing.assert_array_equal(found.indptr.held, expected.indptr)
        assert (found.indptr.dtype, found.indices.dtype) == (torch.int64, torch.int32)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float64]
)
def test_dtypes_are_those_of_the_host(counts, layout, dtype):
    for most in (1, 2**24) if dtype == torch.int64 else (1,):
        A = (counts > 0).to(dtype) * most
        A = A.to(dtype)
        expected = check_counts(
            TorchPoissonNMF(), LAYOUTS[layout](A), reset=True, method="fit"
        )
        with PretendedDevice():
            X = there(A, layout)
            found = check_counts(TorchPoissonNMF(), X, reset=True, method="fit")
        assert transfer.numpy_dtype(found) == expected.dtype


BAD = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "Negative values": -1.0,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("message", BAD)
def test_bad_values_have_the_messages_of_the_host(counts, layout, message):
    A = counts.double()
    A[3, 7] = BAD[message]
    with PretendedDevice(), pytest.raises(ValueError, match=message) as error:
        TorchPoissonNMF().fit(there(A, layout))
    assert "1 entry" in str(error.value) or "at row 3, column 7" in str(error.value)


def test_rules_of_beta_nmf(counts):
    A = counts.double()
    with PretendedDevice():
        with pytest.raises(ValueError, match="X contains zeros"):
            TorchBetaNMF(2, solver="mu", beta_loss=0).fit(there(A))
        A[2, 5] = float("nan")
        model = TorchBetaNMF(2, solver="mu", max_iter=2, missing="mask", tol=0)
        model.fit(there(A))
        with pytest.raises(ValueError, match="All cells of X are NaN"):
            model.fit(there(A * float("nan")))


def test_shapes_have_the_messages_of_scikit_learn(counts):
    with PretendedDevice():
        model = TorchPoissonNMF(2, max_iter=2, tol=0)
        with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
            model.fit(there(counts[0]))
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            model.fit(there(counts[:0]))
        model.fit(there(counts))
        with pytest.raises(ValueError, match="X has 99 features, but TorchPoissonNMF"):
            model.transform(there(counts[:, 1:]))


@pytest.mark.parametrize("scale", [1.0, 1e-20])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_variances_of_truncated_svd(counts, layout, scale):
    A = counts.double() * scale
    expected = TorchTruncatedSVD(3, random_state=0).fit(LAYOUTS[layout](A))
    with PretendedDevice():
        found = TorchTruncatedSVD(3, random_state=0).fit(there(A, layout))
    for name in "explained_variance_ratio_", "explained_variance_":
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arpack_runs_on_the_host(counts, layout):
    A = counts.double()
    options = {"algorithm": "arpack", "random_state": 0}
    expected = TorchTruncatedSVD(3, **options).fit(A)
    with PretendedDevice():
        found = TorchTruncatedSVD(3, **options).fit(there(A, layout))
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-9)


def test_a_model_on_the_cpu_takes_it_to_the_cpu(counts):
    expected = TorchPoissonNMF(2, random_state=0, device="cpu").fit_transform(counts)
    with PretendedDevice() as device:
        model = TorchPoissonNMF(2, random_state=0, device="cpu")
        found = model.fit_transform(there(counts))
    assert isinstance(found, PretendedTensor)
    assert torch.equal(found.held, expected)
    assert device.traffic.launches.total() < 20


@pytest.mark.parametrize("shape", [(), (0, 3), (7, 5), (64,)])
def test_uploads_are_asynchronous_and_in_parts(monkeypatch, shape):
    monkeypatch.setattr(uploads, "_PART_BYTES", 64)  # 8 numbers
    A = torch.rand(shape, dtype=torch.float64)
    with PretendedDevice() as device:
        out = uploads.upload(A, DEVICE)
        assert torch.equal(out.held, A)
        assert device.traffic.reads.total() == 0
        assert device.traffic.uploaded.total() == A.numel()
        assert device.traffic.largest <= 8
        T = uploads.upload(A.T if A.ndim == 2 else A, DEVICE)
        assert T.is_contiguous()
        assert uploads.upload(T, DEVICE) is T
    assert uploads.upload(A, torch.device("cpu")) is A


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("measure", ["npmi", "umass"])
def test_coherence_is_counted_there(counts, layout, measure):
    A, topics = counts.float(), [[0, 1, 2, 3], [5, 50, 99, 7]]
    expected = coherence(topics, LAYOUTS[layout](A), measure=measure)
    with PretendedDevice() as device:
        X = there(A, layout)
        device.traffic.largest = 0
        reads = device.traffic.reads.total()
        found = coherence(topics, X, measure=measure)
        assert device.traffic.largest <= len(A) + 1  # row pointers
        assert device.traffic.reads.total() - reads <= 5
    np.testing.assert_array_equal(found.per_topic, expected.per_topic)
