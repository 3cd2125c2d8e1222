"""Topic models for scikit-learn whose cores run on torch."""

from .models._beta_nmf import TorchBetaNMF, non_negative_factorization
from .models._poisson_nmf import TorchPoissonNMF
from .models._truncated_svd import TorchTruncatedSVD

__all__ = [
    "TorchBetaNMF",
    "TorchPoissonNMF",
    "TorchTruncatedSVD",
    "__version__",
    "non_negative_factorization",
]

__version__ = "0.1.0.dev0"
