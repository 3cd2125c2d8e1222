"""Small counts and their names, for round trips of every format."""

import numpy as np
import pytest
import scipy.sparse as sp


def same_bits(found, expected) -> bool:
    """Whether two CSR matrices have equal arrays, of equal dtype of the counts."""
    parts = ("indptr", "indices", "data")
    equal = [np.array_equal(getattr(found, p), getattr(expected, p)) for p in parts]
    return all(equal) and (found.shape, found.dtype) == (expected.shape, expected.dtype)


@pytest.fixture(scope="session")
def counts():
    """40 documents of 12 terms, int64; the first and the last document are empty."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.6, (40, 12))
    X[[0, -1]] = 0
    X[:, -1] = 0
    X[5, -1] = 3  # the last term occurs
    return sp.csr_array(X)


@pytest.fixture(scope="session")
def names():
    return [f"größe {j}" for j in range(12)]


@pytest.fixture
def small_pieces(monkeypatch):
    """Blocks, chunks and regions of a few entries, so that there are many of them."""
    from sklearn_topics._disk import sorting
    from sklearn_topics.io import _coordinates, _text

    monkeypatch.setattr(sorting, "ENTRIES", 7)
    monkeypatch.setattr(_coordinates, "_ENTRIES", 11)
    monkeypatch.setattr(_text, "_BYTES", 40)
