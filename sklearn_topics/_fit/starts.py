"""Initialisation of NMF by `init`, W and H."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.random import Philox
from sklearn.utils import check_random_state
from torch import Tensor

from .._boundary.inputs import check_factor
from .._boundary.shards import checked_together
from .._boundary.transfer import agreed_seed, numpy_dtype, to_device
from .._core.init import CELLS, Draw, init_scale, initial_factors
from .._core.observed import mean_value
from .._kernels.chunks import row_blocks
from .._kernels.ranks import all_any, all_rows

#: Rows of a factor whose numbers have a stream of their own.
_RUN = 4096

#: Largest exponent of the unit for which NNDSVD is that of scikit-learn. Beyond, its
#: replacements of zeros would dominate the factors, or vanish.
_LIKE_SKLEARN = 10

#: Largest ratio of X and its initial reconstruction for scikit-learn's initial value.
_NEAR = 1e3


def check_rank(init: str, K: int, shape) -> None:
    """Raise an error for an SVD with more components than rows or columns of X."""
    if init not in ("auto", "random") and K > min(shape):
        raise ValueError(
            f"init = '{init}' can only be used when n_components <= min(n_samples, "
            f"n_features): {K} is more than {min(shape)}. Use init='random'."
        )


def nmf_start(estimator, X, *, unit, masked: bool) -> tuple[Tensor, Tensor]:
    """Initial W (n x K) and HT (m x K) on the device of X; X is in `unit`.

    Follows scikit-learn's NMF and its parameters `init`, `n_components` and
    `random_state`. `masked`: whether cells of X are NaN.
    """
    K = estimator.n_components
    K = X.shape[1] if K in ("auto", None) else int(K)
    shape = all_rows(X.shape[0]), X.shape[1]
    init = chosen_init(estimator.init, K, shape, masked=masked)
    check_rank(init, K, shape)
    if init != "random" and masked:
        raise ValueError(
            f"init={init!r} needs all cells of X, but some are unobserved (NaN). Use "
            "init='random' or 'custom'."
        )
    seed = agreed_seed(estimator.random_state)
    streams = {"draw": host_normal(seed), "noise": host_normal(seed), "order": "HW"}
    factor = unit.factor if abs(unit.exponent) <= _LIKE_SKLEARN else 1.0
    return initial_factors(X, K, init, factor=factor, **streams)


def chosen_init(init, K, shape, *, masked: bool) -> str:
    """Resolve init=None."""
    if init is not None:
        return init
    return "random" if masked or K > min(shape) else "nndsvda"


def custom_factors(
    estimator, X, W, H, infer, *, K: int | None, any_dtype: bool
) -> tuple[Tensor, Tensor]:
    """Initial W (n x K) and HT (m x K) of init="custom", on the device of X.

    Parameters
    ----------
    estimator : estimator
        The estimator, to name in messages.
    X : CSR or Tensor
    W, H : array-like or None
        If one is None, it is inferred from the other.
    infer : callable
        (X, HT) -> W, for X or its transpose.
    K : int or None
        Number of components; None allows any.
    any_dtype : bool
        Whether W and H may have another dtype than X.
    """
    n, m = X.shape
    if W is None and H is None:
        raise ValueError("init='custom' needs W, H or both: pass them to fit.")
    if H is not None:
        H = given_factor(estimator, H, "H", (K, m), X, any_dtype=any_dtype)
        HT = H.T.contiguous()
        K = HT.shape[1]
    if W is None:
        return infer(X, HT), HT
    W = given_factor(estimator, W, "W", (n, K), X, any_dtype=any_dtype)
    return W, infer(X.T, W) if H is None else HT


def given_factor(
    estimator, factor, name: str, shape, X, *, any_dtype: bool = False
) -> Tensor:
    """Validate an initial factor; a tensor with the dtype and device of X."""
    dtype = numpy_dtype(X)
    with checked_together():
        factor = check_factor(estimator, factor, name, shape)
        if factor.dtype != dtype and not any_dtype:
            raise TypeError(
                f"{name} should have the same dtype as X, which is computed in {dtype}."
                f" Got {name}.dtype = {factor.dtype}."
            )
    if not all_any(bool(factor.any())):  # a rank may have empty documents only
        raise ValueError(
            f"Array passed to {type(estimator).__name__} (input {name}) is full of "
            "zeros, which updates cannot change."
        )
    return to_device(factor.astype(dtype, copy=False), X.device)


def initial_weights(X, HT, *, zero: bool) -> Tensor:
    """Initial W (n x K), constant or zero, to fit W alone.

    The constant is that of scikit-learn if the reconstruction is then of the order of
    X, else one that makes it so.
    """
    shape = X.shape[0], HT.shape[1]
    if zero:
        return HT.new_zeros(shape)
    value, size = init_scale(X, HT.shape[1]), mean_value(HT)
    natural = mean_value(X) / (HT.shape[1] * size) if size > 0 else value
    if natural > 0 and not 1 / _NEAR < value / natural < _NEAR:
        value = natural
    return HT.new_full(shape, value)


class DrawByRuns(Draw):
    """Standard normal numbers of which rows do not wait for those before them.

    Row i of a matrix is drawn in the run i // 4096, from a generator that counts from
    another number in each run (Philox: Salmon et al. 2011).

    Parameters
    ----------
    generator : torch.Generator
        On the host.
    """

    def __init__(self, generator: torch.Generator):
        self._generator = generator

        def stream(*shape):
            options = {"generator": generator, "dtype": torch.float64}
            return torch.randn(*shape, device=generator.device, **options)

        super().__init__(stream)

    def rows(self, shape: tuple[int, int], first: int, last: int) -> Iterator[Tensor]:
        key = torch.randint(2**62, (), generator=self._generator, device="cpu").item()
        for run in range(first // _RUN, -(-last // _RUN)):
            begin, end = run * _RUN, min(last, (run + 1) * _RUN)
            stream = np.random.Generator(Philox(key=key, counter=[0, 0, 0, run]))
            for start, stop in row_blocks(end - begin, shape[1], CELLS):
                drawn = stream.standard_normal((stop - start, shape[1]))
                yield torch.from_numpy(drawn[max(first - begin - start, 0) :])


def host_normal(seed) -> Draw:
    """Standard normal numbers in scikit-learn's order, anew for an integer seed."""
    rng = check_random_state(seed)
    return Draw(lambda *shape: torch.from_numpy(rng.standard_normal(size=shape)))
