"""Sequential coordinate descent in plain torch, for whichever way the rows are held."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from ..csr import accumulation_dtype
from ..floors import SQUARE_FLOOR

#: A row whose size is between these powers of two is computed on as it is; others in a
#: unit, the power of two that makes their size about one: that is exact.
_NEAR = -10, 34
_MOST = 100  # exponent of a unit, whose power of two is a number in float32


def _unit_exponent(exponent: Tensor) -> Tensor:
    """The exponent of a row's unit, from the exponent of its size (frexp)."""
    far = (exponent < _NEAR[0]) | (exponent > _NEAR[1])
    return (far * -exponent).clamp_(-_MOST, _MOST)


def unit_exponents(device=None) -> Tensor:  # [2048], int64
    """The exponents of the units of rows, by the exponent bits of a size in float64."""
    exponents = _unit_exponent(torch.arange(2048, device=device) - 1022)
    exponents[-1] = 0  # of what is infinite or NaN
    return exponents


def coordinate_step(
    w: Tensor, S: Tensor, q: Tensor, u: Tensor, a: Tensor, l2: Tensor | float = 0.0
) -> Tensor:
    """The new coordinate of every row: see `ops.scd_rows` for the derivation.

    What is divided by zero on the way is not chosen in the end.
    """
    if isinstance(l2, Tensor) or l2 > 0:
        return _ridge_step(w, S, q, u, l2)
    slope, excess = S / q, S - u
    # u v^2 - 2 b v - a A = 0, solved for its larger root without cancellation
    aA = (slope - w).clamp_(min=0).mul_(a)
    b = torch.addcmul(a, u, w).addcmul_(slope, excess).div_(2)
    root = (b * b).addcmul_(u, aA).sqrt_().add_(b.abs())
    low = torch.where(b < 0, aA / root, root / u)
    qw = q * w
    up = torch.addcmul(a, qw, w) / (qw - excess)
    new = _no_further(w, low, up)
    return torch.where(q <= 0, a / u, new)  # keeps NaN


def _ridge_step(w: Tensor, S: Tensor, q: Tensor, u: Tensor, l2) -> Tensor:
    """The same with a quadratic penalty and without a pseudocount."""
    slope, excess = S / q, S - u
    gain = (slope * excess).addcmul_(u, w).clamp_(min=0)
    B = u + l2 * (slope - w).clamp_(min=0)
    low = 2 * gain / (B + (B * B + 4 * l2 * gain).sqrt_())
    qw = q * w
    p, c = qw - excess, qw * w
    root = (p * p + 4 * l2 * c).sqrt_()
    up = torch.where(p > 0, 2 * c / (p + root), (root - p) / (2 * l2))
    return _no_further(w, low, up).masked_fill_(q <= 0, 0)


def _no_further(w: Tensor, low: Tensor, up: Tensor) -> Tensor:
    """A step up to `low`; down to it, but no further than the upper bound allows."""
    return torch.where(low < w, torch.maximum(low, up * up / w), low)


def prior_of(pseudocount: float | Tensor, rows: slice) -> float | Tensor:
    """The pseudocounts of some rows of W."""
    return pseudocount[rows] if isinstance(pseudocount, Tensor) else pseudocount


class Descent(ABC):
    """Rows of W that descend together, one coordinate at a time, each until it stops.

    A subclass says how the entries of its rows are laid out.
    """

    def __init__(self, x: Tensor, W: Tensor, floor: float):
        self.x, self.W, self.floor = x, W, floor

    @abstractmethod
    def columns(self) -> Sequence[Tensor]:
        """The other factor's columns, each at every entry."""

    @abstractmethod
    def product(self, W: Tensor) -> Tensor:
        """W times the other factor, at every entry."""

    @abstractmethod
    def row_sums(self, values: Tensor) -> Tensor:
        """Sums by row of one value an entry."""

    @abstractmethod
    def spread(self, per_row: Tensor) -> Tensor:
        """One value a row, copied to its entries."""

    def run(self, u: Tensor, share: Tensor, pseudocount, l2, n_sweeps, tol):
        """The rows after at most `n_sweeps` sweeps, and their sums of x log y."""
        wide = accumulation_dtype(self.W.device)
        fixed = torch.zeros_like(self.W.T, dtype=torch.bool)  # [K, rows]
        if isinstance(pseudocount, Tensor):
            pseudocount = pseudocount.T
            fixed = pseudocount < 0
            pseudocount = pseudocount.masked_fill(fixed, 0)
        unit = self._unit(pseudocount)  # [rows]
        x, W = self.x * self.spread(unit), self.W.T.contiguous() * unit  # [K, rows]
        a, l2 = pseudocount * unit + share[:, None] * W, l2 and l2 / unit
        size, self.row_floors = self.row_sums(x), self._row_floors(unit)
        self.floors = self.spread(self.row_floors)
        empty = (u < torch.finfo(u.dtype).tiny)[:, None]
        u = u[:, None].masked_fill(empty, 1)
        least = self._least(u, a, size).masked_fill_(empty, torch.inf)
        W.masked_fill_(empty & ~fixed, 0)
        y = self.product(W.T).clamp_(min=self.floors)
        coordinates = list(zip(self.columns(), u, a, least, fixed, strict=True))
        bound = tol * (size + a.sum(0))
        active = torch.ones_like(size, dtype=torch.bool)
        for sweep in range(n_sweeps):
            new, new_y = self._sweep(x, W, y, coordinates, l2)
            moved = ((new - W).abs_() * u).amax(0)
            W, y = new.where(active, W), new_y.where(self.spread(active), y)
            active &= moved > bound
            # A fit has single sweeps and reads nothing; a read costs less than a sweep.
            if sweep + 1 < n_sweeps and not bool(active.any()):
                break
        logs = y.to(wide).log_() - self.spread(unit.to(wide).log())
        out = torch.where(fixed, self.W.T, W / unit).T.contiguous()
        return out, self.row_sums(logs.mul_(self.x))

    def _sweep(self, x, W, y, coordinates, l2) -> tuple[Tensor, Tensor]:
        """W and y after a step of each coordinate in turn."""
        y, out = y.clone(), []
        for w, (h, u, a, least, fixed) in zip(W, coordinates, strict=True):
            S, q = self.sums(x, y, h)
            new = coordinate_step(w, S, q, u, a, l2)
            new = torch.where(fixed, w, new.masked_fill_(new < least, 0))
            self.advance_(y, new - w, h)
            out.append(new)
        return torch.stack(out), y

    def sums(self, x: Tensor, y: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """S and q of every row, for a coordinate whose column is h: [rows]."""
        ratio = h / y
        weighted = x * ratio
        return self.row_sums(weighted), self.row_sums(ratio.mul_(weighted))

    def advance_(self, y: Tensor, step: Tensor, h: Tensor) -> None:
        """Add the steps of a coordinate, [rows], to y, in place."""
        y.addcmul_(self.spread(step), h).clamp_(min=self.floors)

    def _unit(self, pseudocount) -> Tensor:  # [rows]
        """The power of two that each row is measured in."""
        wide = accumulation_dtype(self.W.device)
        added = pseudocount * self.W.shape[1]
        if isinstance(pseudocount, Tensor):  # [K, rows]
            added = pseudocount.sum(0, dtype=wide)
        size = self.row_sums(self.x.to(wide)) + added
        exponent = _unit_exponent(torch.frexp(size).exponent)
        return torch.ldexp(torch.ones_like(size), exponent).to(self.W.dtype)

    def _row_floors(self, unit: Tensor) -> Tensor:
        return (self.floor * unit).clamp_(min=SQUARE_FLOOR[unit.dtype])

    @staticmethod
    def _least(u: Tensor, a: Tensor, size: Tensor) -> Tensor:  # [K, rows]
        """The least weight that does not become 0: with a pseudocount, any."""
        tiny = size * (torch.finfo(u.dtype).eps / 100)
        return (tiny / u).masked_fill_(a > 0, 0)
