"""Tensors of devices other than the CPU: validated and made canonical there."""

import torch

from .._disk.canonical import shared_csr
from .._kernels import CSR
from . import transfer

#: torch sums duplicates in the values' dtype: these would overflow.
_NARROW = torch.int8, torch.uint8, torch.int16, torch.int32
_DTYPES = *_NARROW, torch.bool, torch.int64, torch.float32, torch.float64


def stays_on_device(X, device: str = "auto") -> bool:
    """Whether X is a tensor of a form and on a device that models compute on.

    All others go through the host. So do those of mps, whose memory is the host's, and
    X for a model whose `device` is the CPU.
    """
    kinds = {X.device.type if isinstance(X, torch.Tensor) else "cpu"}
    if kinds.union(device.split(":")[:1]) & {"cpu", "mps"}:
        return False
    known = X.layout in (torch.strided, torch.sparse_csr, torch.sparse_coo)
    plain = not X.is_nested and not hasattr(X, "get_mask")  # torch.masked has a mask
    flat = X.layout == torch.strided or X.dense_dim() == 0
    here = X.device.type in transfer.available_devices()
    return known and plain and flat and here and X.dtype in _DTYPES


def canonical(X: torch.Tensor) -> CSR | torch.Tensor:
    """X, contiguous, or as CSR with sorted distinct indices and without stored zeros.

    The result may share memory with X, which is not changed.
    """
    X = X.detach()
    if X.layout == torch.strided:
        return X.contiguous()
    if X.layout == torch.sparse_csr and not _is_sorted(X):
        X = X.to_sparse_coo()  # which torch takes for sorted
        parts = X.indices(), X.values()
        X = torch.sparse_coo_tensor(*parts, X.shape, device=X.device)
    if X.layout == torch.sparse_coo and X.dtype in _NARROW:
        X = X.to(torch.int64)
    return _without_zeros(to_csr(X))


def to_csr(X: torch.Tensor) -> CSR:
    """Convert a sparse tensor; the entries of CSR are taken as they are."""
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


def to_host(X):
    """X on a device as an array of the host, numpy's or scipy's; others as they are.

    CSR of the host shares its memory with the result.
    """
    if isinstance(X, CSR):
        parts = (part.cpu().numpy() for part in (X.indptr, X.indices, X.data))
        return shared_csr(*parts, X.shape)
    return transfer.to_numpy(X) if isinstance(X, torch.Tensor) else X


def is_valid(
    X: CSR | torch.Tensor, *, missing: bool, nonnegative: bool, positive: bool
) -> bool:
    """Whether the values are finite, or NaN with `missing`, and not too small.

    The device is asked once. `positive` refuses zeros, stored or not; all cells may not
    be missing.
    """
    values = X.data if isinstance(X, CSR) else X
    full = values.numel() == X.shape[0] * X.shape[1]
    if values.numel() == 0:
        return not positive
    # NaN is in no comparison: it is neither infinite nor negative.
    tests = [~values.isinf().any() if missing else values.isfinite().all()]
    if nonnegative:
        tests.append(~(values < 0).any())
    if positive:
        tests.append(~(values == 0).any() & full)
    if missing and full:
        tests.append(~values.isnan().all())
    return bool(torch.stack(tests).all())


def _is_sorted(X: torch.Tensor) -> bool:
    """Whether the indices of each row of a CSR tensor ascend without duplicates."""
    indptr, indices = X.crow_indices().long(), X.col_indices()
    begins = torch.zeros(len(indices) + 1, dtype=torch.bool, device=X.device)
    begins[indptr] = True
    return bool(((indices[1:] > indices[:-1]) | begins[1:-1]).all())


def _without_zeros(X: CSR) -> CSR:
    stored = X.data != 0
    if bool(stored.all()):
        return X
    ends = torch.cat([X.indptr.new_zeros(1), stored.cumsum(0)])
    return CSR(ends[X.indptr], X.indices[stored], X.data[stored], X.shape)
