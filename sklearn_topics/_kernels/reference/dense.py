"""The same operations on a dense X, through matrix products over blocks of rows."""

import torch
from torch import Tensor

from ..csr import accumulation_dtype
from .descent import Descent

_BLOCK = 1 << 20  # cells: the temporaries of a block stay in cache


def _blocks(X: Tensor):
    n, m = X.shape
    step = max(1, _BLOCK // max(m, 1))
    return ((start, min(start + step, n)) for start in range(0, n, step))


def dense_column_sums(A: Tensor, B: Tensor | None) -> Tensor:
    product = A if B is None else A * B
    return product.sum(0, dtype=accumulation_dtype(A.device)).to(A.dtype)


def dense_row_sums(X: Tensor) -> Tensor:
    return X.sum(1, dtype=accumulation_dtype(X.device))


def dense_gram(A: Tensor) -> Tensor:
    return A.T @ A


def dense_combine_columns(A: Tensor, G: Tensor) -> Tensor:
    return A @ G


def dense_multiplicative_step(A, N, cost, pseudocount: float) -> Tensor:
    # What has overflowed is no cost at which a weight would be zero: inf - inf is NaN.
    share = torch.where(cost <= 0, 0, cost.reciprocal() + (cost - cost))
    return (A * N).add_(pseudocount).mul_(share)


def dense_largest_violation(A, N, cost, pseudocount: float) -> float:
    violation = (A * (cost - N)).sub_(pseudocount).abs_()
    violation = violation.where(~(cost < torch.finfo(A.dtype).tiny), 0)
    return float(violation.max()) if violation.numel() else 0.0


def dense_extrapolate(A, previous, beta: float, least: float) -> Tensor:
    return torch.maximum(A + beta * (A - previous), least * A)


def dense_ratio_step(A, N, D, l1, l2, gamma, shift, zero_denominator, least) -> Tensor:
    D = D + l1 if l2 == 0 else torch.addcmul(D + l1, A, torch.full_like(A, l2))
    D = D.where(~(D.abs() < torch.finfo(D.dtype).tiny), zero_denominator)
    ratio = (N + shift) / D + (D - D)  # NaN where D has overflowed
    out = A * (ratio if gamma == 1 else ratio.pow_(gamma))
    return out.masked_fill_(out < least, 0)


def dense_hals_step(A, N, G, l1, order) -> tuple[Tensor, float]:
    A, wide = A.clone(), accumulation_dtype(A.device)
    violation = torch.zeros((), dtype=wide, device=A.device)
    for k in order.tolist():
        a = A[:, k]
        gradient = A @ G[k] - N[:, k] + l1
        at_zero = a < torch.finfo(a.dtype).tiny
        projected = gradient.where(~at_zero, gradient.clamp(max=0))
        violation += projected.abs().sum(dtype=wide)
        if not float(G[k, k]) < torch.finfo(A.dtype).tiny:
            A[:, k] = (a - gradient / G[k, k]).clamp_(min=0)
    return A, float(violation)


def dense_adam_step_(
    A, gradient, first, second, rows, rate, n_updates, l2, decays, eps
) -> None:
    rows = slice(None) if rows is None else rows
    a, (decay, second_decay) = A[rows], decays
    slope = gradient + l2 * a
    m = torch.lerp(slope, first[rows], decay)
    v = torch.lerp(slope.square(), second[rows], second_decay)
    scale = v.div(1 - second_decay**n_updates).sqrt_().add_(eps)
    A[rows] = a - m.div(scale).mul_(rate / (1 - decay**n_updates))
    first[rows], second[rows] = m, v


def dense_log_sum(A: Tensor) -> float:
    positive = A.clamp(min=torch.finfo(A.dtype).tiny)
    return float(positive.to(accumulation_dtype(A.device)).log_().sum())


def dense_spmm(X: Tensor, B: Tensor) -> Tensor:
    return X @ B


def dense_ratio_product(
    X: Tensor, W: Tensor, HT: Tensor, floor, shift, by_row
) -> Tensor:
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


class _DenseRows(Descent):
    """A block of rows of a dense X."""

    def __init__(self, x: Tensor, W: Tensor, HT: Tensor, floor: float):
        self.HT = HT
        super().__init__(x, W, floor)

    def term_weights(self, k):
        return self.HT[:, k]

    def row_sum(self, values):
        return values.sum(1)

    def spread(self, per_row):
        return per_row[:, None]


def dense_scd_rows(X, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor):
    parts = []
    for start, stop in _blocks(X):
        rows = _DenseRows(X[start:stop], W[start:stop], HT, floor)
        parts.append(rows.run(u, share, pseudocount, l2, n_sweeps, tol))
    W, log_sums = map(torch.cat, zip(*parts, strict=True))
    return W, log_sums
