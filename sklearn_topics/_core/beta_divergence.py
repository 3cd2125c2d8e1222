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
they enter no sum. Then blocks of rows are made dense for every beta: sums over all
cells less those over the hidden ones would cancel where the hidden ones are large.
"""

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import row_blocks, wide_sums
from .._kernels.csr import accumulation_dtype
from .._kernels.floors import BETA_FLOOR
from .._kernels.ranks import agreed_numbers, all_sum
from .solver import on_host

#: Share of sums over all cells below which their difference is mostly rounding: then
#: the divergence is summed cell by cell.
_CLOSE = {torch.float32: 1e-3, torch.float64: 1e-9}

#: Stored entries whose reconstruction is in memory at once.
_ENTRIES = 1 << 18

#: Values of beta for which a cell's divergence is computed in X's own precision. For
#: others powers of outliers overflow in float32, or what cancelled is divided by a
#: small beta or beta - 1.
_NARROW = 0.0, 0.5, 1.0, 1.5


def gradient_terms(
    X: CSR | Tensor,
    W: Tensor,
    HT: Tensor,
    beta: float,
    *,
    masked: bool = False,
    shift: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Numerator (X Y^(beta-2)) H^T and denominator Y^(beta-1) H^T, for the rows of W.

    Both n x K, but that the denominator is (K,) where it is the same for all rows. Y
    is W H + `shift` unless beta is 2, and at least `BETA_FLOOR` wherever its power is
    negative.
    """
    shift = 0.0 if beta == 2 else shift
    if not masked and beta == 1:
        numerator = ops.ratio_product(X, W, HT, floor=BETA_FLOOR, shift=shift)
        return numerator, ops.column_sums(HT)
    if not masked and beta == 2:
        return ops.spmm(X, HT), ops.combine_columns(W, ops.gram(HT))
    if masked or not isinstance(X, CSR):
        return _terms_by_blocks(X, W, HT, beta, masked, shift)
    numerator, denominator = torch.empty_like(W), torch.empty_like(W)
    for start, stop in X.chunks(_ENTRIES):
        part = X.rows(start, stop)
        y = _shifted(ops.sddmm(part, W[start:stop], HT), shift)
        weights = part.with_data(_power(y, beta - 2) * part.data)
        numerator[start:stop] = ops.spmm(weights, HT)
    for start, stop in row_blocks(*X.shape):
        powers = _power(_shifted(W[start:stop] @ HT.T, shift), beta - 1)
        torch.matmul(powers, HT, out=denominator[start:stop])
    return numerator, denominator


def _shifted(y: Tensor, shift: float) -> Tensor:
    """y + shift, in place; y has no other user."""
    return y.add_(shift) if shift else y


def _power(y: Tensor, exponent: float) -> Tensor:
    """y^exponent; 0 has no negative power."""
    if exponent == 1.5:  # torch has fast ways for .5 and -.5
        return y * y.sqrt()
    return (y.clamp(min=BETA_FLOOR) if exponent < 0 else y).pow(exponent)


def dense_rows(X: CSR | Tensor, start: int, stop: int) -> Tensor:
    """Rows [start, stop) as a dense tensor."""
    if not isinstance(X, CSR):
        return X[start:stop]
    part = X.rows(start, stop)
    out = part.data.new_zeros(part.shape)
    out[part.entry_rows(), part.indices.long()] = part.data
    return out


def _terms_by_blocks(X, W, HT, beta, masked, shift):
    # K x n: torch is up to three times as fast where the narrow side comes first.
    shape = W.shape[1], W.shape[0]
    numerator, denominator = W.new_zeros(shape), W.new_zeros(shape)
    if isinstance(X, Tensor) and not X.is_contiguous():  # read as it lies in memory
        XT = X.T
        for start, stop in row_blocks(*XT.shape):
            part = HT[start:stop]
            y = _shifted(part @ W.T, shift)
            terms = _block_terms(XT[start:stop], y, beta, masked)
            for total, term in zip((numerator, denominator), terms, strict=True):
                total.addmm_(part.T, term)
    else:
        H = HT.T.contiguous()
        for start, stop in row_blocks(*X.shape):
            x, y = dense_rows(X, start, stop), _shifted(W[start:stop] @ HT.T, shift)
            terms = _block_terms(x, y, beta, masked)
            for total, term in zip((numerator, denominator), terms, strict=True):
                total[:, start:stop] = H @ term.T
    return numerator.T.contiguous(), denominator.T.contiguous()


def _block_terms(x, y, beta, masked) -> tuple[Tensor, Tensor]:
    """X Y^(beta-2) and Y^(beta-1), without what is hidden."""
    numerator, denominator = _power(y, beta - 2), _power(y, beta - 1)
    if masked:
        hidden = x.isnan()
        x, denominator = x.masked_fill(hidden, 0), denominator.masked_fill_(hidden, 0)
    return numerator.mul_(x), denominator


def divergence(
    X: CSR | Tensor, W: Tensor, HT: Tensor, beta: float, *, masked: bool = False
) -> float:
    """Sum of d(X, W H) over all (observed) cells, accumulated wide; on the host."""
    D, size = fast_divergence(X, W, HT, beta, masked=masked)
    found = agreed_numbers(on_host({"D": D, "size": size}))
    if cancelled(found["D"], found["size"], W.dtype):
        return float(cell_divergence(X, W, HT, beta, masked=masked))
    return found["D"]


def fast_divergence(
    X: CSR | Tensor,
    W: Tensor,
    HT: Tensor,
    beta: float,
    *,
    masked: bool = False,
    known: Tensor | None = None,
) -> tuple[Tensor, Tensor | float]:  # [], []
    """The divergence, and the size of the sums whose difference it is, or 0.

    `known` is the `data_term`, for callers that ask often; it is used for sparse X and
    beta 1.
    """
    if isinstance(X, CSR) and not masked:
        return _sparse_divergence(X, W, HT, beta, known)
    return cell_divergence(X, W, HT, beta, masked=masked), 0.0


def cancelled(D: float, size: float, dtype: torch.dtype) -> bool:
    """Whether a difference of sums of this size is mostly rounding, or no number."""
    return not D >= _CLOSE[dtype] * size


def cell_divergence(
    X: CSR | Tensor, W: Tensor, HT: Tensor, beta: float, *, masked: bool = False
) -> Tensor:  # []
    """The divergence, summed cell by cell."""
    zero = torch.zeros((), dtype=accumulation_dtype(W.device), device=W.device)
    total = all_sum(sum(_sums_by_blocks(X, W, HT, beta, masked), zero))
    return total.clamp(min=0)  # rounding can leave a perfect fit below zero


def _sums_by_blocks(X, W, HT, beta, masked):
    wide = accumulation_dtype(W.device)
    if not isinstance(X, CSR) and not X.is_contiguous():  # read as it lies in memory
        X, W, HT = X.T, HT, W
    for start, stop in row_blocks(*X.shape):
        x, y = dense_rows(X, start, stop), W[start:stop] @ HT.T
        hidden = x.isnan() if masked else None
        if masked:
            x = x.masked_fill(hidden, 0)
        if beta == 2:
            cells = (x - y).to(wide).square_().div_(2)
        elif beta in _NARROW:
            cells = _cells(x, y, beta)
        else:
            cells = _cells(x.to(wide), y.to(wide), beta)
        if masked:
            cells = cells.masked_fill_(hidden, 0)
        yield cells.sum(dtype=wide)


def _cells(x: Tensor, y: Tensor, beta: float) -> Tensor:
    """d(x, y) unless beta is 2, as y^beta d(x / y, 1).

    So what cancels near a perfect fit is of the size of x / y - 1, and not of x and y.
    Where it stands beside x, y is at least `BETA_FLOOR`.
    """
    floored = y.clamp(min=BETA_FLOOR)
    t = x / floored
    excess = t - 1
    if beta == 0:
        return excess.sub_(t.log_())
    if beta == 1:
        logs = t.clamp(min=torch.finfo(t.dtype).tiny).log_()  # 0 log 0 is 0
        out = logs.mul_(t).sub_(excess).mul_(floored)
    else:
        out = t.log_().mul_(beta).expm1_().sub_(excess, alpha=beta)
        out = out.mul_(_power(floored, beta)).div_(beta * (beta - 1))
    if beta > 0:  # where y stands alone it has no floor
        at_floor = _everywhere(y.new_full((), BETA_FLOOR), beta)
        out += _everywhere(y.clamp(max=BETA_FLOOR), beta) - at_floor
    return out


def data_term(X: CSR | Tensor, beta: float) -> Tensor:  # []
    """The part of the divergence that depends only on X, for beta 1 and 2."""
    if beta == 2:
        return all_sum(wide_sums(X, torch.square)[0]) / 2
    return all_sum(wide_sums(X, lambda x: torch.xlogy(x, x) - x)[0])


def _sparse_divergence(X, W, HT, beta, known) -> tuple[Tensor, Tensor | float]:
    """The divergence as a difference of sums, and the size of what they subtract."""
    everywhere = _all_everywhere(W, HT, beta)
    if beta == 1:
        known = data_term(X, beta) if known is None else known
        logs = all_sum(ops.log_sums(X, W, HT, floor=BETA_FLOOR).sum())
        return known - logs + everywhere, everywhere
    wide = accumulation_dtype(W.device)
    total = torch.zeros((), dtype=wide, device=W.device)
    for start, stop in X.chunks(_ENTRIES):
        part = X.rows(start, stop)
        y = ops.sddmm(part, W[start:stop], HT).to(wide)
        total += _stored(part.data.to(wide), y, beta).sum()
    return all_sum(total) + everywhere, abs(everywhere)


def _stored(x: Tensor, y: Tensor, beta: float) -> Tensor:
    """The terms of d(x, y) that vanish with x; all of them for beta 0."""
    if beta == 2:
        return x * (x / 2 - y)
    y = y.clamp(min=BETA_FLOOR)
    if beta == 0:
        return x / y - (x / y).log() - 1
    return (x.pow(beta) - beta * x * _power(y, beta - 1)) / (beta * (beta - 1))


def _everywhere(y: Tensor, beta: float) -> Tensor:
    """The terms of d(x, y) that do not depend on x; none for beta 0."""
    return torch.zeros_like(y) if beta == 0 else _power(y, beta) / beta


def _all_everywhere(W: Tensor, HT: Tensor, beta: float) -> Tensor | float:
    """The sum of `_everywhere` over all cells of W H."""
    wide = accumulation_dtype(W.device)
    if beta == 0:
        return 0.0
    if beta == 1:
        v = all_sum(ops.column_sums(W))
        return v.to(wide) @ ops.column_sums(HT).to(wide)
    W, HT = W.to(wide), HT.to(wide)
    if beta == 2:
        return (all_sum(W.T @ W) * (HT.T @ HT)).sum() / 2
    blocks = row_blocks(len(W), len(HT))
    return sum(_everywhere(W[a:b] @ HT.T, beta).sum() for a, b in blocks)
