"""Multiplicative updates as torchnmf has them."""

from .._kernels.floors import BETA_FLOOR
from .beta_divergence import gradient_terms
from .beta_nmf import MultiplicativeUpdate


class ShiftedMultiplicativeUpdate(MultiplicativeUpdate):
    """Multiplicative updates with a shift in place of floors, as in torchnmf.

    Numerators are larger by `BETA_FLOOR`, so are denominators unless beta is 1, and Y
    unless beta is 2: no entry becomes zero.
    """

    def _terms(self, X, W, HT):
        options = {"masked": self.masked, "shift": BETA_FLOOR}
        return gradient_terms(X, W, HT, self.beta, **options)

    def update(self, A, numerator, denominator, l1, l2, *, zero=False):
        # Not by torch's additions: its threads would keep the next kernel waiting.
        l1 = l1 if self.beta == 1 else l1 + BETA_FLOOR
        return self._ratio_step(
            A, numerator, denominator, l1=l1, l2=l2, shift=BETA_FLOOR
        )
