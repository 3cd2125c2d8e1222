r"""Poisson NMF and the topic model: alternating solvers for both factors.

With pseudocounts a (documents) and b (terms) the objective is

.. math:: P(W, B) = \sum_{ij} [x_{ij} \log (WB)_{ij} - \log x_{ij}!] - \sum_{ik} w_{ik}
          + a \sum_{ik} \log w_{ik} + \sum_{kj} b_{kj} \log B_{kj},

where the rows of B sum to one, so that W counts tokens. For a = b = 0 it is the
Poisson log-likelihood; otherwise, maximised over the size of each document, it is the
posterior of the topic model up to a constant. b may be one number for all terms and
topics. Where b_kj is negative, H_kj is fixed: it has no term and stays as it begins.

The state holds W (n x K) and HT (m x K), topics as columns of any scale: B = H / u
with u the column sums of HT, and W u in place of W. Every update below is the one on
the simplex written in terms of W and H, so that nothing is ever rescaled.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import data_blocks, map_rows
from .._kernels.csr import accumulation_dtype, slice_rows
from .._kernels.floors import POISSON_FLOOR
from .._kernels.ranks import agreed, all_max, all_rows, all_sum
from .._kernels.shared_rows import scd_shared_rows
from .extrapolation import beyond, extrapolated_step
from .solver import State, on_host

#: With pseudocounts, a topic with less than this share of all tokens is empty.
_LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class PoissonObjective:
    """The objective of every solver, and the KKT residual of a state.

    Parameters
    ----------
    doc_topic_pseudocount : float
        a, in tokens.
    topic_word_pseudocount : float or Tensor of shape (m, K)
        b, in tokens; for each term and topic, or the same for all.
    log_factorial : float
        sum of log x! over the data, which the objective subtracts.
    floor : float
        Smallest reconstruction of a positive entry, in the unit of X: see `unit`.
    """

    doc_topic_pseudocount: float = 0.0
    topic_word_pseudocount: float | Tensor = 0.0
    log_factorial: float = 0.0
    floor: float = POISSON_FLOOR

    @property
    def smooths(self) -> bool:
        """Whether the objective is not the likelihood alone."""
        b = self.topic_word_pseudocount
        return isinstance(b, Tensor) or self.doc_topic_pseudocount > 0 or b > 0

    def topic_prior(self, m: int) -> float | Tensor:  # number, or [K]
        """The pseudocounts of all m terms of a topic together."""
        b = self.topic_word_pseudocount
        if isinstance(b, Tensor):
            return ops.column_sums(b.clamp(min=0))
        return m * b

    def topic_cost(self, expected: Tensor, v: Tensor, u: Tensor, m: int) -> Tensor:
        """The cost of one unit of each topic in the update of H: [K].

        Maximum likelihood: v, the column sums of W. With pseudocounts: the multiplier
        of the constraint that a topic sums to one, which is the topic's expected
        tokens plus sum_j b_kj, here for a topic of sum u; 0 for a topic that has lost
        all.
        """
        if not self.smooths:
            return v
        tokens = expected + self.topic_prior(m)
        return tokens * (tokens > _LEAST_SHARE * tokens.sum()) * _inverse(u)

    def objective(
        self, X: CSR | Tensor, state: State, log_sums: Tensor | None = None
    ) -> Tensor:  # []
        """P at `state`, accumulated wide.

        `log_sums` are those of ``ops.log_sums``, of documents or of terms, if known.
        """
        W, HT = state["W"], state["HT"]
        u, v = ops.column_sums(HT), all_sum(ops.column_sums(W))
        wide = accumulation_dtype(W.device)
        if log_sums is None:
            total = all_sum(ops.log_sums(X, W, HT, floor=self.floor).sum())
        else:
            total = log_sums.sum()
        value = total - u.to(wide) @ v.to(wide) - self.log_factorial
        return value + self._log_prior(W, HT, u)

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """Objective and KKT residual: max |W (u - (X/Y) H^T) - a|, likewise for H."""
        W, HT = state["W"], state["HT"]  # [n, K], [m, K]
        u, v = ops.column_sums(HT), all_sum(ops.column_sums(W))  # [K]
        objective = state.get("objective")
        if objective is None:
            objective = self.objective(X, state)
        b = self.topic_word_pseudocount
        kkt = all_max(self._document_violation(X, W, HT, u))
        numerator = all_sum(ops.ratio_product(X.T, HT, W, floor=self.floor))  # [m, K]
        expected = ops.column_sums(HT, numerator)  # [K]
        cost = self.topic_cost(expected, v, u, HT.shape[0])  # [K]
        kkt = torch.maximum(kkt, ops.largest_violation(HT, numerator, cost, b))
        return on_host({"objective": objective, "kkt": kkt})

    def _log_prior(self, W: Tensor, HT: Tensor, u: Tensor) -> Tensor | float:
        """a sum log(W u) + sum b log(H / u), over the topics in use."""
        if not self.smooths:
            return 0.0
        a, b = self.doc_topic_pseudocount, self.topic_word_pseudocount
        empty = u <= 0  # [K]
        log_u = u.masked_fill(empty, 1).to(accumulation_dtype(u.device)).log()
        n = all_rows(W.shape[0])
        excess = a * n - self.topic_prior(HT.shape[0])  # a number, or [K]
        if isinstance(b, Tensor):
            total = (excess * log_u).sum() + ops.log_sum(HT, empty, b.clamp(min=0))
        else:
            total = excess * log_u.sum()
            if b > 0:
                total = torch.add(total, ops.log_sum(HT, empty), alpha=b)
        if a == 0:
            return total
        return torch.add(total, all_sum(ops.log_sum(W, empty)), alpha=a)

    def _document_violation(self, X, W, HT, u) -> Tensor:  # []
        def violation(start, stop):
            part, A = slice_rows(X, start, stop), W[start:stop]
            numerator = ops.ratio_product(part, A, HT, floor=self.floor)
            return ops.largest_violation(A, numerator, u, self.doc_topic_pseudocount)

        found = (violation(*rows) for rows in data_blocks(X))
        return reduce(torch.maximum, found, u.new_zeros(()))


def _inverse(u: Tensor) -> Tensor:
    """1 / u, and 0 for an empty topic; NaN, which is an overflow, stays."""
    return (u / u / u).masked_fill_(u <= 0, 0)


@dataclass(frozen=True)
class Alternating(PoissonObjective, ABC):
    """W, then H, by updates that never lower the objective.

    Parameters
    ----------
    extrapolate : bool
        Whether iterations begin beyond the last factors: see `extrapolation`.
    """

    extrapolate: bool = True
    repeatable = True

    def init_state(
        self, X: CSR | Tensor, W: Tensor, HT: Tensor, generator: torch.Generator
    ) -> State:
        """The initial state."""
        return {"W": W, "HT": HT}

    @abstractmethod
    def advance(self, X: CSR | Tensor, state: State) -> tuple[State, Tensor | None]:
        """One iteration from HT of `state`, and from W, or `beyond` it.

        Returns the new state, and its ``ops.log_sums`` if known.
        """

    def step(self, X: CSR | Tensor, state: State) -> State:
        if self.extrapolate:
            advance, moved = self._advance_with_objective, ("HT",)
            return extrapolated_step(advance, X, state, factors=moved)
        return self.advance(X, state)[0]

    def _advance_with_objective(self, X, state):
        new, log_sums = self.advance(X, state)
        return new, agreed(self.objective(X, new, log_sums))


class EM(Alternating):
    """Expectation-maximisation, W then H.

    For pseudocounts 0 these are Lee and Seung's multiplicative updates for the
    generalised Kullback-Leibler divergence.
    """

    def advance(self, X: CSR | Tensor, state: State) -> tuple[State, None]:
        return _em_step(self, X, state), None


@dataclass(frozen=True)
class SCD(Alternating):
    """Sequential coordinate descent, W then H: see `ops.scd_rows` for one factor.

    Parameters
    ----------
    em_steps : int
        EM iterations before the first one of coordinate descent. From a random start,
        where topics are alike, coordinate descent commits a document to the first
        topics in turn; EM treats them alike and ends in better optima.
    inner_sweeps : int
        Sweeps over a factor before the other one's turn.
    """

    em_steps: int = 15
    inner_sweeps: int = 1

    def advance(self, X: CSR | Tensor, state: State) -> tuple[State, Tensor | None]:
        done, log_sums = state.get("iteration", 0), None
        if done < self.em_steps:
            new = _em_step(self, X, state)
        else:
            new, log_sums = _scd_step(self, X, state)
        # Counted no further, so that all later states are alike: see `graphs`.
        return {**new, "iteration": min(done + 1, self.em_steps)}, log_sums


def _positive(value: float | Tensor) -> float | Tensor:
    return value.clamp(min=0) if isinstance(value, Tensor) else max(value, 0.0)


def _em_step(solver: Alternating, X: CSR | Tensor, state: State) -> State:
    HT = state["HT"]  # [m, K]
    u = ops.column_sums(HT)  # [K]

    def update(part, rows):
        W = beyond(state, "W", rows)
        numerator = ops.ratio_product(part, W, HT, floor=solver.floor)
        return ops.multiplicative_step(W, numerator, u, solver.doc_topic_pseudocount)

    W = map_rows(update, X)  # [n, K]
    numerator = ops.ratio_product(X.T, HT, W, floor=solver.floor)
    numerator, v = all_sum(numerator, ops.column_sums(W))  # [m, K], [K]
    expected = ops.column_sums(HT, numerator)  # [K]
    cost = solver.topic_cost(expected, v, u, HT.shape[0])  # [K]
    HT = ops.multiplicative_step(HT, numerator, cost, solver.topic_word_pseudocount)
    return {**state, "W": W, "HT": HT, "objective": None}


def _scd_step(solver: SCD, X: CSR | Tensor, state: State) -> tuple[State, Tensor]:
    """W, then H, each by sweeps that raise the objective or leave it.

    For fixed W, and topics of any sum u, the objective holds the sum over k of
    (a n - sum_j b_kj) log u_k.
    Where the factor is negative, log u_k is at most its tangent, and the slope adds to
    the topic's cost; where it is positive, log u_k is at least the mean of log h over
    the topic's present terms, which adds to their pseudocounts. Either way coordinate
    descent works on a lower bound that touches the objective.
    """
    a, b = solver.doc_topic_pseudocount, solver.topic_word_pseudocount
    HT = state["HT"]  # [m, K]
    u = ops.column_sums(HT)  # [K]

    def update(part, rows):
        return _swept(solver, part, beyond(state, "W", rows), HT, u, a)[0]

    W = map_rows(update, X)  # [n, K]
    n, v = all_rows(W.shape[0]), all_sum(ops.column_sums(W))
    excess = solver.topic_prior(HT.shape[0]) - a * n  # a number, or [K]
    per_sum = _inverse(u)  # [K]
    cost = (v + _positive(excess) * per_sum) * (u > 0)  # [K]
    share = _positive(-excess) * per_sum
    terms = X.T, HT, W, cost, b, share
    HT, log_sums = _swept(solver, *terms, shared=True)  # [m, K], [m]
    return {**state, "W": W, "HT": HT, "objective": None}, log_sums


def _swept(
    solver, X, A, B, cost, pseudocount, share=None, *, shared=False
) -> tuple[Tensor, Tensor]:
    """Rows of the factor A after sweeps, and their ``ops.log_sums``.

    Weights that their pseudocounts dominate, in short documents most, take a step of EM
    together, which is nearly as good there, and only the others are swept. `shared`
    rows have entries on all ranks.
    """
    options = {"n_sweeps": solver.inner_sweeps, "floor": solver.floor, "share": share}
    sweep = scd_shared_rows if shared else ops.scd_rows
    return sweep(X, A, B, cost, pseudocount=pseudocount, settles=True, **options)
