"""Randomised truncated SVD (Halko, Martinsson, Tropp 2011)."""

from collections.abc import Callable

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import wide_dtype

NORMALIZERS = ("LU", "QR", "none")


def randomized_svd(
    X: CSR | Tensor,
    n_components: int,
    draw: Callable[[int, int], Tensor],
    *,
    n_oversamples: int = 10,
    n_iter: int = 5,
    normalizer: str = "QR",
) -> tuple[Tensor, Tensor, Tensor]:
    """Leading singular triplets: U (n x K), s (K), Vt (K x m), of any sign.

    Halko et al. 2011, algorithms 4.4 and 5.1, on whichever of X and its transpose is
    taller.

    Parameters
    ----------
    draw : callable
        (rows, columns) -> standard normal numbers, on the host in float64.
    n_oversamples : int
        Random vectors beyond `n_components`.
    n_iter : int
        Power iterations.
    normalizer : {"LU", "QR", "none"}
        What keeps the vectors apart from one product to the next.
    """
    if X.shape[0] < X.shape[1]:
        options = {"n_oversamples": n_oversamples, "n_iter": n_iter}
        V, s, Ut = _tall_svd(X.T, n_components, draw, normalizer=normalizer, **options)
        return Ut.T, s, V.T
    return _tall_svd(
        X,
        n_components,
        draw,
        n_oversamples=n_oversamples,
        n_iter=n_iter,
        normalizer=normalizer,
    )


def _tall_svd(X, n_components, draw, *, n_oversamples, n_iter, normalizer):
    bases = {"LU": _triangular_basis, "QR": _qr_basis, "none": Tensor.contiguous}
    normalize = bases[normalizer]
    Q = draw(X.shape[1], n_components + n_oversamples).to(X.device, X.dtype)
    for _ in range(n_iter):
        Q = normalize(ops.spmm(X, Q))
        Q = normalize(ops.spmm(X.T, Q))
    Q = _qr_basis(ops.spmm(X, Q))
    projected = ops.spmm(X.T, Q)  # [m, width], the transpose of Q^T X
    if not bool(projected.isfinite().all()):
        raise FloatingPointError(
            f"Products with X overflow in {X.dtype}: rescale X or pass it as float64."
        )
    V, s, Ut = torch.linalg.svd(projected, full_matrices=False)
    U = Q @ Ut[:n_components].T
    return U, s[:n_components], V[:, :n_components].T


def _qr_basis(A: Tensor) -> Tensor:
    return torch.linalg.qr(A)[0].contiguous()


def _triangular_basis(A: Tensor) -> Tensor:
    """A times the inverse of a triangular matrix: well conditioned, of the same span.

    By the Cholesky factor of A^T A, with columns scaled to length 1, where that is far
    from singular; else by LU, which costs twice as much. Rounding of the factor changes
    no span.
    """
    gram = ops.gram(A).to(wide_dtype(A.device))
    length = gram.diagonal().sqrt()
    factor, info = torch.linalg.cholesky_ex(gram / torch.outer(length, length))
    least = 10 * torch.finfo(A.dtype).eps ** 0.5
    if int(info) == 0 and bool(factor.diagonal().min() > least):
        identity = torch.eye(len(factor), dtype=factor.dtype, device=A.device)
        inverse = torch.linalg.solve_triangular(factor, identity, upper=False).T
        scaled = inverse / length[:, None]
        return ops.combine_columns(A, scaled.to(A.dtype).contiguous())
    return _lu_basis(A)


def _lu_basis(A: Tensor) -> Tensor:
    """P L of A = P L U, without the n x n matrix P."""
    width = min(A.shape)
    packed, pivots, _ = torch.linalg.lu_factor_ex(A)  # singular ones as well
    lower = packed[:, :width].contiguous()
    top = lower[:width]
    top.copy_(top.tril(-1)).diagonal().fill_(1)
    place = {}  # row of L -> row of P L, where they differ: at most 2 width of them
    for i, pivot in enumerate((pivots - 1).tolist()):
        place[i], place[pivot] = place.get(pivot, pivot), place.get(i, i)
    to, of = (
        torch.tensor(list(rows), device=A.device) for rows in (place.values(), place)
    )
    lower[to] = lower[of]
    return lower


def flip_signs(U: Tensor, Vt: Tensor, *, by: str) -> tuple[Tensor, Tensor]:
    """Signs that make the largest entry of each left or right vector positive.

    `by` is "U" or "V": scikit-learn's `svd_flip`, u_based_decision True or False.
    """
    vectors = U.T if by == "U" else Vt
    largest = vectors.abs().argmax(1, keepdim=True)
    signs = torch.sign(vectors.gather(1, largest))[:, 0]
    signs = signs.where(signs != 0, 1)
    return U * signs, Vt * signs[:, None]
