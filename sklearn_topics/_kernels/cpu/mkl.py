"""Products of a sparse X with a very narrow factor, by the MKL in torch.

MKL is up to twice as fast as our kernel if a row of the factor is shorter than a cache
line. `registry` selects this module if torch has MKL.
"""

import warnings
from functools import cache

import torch
from torch import Tensor

from ..csr import CSR
from . import products

_NARROW = 64  # bytes a row: measured, see benchmarks/beta_nmf.py


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    small = X.nnz < 2**31 and X.indices.dtype == torch.int32
    if not small or B.shape[1] * B.element_size() >= _NARROW:
        return products.csr_spmm(X, B)
    _announce()
    return _matrix(X.indptr.int(), X.indices, X.data, X.shape) @ B


def _matrix(*parts):
    return torch.sparse_csr_tensor(*parts, check_invariants=False, device="cpu")


@cache
def _announce() -> None:
    """Silence the warning, given once, that torch's CSR tensors are in beta."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begins, one = (torch.tensor(a, device="cpu").int() for a in ([0, 1], [0]))
        _matrix(begins, one, one.float(), (1, 1))
