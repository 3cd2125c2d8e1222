"""Topic proportions of documents, given the topics."""

from torch import Tensor

from .._kernels import CSR, ops
from .topic_model import even_weights, normalize_rows

#: Size that descent gives to every document at first, where proportions are proposed.
_PROPOSED_TOKENS = 100.0


def fold_in(
    X: CSR | Tensor,
    topics: Tensor,
    *,
    pseudocount: float,
    max_sweeps: int = 200,
    tol: float = 1e-4,
) -> Tensor:
    """Topic proportions (n x K) of each document given the topics (K x m).

    The convex problem max_theta sum_j x_j log(theta B)_j + a sum_k log theta_k, by
    coordinate descent from the uniform start. Each row stops by itself, when a sweep
    moves no coordinate by more than `tol` of the document's size, so that a row of the
    result depends on that document alone. A document without tokens gets the uniform
    row.
    """
    start = even_weights(X, topics.shape[0], pseudocount)
    options = {"n_sweeps": max_sweeps, "tol": tol}
    return _descended(X, start, topics, pseudocount=pseudocount, **options)


def fold_in_around(
    X: CSR | Tensor,
    topics: Tensor,
    proposed: Tensor,
    *,
    weight: float,
    max_sweeps: int = 200,
    tol: float = 1e-4,
) -> Tensor:
    """As `fold_in`, with proportions proposed for each document (n x K) as its prior.

    The convex problem max_theta sum_j x_j log(theta B)_j + c sum_k p_k log theta_k: the
    proposal p counts as c = `weight` tokens. It is also where descent begins.
    """
    start = (proposed * _PROPOSED_TOKENS).contiguous()
    share = topics.new_full((topics.shape[0],), weight / _PROPOSED_TOKENS)
    options = {"n_sweeps": max_sweeps, "tol": tol}
    return _descended(X, start, topics, share=share, **options)


def _descended(X: CSR | Tensor, start: Tensor, topics: Tensor, **options) -> Tensor:
    """Proportions (n x K) by coordinate descent on W from this start (n x K)."""
    HT, cost = topics.T.contiguous(), topics.new_ones(topics.shape[0])
    return normalize_rows(ops.scd_rows(X, start, HT, cost, **options)[0])
