"""From factors to the topic model with the same likelihood, and sums over the data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import data_blocks, map_rows, row_blocks, wide_sums
from .._kernels.csr import accumulation_dtype, slice_rows
from .._kernels.ranks import all_rows, all_sum
from .solver import State

#: Cells of a factor that are computed on in the wide dtype at once.
_CELLS = 1 << 18


@dataclass(frozen=True)
class CorpusSums:
    """Sums over the data that the likelihood needs and the factors do not change.

    Attributes
    ----------
    documents : int
        Number of documents.
    tokens : float
        sum x.
    log_factorial : float
        sum log x!, with the gamma function where x is not an integer.
    saturated : float
        The log-likelihood of the model whose mean is x itself.
    """

    documents: int
    tokens: float
    log_factorial: float
    saturated: float

    @classmethod
    def of(cls, X: CSR | Tensor) -> "CorpusSums":
        sums = wide_sums(
            X, lambda x: x, lambda x: torch.lgamma(x + 1), lambda x: torch.xlogy(x, x)
        )
        tokens, log_factorial, entropy = all_sum(sums).tolist()
        return cls(
            documents=all_rows(X.shape[0]),
            tokens=tokens,
            log_factorial=log_factorial,
            saturated=entropy - tokens - log_factorial,
        )


def document_log_likelihood(X: CSR | Tensor, state: State, floor: float) -> float:
    """sum_ij x log y - y, y = t_i (theta B)_ij: each document's size is its total t_i.

    No other sizes give these topics and proportions a higher likelihood.
    """
    terms, sums = topics_of(state).T.contiguous(), ops.column_sums(state["HT"])

    def log_likelihoods(part, rows):
        theta, size = normalize_rows(state["W"][rows] * sums), document_sizes(part)
        rates = theta.mul_(size.to(theta.dtype)[:, None])
        loglik = ops.log_sums(part, rates, terms, floor=floor)
        return loglik - size.to(loglik.dtype)

    return float(all_sum(map_rows(log_likelihoods, X).sum()))


def expected_tokens(X: CSR | Tensor, theta: Tensor) -> Tensor:  # [K]
    """The tokens of X that each topic explains, for proportions theta (n x K)."""
    return ops.column_sums(theta * document_sizes(X).to(theta.dtype)[:, None])


def state_tokens(X: CSR | Tensor, state: State) -> Tensor:  # [K]
    """`expected_tokens` of a state, accumulated wide."""
    u = ops.column_sums(state["HT"])
    tokens = torch.zeros_like(u, dtype=accumulation_dtype(u.device))
    for start, stop in data_blocks(X):
        theta = normalize_rows(state["W"][start:stop] * u)
        tokens += expected_tokens(slice_rows(X, start, stop), theta)
    return all_sum(tokens)


def document_sizes(X: CSR | Tensor) -> Tensor:  # [n]
    """The tokens of each document, in float64."""
    return ops.row_sums(X)


def even_weights(X: CSR | Tensor, K: int, pseudocount: float = 0.0) -> Tensor:
    """W (n x K) of documents whose tokens and pseudocounts all topics share evenly."""
    share = ((document_sizes(X) + K * pseudocount) / K).to(X.dtype)
    return share[:, None].expand(X.shape[0], K).contiguous()


def topics_of(state: State) -> Tensor:  # [K, m]
    """The topics: rows that sum to one."""
    return normalize_rows(state["HT"].T.contiguous())


def normalize_rows(A: Tensor) -> Tensor:
    """Rows that sum to one; a row of zeros becomes uniform."""
    if A.numel() <= _CELLS:
        return _normalized(A)
    out = torch.empty_like(A)
    for start, stop in row_blocks(*A.shape, _CELLS):
        out[start:stop] = _normalized(A[start:stop])
    return out


def _normalized(A: Tensor) -> Tensor:
    wide = A.to(accumulation_dtype(A.device))
    total = wide.sum(1, keepdim=True)
    shares = wide / total
    return shares.masked_fill_(total <= 0, 1 / A.shape[1]).to(A.dtype)  # keeps NaN
