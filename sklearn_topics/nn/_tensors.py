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
    """In float32 on the host, so that a seed means the same in each dtype and device.

    A generator of another device draws there.
    """
    made = {"dtype": torch.float32, "device": "cpu"}
    if generator is not None:
        made["device"] = generator.device
    return distribution(like.shape, generator=generator, **made).to(like)


def as_dtype(X: CSR | Tensor, dtype: torch.dtype) -> CSR | Tensor:
    if X.dtype == dtype:
        return X
    return X.with_data(X.data.to(dtype)) if isinstance(X, CSR) else X.to(dtype)
