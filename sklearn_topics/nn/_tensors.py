"""Conversion of tensors for the kernels, and random numbers."""

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.transfer import upload


def to_csr(X: Tensor) -> CSR:
    """Convert a sparse tensor to CSR."""
    if X.layout not in (torch.sparse_coo, torch.sparse_csr):
        X = X.to_sparse_coo()  # for example CSC, the transpose of CSR
    if X.layout == torch.sparse_coo:
        X = X.coalesce()  # sorts the indices and sums duplicates
        rows, indices = X.indices()
        counts = torch.bincount(rows, minlength=X.shape[0])
        indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    else:
        indptr, indices = X.crow_indices().long(), X.col_indices()
    if X.shape[1] < 2**31:
        indices = indices.int()
    return CSR(indptr, indices, X.values(), tuple(X.shape))


def draw(
    distribution,
    like: Tensor,
    generator: torch.Generator | None,
    *,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw random numbers in float32, then convert them to those of `like`.

    They are drawn on the generator's device, or by the global generator of `device`.
    Equal seeds of the host therefore give equal numbers for every dtype and device.
    """
    device = device if generator is None else generator.device
    options = {"dtype": torch.float32, "device": device, "generator": generator}
    return upload(distribution(like.shape, **options).to(like.dtype), like.device)


def as_dtype(X: CSR | Tensor, dtype: torch.dtype) -> CSR | Tensor:
    if X.dtype == dtype:
        return X
    return X.with_data(X.data.to(dtype)) if isinstance(X, CSR) else X.to(dtype)
