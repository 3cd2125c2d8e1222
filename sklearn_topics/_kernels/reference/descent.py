"""Sequential coordinate descent in plain torch, for whichever way the rows are held."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..csr import accumulation_dtype
from ..floors import SQUARE_FLOOR

#: A row whose size is between these powers of two is computed on as it is; others in a
#: unit, the power of two that makes their size about one: that is exact.
_NEAR = -10, 34
_MOST = 100  # exponent of a unit, whose power of two is a number in float32


def unit_exponents(device=None) -> Tensor:  # [2048], int64
    """The exponents of the units of rows, by the exponent bits of a size in float64."""
    exponent = 1022 - torch.arange(2048, device=device)
    near = (exponent >= -_NEAR[1]) & (exponent <= -_NEAR[0])
    exponent[near] = 0
    exponent[-1] = 0  # of what is infinite or NaN
    return exponent.clamp_(-_MOST, _MOST)


def coordinate_step(
    w: Tensor, S: Tensor, q: Tensor, u: Tensor, a: Tensor, l2: Tensor | float = 0.0
) -> Tensor:
    """The new coordinate of every row: see `ops.scd_rows` for the derivation."""
    if isinstance(l2, Tensor) or l2 > 0:
        return _ridge_step(w, S, q, u, l2)
    used = ~(q <= 0)  # so that NaN stays
    slope = torch.where(used, S / q.where(used, 1), 0)  # S / q
    # u v^2 - b v - a A = 0, solved for its larger root without cancellation
    A = (slope - w).clamp(min=0)
    b = a + slope * (S - u) + u * w
    root = (b * b + 4 * u * a * A).sqrt()
    small = 2 * a * A / (root - b).where(b < 0, 1)
    new = torch.where(b < 0, small, (b + root) / (2 * u))
    down = new < w
    upper = (q * w * w + a) / (u - S + q * w).where(down, 1)
    new = torch.where(down, torch.maximum(new, upper * upper / w.where(down, 1)), new)
    return torch.where(used, new, a / u)


def _ridge_step(w: Tensor, S: Tensor, q: Tensor, u: Tensor, l2) -> Tensor:
    """The same with a quadratic penalty and without a pseudocount."""
    used = ~(q <= 0)
    slope = torch.where(used, S / q.where(used, 1), 0)  # S / q
    gain = (slope * (S - u) + u * w).clamp(min=0)
    B = u + l2 * (slope - w).clamp(min=0)
    new = 2 * gain / (B + (B * B + 4 * l2 * gain).sqrt())
    down = used & (new < w)
    p, c = u - S + q * w, q * w * w
    root = (p * p + 4 * l2 * c).sqrt()
    upper = torch.where(p > 0, 2 * c / (p + root).where(p > 0, 1), (root - p) / 2 / l2)
    new = torch.where(down, torch.maximum(new, upper * upper / w.where(down, 1)), new)
    return new.where(used, 0)


class Descent(ABC):
    """Rows of W that descend together, one coordinate at a time, each until it stops.

    A subclass says how the entries of its rows are laid out: `spread` copies one value
    per row onto its entries, `row_sum` sums entries by row, and `term_weights` is the
    other factor's column k at every entry.
    """

    def __init__(self, x: Tensor, W: Tensor, floor: float):
        self.x, self.W, self.floor = x, W.clone(), floor

    def _unit(self, pseudocount) -> Tensor:  # [rows]
        """The power of two that each row is measured in."""
        wide = accumulation_dtype(self.W.device)
        size = self.row_sum(self.x.to(wide)) + pseudocount * self.W.shape[1]
        size = size.where((size > 0) & size.isfinite(), 1)
        place = torch.frexp(size).exponent.long() + 1022
        exponent = unit_exponents(size.device)[place.clamp(0, 2047)]
        return torch.ldexp(torch.ones_like(size), exponent).to(self.W.dtype)

    @abstractmethod
    def term_weights(self, k: int) -> Tensor: ...

    @abstractmethod
    def row_sum(self, values: Tensor) -> Tensor: ...

    @abstractmethod
    def spread(self, per_row: Tensor) -> Tensor: ...

    def run(self, u: Tensor, share: Tensor, pseudocount, l2, n_sweeps, tol):
        """The rows after at most `n_sweeps` sweeps, and their sums of x log y."""
        # An empty topic explains nothing and gets no weight.
        used = ~(u < torch.finfo(u.dtype).tiny)
        unit = self._unit(pseudocount)
        W, x = self.W * unit[:, None], self.x * self.spread(unit)
        a, l2 = pseudocount * unit[:, None] + share * W, l2 and l2 / unit
        floor = self.spread((self.floor * unit).clamp(min=SQUARE_FLOOR[W.dtype]))
        W[:, ~used] = 0
        topics = torch.nonzero(used).flatten().tolist()
        size = self.row_sum(x)
        tiny = size * (torch.finfo(W.dtype).eps / 100)
        y = torch.zeros_like(x)
        for k in topics:
            y += self.spread(W[:, k]) * self.term_weights(k)
        y = y.clamp(min=floor)
        active = torch.ones_like(size, dtype=torch.bool)
        for _ in range(n_sweeps):
            moved = torch.zeros_like(size)
            for k in topics:
                h, w = self.term_weights(k), W[:, k].clone()
                r = h / y
                xr = x * r
                S, q = self.row_sum(xr), self.row_sum(xr * r)
                new = coordinate_step(w, S, q, u[k], a[:, k], l2)
                new = new.where(~((a[:, k] <= 0) & (new * u[k] < tiny)), 0)
                W[:, k] = new = new.where(active, w)
                moved = torch.maximum(moved, (new - w).abs() * u[k])
                y = (y + self.spread(new - w) * h).clamp(min=floor)
            active &= moved > tol * (size + a.sum(1))
            if not bool(active.any()):
                break
        wide = accumulation_dtype(W.device)
        logs = y.to(wide).log() - self.spread(unit).to(wide).log()
        return W / unit[:, None], self.row_sum(self.x.to(wide) * logs)
