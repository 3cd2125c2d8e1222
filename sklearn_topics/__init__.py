"""Topic models for scikit-learn whose cores run on torch."""

from .models._poisson_nmf import TorchPoissonNMF
from .models._truncated_svd import TorchTruncatedSVD

__all__ = ["TorchPoissonNMF", "TorchTruncatedSVD", "__version__"]

__version__ = "0.1.0.dev0"
