"""Torch modules of the models, for custom training loops."""

from ._beta_mu import BetaMu
from ._etm import ETM
from ._nmf import NMF
from ._sparsity import sparsity

__all__ = ["ETM", "NMF", "BetaMu", "sparsity"]
