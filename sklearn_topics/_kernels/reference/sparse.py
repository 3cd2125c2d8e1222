"""Plain-torch sparse operations, on any device: the specification of `ops`.

Everything runs over chunks of whole rows, so that the temporaries are bounded. A row of
a result depends on that row of X alone, whatever chunk it is in. torch has no sparse
CSR on mps or xpu: indexing, ``index_add_`` and ``embedding_bag`` only. On CUDA
``index_add_`` adds in any order, so that last bits differ from call to call.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from ..csr import CSR, accumulation_dtype
from .descent import Descent, prior_of

#: Bytes of the temporaries of a chunk, unless one row needs more.
_CHUNK_BYTES = 1 << 28


def _chunks(X: CSR, width: int) -> Iterator[tuple[slice, CSR]]:
    """Places of whole rows, and those, with about `width` temporaries an entry."""
    entry_bytes = width * X.data.element_size()
    for start, stop in X.chunks(max(1, _CHUNK_BYTES // entry_bytes)):
        yield slice(start, stop), X.rows(start, stop)


def csr_transpose(X: CSR) -> CSR:
    n, m = X.shape
    columns, order = torch.sort(X.indices, stable=True)  # rows stay sorted
    starts = torch.arange(m + 1, device=X.device, dtype=columns.dtype)
    indptr = torch.searchsorted(columns, starts)
    rows = X.entry_rows().to(columns.dtype)
    return CSR(indptr, rows[order], X.data[order], (m, n))


def csr_row_sums(X: CSR) -> Tensor:
    wide = accumulation_dtype(X.device)
    return _joined(
        _row_sums(part, part.entry_rows(), part.data.to(wide))
        for _, part in _chunks(X, 4)
    )


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    return _joined(
        _products(part, part.entry_rows(), W[place], HT)
        for place, part in _chunks(X, 2 * W.shape[1])
    )


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    return _joined(_weighted_sums(part, part.data, B) for _, part in _chunks(X, 4))


def csr_pair_counts(X: CSR, columns: Tensor, pairs: Tensor) -> Tensor:
    n, m = X.shape
    out = torch.zeros(len(pairs), dtype=torch.int64, device=X.device)
    # All columns but the chosen ones share one last place, which no pair asks for.
    places = torch.full((m,), len(columns), device=X.device)
    places[columns] = torch.arange(len(columns), device=X.device)
    for start in range(0, n, 1024):
        part = X.rows(start, min(start + 1024, n))
        present = torch.zeros(len(columns) + 1, 1024, dtype=bool, device=X.device)
        present[places[part.indices], part.entry_rows()] = part.data != 0
        out += (present[pairs[:, 0]] & present[pairs[:, 1]]).sum(1)
    return out


def csr_ratio_product(X: CSR, W: Tensor, HT: Tensor, floor, shift) -> Tensor:
    def product(place: slice, part: CSR) -> Tensor:
        y = _products(part, part.entry_rows(), W[place], HT)
        if shift:
            y = y.add_(shift)
        return _weighted_sums(part, part.data / y.clamp_(min=floor), HT)

    return _joined(product(*chunk) for chunk in _chunks(X, 2 * W.shape[1]))


def csr_log_sums(X: CSR, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    wide = accumulation_dtype(W.device)

    def sums(place: slice, part: CSR) -> Tensor:
        rows = part.entry_rows()
        logs = _products(part, rows, W[place], HT).clamp_(min=floor).to(wide).log_()
        return _row_sums(part, rows, logs.mul_(part.data))

    return _joined(sums(*chunk) for chunk in _chunks(X, 2 * W.shape[1]))


def _joined(parts: Iterator[Tensor]) -> Tensor:
    first, *others = parts
    return torch.cat([first, *others]) if others else first


def _products(X: CSR, rows: Tensor, W: Tensor, HT: Tensor) -> Tensor:  # [entries]
    """W HT^T at the entries of X, whose rows are `rows`."""
    return HT[X.indices].mul_(W[rows]).sum(1)


def _row_sums(X: CSR, rows: Tensor, values: Tensor) -> Tensor:  # [n]
    """Sums by row of one value an entry."""
    return values.new_zeros(X.shape[0]).index_add_(0, rows, values)


def _weighted_sums(X: CSR, weights: Tensor, B: Tensor) -> Tensor:  # [n, K]
    """Sums by row of the rows of B that its entries point to, with these weights."""
    starts = X.indptr.to(X.indices.dtype)
    options = {"mode": "sum", "include_last_offset": True}
    return embedding_bag(X.indices, B, starts, per_sample_weights=weights, **options)


class _SparseRows(Descent):
    """Rows of X held by their stored entries: one value an entry is [entries]."""

    def __init__(self, X: CSR, W: Tensor, HT: Tensor, floor: float):
        self.rows, self.tile = X.entry_rows(), HT[X.indices]
        self.zeros = W.new_zeros(W.shape[0])
        super().__init__(X.data, W, floor)

    def product(self, W):
        return (W[self.rows] * self.tile).sum(1)

    def columns(self):
        # Gathered once, as lines that are contiguous.
        return self.tile.T.contiguous().unbind()

    def row_sums(self, values):
        return self.zeros.to(values.dtype).index_add(0, self.rows, values)

    def spread(self, per_row):
        return per_row[self.rows]


def csr_scd_rows(X: CSR, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor):
    parts = []
    for place, part in _chunks(X, 4 * W.shape[1]):
        descent = _SparseRows(part, W[place], HT, floor)
        a = prior_of(pseudocount, place)
        parts.append(descent.run(u, share, a, l2, n_sweeps, tol))
    W, log_sums = map(_joined, zip(*parts, strict=True))
    return W, log_sums


def csr_coordinate_sums_(X: CSR, y: Tensor, h, previous, step, floors):
    rows, columns = X.entry_rows(), X.indices
    y.addcmul_(step[rows], previous[columns])
    y.copy_(torch.maximum(y, floors[rows]))
    ratio = h[columns] / y
    weighted = X.data * ratio
    S = _row_sums(X, rows, weighted)
    return S, _row_sums(X, rows, ratio.mul_(weighted))
