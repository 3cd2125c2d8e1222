"""Held-out data: document completion, a score that means the same for every topic
model, and columns held out, for factorisations of any scale."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import data_blocks, row_blocks
from .._kernels.csr import accumulation_dtype, map_positive, slice_rows
from .._kernels.ranks import all_sum, draw_in_turn
from .._kernels.threads import threads_for
from .beta_divergence import dense_rows, divergence
from .unit import Unit, geometric_mean

#: Weight of the uniform distribution, so that no token has probability zero.
_BACKGROUND = 1e-3
_SEED = 20_210_512

#: Stored entries, or cells of dense X, whose split is in memory at once.
_ENTRIES = 1 << 18


def split_counts(
    X: CSR | Tensor, generator: torch.Generator | None = None
) -> tuple[CSR | Tensor, CSR | Tensor]:
    """Split every document's tokens into two halves of the same shape as X.

    An integer count is split Binomial(x, 1/2); any other value goes whole to one half.
    The seed is fixed and the draws follow the positive entries row by row, so that the
    split depends on the data alone: not on dtype, container or device. If X are rows
    that follow others, the generator is that of the others.
    """
    first = map_positive(X, partial(_split_values, generator or _split_generator()))
    if isinstance(X, CSR):
        return first, X.with_data(X.data - first.data)
    return first, X - first


def _split_generator() -> torch.Generator:
    return torch.Generator("cpu").manual_seed(_SEED)


def _split_values(generator: torch.Generator, values: Tensor) -> Tensor:
    x = values.to("cpu", torch.float64)
    whole = x == x.floor()
    half = torch.full_like(x, 0.5)
    drawn = torch.binomial(torch.where(whole, x, 1), half, generator=generator)
    return torch.where(whole, drawn, drawn * x).to(values.device, values.dtype)


def split_columns(m: int) -> tuple[Tensor, Tensor]:
    """Indices of the columns that are shown, and of those held out: half of each.

    The seed is fixed: the split depends on the number of columns alone.
    """
    if m < 2:
        raise ValueError("Holding columns out needs at least two of them; X has one.")
    generator = torch.Generator("cpu").manual_seed(_SEED)
    order = torch.randperm(m, generator=generator, device="cpu")
    return order[m // 2 :].sort().values, order[: m // 2].sort().values


def document_completion(
    X: CSR | Tensor, infer: Callable[[CSR | Tensor], Tensor], topics: Tensor
) -> float:
    """The `completion_score` of one half of X for proportions inferred from the other.

    A block of rows at a time.

    Parameters
    ----------
    X : CSR or Tensor of shape (n, m)
    infer : callable
        Documents (.. x m) -> proportions (.. x K).
    topics : Tensor of shape (K, m)
    """
    generator = _split_generator()
    draw_in_turn(generator, lambda: deque(_halves(X, generator), maxlen=0))
    sums = torch.zeros(2, dtype=accumulation_dtype(X.device), device=X.device)
    for shown, held_out in _halves(X, generator):
        sums += _completion_sums(held_out, infer(shown), topics)
    return _mean_completion(all_sum(sums))


def _halves(X: CSR | Tensor, generator: torch.Generator) -> Iterator:
    """The halves of blocks of rows, which draw from the generator in turn."""
    for start, stop in data_blocks(X, _ENTRIES):
        yield split_counts(slice_rows(X, start, stop), generator)


def completion_score(held_out: CSR | Tensor, theta: Tensor, topics: Tensor) -> float:
    """Mean log-probability per token of `held_out` (natural logarithm).

    sum x log((1 - l) (theta B) + l / m) / sum x with l = 1e-3.

    Parameters
    ----------
    held_out : CSR or Tensor of shape (n, m)
        The half that theta was not inferred from.
    theta : Tensor of shape (n, K)
    topics : Tensor of shape (K, m)
    """
    return _mean_completion(_completion_sums(held_out, theta, topics))


def _completion_sums(held_out, theta, topics) -> Tensor:  # [2]
    """The sum of log-probabilities, and the tokens."""
    total, tokens = 0.0, 0.0
    wide = accumulation_dtype(theta.device)
    for x, p in _probabilities(held_out, theta, topics):
        p = (1 - _BACKGROUND) * p.to(wide) + _BACKGROUND / topics.shape[1]
        total = total + torch.xlogy(x.to(wide), p).sum()
        tokens = tokens + x.sum(dtype=wide)
    return torch.stack([total, tokens])


def _mean_completion(sums: Tensor) -> float:
    total, tokens = sums.tolist()
    if tokens == 0:
        raise ValueError(
            "X contains no tokens to score: the half of each document that is held out "
            "is empty. Score documents with more than a few tokens."
        )
    return total / tokens


def _probabilities(X, theta, topics):
    if isinstance(X, CSR):
        yield X.data, ops.sddmm(X, theta, topics.T.contiguous())
        return
    for start, stop in row_blocks(*X.shape):
        yield X[start:stop], theta[start:stop] @ topics


def null_weights(
    X: CSR | Tensor, means: Tensor, beta: float, *, masked: bool = False
) -> Tensor:  # [n, 1]
    r"""The weights w of the best model of one component, for fixed H: the column means.

    The derivative of :math:`\sum_j d_\beta(x_{ij}, w_i h_j)` by :math:`w_i` has one
    zero for every beta, the minimum

    .. math:: w_i = \frac{\sum_j x_{ij} h_j^{\beta - 1}}{\sum_j h_j^\beta},

    with sums over the observed cells of columns with :math:`h_j > 0`. A row without
    such cells gets 0.

    Parameters
    ----------
    X : CSR or Tensor of shape (n, m)
    means : Tensor of shape (m, 1)
        Nonnegative, of any scale.
    beta : float
    masked : bool
        Whether X may be NaN where it is unobserved.
    """
    h = means.to(accumulation_dtype(X.device))
    used = h > 0
    logs = h.where(used, 1).log()
    # h^beta in units of its sum, so that no power overflows.
    share = torch.softmax((beta * logs).where(used, -math.inf), 0).where(used, 0)
    slope = share / h.where(used, 1)
    unit = Unit.of(X)
    X = unit.measure(X)
    with threads_for(X):
        if not masked:
            return ops.spmm(X, slope.to(X.dtype)) / unit.data
        # Written in place: small results between blocks would keep memory in pieces.
        w = h.new_empty(X.shape[0], 1)
        for start, stop in row_blocks(*X.shape):
            x = dense_rows(X, start, stop).to(h.dtype)
            seen = ~x.isnan()
            size = seen.to(h.dtype) @ share
            w[start:stop] = x.where(seen, 0) @ slope / size.where(size > 0, 1)
        return (w / unit.data).to(X.dtype)


def d2_score(
    X: CSR | Tensor,
    factors: tuple[Tensor, Tensor],
    null: tuple[Tensor, Tensor],
    beta: float,
    *,
    masked: bool = False,
) -> float:
    """1 - D(X, W H) / D(X, w h): the share of the null model's divergence explained.

    Parameters
    ----------
    X : CSR or Tensor of shape (n, m)
        Held-out columns.
    factors, null : tuple of Tensor
        W (n x K) and the transpose of H (m x K), of the model and of the null model.
    beta : float
    masked : bool
        Whether X may be NaN where it is unobserved.

    Raises
    ------
    FloatingPointError
        If a divergence is not finite.
    """
    typical = geometric_mean(X)  # in this unit floors mean the same for all data
    X = X.with_data(X.data / typical) if isinstance(X, CSR) else X / typical
    with threads_for(X):
        D, null_D = (
            divergence(X, *(A / typical**0.5 for A in pair), beta, masked=masked)
            for pair in (factors, null)
        )
    if not (math.isfinite(D) and math.isfinite(null_D)):
        raise FloatingPointError(
            f"The divergence of the held-out columns is not finite, computed in "
            f"{X.dtype}. Values may be too large or too small for it: rescale X or "
            "pass it as float64."
        )
    if null_D == 0:
        return 1.0 if D == 0 else 0.0
    return 1 - D / null_D
