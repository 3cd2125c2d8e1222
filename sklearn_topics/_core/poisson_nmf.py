r"""Poisson NMF and the topic model: alternating solvers for both factors.

With pseudocounts a (documents) and b (terms) the objective is

.. math:: P(W, B) = \sum_{ij} [x_{ij} \log (WB)_{ij} - \log x_{ij}!] - \sum_{ik} w_{ik}
          + a \sum_{ik} \log w_{ik} + b \sum_{kj} \log B_{kj},

where the rows of B sum to one, so that W counts tokens. For a = b = 0 it is the
Poisson log-likelihood; otherwise, maximised over the size of each document, it is the
posterior of the topic model up to a constant.

The state holds W (n x K) and HT (m x K), topics as columns of any scale: B = H / u
with u the column sums of HT, and W u in place of W. Every update below is the one on
the simplex written in terms of W and H, so that nothing is ever rescaled.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import wide_dtype
from .solver import State

#: A topic that has lost all its tokens keeps a multiplier that can be divided by.
_FEWEST_TOKENS = 1e-6


@dataclass(frozen=True)
class PoissonSolver:
    """What both solvers share: the objective and its stationarity.

    Parameters
    ----------
    doc_topic_pseudocount, topic_word_pseudocount : float
        a and b, in tokens.
    log_factorial : float
        sum of log x! over the data, which the objective subtracts.
    floor : float
        Smallest reconstruction of a positive entry.
    """

    doc_topic_pseudocount: float = 0.0
    topic_word_pseudocount: float = 0.0
    log_factorial: float = 0.0
    floor: float = 1e-10

    @property
    def _smoothed(self) -> bool:
        return self.doc_topic_pseudocount > 0 or self.topic_word_pseudocount > 0

    def topic_cost(self, expected: Tensor, v: Tensor, u: Tensor, m: int) -> Tensor:
        """The cost of one unit of each topic in the update of H: [K].

        Maximum likelihood: v, the column sums of W. With pseudocounts: the multiplier
        of the constraint that a topic sums to one, which is the topic's expected
        tokens plus m b, here for a topic of sum u.
        """
        if not self._smoothed:
            return v
        tokens = expected.clamp(min=_FEWEST_TOKENS) + m * self.topic_word_pseudocount
        return torch.where(u > 0, tokens / u.where(u > 0, 1), 0)

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """Objective and KKT residual: max |W (u - (X/Y) H^T) - a|, likewise for H."""
        a, b = self.doc_topic_pseudocount, self.topic_word_pseudocount
        W, HT = state["W"], state["HT"]
        u, v = ops.column_sums(HT), ops.column_sums(W)
        loglik = ops.log_sums(X, W, HT, floor=self.floor)
        docs = ops.ratio_product(X, W, HT, floor=self.floor)
        terms = ops.ratio_product(X.T, HT, W, floor=self.floor)
        expected = ops.column_sums(HT, terms)  # tokens of each topic
        cost = self.topic_cost(expected, v, u, HT.shape[0])
        wide = wide_dtype(W.device)
        objective = loglik.sum() - u.to(wide) @ v.to(wide) - self.log_factorial
        used = u > 0
        if a > 0:
            objective += a * _log_sum(W[:, used] * u[used])
        if b > 0:
            objective += b * _log_sum(HT[:, used] / u[used])
        kkt = (
            ops.largest_violation(W, docs, u, a),
            ops.largest_violation(HT, terms, cost, b),
        )
        return {"objective": float(objective), "kkt": max(kkt)}


def _log_sum(A: Tensor) -> Tensor:
    return A.to(wide_dtype(A.device)).log().sum()


@dataclass(frozen=True)
class EM(PoissonSolver):
    """Expectation-maximisation, W then H; the objective never falls.

    For pseudocounts 0 these are Lee and Seung's multiplicative updates for the
    generalised Kullback-Leibler divergence.
    """

    def step(self, X: CSR | Tensor, state: State) -> State:
        return _em_step(self, X, state)


@dataclass(frozen=True)
class SCD(PoissonSolver):
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

    em_steps: int = 20
    inner_sweeps: int = 1

    def step(self, X: CSR | Tensor, state: State) -> State:
        done = state.get("iteration", 0)
        advance = _em_step if done < self.em_steps else _scd_step
        return {**advance(self, X, state), "iteration": done + 1}


def _em_step(solver: PoissonSolver, X: CSR | Tensor, state: State) -> State:
    a, b = solver.doc_topic_pseudocount, solver.topic_word_pseudocount
    W, HT = state["W"], state["HT"]
    u = ops.column_sums(HT)
    counts = ops.ratio_product(X, W, HT, floor=solver.floor)
    W = ops.multiplicative_step(W, counts, u, a)
    counts = ops.ratio_product(X.T, HT, W, floor=solver.floor)
    v, expected = ops.column_sums(W), ops.column_sums(HT, counts)
    cost = solver.topic_cost(expected, v, u, HT.shape[0])
    HT = ops.multiplicative_step(HT, counts, cost, b)
    return {**state, "W": W, "HT": HT}


def _scd_step(solver: SCD, X: CSR | Tensor, state: State) -> State:
    """W, then H, each by sweeps that raise the objective or leave it.

    For fixed W, and topics of any sum u, the objective holds (a n - b m) sum_k log u_k.
    Where the factor is negative, log u_k is at most its tangent, and the slope adds to
    the topic's cost; where it is positive, log u_k is at least the mean of log h over
    the topic's present terms, which adds to their pseudocounts. Either way coordinate
    descent works on a lower bound that touches the objective.
    """
    a, b = solver.doc_topic_pseudocount, solver.topic_word_pseudocount
    W, HT = state["W"], state["HT"]
    options = {"n_sweeps": solver.inner_sweeps, "floor": solver.floor}
    u = ops.column_sums(HT)
    W = ops.scd_rows(X, W, HT, u, pseudocount=a, **options)
    excess = b * HT.shape[0] - a * W.shape[0]
    present = u > 0
    per_sum = torch.where(present, 1 / u.where(present, 1), 0)
    cost = (ops.column_sums(W) + max(excess, 0.0) * per_sum) * present
    share = max(-excess, 0.0) * per_sum
    HT = ops.scd_rows(X.T, HT, W, cost, pseudocount=b, share=share, **options)
    return {**state, "W": W, "HT": HT}


@dataclass(frozen=True)
class Constants:
    """Sums over the data that the likelihood needs and the factors do not change.

    Attributes
    ----------
    tokens : float
        sum x.
    log_factorial : float
        sum log x!, with the gamma function where x is not an integer.
    saturated : float
        The log-likelihood of the model whose mean is x itself.
    mean_entry : float
        Mean of the positive entries; 0 if there is none.
    """

    tokens: float
    log_factorial: float
    saturated: float
    mean_entry: float

    @classmethod
    def of(cls, X: CSR | Tensor) -> "Constants":
        values = X.data if isinstance(X, CSR) else X
        wide = wide_dtype(values.device)
        sums, positive = torch.zeros(3, dtype=wide, device=values.device), 0
        # In chunks, because the wide temporaries would outweigh X itself.
        for chunk in values.flatten().split(1 << 18):
            x = chunk.to(wide)
            sums += torch.stack(
                [x.sum(), torch.lgamma(x + 1).sum(), torch.xlogy(x, x).sum()]
            )
            positive += int((x > 0).sum())
        tokens, log_factorial, entropy = sums.tolist()
        return cls(
            tokens,
            log_factorial,
            saturated=entropy - tokens - log_factorial,
            mean_entry=tokens / positive if positive else 0.0,
        )


def document_log_likelihood(X: CSR | Tensor, state: State, floor: float) -> float:
    """sum_ij x log y - y, y = t_i (theta B)_ij: each document's size is its total t_i.

    No other sizes give these topics and proportions a higher likelihood.
    """
    theta = normalize_rows(state["W"] * ops.column_sums(state["HT"]))
    size = X.row_sums() if isinstance(X, CSR) else X.sum(1)
    rates = theta.mul_(size.to(theta.dtype)[:, None])
    terms = topics_of(state).T.contiguous()
    loglik = ops.log_sums(X, rates, terms, floor=floor)
    return float(loglik.sum() - size.to(loglik.dtype).sum())


def topics_of(state: State) -> Tensor:  # [K, m]
    """The topics: rows that sum to one."""
    return normalize_rows(state["HT"].T.contiguous())


def normalize_rows(A: Tensor) -> Tensor:
    """Rows that sum to one; a row of zeros becomes uniform."""
    wide = A.to(wide_dtype(A.device))
    total = wide.sum(1, keepdim=True)
    uniform = torch.full_like(wide, 1 / A.shape[1])
    return torch.where(total > 0, wide / total.where(total > 0, 1), uniform).to(A.dtype)


def fold_in(
    X: CSR | Tensor,
    topics: Tensor,
    *,
    pseudocount: float,
    floor: float,
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
    n, K = X.shape[0], topics.shape[0]
    size = X.row_sums() if isinstance(X, CSR) else X.sum(1)
    start = ((size + K * pseudocount) / K).to(topics.dtype)
    W = ops.scd_rows(
        X,
        start[:, None].expand(n, K).contiguous(),
        topics.T.contiguous(),
        topics.new_ones(K),
        pseudocount=pseudocount,
        n_sweeps=max_sweeps,
        tol=tol,
        floor=floor,
    )
    return normalize_rows(W)
