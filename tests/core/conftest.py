"""Corpora with topics, and the two containers that the algorithms take."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_topics._kernels import CSR


def _to_csr(A) -> CSR:
    A = sp.csr_array(A)
    indptr, indices = A.indptr.astype(np.int64), A.indices.astype(np.int32)
    return CSR(*map(torch.from_numpy, (indptr, indices, A.data)), A.shape)


@pytest.fixture
def to_csr():
    """A dense array's nonzeros as a CSR."""
    return _to_csr


@pytest.fixture(params=["csr", "dense"])
def load(request):
    """A function from a dense array to each container of X in turn."""
    return _to_csr if request.param == "csr" else torch.tensor


@pytest.fixture
def counts():
    """A function drawing counts (n x m) with K topics of few terms each."""

    def draw(n=30, m=25, K=3, *, tokens=60, seed=0):
        rng = np.random.default_rng(seed)
        theta = rng.dirichlet(np.full(K, 0.3), n)
        topics = rng.dirichlet(np.full(m, 0.2), K)
        return rng.poisson(tokens * theta @ topics).astype(np.float64)

    return draw


@pytest.fixture
def start():
    """A function drawing a state with factors of any scale."""

    def draw(X, K, *, seed=0, scales=(1.0, 1.0), spread=0.0, dtype=torch.float64):
        rng = np.random.default_rng(seed)

        def factor(rows, scale):
            wild = np.exp(spread * rng.standard_normal((rows, K)))
            A = scale * (rng.random((rows, K)) + 0.01) * wild
            return torch.tensor(A, dtype=dtype)

        n, m = X.shape
        return {"W": factor(n, scales[0]), "HT": factor(m, scales[1])}

    return draw
