"""Topic models for scikit-learn whose cores run on torch."""

from .models._poisson_nmf import TorchPoissonNMF

__all__ = ["TorchPoissonNMF", "__version__"]

__version__ = "0.1.0.dev0"
