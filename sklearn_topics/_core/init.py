"""Starting points for nonnegative factorisations."""

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.csr import wide_dtype
from .svd import flip_signs, randomized_svd

INITS = ("random", "nndsvd", "nndsvda", "nndsvdar")

#: NNDSVD entries below this are zero, as in scikit-learn.
_NNDSVD_EPS = 1e-6


def mean_value(X: CSR | Tensor) -> float:
    values = X.data if isinstance(X, CSR) else X
    return float(values.sum(dtype=wide_dtype(values.device))) / (
        X.shape[0] * X.shape[1]
    )


def random_factors(X: CSR | Tensor, K: int, generator: torch.Generator):
    """|N(0, 1)| times sqrt(mean(X) / K): W (n x K) and H (K x m)."""
    scale = (mean_value(X) / K) ** 0.5

    def draw(*shape):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return (values.abs_() * scale).to(X.device, X.dtype)

    return draw(X.shape[0], K), draw(K, X.shape[1])


def _standard_normal(generator: torch.Generator):
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def nndsvd_factors(X: CSR | Tensor, K: int, generator: torch.Generator, fill: str):
    """Nonnegative double SVD (Boutsidis and Gallopoulos 2008).

    `fill` is "nndsvd" (zeros stay), "nndsvda" (zeros become the mean of X) or
    "nndsvdar" (zeros become small random values, |N(0, 1)| mean(X) / 100).
    """
    U, s, Vt = randomized_svd(X, K, _standard_normal(generator))
    U, Vt = flip_signs(U, Vt, by="U")
    # The leading pair has one sign throughout; of the others, the heavier sign.
    up, vp = U.clamp(min=0), Vt.clamp(min=0)
    un, vn = (-U).clamp(min=0), (-Vt).clamp(min=0)
    positive = up.norm(dim=0) * vp.norm(dim=1)
    negative = un.norm(dim=0) * vn.norm(dim=1)
    keep_positive = positive > negative
    mass = torch.where(keep_positive, positive, negative)
    u = torch.where(keep_positive, up, un)
    v = torch.where(keep_positive[:, None], vp, vn)
    u, v = u / _nonzero(u.norm(dim=0)), v / _nonzero(v.norm(dim=1))[:, None]
    scale = (s * mass).sqrt()
    u[:, 0], v[0], scale[0] = U[:, 0].abs(), Vt[0].abs(), s[0].sqrt()
    W, H = u * scale, v * scale[:, None]
    W, H = (A.where(A >= _NNDSVD_EPS, 0) for A in (W, H))
    mean = mean_value(X)
    if fill == "nndsvda":
        W, H = (A.where(A > 0, mean) for A in (W, H))
    elif fill == "nndsvdar":
        W, H = (
            A.where(A > 0, _small_noise(A, generator) * (mean / 100)) for A in (W, H)
        )
    return W, H


def _nonzero(norms: Tensor) -> Tensor:
    return norms.where(norms > 0, 1)


def _small_noise(A: Tensor, generator: torch.Generator) -> Tensor:
    values = torch.randn(*A.shape, generator=generator, dtype=torch.float64)
    return values.abs_().to(A.device, A.dtype)


def initial_factors(X: CSR | Tensor, K: int, init: str, generator: torch.Generator):
    """W (n x K) and HT (m x K) for one of `INITS`."""
    if init == "random":
        W, H = random_factors(X, K, generator)
    else:
        W, H = nndsvd_factors(X, K, generator, init)
    return W.contiguous(), H.T.contiguous()
