r"""Nonnegative matrix factorisation under a beta-divergence: X is about W H.

.. math:: L(W, H) = D_\beta(X, W H) + \sum_{A \in \{W, H\}}
          \left[ l_{1A} \sum A + \tfrac{1}{2} l_{2A} \sum A^2 \right]

is minimised by turns over W (n x K) and H. The state holds W and HT, the transpose of
H. Where a solver has a choice, scikit-learn's decides: equal starts have equal ends.

With ``update_H=False`` H stays, and W is fitted to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype
from .._kernels.floors import BETA_FLOOR
from .._kernels.ranks import agreed, agreed_numbers, all_sum
from .._kernels.shared_rows import scd_shared_rows
from .beta_divergence import (
    cancelled,
    cell_divergence,
    data_term,
    fast_divergence,
    gradient_terms,
)
from .extrapolation import extrapolated_step
from .observed import mean_value, row_means
from .schedule import Schedule, make_schedule
from .solver import State, on_host
from .unit import Unit

#: scikit-learn's: what is smaller becomes 0 where beta is small, for stability.
_LEAST = torch.finfo(torch.float64).eps

# The second is not 0.999: where Y is near its floor, gradients are rare and huge.
_DECAY, _SECOND_DECAY, _EPS = 0.9, 0.9, 1e-30

#: Share of itself that a gradient step leaves of an entry at least. Cut to zero,
#: entries would take Y to its floor, where gradients for beta < 2 explode; and factors
#: of nothing but zeros could not be left again.
_LEAST_SHARE = 0.5

#: Share of itself that an entry's scale is at least.
_SCALE_SHARE = 0.1


#: Weight of a penalty that leaves nothing, and is a number in float32.
_HUGE = 1e30


@dataclass(frozen=True)
class Penalties:
    """Weights of the sums and of half the squared sums of W and of H."""

    l1_W: float = 0.0
    l1_H: float = 0.0
    l2_W: float = 0.0
    l2_H: float = 0.0

    def measured(self, unit: Unit, beta: float, *, factors: bool = True) -> "Penalties":
        """The penalties for data in another unit, in which L is larger.

        With `factors` they have their unit too; without, they are as they were.
        """
        larger, factor = unit.power(beta), unit.factor if factors else 1.0
        sums, squares = larger / factor, larger / factor**2
        sizes = self.l1_W * sums, self.l1_H * sums, self.l2_W * squares
        return Penalties(*(min(s, _HUGE) for s in (*sizes, self.l2_H * squares)))

    def value(self, W: Tensor, HT: Tensor) -> Tensor | float:
        total, wide = 0.0, accumulation_dtype(W.device)
        if self.l1_W > 0:
            total += self.l1_W * all_sum(ops.column_sums(W)).sum(dtype=wide)
        if self.l2_W > 0:
            total += self.l2_W / 2 * all_sum(ops.column_sums(W, W)).sum(dtype=wide)
        if self.l1_H > 0:
            total += self.l1_H * ops.column_sums(HT).sum(dtype=wide)
        if self.l2_H > 0:
            total += self.l2_H / 2 * ops.column_sums(HT, HT).sum(dtype=wide)
        return total


@dataclass(frozen=True)
class BetaSolver(ABC):
    """What the solvers share.

    Parameters
    ----------
    beta : float
        2 is half the squared Frobenius norm, 1 Kullback-Leibler, 0 Itakura-Saito.
    penalties : Penalties
    masked : bool
        Whether X may be NaN where it is unobserved.
    update_H : bool
    """

    beta: float = 2.0
    penalties: Penalties = Penalties()
    masked: bool = False
    update_H: bool = True
    repeatable = False

    def init_state(self, X: CSR | Tensor, W: Tensor, HT: Tensor) -> State:
        """The initial state, with the part of D that depends only on X, if used."""
        used = self.beta == 2 or (self.beta == 1 and isinstance(X, CSR))
        known = (
            {"data_term": data_term(X, self.beta)} if used and not self.masked else {}
        )
        return {"W": W, "HT": HT, **known}

    @abstractmethod
    def step(self, X: CSR | Tensor, state: State) -> State:
        """One iteration."""

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """-L, to be maximised, and the error sqrt(2 D)."""
        W, HT = state["W"], state["HT"]  # [n, K], [m, K]
        D, size = self._divergence(X, state)
        penalty = self.penalties.value(W, HT)
        numbers = {"D": D, "size": size, "penalty": penalty, **self._recorded(state)}
        found = agreed_numbers(on_host(numbers))
        D, size, penalty = (found.pop(name) for name in ("D", "size", "penalty"))
        if cancelled(D, size, W.dtype):
            D = float(cell_divergence(X, W, HT, self.beta, masked=self.masked))
        return {"objective": -(D + penalty), "error": (2 * D) ** 0.5, **found}

    def _recorded(self, state: State) -> State:
        """Metrics of a state besides the objective and the error."""
        return {}

    def _divergence(self, X: CSR | Tensor, state: State):
        """D, and the size of the sums whose difference it is."""
        if "numerator" in state:
            return self._squared_error(state), state["data_term"]
        options = {"masked": self.masked, "known": state.get("data_term")}
        return fast_divergence(X, state["W"], state["HT"], self.beta, **options)

    def _squared_error(self, state: State) -> Tensor:  # []
        """D for beta 2 without another product with X, after `_least_squares_step`."""
        wide = accumulation_dtype(state["W"].device)
        if self.update_H:
            cross = ops.column_sums(state["HT"], state["numerator"])
        else:
            cross = all_sum(ops.column_sums(state["W"], state["numerator"]))
        cross = cross.to(wide).sum()
        both = (state["gram_W"].to(wide) * state["gram_H"].to(wide)).sum()
        # data_term + (both / 2 - cross)
        return torch.add(state["data_term"], torch.sub(both, cross, alpha=2), alpha=0.5)

    def _least_squares_step(self, X, state, update) -> State:
        """W, then H, for beta 2: from X times the other and that one's Gram matrix.

        `update` maps (factor, X times the other, Gram matrix, l1, l2) to the new
        factor. While H stays, X H^T and H H^T do.
        """
        W, HT, p = state["W"], state["HT"], self.penalties
        gram_H = state.get("gram_H")
        gram_H = ops.gram(HT) if gram_H is None else gram_H
        numerator = None if self.update_H else state.get("numerator")
        numerator = ops.spmm(X, HT) if numerator is None else numerator
        W = update(W, numerator, gram_H, p.l1_W, p.l2_W)
        gram_W = all_sum(ops.gram(W))
        if self.update_H:
            numerator = all_sum(ops.spmm(X.T, W))
            HT = update(HT, numerator, gram_W, p.l1_H, p.l2_H)
            gram_H = ops.gram(HT)
        grams = {"gram_W": gram_W, "gram_H": gram_H, "numerator": numerator}
        return {**state, **grams, "W": W, "HT": HT}


def mu_exponent(beta: float) -> float:
    """The exponent with which a multiplicative update does not increase D."""
    return 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1


class MultiplicativeUpdate(BetaSolver):
    """Fevotte and Idier 2011, section 4.1: updates that never raise D.

    Each entry is multiplied by (numerator / denominator)^gamma of its gradient; W,
    then H. With penalties on sums, and for beta 2 on squares, L does not rise either;
    for other beta a large penalty on squares can raise it, as in scikit-learn.
    """

    @property
    def repeatable(self) -> bool:
        """Not where a step goes through all cells of a sparse X, in many blocks."""
        return self.beta in (1, 2) and not self.masked

    def step(self, X: CSR | Tensor, state: State) -> State:
        if self.beta == 2 and not self.masked:
            return self._least_squares_step(X, state, self._least_squares_update)
        W, HT, p = state["W"], state["HT"], self.penalties
        terms = self._terms(X, W, HT)
        W = self.update(W, *terms, p.l1_W, p.l2_W, zero=self.beta < 1)
        if self.update_H:
            terms = all_sum(*self._terms(X.T, HT, W))
            HT = self.update(HT, *terms, p.l1_H, p.l2_H, zero=self.beta <= 1)
        return {**state, "W": W, "HT": HT}

    def _terms(self, X, W, HT):
        return gradient_terms(X, W, HT, self.beta, masked=self.masked)

    def _least_squares_update(self, A, numerator, gram, l1, l2):
        return self.update(A, numerator, ops.combine_columns(A, gram), l1, l2)

    def update(self, A, numerator, denominator, l1, l2, *, zero=False) -> Tensor:
        """The factor A after a step; with `zero`, entries next to 0 become 0."""
        least = _LEAST if zero else 0.0
        return self._ratio_step(A, numerator, denominator, l1=l1, l2=l2, least=least)

    def _ratio_step(self, A, numerator, denominator, **options):
        options |= {"gamma": mu_exponent(self.beta), "zero_denominator": BETA_FLOOR}
        return ops.ratio_step(A, numerator, denominator, **options)


@dataclass(frozen=True)
class CoordinateDescent(BetaSolver):
    """Fast HALS (Cichocki and Phan 2009) for beta 2: `ops.hals_step` on W, then H.

    Parameters
    ----------
    permutation : callable or None
        (K, n) -> the order of the coordinates in the n-th sweep of a fit; None is 0,
        1, ...
    """

    permutation: Callable[[int, int], Tensor] | None = None

    def step(self, X: CSR | Tensor, state: State) -> State:
        violations, done = [], state.get("sweeps", 0)

        def sweep(A, numerator, gram, l1, l2):
            K = A.shape[1]
            order = torch.arange(K, device="cpu")
            if self.permutation:
                order = self.permutation(K, done + len(violations))
            if l2 > 0:
                gram = gram + l2 * torch.eye(K, dtype=gram.dtype, device=gram.device)
            A, violation = ops.hals_step(A, numerator, gram, l1, order)
            violations.append(violation)
            return A

        new = self._least_squares_step(X, state, sweep)
        sweeps = done + len(violations)
        violation = sum(violations[1:], all_sum(violations[0]))
        return {**new, "violation": violation, "sweeps": sweeps}

    def _recorded(self, state: State) -> State:
        """The violation of the last sweeps of both factors."""
        return {"violation": state["violation"]}


@dataclass(frozen=True)
class KLCoordinateDescent(BetaSolver):
    """Extrapolated sequential coordinate descent for beta 1: `ops.scd_rows`.

    Parameters
    ----------
    multiplicative_steps : int
        Multiplicative updates before the first sweep: see `poisson_nmf.SCD`.
    """

    multiplicative_steps: int = 4
    repeatable = True

    def step(self, X: CSR | Tensor, state: State) -> State:
        if not self.update_H:
            return self._advance(X, state)[0]
        return extrapolated_step(self._advance_with_objective, X, state)

    def _advance_with_objective(self, X, state):
        new, log_sums = self._advance(X, state)
        W, HT = new["W"], new["HT"]
        if log_sums is None:
            log_sums = all_sum(ops.log_sums(X, W, HT, floor=BETA_FLOOR).sum())
        wide = accumulation_dtype(W.device)
        v = all_sum(ops.column_sums(W))
        sums = v.to(wide) @ ops.column_sums(HT).to(wide)
        D = sums - log_sums.sum() + state["data_term"]
        return new, agreed(-(D + self.penalties.value(W, HT)))

    def _advance(self, X, state):
        p, done = self.penalties, state.get("iteration", 0)
        # Counted no further, so that all later states are alike: see `graphs`.
        count = {"iteration": min(done + 1, self.multiplicative_steps)}
        if self.update_H and done < self.multiplicative_steps:
            update = MultiplicativeUpdate(1.0, p)
            return {**update.step(X, state), **count}, None
        W, HT = state["W"], state["HT"]
        # With H fixed rows are problems of their own, each of its own size.
        options = {"n_sweeps": 1, "floor": BETA_FLOOR if self.update_H else 0.0}
        cost = ops.column_sums(HT) + p.l1_W
        W, log_sums = ops.scd_rows(X, W, HT, cost, l2=p.l2_W, **options)
        if self.update_H:
            cost = all_sum(ops.column_sums(W)) + p.l1_H
            HT, log_sums = scd_shared_rows(X.T, HT, W, cost, l2=p.l2_H, **options)
        return {**state, "W": W, "HT": HT, **count}, log_sums

    def init_state(self, X: CSR | Tensor, W: Tensor, HT: Tensor) -> State:
        """The initial state, with the part of D that depends only on X."""
        return {"W": W, "HT": HT, "data_term": data_term(X, 1)}

    def _divergence(self, X: CSR | Tensor, state: State):
        """The same, from the sums of the last step."""
        objective = state.get("objective")
        if objective is None:
            return super()._divergence(X, state)
        W, HT = state["W"], state["HT"]
        size = all_sum(ops.column_sums(W)) @ ops.column_sums(HT)
        return -objective - self.penalties.value(W, HT), size


@dataclass(frozen=True)
class ProjectedAdam(BetaSolver):
    """Gradient descent with Adam's steps (Kingma and Ba 2015) within A > 0.

    Each entry has a scale: `unit` times the mean of its row (or column) of X in that
    of X. So rare columns take small steps.

    Parameters
    ----------
    unit : float
        The size of a typical entry.
    schedule : Schedule
        The learning rate: about the first step of an entry, in units of its scale.
    """

    unit: float = 1.0
    schedule: Schedule = make_schedule("constant", None, 1.0, 1)

    def step(self, X: CSR | Tensor, state: State) -> State:
        W, HT, p = state["W"], state["HT"], self.penalties
        done = state.get("iteration", 0)
        rate = self.schedule.rate(state, done)
        new = {**state, "iteration": done + 1, "learning_rate": rate}
        terms = gradient_terms(X, W, HT, self.beta, masked=self.masked)
        new |= self._descend("W", terms, p.l1_W, p.l2_W, state, done, rate)
        if self.update_H:
            terms = gradient_terms(X.T, HT, W, self.beta, masked=self.masked)
            new |= self._descend("HT", terms, p.l1_H, p.l2_H, state, done, rate)
        loss = partial(self._loss, X, new)
        return new | self.schedule.advance(state, loss)

    def _loss(self, X: CSR | Tensor, state: State) -> float:
        return -self.evaluate(X, state)["objective"]

    def _recorded(self, state: State) -> State:
        """The learning rate of the last step."""
        return {"learning_rate": state["learning_rate"]}

    def init_state(self, X: CSR | Tensor, W: Tensor, HT: Tensor) -> State:
        """The initial state, with the typical weight of each row and column.

        Rows and columns in which nothing was observed, or zeros only, begin at 0.
        """
        new = {"W": W, "HT": HT, **self.schedule.init_state()}
        new["learning_rate"] = self.schedule.rate(new, 0)
        for name, data in ("W", X), ("HT", X.T):
            new[f"unit_{name}"] = unit = _unit(data, self.unit)
            if name == "W" or self.update_H:
                new[name] = new[name].where(unit > 0, 0)
        return new

    def _descend(self, name, terms, l1, l2, state, done, rate) -> State:
        A, (numerator, denominator) = state[name], terms
        gradient = denominator - numerator
        if l1 > 0:
            gradient += l1
        if l2 > 0:
            gradient = gradient.add_(A, alpha=l2)
        mean, square = state.get(f"mean_{name}"), state.get(f"square_{name}")
        if mean is None:
            mean = square = torch.zeros_like(A)
        mean = torch.lerp(mean, gradient, 1 - _DECAY)
        square = torch.lerp(square, gradient.square_(), 1 - _SECOND_DECAY)
        rate /= 1 - _DECAY ** (done + 1)
        scale = (square / (1 - _SECOND_DECAY ** (done + 1))).sqrt_().add_(_EPS)
        # Not far below the entry: entries that must vanish do, from any start.
        unit = torch.maximum(A * _SCALE_SHARE, state[f"unit_{name}"])
        new = torch.addcdiv(A, mean * unit, scale, value=-rate)
        A = torch.maximum(new, A * _LEAST_SHARE)
        # Denormal numbers would take every later step up to a hundred times as long.
        A = torch.nn.functional.threshold(A, torch.finfo(A.dtype).tiny, 0.0)
        return {name: A, f"mean_{name}": mean, f"square_{name}": square}


def _unit(X: CSR | Tensor, unit: float) -> Tensor:
    """`unit` times the mean of each row's observed cells in that of all: [n, 1]."""
    return (row_means(X) * (unit / (mean_value(X) or 1))).to(X.dtype)[:, None]
