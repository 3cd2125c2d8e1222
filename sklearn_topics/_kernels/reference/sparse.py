"""Plain-torch sparse operations, on any device: the specification of `ops`.

Everything runs over chunks of whole rows, so that no temporary grows with nnz or with
nnz x K. Indexing and ``index_add_`` only: torch has no sparse CSR on mps or xpu.
"""

import torch
from torch import Tensor

from ..csr import CSR, accumulation_dtype
from .descent import Descent


def csr_transpose(X: CSR) -> CSR:
    n, m = X.shape
    order = torch.argsort(X.indices, stable=True)  # rows stay sorted within a column
    rows = torch.arange(n, device=X.device, dtype=X.indices.dtype)
    rows = rows.repeat_interleave(X.indptr.diff(), output_size=X.nnz)
    indptr = X.indptr.new_zeros(m + 1)
    torch.cumsum(torch.bincount(X.indices, minlength=m), 0, out=indptr[1:])
    return CSR(indptr, rows[order], X.data[order], (m, n))


def csr_row_sums(X: CSR) -> Tensor:
    out = X.data.new_zeros(X.shape[0], dtype=accumulation_dtype(X.device))
    for start, stop in X.chunks():
        local, _, x = X.rows(start, stop)
        out[start:stop].index_add_(0, local, x.to(out.dtype))
    return out


def _product(local, cols, W, HT) -> Tensor:  # [entries]
    y = torch.zeros_like(cols, dtype=W.dtype)
    for k in range(W.shape[1]):
        y.addcmul_(W[:, k][local], HT[:, k][cols])
    return y


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    parts = [X.data.new_empty(0)]
    for start, stop in X.chunks():
        local, cols, _ = X.rows(start, stop)
        parts.append(_product(local, cols, W[start:stop], HT))
    return torch.cat(parts)


def _scatter_product(local, cols, values, HT, out) -> None:
    """out[local] += values * HT[cols], one column of HT at a time."""
    for k in range(HT.shape[1]):
        out[:, k].index_add_(0, local, values * HT[:, k][cols])


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    out = B.new_zeros(X.shape[0], B.shape[1])
    for start, stop in X.chunks():
        _scatter_product(*X.rows(start, stop), B, out[start:stop])
    return out


def csr_pair_counts(X: CSR, columns: Tensor, pairs: Tensor) -> Tensor:
    out = torch.zeros(len(pairs), dtype=torch.int64, device=X.device)
    # All columns but the chosen ones share one last place, which no pair asks for.
    places = torch.full((X.shape[1],), len(columns), device=X.device)
    places[columns] = torch.arange(len(columns), device=X.device)
    for start, stop in X.chunks():
        for row in range(start, stop, 1024):
            local, cols, x = X.rows(row, min(row + 1024, stop))
            present = torch.zeros(len(columns) + 1, 1024, dtype=bool, device=X.device)
            present[places[cols[x != 0]], local[x != 0]] = True
            out += (present[pairs[:, 0]] & present[pairs[:, 1]]).sum(1)
    return out


def csr_ratio_product(
    X: CSR, W: Tensor, HT: Tensor, floor, shift, by_row=False
) -> Tensor:
    out = torch.zeros_like(W)
    for start, stop in X.chunks():
        local, cols, x = X.rows(start, stop)
        y = _product(local, cols, W[start:stop], HT)
        y = y.add_(shift).clamp_(min=floor)
        _scatter_product(local, cols, x / y, HT, out[start:stop])
    return out


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = W.new_zeros(W.shape[0], dtype=accumulation_dtype(W.device))
    for start, stop in X.chunks():
        local, cols, x = X.rows(start, stop)
        y = _product(local, cols, W[start:stop], HT).clamp_(min=floor)
        out[start:stop].index_add_(0, local, x.to(out.dtype) * y.to(out.dtype).log())
    return out


class _SparseRows(Descent):
    """A chunk of rows, held by its stored entries."""

    def __init__(self, X: CSR, start: int, stop: int, W, HT, floor):
        self.local, self.cols, x = X.rows(start, stop)
        self.HT = HT
        super().__init__(x, W[start:stop], floor)

    def term_weights(self, k):
        return self.HT[:, k][self.cols]

    def row_sum(self, values):
        out = values.new_zeros(self.W.shape[0])
        return out.index_add_(0, self.local, values)

    def spread(self, per_row):
        return per_row[self.local]


def csr_scd_rows(X: CSR, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor):
    parts = []
    for start, stop in X.chunks():
        rows = _SparseRows(X, start, stop, W, HT, floor)
        parts.append(rows.run(u, share, pseudocount, l2, n_sweeps, tol))
    W, log_sums = map(torch.cat, zip(*parts, strict=True))
    return W, log_sums
