"""Starting points for nonnegative factorisations."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import row_blocks
from .._kernels.ranks import agreed, all_rows, all_sum, current, rows_before
from .._kernels.threads import threads_for
from .._kernels.transfer import upload
from .observed import mean_value
from .svd import flip_signs, randomized_svd

#: Cells of a factor that are drawn at once.
CELLS = 1 << 18

INITS = ("random", "nndsvd", "nndsvda", "nndsvdar")

#: NNDSVD entries below this are zero, as in scikit-learn.
_NNDSVD_EPS = 1e-6


class Draw:
    """Standard normal numbers in the order of one stream: on the host in float64.

    Parameters
    ----------
    stream : callable
        Shape -> the next numbers.
    """

    def __init__(self, stream: Callable[..., Tensor]):
        self._stream = stream

    def __call__(self, *shape: int) -> Tensor:
        return self._stream(*shape)

    def rows(self, shape: tuple[int, int], first: int, last: int) -> Iterator[Tensor]:
        """The rows from `first` to `last` of a matrix of this shape, in parts.

        The numbers of the other rows are drawn too: a row does not depend on which rows
        are wanted.
        """
        for start, stop in row_blocks(*shape, CELLS):
            drawn = self(stop - start, shape[1])
            yield drawn[max(first - start, 0) : max(last - start, 0)]


def _random_factors(X: CSR | Tensor, K: int, draw: Draw, order: str):
    """|N(0, 1)| times sqrt(mean(X) / K): W (n x K) and H (K x m)."""
    n, m = X.shape
    first, total = rows_before(n)
    wanted = {"W": ((total, K), (first, first + n)), "H": ((K, m), (0, K))}
    drawn = {name: _absolute_normal(draw, *wanted[name], X) for name in order}
    scale = init_scale(X, K)
    return drawn["W"] * scale, drawn["H"] * scale


def init_scale(X: CSR | Tensor, K: int) -> float:
    """sqrt(mean(X) / K), the typical size of entries of W and H."""
    return (mean_value(X) / K) ** 0.5


def _absolute_normal(
    draw: Draw, shape: tuple[int, int], rows: tuple[int, int], like: CSR | Tensor
) -> Tensor:
    """Some rows of |N(0, 1)|, drawn in parts, because numbers are drawn in float64."""
    first, last = rows
    size = last - first, shape[1]
    out = torch.empty(size, dtype=like.dtype, device=like.device)
    filled = 0
    for part in draw.rows(shape, first, last):
        out[filled : filled + len(part)] = _absolute(part, like)
        filled += len(part)
    return out


def _absolute(values: Tensor, like: CSR | Tensor) -> Tensor:
    return upload(values.abs_().to(like.dtype), like.device)


def _nndsvd_factors(
    X: CSR | Tensor, K: int, draw: Draw, noise: Draw, fill: str, factor: float = 1.0
):
    """Nonnegative double SVD (Boutsidis and Gallopoulos 2008).

    `fill` is "nndsvd" (zeros stay), "nndsvda" (zeros become the mean of X) or
    "nndsvdar" (zeros become small random values, |N(0, 1)| mean(X) / 100).
    """
    size = min(all_rows(X.shape[0]), X.shape[1])
    n_iter = 7 if K < 0.1 * size else 4  # as scikit-learn has it
    U, s, Vt = randomized_svd(X, K, draw, n_iter=n_iter, normalizer="LU")
    U, Vt = flip_signs(U, Vt, by="U")
    # The leading pair has one sign throughout; of the others, the heavier sign.
    up, vp = U.clamp(min=0), Vt.clamp(min=0)
    un, vn = (-U).clamp(min=0), (-Vt).clamp(min=0)
    positive = _lengths(up) * vp.norm(dim=1)
    negative = _lengths(un) * vn.norm(dim=1)
    keep_positive = agreed(positive > negative)
    mass = torch.where(keep_positive, positive, negative)
    u = torch.where(keep_positive, up, un)
    v = torch.where(keep_positive[:, None], vp, vn)
    u, v = u / _nonzero(_lengths(u)), v / _nonzero(v.norm(dim=1))[:, None]
    scale = (s * mass).sqrt()
    u[:, 0], v[0], scale[0] = U[:, 0].abs(), Vt[0].abs(), s[0].sqrt()
    W, H = u * scale, v * scale[:, None]
    W, H = (A.where(A >= _NNDSVD_EPS * factor, 0) for A in (W, H))
    if fill != "nndsvd":
        mean = mean_value(X) / factor
        for A in (W, H):
            gaps = A == 0
            random = fill == "nndsvdar"
            size = _absolute(noise(int(gaps.sum())), A) / 100 if random else 1.0
            A[gaps] = mean * size
    return W, H


def _lengths(U: Tensor) -> Tensor:  # [K]
    """The lengths of the columns of U, whose rows are documents."""
    lengths = U.norm(dim=0)
    return lengths if current() is None else all_sum(lengths.square()).sqrt()


def _nonzero(norms: Tensor) -> Tensor:
    return norms.where(norms > 0, 1)


def initial_factors(
    X: CSR | Tensor,
    K: int,
    init: str,
    draw: Draw,
    *,
    noise: Draw | None = None,
    order: str = "WH",
    factor: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """W (n x K) and HT (m x K) for one of `INITS`.

    Parameters
    ----------
    draw, noise : callable
        Random numbers of the start, and those that fill its zeros ("nndsvdar");
        `draw` again if None.
    order : {"WH", "HW"}
        Which factor of "random" is drawn first.
    factor : float
        What W and H are multiplied by in the unit of X, where the constants of NNDSVD
        are to be scikit-learn's: X in W's unit fills its zeros.
    """
    with threads_for(X):
        if init == "random":
            W, H = _random_factors(X, K, draw, order)
        else:
            W, H = _nndsvd_factors(X, K, draw, noise or draw, init, factor)
    return W.contiguous(), H.T.contiguous()
