"""Held-out data: document completion, a score that means the same for every topic
model, and columns held out, for factorisations of any scale."""

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype, map_positive
from .solver import on_host

#: Weight of the uniform distribution, so that no token has probability zero.
_BACKGROUND = 1e-3
_SEED = 20_210_512


def split_counts(X: CSR | Tensor) -> tuple[CSR | Tensor, CSR | Tensor]:
    """Split every document's tokens into two halves of the same shape as X.

    An integer count is split Binomial(x, 1/2); any other value goes whole to one half.
    The seed is fixed and the draws follow the positive entries row by row, so that the
    split depends on the data alone: not on dtype, container or device.
    """
    first = map_positive(X, _split_values)
    if isinstance(X, CSR):
        return first, X.with_data(X.data - first.data)
    return first, X - first


def _split_values(values: Tensor) -> Tensor:
    x = values.to("cpu", torch.float64)
    generator = torch.Generator("cpu").manual_seed(_SEED)
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


def completion_score(held_out: CSR | Tensor, theta: Tensor, topics: Tensor) -> float:
    """Mean log-probability of a token of `held_out`, natural logarithm.

    sum x log((1 - l) (theta B) + l / m) / sum x with l = 1e-3.

    Parameters
    ----------
    held_out : CSR or Tensor of shape (n, m)
        The half that theta was not inferred from.
    theta : Tensor of shape (n, K)
    topics : Tensor of shape (K, m)
    """
    total, tokens = 0.0, 0.0
    wide = accumulation_dtype(theta.device)
    for x, p in _probabilities(held_out, theta, topics):
        p = (1 - _BACKGROUND) * p.to(wide) + _BACKGROUND / topics.shape[1]
        total = total + torch.xlogy(x.to(wide), p).sum()
        tokens = tokens + x.sum(dtype=wide)
    total, tokens = on_host({"total": total, "tokens": tokens}).values()
    if tokens == 0:
        raise ValueError(
            "X holds no tokens to score: the half of each document that is held out "
            "is empty. Score documents with more than a few tokens."
        )
    return total / tokens


def _probabilities(X, theta, topics):
    if isinstance(X, CSR):
        yield X.data, ops.sddmm(X, theta, topics.T.contiguous())
        return
    step = max(1, (1 << 20) // X.shape[1])
    for start in range(0, X.shape[0], step):
        yield X[start : start + step], theta[start : start + step] @ topics
