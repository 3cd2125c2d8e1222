"""Randomised truncated SVD (Halko, Martinsson, Tropp 2011)."""

from collections.abc import Callable

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype
from .._kernels.ranks import (
    agreed,
    agreed_numbers,
    all_any,
    all_rows,
    all_sum,
    current,
    gathered_rows,
    rows_before,
)
from .._kernels.threads import threads_for
from .._kernels.transfer import upload
from .solver import on_host

NORMALIZERS = ("LU", "QR", "none")
#: Sines of the angles between columns from which on one more product does no harm: it
#: multiplies their condition by that of the captured part of X.
_APART = 0.25
_CACHE_LINE = 64  # bytes


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
    options = {
        "n_oversamples": n_oversamples,
        "n_iter": n_iter,
        "normalizer": normalizer,
    }
    n = all_rows(X.shape[0])
    with threads_for(X):
        if n < X.shape[1]:
            options["spread"] = False, current() is not None
            V, s, Ut = _tall_svd(X.T, n_components, draw, **options)
            return Ut.T, s, V.T
        options["spread"] = current() is not None, False
        return _tall_svd(X, n_components, draw, **options)


def _tall_svd(X, n_components, draw, *, n_oversamples, n_iter, normalizer, spread):
    """`spread`: whether the rows of X, or its columns, are documents of several ranks.

    So are then the rows of what has a row for each of them; other matrices are those of
    rank 0 on all ranks: processors of other kinds may find another basis.
    """
    width = int(n_components) + int(n_oversamples)  # numpy 1: uint64 + int is a float
    rows, columns = spread

    def product(X, Q, inner):
        return all_sum(ops.spmm(X, Q)) if inner else ops.spmm(X, Q)

    first, total = rows_before(X.shape[1]) if columns else (0, X.shape[1])
    drawn = _shared(draw(total, width)[first : first + X.shape[1]], columns)
    Q = upload(_whole_lines(drawn.to(X.dtype)), X.device)
    apart, basis = False, _BASES[normalizer]
    for _ in range(n_iter):
        Q = product(X, Q, columns)
        if not (apart and normalizer == "LU"):
            Q = _agreed_basis(basis, Q, rows)[0]
        Q, apart = _agreed_basis(basis, product(X.T, Q, rows), columns)
    Q = product(X, Q, columns)[:, :width].contiguous()
    Q = _agreed_basis(_orthonormal_basis, Q, rows)[0]
    projected = product(X.T, Q, rows)  # [m, width], the transpose of Q^T X
    overflow = not bool(projected.isfinite().all())
    if all_any(overflow):
        raise FloatingPointError(
            f"Products with X overflow in {X.dtype}: rescale X or pass it as float64."
        )
    whole = gathered_rows(projected) if columns else projected
    V, s, Ut = map(agreed, torch.linalg.svd(whole, full_matrices=False))
    V = V[first : first + X.shape[1]]
    U = Q @ Ut[:n_components].T
    return _shared(U, rows), s[:n_components], V[:, :n_components].T


def _whole_lines(A: Tensor) -> Tensor:
    """A with columns of zeros, so that each row is whole cache lines.

    Products with a sparse X are bound by the lines they touch. The zeros stay so, or
    become further random vectors.
    """
    missing = -A.shape[1] % (_CACHE_LINE // A.element_size())
    return torch.nn.functional.pad(A, (0, missing))


def _agreed_basis(basis, A: Tensor, spread: bool) -> tuple[Tensor, bool]:
    """``basis(A, spread)``, of which all ranks have the same or their own rows."""
    Q, apart = basis(A, spread)
    return _shared(Q, spread), apart


def _shared(A: Tensor, spread: bool) -> Tensor:
    return A if spread else agreed(A)


def _of_whole(basis: Callable[[Tensor], Tensor], A: Tensor, spread: bool) -> Tensor:
    """``basis(A)``, which needs all rows of A at once."""
    if not spread:
        return basis(A)
    first, _ = rows_before(len(A))
    whole = agreed(basis(gathered_rows(A)))
    return whole[first : first + len(A)].contiguous()


def _orthonormal_basis(A: Tensor, spread: bool = False) -> tuple[Tensor, bool]:
    """CholeskyQR2 (Fukaya et al. 2014) where that is safe, else Householder's QR.

    The first pass leaves columns orthogonal but for its rounding times the squared
    condition number of A, which the second takes away.
    """
    first = _cholesky_basis(A, spread, full_rank=True)
    second = None if first is None else _cholesky_basis(first[0], spread)
    if second is None:
        return _of_whole(_qr_basis, A, spread), False
    return second


def _triangular_basis(A: Tensor, spread: bool = False) -> tuple[Tensor, bool]:
    """A times the inverse of a triangular matrix: well conditioned, of the same span.

    By the Cholesky factor of A^T A where that is far from singular; else by LU, which
    costs twice as much. Rounding of the factor changes no span.
    """
    basis = _cholesky_basis(A, spread)
    if basis is not None:
        return basis
    # LU of a tall matrix is slow on CUDA, and its library warns of that.
    slow = A.device.type == "cuda"
    return _of_whole(_qr_basis if slow else _lu_basis, A, spread), False


def _cholesky_basis(
    A: Tensor, spread: bool, *, full_rank: bool = False
) -> tuple[Tensor, bool] | None:
    """A R^-1 with R^T R = A^T A, and whether the columns of A were well apart.

    Columns are scaled to length 1 first. None where they nearly depend on each other;
    with `full_rank` also where one is zero.
    """
    gram = all_sum(ops.gram(A)) if spread else ops.gram(A)
    gram = gram.to(accumulation_dtype(A.device))
    length = gram.diagonal().sqrt()
    nothing = length == 0
    length = length.masked_fill(nothing, 1)
    cosines = gram / torch.outer(length, length)
    cosines.diagonal().fill_(1)  # also of a column of zeros, which stays one
    factor, info = torch.linalg.cholesky_ex(cosines)
    # The component of each column that is orthogonal to the columns before.
    least = factor.diagonal().min()
    found = {"zeros": nothing.any(), "info": info, "least": least}
    found = agreed_numbers(on_host(found))  # they decide on messages
    least = found["least"]
    if found["info"] != 0 or not least > 10 * torch.finfo(A.dtype).eps ** 0.5:
        return None
    # A column that is too small to be squared has length 0 too.
    if found["zeros"]:
        if full_rank or all_any(bool(A[:, nothing].any())):
            return None
    identity = torch.eye(len(factor), dtype=factor.dtype, device=A.device)
    inverse = torch.linalg.solve_triangular(factor, identity, upper=False).T
    # Columns that nearly depend on each other make rounding large: one for all rows.
    scaled = agreed((inverse / length[:, None]).to(A.dtype).contiguous())
    return ops.combine_columns(A, scaled), least > _APART


def _qr_basis(A: Tensor) -> Tensor:
    return torch.linalg.qr(A)[0].contiguous()


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


_BASES = {
    "LU": _triangular_basis,
    "QR": _orthonormal_basis,
    "none": lambda A, spread=False: (A, True),
}


def flip_signs(U: Tensor, Vt: Tensor, *, by: str) -> tuple[Tensor, Tensor]:
    """Signs that make the largest entry of each left or right vector positive.

    `by` is "U" or "V": scikit-learn's `svd_flip`, u_based_decision True or False.
    """
    signs = torch.sign(_largest(U.T, spread=True) if by == "U" else _largest(Vt))
    signs = signs.where(signs != 0, 1)
    return U * signs, Vt * signs[:, None]


def _largest(vectors: Tensor, *, spread: bool = False) -> Tensor:  # [K]
    """The entry of each row that has the largest absolute value: the first of several.

    `spread`: of several ranks in a group, each of which has some columns.
    """
    if spread and current() is not None:
        padded = torch.nn.functional.pad(vectors, (0, 1))  # a rank may have none
        vectors = gathered_rows(_largest(padded)[None]).T
    largest = vectors.abs().argmax(1, keepdim=True)
    return vectors.gather(1, largest)[:, 0]


def column_variances(A: Tensor) -> Tensor:  # [K], accumulated wide
    """The variances of the columns of A, over the rows of all ranks."""
    n, wide = all_rows(len(A)), A.to(accumulation_dtype(A.device))
    means = all_sum(wide.sum(0)) / n
    return all_sum((wide - means).square_().sum(0)) / n


def total_variance(X: CSR | Tensor, scale: float = 1.0) -> float:
    """Sum of the variances of the columns of X, times `scale`."""
    n = all_rows(X.shape[0])
    if not isinstance(X, CSR):
        X = X if scale == 1 else X * scale
        if current() is not None:
            return float(column_variances(X).sum())
        return float(X.var(0, correction=0).sum(dtype=accumulation_dtype(X.device)))
    XT = X.T if scale == 1 else X.T.with_data(X.T.data * scale)
    means = all_sum(ops.row_sums(XT)) / n
    deviations = XT.data - means.to(X.dtype)[XT.entry_rows()]
    zeros = X.shape[0] - XT.indptr.diff()
    squares = ops.row_sums(XT.with_data(deviations.square_()))
    return float(all_sum((squares + zeros * means.square()).sum())) / n
