"""What the modules share: tensors as the kernels take them, and random starts."""

import torch
from torch import Tensor

from .._kernels import CSR


def to_csr(X: Tensor) -> CSR:
    """The entries of a sparse tensor."""
    if X.layout not in (torch.sparse_coo, torch.sparse_csr):
        X = X.to_sparse_coo()  # such as the transpose of CSR
    if X.layout == torch.sparse_coo:
        X = X.coalesce()  # sorts, and adds duplicates
        rows, indices = X.indices()
        counts = torch.bincount(rows, minlength=X.shape[0])
        indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    else:
        indptr, indices = X.crow_indices().long(), X.col_indices()
    if X.shape[1] < 2**31:
        indices = indices.int()
    return CSR(indptr, indices, X.values(), tuple(X.shape))


def draw(distribution, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """In float32 whatever the dtype, so that a seed means the same in all of them."""
    drawn = distribution(like.shape, generator=generator, dtype=torch.float32)
    return drawn.to(like)


def as_dtype(X: CSR | Tensor, dtype: torch.dtype) -> CSR | Tensor:
    if X.dtype == dtype:
        return X
    return X.with_data(X.data.to(dtype)) if isinstance(X, CSR) else X.to(dtype)
