"""The same operations on a dense X, through matrix products over blocks of rows."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..chunks import row_blocks
from ..csr import accumulation_dtype
from .descent import Descent, prior_of

#: Cells of a block: a cache holds its temporaries; on a device launches count more.
_CPU_BLOCK, _DEVICE_BLOCK = 1 << 20, 1 << 26


def _blocks(X: Tensor) -> Iterator[tuple[int, int]]:
    """Ranges of rows of X."""
    cells = _CPU_BLOCK if X.device.type == "cpu" else _DEVICE_BLOCK
    return row_blocks(*X.shape, cells)


def dense_column_sums(A: Tensor, B: Tensor | None) -> Tensor:
    product = A if B is None else A * B
    return product.sum(0, dtype=accumulation_dtype(A.device)).to(A.dtype)


def dense_row_sums(X: Tensor) -> Tensor:
    return X.sum(1, dtype=accumulation_dtype(X.device))


def dense_gram(A: Tensor) -> Tensor:
    return A.T @ A


def dense_combine_columns(A: Tensor, G: Tensor) -> Tensor:
    return A @ G


def dense_multiplicative_step(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    # An overflow of the cost must not make a weight zero: inf / inf is NaN.
    share = (cost / cost / cost).masked_fill_(cost <= 0, 0)
    out = (A * N).add_(pseudocount).mul_(share)
    return torch.where(pseudocount < 0, A, out) if _varies(pseudocount) else out


def dense_settle(A, N, cost, pseudocount, share) -> tuple[Tensor, Tensor]:
    if not _varies(pseudocount):
        pseudocount = torch.full_like(A, pseudocount)
    prior = torch.addcmul(pseudocount, share, A)
    settled = (pseudocount > 0) & (A * N < prior)
    new = dense_multiplicative_step(A, N, cost, prior)
    return torch.where(settled, new, A), pseudocount.masked_fill(settled, -1)


def dense_largest_violation(A, N, cost, pseudocount: float | Tensor) -> Tensor:
    if A.numel() == 0:
        return cost.new_zeros(())
    violation = (A * (cost - N)).sub_(pseudocount).abs_()
    if _varies(pseudocount):
        violation.masked_fill_(pseudocount < 0, 0)
    return violation.masked_fill_(cost < torch.finfo(A.dtype).tiny, 0).max()


def _varies(pseudocount: float | Tensor) -> bool:
    return isinstance(pseudocount, Tensor)


def dense_extrapolate(A, previous, beta: Tensor | float, least: float) -> Tensor:
    beyond = (A - previous).mul_(beta).add_(A)
    return torch.maximum(beyond, least * A)


def dense_ratio_step(A, N, D, l1, l2, gamma, shift, zero_denominator, least) -> Tensor:
    D = D + l1 if l2 == 0 else torch.add(D + l1, A, alpha=l2)
    D.masked_fill_(D.abs() < torch.finfo(D.dtype).tiny, zero_denominator)
    ratio = (N + shift).div_(D).add_(D - D)  # NaN where D has overflowed
    out = A * (ratio if gamma == 1 else ratio.pow_(gamma))
    return out.masked_fill_(out < least, 0)


def dense_hals_step(A, N, G, l1, order) -> tuple[Tensor, Tensor]:
    tiny = torch.finfo(A.dtype).tiny
    curvature = G.diagonal()  # [K]
    flat = curvature < tiny
    scale = curvature.masked_fill(flat, 1)
    N = N - l1 if l1 else N
    # Column k becomes the minimiser without its bound: A_k + (N_k - out G_k) / G_kk.
    free, out = torch.addcdiv(A, N, scale), A.clone()
    parts = (G / scale[:, None]).unbind(0), free.unbind(1), out.unbind(1)
    for k in order.tolist():
        slope_k, free_k, out_k = (part[k] for part in parts)
        free_k.addmv_(out, slope_k, alpha=-1)
        torch.clamp(free_k, min=0, out=out_k)
    # At zero only a step up is left.
    gradient = torch.where(A < tiny, out, free).sub_(A).mul_(scale)
    wide = accumulation_dtype(A.device)
    violation = torch.linalg.vector_norm(gradient, 1, dtype=wide)
    # G is zero where it is flat: that column had no part in the others' steps.
    return torch.where(flat, A, out), violation


def dense_adam_step_(
    A, gradients, first, second, rows, rate, n_updates, l2, decays, eps
) -> None:
    decay, second_decay = decays
    parts = a, m, v = [
        list(T) if rows is None else [tensor[rows] for tensor in T]
        for T in (A, first, second)
    ]
    # All tensors at once, because a network has many small ones.
    slopes = torch._foreach_add(gradients, a, alpha=l2)
    torch._foreach_lerp_(m, slopes, 1 - decay)
    torch._foreach_mul_(v, second_decay)
    torch._foreach_addcmul_(v, slopes, slopes, 1 - second_decay)
    scale = torch._foreach_div(v, 1 - second_decay**n_updates)
    torch._foreach_sqrt_(scale)
    torch._foreach_add_(scale, eps)
    torch._foreach_addcdiv_(a, m, scale, -rate / (1 - decay**n_updates))
    if rows is not None:
        for tensors, changed in zip((A, first, second), parts, strict=True):
            for tensor, part in zip(tensors, changed, strict=True):
                tensor[rows] = part


def dense_log_sum(A: Tensor, empty: Tensor | None, weights: Tensor | None) -> Tensor:
    positive = A.clamp(min=torch.finfo(A.dtype).tiny)
    if empty is not None:
        positive.masked_fill_(empty, 1)
    logs = positive.log_()
    if weights is not None:
        logs.mul_(weights)
    return logs.sum(dtype=accumulation_dtype(A.device))


def dense_spmm(X: Tensor, B: Tensor) -> Tensor:
    return X @ B


def dense_ratio_product(X: Tensor, W: Tensor, HT: Tensor, floor, shift) -> Tensor:
    def ratios(x, y):
        if shift:
            y.add_(shift)
        if floor > shift:  # y is not negative
            y.clamp_(min=floor)
        return torch.div(x, y, out=y)

    # K x n: torch is up to three times as fast where the narrow side comes first.
    out = W.new_zeros(W.shape[1], W.shape[0])
    if X.is_contiguous():
        H = HT.T.contiguous()
        for start, stop in _blocks(X):
            out[:, start:stop] = H @ ratios(X[start:stop], W[start:stop] @ HT.T).T
    else:  # the transpose of what lies in memory, which is read as it lies
        XT = X.T
        for start, stop in _blocks(XT):
            part = HT[start:stop]
            out.addmm_(part.T, ratios(XT[start:stop], part @ W.T))
    return out.T.contiguous()


def dense_log_sums(X: Tensor, W: Tensor, HT: Tensor, floor: float) -> Tensor:
    out = W.new_empty(W.shape[0], dtype=accumulation_dtype(W.device))
    for start, stop in _blocks(X):
        y = (W[start:stop] @ HT.T).clamp_(min=floor)
        logs = y.to(out.dtype).log_()
        torch.sum(logs.mul_(X[start:stop]), 1, out=out[start:stop])
    return out


class DenseRows(Descent):
    """Rows of a dense X: one value an entry is [rows, m]."""

    def __init__(self, x: Tensor, W: Tensor, HT: Tensor, floor: float):
        self.H = HT.T.contiguous().unbind()
        super().__init__(x, W, floor)

    def columns(self):
        return self.H

    def product(self, W):
        # Not by a matrix product, in which a row depends on how many others there are.
        y = torch.zeros_like(self.x)
        for w, h in zip(W.T, self.H, strict=True):
            y.addcmul_(w[:, None], h)
        return y

    def row_sums(self, values):
        return values.sum(1)

    def spread(self, per_row):
        return per_row[:, None]


def dense_scd_rows(X, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor):
    parts = []
    for start, stop in [*_blocks(X)] or [(0, 0)]:  # X may have no rows
        rows = DenseRows(X[start:stop], W[start:stop], HT, floor)
        a = prior_of(pseudocount, slice(start, stop))
        parts.append(rows.run(u, share, a, l2, n_sweeps, tol))
    W, log_sums = map(torch.cat, zip(*parts, strict=True))
    return W, log_sums
