"""Topic models for scikit-learn whose cores run on torch."""

import importlib
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._boundary.embeddings import embedding_matrix
    from .models._beta_nmf import TorchBetaNMF
    from .models._consensus import ConsensusTopics
    from .models._deep_nmf import TorchDeepNMF
    from .models._etm import TorchETM
    from .models._lda import TorchLDA
    from .models._non_negative_factorization import non_negative_factorization
    from .models._poisson_nmf import TorchPoissonNMF
    from .models._truncated_svd import TorchTruncatedSVD

__all__ = [
    "ConsensusTopics",
    "TorchBetaNMF",
    "TorchDeepNMF",
    "TorchETM",
    "TorchLDA",
    "TorchPoissonNMF",
    "TorchTruncatedSVD",
    "__version__",
    "embedding_matrix",
    "non_negative_factorization",
    "trusted_types",
]

#: Name -> its module, imported when first asked for: the command line's help needs no
#: torch. The same goes for the public modules.
_MODULES = {
    "ConsensusTopics": "models._consensus",
    "TorchBetaNMF": "models._beta_nmf",
    "TorchDeepNMF": "models._deep_nmf",
    "TorchETM": "models._etm",
    "TorchLDA": "models._lda",
    "TorchPoissonNMF": "models._poisson_nmf",
    "TorchTruncatedSVD": "models._truncated_svd",
    "embedding_matrix": "_boundary.embeddings",
    "non_negative_factorization": "models._non_negative_factorization",
}
_SUBMODULES = (
    "callbacks",
    "curation",
    "datasets",
    "distributed",
    "inspection",
    "io",
    "metrics",
    "nn",
    "plot",
    "report",
    "single_cell",
)


def trusted_types() -> list[str]:
    """Return the types that `skops.io.load` must trust to load models of this package.

    skops loads a file only if it trusts every type in it. It trusts the types of
    numpy, scipy and scikit-learn; these are the types of this package.

    Returns
    -------
    types : list of str
        The full names of the estimators, sorted.

    Examples
    --------
    >>> import skops.io
    >>> from sklearn_topics import TorchPoissonNMF, trusted_types
    >>> model = TorchPoissonNMF(2, random_state=0).fit([[3, 0, 1], [0, 4, 1]])
    >>> file = skops.io.dumps(model)
    >>> skops.io.loads(file, trusted=trusted_types()).n_components
    2
    """
    models = [name for name in _MODULES if name[0].isupper()]
    return sorted(f"{__name__}.{_MODULES[name]}.{name}" for name in models)


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_SUBMODULES})
