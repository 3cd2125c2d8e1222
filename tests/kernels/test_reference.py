"""The plain-torch operations on sparse X, chunk by chunk."""

import numpy as np
import pytest
import torch

from sklearn_topics._kernels import ops
from sklearn_topics._kernels.reference import sparse

FLOOR = 1e-10


@pytest.fixture(params=[1, 3, 20], ids=lambda K: f"K={K}")
def problem(request, to_csr):
    K, rng = request.param, np.random.default_rng(0)
    X = rng.gamma(0.5, 3, (60, 47)) * (rng.random((60, 47)) < 0.4)
    X[[0, 7, 8, 59]] = 0
    X[30] = rng.random(47) + 0.1  # one row is larger than some chunks
    W, HT = rng.random((60, K)) + 0.01, rng.random((47, K)) + 0.01
    return X, W, HT


OPERATIONS = {
    "row_sums": lambda X, W, HT: sparse.csr_row_sums(X),
    "sddmm": sparse.csr_sddmm,
    "spmm": lambda X, W, HT: sparse.csr_spmm(X, HT),
    "ratio_product": lambda *args: sparse.csr_ratio_product(*args, FLOOR, 0.25),
    "log_sums": lambda *args: sparse.csr_log_sums(*args, FLOOR),
    "scd_rows": lambda X, W, HT: sparse.csr_scd_rows(
        X, W, HT, HT.sum(0), torch.zeros_like(HT[0]), 0.1, 0.0, 8, 1e-1, FLOOR
    )[0],
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_does_not_depend_on_its_chunk(problem, to_csr, name, dtype, monkeypatch):
    X, *factors = (A.astype(dtype) for A in problem)
    W, HT = map(torch.from_numpy, factors)
    X = to_csr(X)
    whole = OPERATIONS[name](X, W, HT)
    for chunk_bytes in 1, 1 << 9, 1 << 13:
        monkeypatch.setattr(sparse, "_CHUNK_BYTES", chunk_bytes)
        assert torch.equal(OPERATIONS[name](X, W, HT), whole)


def test_only_more_than_one_chunk_needs_the_row_pointers(problem, to_csr, monkeypatch):
    X, W, HT = (to_csr(problem[0]), *map(torch.from_numpy, problem[1:]))
    ops.spmm(X, HT)
    sparse.csr_spmm(X, HT)
    assert X._host_indptr is None
    monkeypatch.setattr(sparse, "_CHUNK_BYTES", 1 << 9)
    sparse.csr_ratio_product(X, W, HT, FLOOR, 0.0)
    assert X._host_indptr is not None
    assert X.with_data(X.data * 2)._host_indptr is X._host_indptr
