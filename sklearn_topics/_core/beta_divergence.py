r"""The beta-divergence of X and Y = W H, and its gradients, for sparse and dense X.

.. math:: d(x, y) = \frac{x^\beta + (\beta - 1) y^\beta - \beta x y^{\beta - 1}}
                         {\beta (\beta - 1)},

with the limits y - x + x log(x / y) for beta 1 (Kullback-Leibler) and
x / y - log(x / y) - 1 for beta 0 (Itakura-Saito); (x - y)^2 / 2 for beta 2
(Fevotte and Idier 2011, equation 1). Its gradient by a row of W is
(Y^(beta-1) - X Y^(beta-2)) H^T: a denominator less a numerator.

Y has an entry in every cell, also where X has none: for beta 1 and 2 the sums over all
cells have closed forms; otherwise Y is made a block of rows at a time.

With `masked`, cells of X that are NaN (of a sparse X: stored as NaN) are unobserved:
they enter no sum.
"""

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import wide_dtype

#: Smallest reconstruction, and what replaces a denominator of zero: scikit-learn's.
FLOOR = torch.finfo(torch.float32).eps

_BLOCK = 1 << 18  # cells


def _blocks(n: int, m: int):
    step = max(1, _BLOCK // max(m, 1))
    return ((start, min(start + step, n)) for start in range(0, n, step))


def gradient_terms(
    X: CSR | Tensor, W: Tensor, HT: Tensor, beta: float, *, masked: bool = False
) -> tuple[Tensor, Tensor]:
    """Numerator (X Y^(beta-2)) H^T and denominator Y^(beta-1) H^T, for the rows of W.

    Both n x K, but that the denominator is (K,) where it is the same for all rows. Y
    is at least `FLOOR` wherever its power is negative.
    """
    if not masked and beta == 1:
        return ops.ratio_product(X, W, HT, floor=FLOOR), ops.column_sums(HT)
    if not masked and beta == 2:
        return ops.spmm(X, HT), ops.combine_columns(W, ops.gram(HT))
    if not isinstance(X, CSR):
        return _dense_terms(X, W, HT, beta, masked)
    y = ops.sddmm(X, W, HT)
    weights = _power(y, beta - 2) * X.data
    denominator = _all_cells(W, HT, beta)
    if masked:
        hidden = X.data.isnan()
        weights = weights.masked_fill_(hidden, 0)
        excess = X.with_data(_power(y, beta - 1) * hidden)
        denominator = (denominator - ops.spmm(excess, HT)).clamp_(min=0)
    return ops.spmm(X.with_data(weights), HT), denominator


def _power(y: Tensor, exponent: float) -> Tensor:
    """y^exponent; 0 has no negative power."""
    return (y.clamp(min=FLOOR) if exponent < 0 else y).pow(exponent)


def _all_cells(W: Tensor, HT: Tensor, beta: float) -> Tensor:
    if beta == 1:
        return ops.column_sums(HT).expand_as(W)
    if beta == 2:
        return ops.combine_columns(W, ops.gram(HT))
    out = torch.empty_like(W)
    for start, stop in _blocks(len(W), len(HT)):
        y = W[start:stop] @ HT.T
        torch.matmul(_power(y, beta - 1), HT, out=out[start:stop])
    return out


def _dense_terms(X, W, HT, beta, masked):
    numerator, denominator = torch.empty_like(W), torch.empty_like(W)
    for start, stop in _blocks(*X.shape):
        x, y = X[start:stop], W[start:stop] @ HT.T
        above, below = _power(y, beta - 2), _power(y, beta - 1)
        if masked:
            hidden = x.isnan()
            x, below = x.masked_fill(hidden, 0), below.masked_fill(hidden, 0)
        torch.matmul(above.mul_(x), HT, out=numerator[start:stop])
        torch.matmul(below, HT, out=denominator[start:stop])
    return numerator, denominator


def divergence(
    X: CSR | Tensor, W: Tensor, HT: Tensor, beta: float, *, masked: bool = False
) -> float:
    """Sum of d(X, W H) over all (observed) cells, accumulated wide."""
    sums = _sparse_sums if isinstance(X, CSR) else _dense_sums
    # Rounding can leave a perfect fit below zero.
    return max(sum(float(part) for part in sums(X, W, HT, beta, masked)), 0.0)


def _dense_sums(X, W, HT, beta, masked):
    wide = wide_dtype(W.device)
    for start, stop in _blocks(*X.shape):
        x, y = X[start:stop].to(wide), (W[start:stop] @ HT.T).to(wide)
        if masked:
            seen = ~x.isnan()
            x, y = x[seen], y[seen]
        if beta == 2:
            yield (x - y).square_().sum() / 2
            continue
        yield _everywhere(y, beta).sum()
        used = x > 0
        yield _stored(x[used], y[used], beta).sum()


def _sparse_sums(X, W, HT, beta, masked):
    wide = wide_dtype(W.device)
    x = X.data.to(wide)
    if beta == 1 and not masked:
        yield torch.xlogy(x, x).sum() - x.sum()
        yield -ops.log_sums(X, W, HT, floor=FLOOR).sum()
        yield _all_everywhere(W, HT, beta)
        return
    y = ops.sddmm(X, W, HT).to(wide)
    if masked:
        hidden = x.isnan()
        yield -_everywhere(y[hidden], beta).sum()
        x, y = x[~hidden], y[~hidden]
    yield _stored(x, y, beta).sum()
    yield _all_everywhere(W, HT, beta)


def _stored(x: Tensor, y: Tensor, beta: float) -> Tensor:
    """The terms of d(x, y) that vanish with x; all of them for beta 0."""
    if beta == 2:
        return x * (x / 2 - y)
    y = y.clamp(min=FLOOR)
    if beta == 1:
        return x * ((x / y).log() - 1)
    if beta == 0:
        return x / y - (x / y).log() - 1
    return (x.pow(beta) - beta * x * y.pow(beta - 1)) / (beta * (beta - 1))


def _everywhere(y: Tensor, beta: float) -> Tensor:
    """The terms of d(x, y) that do not depend on x; none for beta 0."""
    return torch.zeros_like(y) if beta == 0 else _power(y, beta) / beta


def _all_everywhere(W: Tensor, HT: Tensor, beta: float) -> Tensor:
    """The sum of `_everywhere` over all cells of W H."""
    wide = wide_dtype(W.device)
    if beta == 0:
        return W.new_zeros(())
    if beta == 1:
        return ops.column_sums(W).to(wide) @ ops.column_sums(HT).to(wide)
    W, HT = W.to(wide), HT.to(wide)
    if beta == 2:
        return ((W.T @ W) * (HT.T @ HT)).sum() / 2
    blocks = _blocks(len(W), len(HT))
    return sum(_everywhere(W[a:b] @ HT.T, beta).sum() for a, b in blocks)
