"""Multiplicative updates as torchnmf has them."""

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import wide_dtype
from .beta_divergence import CLOSE, FLOOR
from .beta_nmf import MultiplicativeUpdate, value_sum
from .solver import State


class ShiftedMultiplicativeUpdate(MultiplicativeUpdate):
    """The same kept off zero by a shift, as torchnmf has it, in place of floors.

    Numerators are larger by `FLOOR`, so are denominators unless beta is 1, and Y unless
    beta is 2: no entry becomes zero.
    """

    def begin(self, X: CSR | Tensor, state: State) -> State:
        """As for every solver; for beta 1 with sum x log x - x, which D holds.

        Factors get one component more, which adds the shift to every cell of W H.
        """
        state = super().begin(X, state)
        if self.beta == 1:
            total = value_sum(X, lambda x: torch.xlogy(x, x) - x)
            state = {**state, "negentropy": total}
        if self.beta == 2:
            return state
        W, HT = state["W"], state["HT"]
        W = torch.cat([W, W.new_full((len(W), 1), FLOOR)], 1)
        return {**state, "W": W, "HT": torch.cat([HT, HT.new_ones(len(HT), 1)], 1)}

    def factors(self, state: State) -> dict[str, Tensor]:
        """W and HT without that component."""
        kept = None if self.beta == 2 else -1
        return {name: state[name][:, :kept].contiguous() for name in ("W", "HT")}

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """As for every solver; for beta 1 without a loop over the cells of W H."""
        state = {**state, **self.factors(state)}
        if self.beta != 1:
            return super().evaluate(X, state)
        W, HT = state["W"], state["HT"]
        wide = wide_dtype(W.device)
        sums = float(ops.column_sums(W).to(wide) @ ops.column_sums(HT).to(wide))
        logs = float(ops.log_sums(X, W, HT, floor=FLOOR).sum())
        D = state["negentropy"] + sums - logs
        if not D > CLOSE[W.dtype] * sums:  # nearly all of it cancelled
            return super().evaluate(X, state)
        objective = -(D + self.penalties.value(W, HT))
        return {"objective": objective, "error": (2 * D) ** 0.5}

    def update(self, A, numerator, denominator, l1, l2, *, zero=False):
        if self.beta != 1:
            denominator = denominator + FLOOR
        new = super().update(A, numerator + FLOOR, denominator, l1, l2)
        if self.beta != 2:
            new[:, -1] = A[:, -1]
        return new
