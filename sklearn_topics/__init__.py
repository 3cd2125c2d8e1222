"""Topic models for scikit-learn whose cores run on torch."""

from ._boundary.embeddings import embedding_matrix
from ._version import __version__
from .models._beta_nmf import TorchBetaNMF, non_negative_factorization
from .models._deep_nmf import TorchDeepNMF
from .models._etm import TorchETM
from .models._poisson_nmf import TorchPoissonNMF
from .models._truncated_svd import TorchTruncatedSVD

__all__ = [
    "TorchBetaNMF",
    "TorchDeepNMF",
    "TorchETM",
    "TorchPoissonNMF",
    "TorchTruncatedSVD",
    "__version__",
    "embedding_matrix",
    "non_negative_factorization",
]
