"""Randomised truncated SVD (Halko, Martinsson, Tropp 2011)."""

import torch
from torch import Tensor

from .._kernels import CSR, ops


def randomized_svd(
    X: CSR | Tensor,
    n_components: int,
    generator: torch.Generator,
    *,
    n_oversamples: int = 10,
    n_iter: int = 5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Leading singular triplets: U (n x K), s (K), Vt (K x m).

    Halko et al. 2011, algorithms 4.4 and 5.1, with QR between power iterations. The
    largest entry of each left vector in absolute value is positive.
    """
    n, m = X.shape
    width = min(n_components + n_oversamples, n, m)
    dtype = X.dtype
    omega = torch.randn(m, width, generator=generator, dtype=torch.float64)
    Q = torch.linalg.qr(ops.spmm(X, omega.to(X.device, dtype)))[0]
    for _ in range(n_iter):
        Q = torch.linalg.qr(ops.spmm(X.T, Q.contiguous()))[0]
        Q = torch.linalg.qr(ops.spmm(X, Q.contiguous()))[0]
    projected = ops.spmm(X.T, Q.contiguous())  # [m, width], the transpose of Q^T X
    V, s, Ut = torch.linalg.svd(projected, full_matrices=False)
    U = Q @ Ut.T
    U, s, V = U[:, :n_components], s[:n_components], V[:, :n_components]
    signs = torch.sign(U.gather(0, U.abs().argmax(0, keepdim=True)))
    signs = signs.where(signs != 0, 1)
    return U * signs, s, (V * signs).T
