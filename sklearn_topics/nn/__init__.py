"""Torch modules of the models, for training loops of one's own."""

from ._beta_mu import BetaMu
from ._etm import ETM
from ._nmf import NMF, sparsity

__all__ = ["ETM", "NMF", "BetaMu", "sparsity"]
