"""Fits on the workers of a dask cluster against one process."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics.distributed import _dask, fit_dask

from . import group_fits


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"sklearn_topics\[dask\]"):
        fit_dask(TorchPoissonNMF(3), group_fits.COUNTS)


@pytest.mark.parametrize(
    ("sizes", "n_workers", "expected"),
    [
        ([10, 45, 6, 29], 2, [[0, 1], [2, 3]]),
        ([5, 5], 3, [[0], [1]]),
        ([1, 1, 98], 3, [[0, 1], [2]]),
        ([0, 0], 2, [[0, 1]]),
        ([7], 2, [[0]]),
    ],
)
def test_workers_get_consecutive_chunks(sizes, n_workers, expected):
    assert _dask._consecutive_runs(np.array(sizes, float), n_workers) == expected


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(2, **options) as cluster:
        with distributed.Client(cluster) as client:
            yield client


def as_dask(X, rows=(10, 45, 6, 29)):
    """X in uneven chunks."""
    array = pytest.importorskip("dask.array")
    ends = np.cumsum(rows)
    parts = (X[end - n : end] for n, end in zip(rows, ends, strict=True))
    return array.concatenate([array.from_array(P, chunks=P.shape) for P in parts])


SPARSE = sp.csr_matrix(group_fits.COUNTS)
RANDOM = group_fits.RANDOM


@pytest.mark.parametrize(
    "model",
    [
        TorchPoissonNMF(3, **RANDOM),
        TorchPoissonNMF(3, solver="em", tol=0, max_iter=50, **RANDOM),
        TorchBetaNMF(3, solver="mu", tol=1e-3, random_state=0),
        TorchTruncatedSVD(3, n_iter=20, random_state=0),
    ],
    ids=str,
)
def test_a_cluster_fits_as_one_process(client, model):
    found = fit_dask(model, as_dask(SPARSE), client)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        expected = clone(model).fit(SPARSE)
    assert_allclose(found.components_, expected.components_, rtol=1e-9, atol=1e-12)
    assert getattr(found, "n_iter_", 0) == getattr(expected, "n_iter_", 0)
    assert not hasattr(model, "components_")


def test_chunks_that_are_arrays_fewer_than_workers_or_elsewhere(client):
    model = TorchTruncatedSVD(3, n_iter=20, random_state=0)
    expected = clone(model).fit(SPARSE).components_
    one = as_dask(SPARSE.toarray(), [90])
    last = sorted(client.nthreads())[-1]
    moved = as_dask(SPARSE).persist(workers=[last])
    for X in one, moved:
        found = fit_dask(model, X, client).components_
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_error_of_a_worker_is_raised_and_the_cluster_fits_again(client):
    X = SPARSE.copy()
    X.data[0] = -1  # of the first chunk
    with pytest.raises(ValueError, match="Negative values"):
        fit_dask(TorchPoissonNMF(3), as_dask(X), client)
    assert fit_dask(TorchPoissonNMF(3), as_dask(SPARSE), client).n_samples_ == 90


def test_chunks_of_some_columns_are_refused(client):
    X = as_dask(SPARSE.toarray()).rechunk((90, 20))
    with pytest.raises(ValueError, match="rechunk"):
        fit_dask(TorchPoissonNMF(3), X, client)


def test_workers_that_are_threads_are_refused():
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, n_workers=1, dashboard_address=":0"
    ) as client:
        with pytest.raises(ValueError, match="processes=True"):
            fit_dask(TorchPoissonNMF(3), as_dask(SPARSE), client)


def test_the_example_runs():
    pytest.importorskip("distributed")
    example = Path(__file__).parents[2] / "examples/dask_fit.py"
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2000 documents, ")
    assert "shares of the topics: [" in done.stdout
