"""What a fit draws depends on the data alone: not on the container or stored zeros."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

MODELS = {
    **{
        f"TorchPoissonNMF, {solver}, {init}": (
            lambda solver=solver, init=init: TorchPoissonNMF(
                4, solver=solver, init=init, max_iter=10, tol=0, random_state=0
            )
        )
        for solver in ("scd", "em", "adam")
        for init in ("random", "nndsvdar")
    },
    **{
        f"TorchPoissonNMF, {name}": lambda options=options: TorchPoissonNMF(
            4, max_iter=5, tol=0, random_state=0, **options
        )
        for name, options in {
            "small batches": {"solver": "adam", "batch_size": 32},
            "two starts": {"n_init": 2},
        }.items()
    },
    **{
        f"TorchBetaNMF, {solver}, {init}": (
            lambda solver=solver, init=init: TorchBetaNMF(
                4, solver=solver, init=init, max_iter=10, tol=0, random_state=0
            )
        )
        for solver in ("mu", "cd")
        for init in ("random", "nndsvdar")
    },
    "TorchDeepNMF": lambda: TorchDeepNMF((6, 3), max_iter=5, random_state=0),
    "TorchLDA": lambda: TorchLDA(4, max_iter=5, random_state=0),
    "TorchTruncatedSVD": lambda: TorchTruncatedSVD(4, random_state=0),
}


def _with_zeros(A):
    """CSR that stores every cell."""
    X = sp.csr_array(A + 1)
    X.data -= 1
    return X


CONTAINERS = {
    "dense": np.asarray,
    "columns": np.asfortranarray,
    "stored zeros": _with_zeros,
    "csc": sp.csc_matrix,
    "torch": torch.from_numpy,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", MODELS)
def test_fit_and_score_are_those_of_csr(X, name, container):
    A = X.toarray().astype(np.float64)
    containers = sp.csr_array(A), CONTAINERS[container](A)
    fits = [MODELS[name]().fit(B) for B in containers]
    found, expected = (np.asarray(fit.components_) for fit in fits)
    np.testing.assert_allclose(found, expected, atol=1e-8 * expected.max())
    if hasattr(fits[0], "score"):
        pairs = zip(fits, containers, strict=True)
        scores = [fit.score(B) for fit, B in pairs]
        assert scores[1] == pytest.approx(scores[0], rel=1e-4)
