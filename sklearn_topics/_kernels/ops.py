"""One function per sparse operation: its contract, and the choice of implementation.

Shapes: X is n x m, stored as :class:`~sklearn_topics._kernels.csr.CSR` or as a dense
Tensor; W is n x K; HT is the *transposed* other factor, m x K, so that one term's K
weights lie side by side. A factor's own update always runs over the rows of X; for
the other factor pass ``X.T`` and exchange W and HT.

`reference` holds the plain-torch version of each operation, which runs on any device
and is its specification; `registry` says which version runs where. A fast version that
fails raises: there is no fallback.

Operations return tensors, also where the result is a number: who needs it on the host
reads it, once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from . import registry
from .csr import CSR


def transpose(X: CSR) -> CSR:
    """X^T in CSR form, rows sorted. The result is a copy."""
    return registry.find("transpose", X)(X)


def row_sums(X: CSR | Tensor) -> Tensor:
    """The sum of each row of X, accumulated wide: a float64 Tensor (n,).

    Each row by itself: its sum does not depend on what the other rows hold. The CPU
    adds in the order of the columns, so that sparse and dense rows have equal sums to
    the last bit.
    """
    return registry.find("row_sums", X)(X)


# The next eleven are small. They are operations all the same, because on the CPU
# torch's own threads spin for milliseconds after each parallel elementwise operation,
# on the cores that the next kernel needs.


def column_sums(A: Tensor, B: Tensor | None = None) -> Tensor:
    """Column sums of a factor A (n x K), or of A * B: a Tensor of shape (K,).

    Accumulated wide.
    """
    return registry.find("column_sums", A)(A, B)


def gram(A: Tensor) -> Tensor:
    """A^T A of a factor (n x K): a Tensor of shape (K, K)."""
    return registry.find("gram", A)(A)


def combine_columns(A: Tensor, G: Tensor) -> Tensor:
    """A G of a factor (n x K) and a small G (K x L): a Tensor of shape (n, L)."""
    return registry.find("combine_columns", A)(A, G)


def multiplicative_step(
    A: Tensor, N: Tensor, cost: Tensor, pseudocount: float | Tensor
) -> Tensor:
    """(A * N + pseudocount) / cost, by column: a Tensor of A's shape (n, K).

    A column of cost 0 belongs to an empty topic and becomes 0. Pseudocounts may differ
    by entry, a Tensor of A's shape: an entry with a negative one is fixed and stays as
    it is in any case.
    """
    return registry.find("multiplicative_step", A)(A, N, cost, pseudocount)


def settle(
    A: Tensor,
    N: Tensor,
    cost: Tensor,
    pseudocount: float | Tensor,
    share: Tensor,
) -> tuple[Tensor, Tensor]:
    """`multiplicative_step` of the weights that their pseudocounts dominate.

    These are the weights of A N < p and a > 0, where a is the pseudocount and
    p = a + s A, with s the `share` of the column, shape (K,): see `scd_rows`, which the
    results are for. They become (A N + p) / cost.

    Returns
    -------
    A : Tensor of shape (n, K)
    pseudocount : Tensor of shape (n, K)
        Negative for the weights that have made their step: now they are fixed.
    """
    return registry.find("settle", A)(A, N, cost, pseudocount, share)


def largest_violation(
    A: Tensor, N: Tensor, cost: Tensor, pseudocount: float | Tensor
) -> Tensor:
    """max |A * (cost - N) - pseudocount| over the columns of positive cost, or 0.

    A Tensor of shape (): how far the factor A is from what `multiplicative_step` would
    leave as it is. Pseudocounts as there: fixed entries do not count.
    """
    return registry.find("largest_violation", A)(A, N, cost, pseudocount)


def extrapolate(
    A: Tensor, previous: Tensor, beta: Tensor | float, least: float
) -> Tensor:
    """max(A + beta (A - previous), least A), elementwise: a Tensor of A's shape.

    `beta` is a number, or a Tensor of shape () on the device of A, of any real dtype.
    """
    return registry.find("extrapolate", A)(A, previous, beta, least)


def ratio_step(
    A: Tensor,
    N: Tensor,
    D: Tensor,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    gamma: float = 1.0,
    shift: float = 0.0,
    zero_denominator: float,
    least: float = 0.0,
) -> Tensor:
    """A * ((N + shift) / (D + l1 + l2 A))^gamma, elementwise: a Tensor of shape (n, K).

    D has A's shape, or (K,): one value a column. A denominator below the smallest
    normal number becomes `zero_denominator`; a result below `least` becomes 0.
    """
    impl = registry.find("ratio_step", A)
    return impl(A, N, D, l1, l2, gamma, shift, zero_denominator, least)


def hals_step(
    A: Tensor, N: Tensor, G: Tensor, l1: float, order: Tensor
) -> tuple[Tensor, Tensor]:
    """One sweep of exact coordinate descent on every row a of A (Fast HALS).

    Row a of A (n x K) descends on ``a G a / 2 - (n - l1) a`` over a >= 0, with n its
    row of N and G (K x K) symmetric, one coordinate at a time in the given order.

    Returns
    -------
    A : Tensor of shape (n, K)
        The new rows; the argument is left as it was.
    violation : Tensor of shape ()
        Sum over all steps of the projected gradient's absolute value before the step.
        Accumulated wide.
    """
    return registry.find("hals_step", A)(A, N, G, l1, order)


def adam_step_(
    A: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    *,
    rows: Tensor | None = None,
    rate: float,
    n_updates: int,
    l2: float = 0.0,
    decays: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> None:
    """One step of Adam, in place: as `torch.optim.Adam` makes it.

    Parameters
    ----------
    A, first, second : sequence of Tensor of shape (n, K) or (K,)
        One or more parameters and their moments. They are changed.
    gradients : sequence of Tensor of shape (len(rows), K), or A's
    rows : Tensor of int64, default=None
        Distinct rows of all parameters that the gradients belong to; the others stay as
        they are. None is all of them.
    rate : float
    n_updates : int
        Steps that these rows have had with this one.
    l2 : float
        Times A, is added to the gradient.
    decays : tuple of float
        Decay rates of the moments.
    eps : float
        Added to the root of the second moment.
    """
    impl = registry.find("adam_step_", A[0])
    impl(A, gradients, first, second, rows, rate, n_updates, l2, decays, eps)


def log_sum(
    A: Tensor, empty: Tensor | None = None, weights: Tensor | None = None
) -> Tensor:
    """Sum of log A over a positive factor, accumulated wide: a float64 Tensor ().

    Columns that are `empty`, if given (bool, shape (K,)), are left out. What is below
    the smallest normal number counts as that. With `weights`, a nonnegative Tensor of
    A's shape, the logarithms are multiplied by them; 0 log 0 is 0.
    """
    return registry.find("log_sum", A)(A, empty, weights)


def exp_digamma(A: Tensor, shift: Tensor) -> Tensor:
    """exp(psi(A) - shift) for A >= 0 (n x K): a Tensor of A's shape.

    `shift`, of shape (K,), has one number a column. psi is scikit-learn's series of the
    digamma function, which is off by up to 2e-9: see `_kernels.digamma`.
    """
    return registry.find("exp_digamma", A)(A, shift)


def sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    """Sampled dense-dense product: (W HT^T) at the stored entries of X, in their order.

    Returns a Tensor of shape (nnz,). Nothing of size nnz x K is made.
    """
    return registry.find("sddmm", X)(X, W, HT)


def pair_counts(X: CSR, columns: Tensor, pairs: Tensor) -> Tensor:
    """Rows in which both columns of a pair are nonzero: an int64 Tensor (n_pairs,).

    Parameters
    ----------
    X : CSR
        With values of any dtype.
    columns : Tensor of shape (n_columns,), int64
        Distinct.
    pairs : Tensor of shape (n_pairs, 2), int64
        Places in `columns`.
    """
    return registry.find("pair_counts", X)(X, columns, pairs)


def spmm(X: CSR | Tensor, B: Tensor) -> Tensor:
    """X @ B for a dense B of shape (m, K): a Tensor of shape (n, K)."""
    return registry.find("spmm", X)(X, B)


def ratio_product(
    X: CSR | Tensor,
    W: Tensor,
    HT: Tensor,
    *,
    floor: float,
    shift: float = 0.0,
) -> Tensor:
    """The fused numerator of EM and of the multiplicative update: (X / Y) HT.

    ``Y = max(W HT^T + shift, floor)``, at the positive entries of X only; returns a
    Tensor of shape (n, K).
    """
    return registry.find("ratio_product", X)(X, W, HT, floor, shift)


def log_sums(X: CSR | Tensor, W: Tensor, HT: Tensor, *, floor: float) -> Tensor:
    """sum_j X_ij log Y_ij, Y = max(W HT^T, floor): a float64 Tensor of shape (n,)."""
    return registry.find("log_sums", X)(X, W, HT, floor)


def scd_rows(
    X: CSR | Tensor,
    W: Tensor,
    HT: Tensor,
    u: Tensor,
    *,
    pseudocount: float | Tensor = 0.0,
    share: Tensor | None = None,
    l2: float = 0.0,
    n_sweeps: int,
    tol: float = 0.0,
    floor: float = 0.0,
    settles: bool = False,
) -> tuple[Tensor, Tensor]:
    """Sequential coordinate descent on every row of W; no step raises the objective.

    Row w of W descends on, with y = HT w at the row's positive entries x,

        f(w) = sum_k u_k w_k - sum_j x_j log y_j - a sum_k log w_k + l2/2 sum_k w_k^2,

    where a = pseudocount or l2 is 0. For one coordinate v, from its value w, let
    S(v) = sum_j x_j h_kj / y_j(v) and q = sum_j x_j (h_kj / y_j)^2 at w. The minimiser
    v* solves S(v) + a / v = u_k + l2 v. S is a sum of terms c_j / (d_j + v) with
    d_j >= 0, so that for every v > 0

        C / (A + v)  <=  S(v)  <=  (S - q w) + q w^2 / v,   A = S/q - w,  C = S^2/q,

    both with the value and the slope of S at w (1/S is concave on the left; two terms
    and w/v + v/w >= 2 on the right). The lower bound gives v_low <= v*, closer than
    Newton's step, which is the tangent of S itself; for a = l2 = 0 it is
    w + (S / u_k) (S - u_k) / q, clipped at zero. The upper bound gives v_up >= v*; for
    l2 = 0 it is (q w^2 + a) / (u_k - S + q w). A step up goes to v_low and cannot pass
    the minimiser. A step down goes to max(v_low, v_up^2 / w): integrating the upper
    bound, f does not rise there, because log(1/r) <= (1 - r) / sqrt(r) for r = v / w
    (and with l2 because (1 - s)^3 (1 + s) >= 0 for s = v_up / w < 1).

    At most `n_sweeps` sweeps over the K coordinates; a row stops by itself once a
    sweep moves no coordinate by more than `tol` times the row's size, so a row's
    result depends on that row alone.

    Parameters
    ----------
    u : Tensor of shape (K,)
        Cost of one unit of each coordinate; a topic whose cost is below the smallest
        normal number is empty and gets weight 0.
    pseudocount : float or Tensor of shape (n, K)
        a, in tokens; a Tensor has one for each entry of W. An entry with a negative one
        is fixed: it stays as it is, also in an empty topic, and is part of y.
    l2 : float
        Weight of the quadratic penalty.
    share : Tensor of shape (K,), default=None
        Makes a larger for each coordinate by ``share[k]`` times its value in the
        argument W.
    floor : float
        Smallest reconstruction y. In any case y is at least a tiny part, of the
        dtype, of the row's size, its tokens and pseudocounts. A row is computed on in
        that unit, so that it has the same result whatever its size.
    settles : bool
        Whether the weights that their pseudocounts dominate `settle` first, from their
        own ``ratio_product``, and then stay. Without a pseudocount there are none.

    Returns
    -------
    W : Tensor of shape (n, K)
        The new rows; the argument is left as it was.
    log_sums : Tensor of shape (n,), float64
        sum_j x_j log y_j of the new rows, from the y that descent kept up to date.
    """
    share = torch.zeros_like(u) if share is None else share
    if (isinstance(pseudocount, Tensor) or pseudocount > 0) and l2 > 0:
        raise ValueError("scd_rows takes a pseudocount or an l2 penalty, not both.")
    operation = "scd_rows"
    settles = settles and (isinstance(pseudocount, Tensor) or pseudocount > 0)
    if settles and registry.has("settled_scd_rows", X):
        operation = "settled_scd_rows"
    elif settles:
        N = ratio_product(X, W, HT, floor=floor)
        W, pseudocount = settle(W, N, u, pseudocount, share)
    impl = registry.find(operation, X)
    return impl(X, W, HT, u, share, pseudocount, l2, n_sweeps, tol, floor)


def coordinate_sums_(
    X: CSR,
    y: Tensor,
    h: Tensor,
    *,
    previous: Tensor,
    step: Tensor,
    floors: Tensor,
) -> tuple[Tensor, Tensor]:
    """S = sum_j x_j h_j / y_j and q = sum_j x_j (h_j / y_j)^2 of each row of X.

    For coordinate descent on rows that several processes share, one coordinate after
    the other. y first takes the step of the coordinate before, in place:
    y <- max(y + step_i previous_j, floor_i).

    Parameters
    ----------
    X : CSR of shape (n, m)
    y : Tensor of shape (nnz,)
        The reconstruction at the entries of X, positive. It is changed.
    h, previous : Tensor of shape (m,)
        The weights of the columns in this coordinate, and in the one before.
    step, floors : Tensor of shape (n,)

    Returns
    -------
    S, q : Tensor of shape (n,)
    """
    impl = registry.find("coordinate_sums_", X)
    return impl(X, y, h, previous, step, floors)


def lda_rows(
    X: CSR, gamma: Tensor, HT: Tensor, *, prior: float, n_sweeps: int, tol: float
) -> tuple[Tensor, Tensor]:
    """The variational posteriors of documents in latent Dirichlet allocation.

    With the weights w = exp(psi(gamma) - psi(sum gamma)) of a row and
    y = w HT^T + eps at its entries x, a sweep is

        gamma_k <- w_k sum_j (x_j / y_j) h_jk + prior

    (Blei, Ng and Jordan 2003, equations 6 and 7), as scikit-learn does it: eps is that
    of the dtype, psi that of `exp_digamma`. At most `n_sweeps` sweeps; a row stops by
    itself, after the sweep whose mean change of its gamma is below `tol`, so that a
    row's result depends on that row alone.

    Parameters
    ----------
    X : CSR
        Positive.
    gamma : Tensor of shape (n, K)
        The Dirichlet parameters to begin with. They are left as they are.
    HT : Tensor of shape (m, K)
        The terms' weights in the topics, exp(E[log beta]).
    prior : float
        Dirichlet parameter of the prior.

    Returns
    -------
    gamma : Tensor of shape (n, K)
    weights : Tensor of shape (n, K)
        Those of the returned gamma, exp(E[log theta]).
    """
    impl = registry.find("lda_rows", X)
    return impl(X, gamma, HT, prior, n_sweeps, tol)
