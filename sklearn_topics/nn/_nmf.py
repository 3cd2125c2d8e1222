"""Nonnegative matrix factorisation as a torch module."""

import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .._core.beta_nmf import Penalties
from .._core.shifted_update import ShiftedMultiplicativeUpdate
from .._kernels import CSR
from ._arguments import check_sizes, is_number, is_size
from ._tensors import as_dtype, draw, to_csr

_LOOK_EVERY = 10  # iterations


class NMF(nn.Module):
    r"""Nonnegative matrix factorisation: a target V is about H W\ :sup:`T`.

    The names are those of torchnmf: W belongs to the columns of V, H to its rows, and
    the module is the product. It has two uses. `fit` factorises a target by itself.
    And modules are chained, the output of one being the H of the next, and trained as
    one by :class:`BetaMu` or by any optimiser of torch.

    Parameters
    ----------
    shape : tuple (N, C), default=None
        Of the target: W is then (C, R) and H (N, R).
    rank : int, default=None
        R. Needed unless W or H says it.
    W : tuple (C, R) or Tensor, default=None
        The shape of W, or its initial values, which are copied. Without it (and
        `shape`) the module has no W.
    H : tuple (N, R) or Tensor, default=None
        The same for H. A module without it takes what another one gives.
    trainable_W, trainable_H : bool, default=True
        Whether W and H are trained, by `fit` and by optimisers.
    generator : torch.Generator, default=None
        On the host; draws what is not given, \|N(0, 1)\|, W before H. None is a new
        one, seeded by the machine: torch's global generator is left alone.
    device, dtype : default=None
        Of W and H. None is that of the values given, else torch's default.

    Attributes
    ----------
    W : Parameter of shape (C, R) or None
        One row for each column of the target: its templates.
    H : Parameter of shape (N, R) or None
        One row for each row of the target: its activations.
    rank : int
        R.

    See Also
    --------
    sklearn_topics.TorchBetaNMF : The same as an estimator, for new data too.
    sklearn_topics.TorchDeepNMF : A chain as an estimator.

    Examples
    --------
    >>> import torch
    >>> from sklearn_topics.nn import NMF
    >>> generator = torch.Generator().manual_seed(0)
    >>> V = torch.rand(64, 1024, generator=generator)
    >>> model = NMF(V.T.shape, rank=10, generator=generator)
    >>> model.W.shape, model.H.shape
    (torch.Size([64, 10]), torch.Size([1024, 10]))
    >>> n_iter = model.fit(V.T)
    >>> bool((model() - V.T).abs().mean() < 0.25)
    True

    A chain, in which 1024 x 64 values are the product of four factors:

    >>> chain = torch.nn.Sequential(
    ...     NMF((1024, 10), rank=4), NMF(W=(24, 10)), NMF(W=(64, 24))
    ... )
    >>> chain(None).shape
    torch.Size([1024, 64])
    """

    def __init__(
        self,
        shape: Sequence[int] | None = None,
        rank: int | None = None,
        *,
        W: Sequence[int] | Tensor | None = None,
        H: Sequence[int] | Tensor | None = None,
        trainable_W: bool = True,
        trainable_H: bool = True,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ):
        super().__init__()
        given = {"W": _shape_of("W", W), "H": _shape_of("H", H)}
        rank = _rank(rank, given)
        if shape is not None:
            N, C = _two_sizes("shape", shape)
            for name, size in ("W", C), ("H", N):
                found = given[name]
                if found is not None and found[0] != size:
                    raise ValueError(
                        f"{name} has {found[0]} rows, but the target's shape "
                        f"{(N, C)} needs {size}."
                    )
            W = (C, rank) if W is None else W
            H = (N, rank) if H is None else H
        values = [A for A in (W, H) if isinstance(A, Tensor)]
        if values:
            device = values[0].device if device is None else device
            floating = values[0].is_floating_point()
            dtype = values[0].dtype if dtype is None and floating else dtype
        if generator is None:
            generator = torch.Generator("cpu")
            generator.seed()
        made = {"device": device, "dtype": dtype}
        self.rank = rank
        self.W = _parameter("W", W, generator, trainable_W, made)
        self.H = _parameter("H", H, generator, trainable_H, made)

    def forward(self, H: Tensor | None = None, W: Tensor | None = None) -> Tensor:
        """Multiply H by W^T.

        Parameters
        ----------
        H : Tensor of shape (N, rank), default=None
            What stands for H; None is the module's own.
        W : Tensor of shape (C, rank), default=None
            What stands for W; None is the module's own.

        Returns
        -------
        prediction : Tensor of shape (N, C)
            H W^T.
        """
        H, W = self.H if H is None else H, self.W if W is None else W
        for name, A in ("H", H), ("W", W):
            if A is None:
                raise ValueError(
                    f"This NMF has no {name} of its own: pass one, or make the module "
                    f"with shape or {name}."
                )
            if A.ndim == 0 or A.shape[-1] != self.rank:
                raise ValueError(
                    f"{name} has shape {tuple(A.shape)}, but the rank is {self.rank}: "
                    f"pass {name} with {self.rank} columns. In a chain these are the "
                    "columns of the module before."
                )
        return nn.functional.linear(H, W)

    def fit(
        self,
        V: Tensor | CSR,
        beta: float = 1,
        tol: float = 1e-4,
        max_iter: int = 200,
        verbose: bool = False,
        alpha: float = 0,
        l1_ratio: float = 0,
    ) -> int:
        r"""Factorise a target by multiplicative updates of W, then H.

        .. math:: A \leftarrow A \left[ \frac{N + \epsilon}
                  {D + \epsilon + l_1 + l_2 A} \right]^\gamma

        for A = W or H, the gradient D - N of the beta-divergence between V and its
        model by A, :math:`l_1 = \alpha \rho`, :math:`l_2 = \alpha (1 - \rho)` and
        :math:`\rho` = `l1_ratio` (Fevotte and Idier 2011, section 4.1). With torchnmf's
        constants: :math:`\epsilon` = 1.2e-7 is also added to the model where beta is
        not 2, and not to D where beta is 1. From one start, factors are those of
        torchnmf up to rounding.

        Parameters
        ----------
        V : Tensor of shape (N, C)
            Nonnegative, dense or sparse CSR or COO; of a sparse one nothing of the
            size N x C is made.
        beta : float, default=1
            2 is half the squared Frobenius norm, 1 the Kullback-Leibler divergence, 0
            that of Itakura and Saito. V must be positive for values up to 0.
        tol : float, default=1e-4
            Stop when the error sqrt(2 D), looked at every ten iterations, falls by
            less than this share of that of the start.
        max_iter : int, default=200
            Most iterations.
        verbose : bool, default=False
            Whether to write the error to standard error at each look.
        alpha : float, default=0
            Weight of the penalties on W and on H.
        l1_ratio : float, default=0
            Share of the penalty that is on sums; the rest is on half the squares.

        Returns
        -------
        n_iter : int
            Iterations run.

        Raises
        ------
        ValueError
            If V is negative, not finite or of another shape, or nothing can be fitted.
        FloatingPointError
            If the error is not finite; W and H are then as they were.
        """
        _check_options(beta, tol, max_iter, alpha, l1_ratio)
        W, H = self._fitted_factors()
        X = self._target(V, beta)
        l1, l2 = float(alpha * l1_ratio), float(alpha * (1 - l1_ratio))
        # The solver updates its W first, and V^T is about W H^T.
        both = W.requires_grad and H.requires_grad
        factors = (W, H) if W.requires_grad else (H, W)
        X = X.T if W.requires_grad else X
        solver = ShiftedMultiplicativeUpdate(
            float(beta), Penalties(l1, l1, l2, l2), update_H=both
        )
        begin = (A.detach().to(X.dtype).contiguous() for A in factors)
        with torch.no_grad():
            begin = solver.init_state(X, *begin)
            n_iter, state = 0, begin
            states = _iterate(solver, X, begin, tol, max_iter, verbose)
            try:
                for found in states:
                    n_iter, state = n_iter + 1, found
            except FloatingPointError:
                state = begin
                raise
            finally:  # after Ctrl-C too: what the last iteration has found
                for A, name in zip(factors, ("W", "HT"), strict=True):
                    A.copy_(state[name])
        return n_iter

    def extra_repr(self) -> str:
        """Show the shapes of the factors.

        Returns
        -------
        text : str
            For the representation of the module.
        """
        shapes = (
            f"{name}={tuple(A.shape)}"
            for name, A in (("W", self.W), ("H", self.H))
            if A is not None
        )
        return ", ".join([f"rank={self.rank}", *shapes])

    def _fitted_factors(self) -> tuple[nn.Parameter, nn.Parameter]:
        for name, A in ("W", self.W), ("H", self.H):
            if A is None:
                raise ValueError(
                    f"fit needs {name}, which this NMF does not have: make it with "
                    f"shape or {name}. Chains are trained by nn.BetaMu."
                )
        if not (self.W.requires_grad or self.H.requires_grad):
            raise ValueError("Nothing can be fitted: neither W nor H is trainable.")
        return self.W, self.H

    def _target(self, V: Tensor | CSR, beta: float) -> CSR | Tensor:
        """V as the kernels take it, checked."""
        shape = self.H.shape[0], self.W.shape[0]
        if tuple(V.shape) != shape:
            raise ValueError(f"V has shape {tuple(V.shape)}, but H W^T has {shape}.")
        if V.device != self.W.device:
            raise ValueError(
                f"V is on {V.device}, but the module on {self.W.device}: pass "
                f"V.to({str(self.W.device)!r}), or move the module."
            )
        if not isinstance(V, CSR) and V.layout != torch.strided:
            V = to_csr(V)
        check_target(V.data if isinstance(V, CSR) else V)
        if beta <= 0:
            whole = not isinstance(V, CSR) or V.nnz == V.shape[0] * V.shape[1]
            if not whole or float((V.data if isinstance(V, CSR) else V).min()) == 0:
                raise ValueError(
                    f"beta = {beta} needs a positive V, but cells of it are zero: add "
                    "a small number, or use a positive beta."
                )
        # Half precision is too narrow to sum in: the factors alone have it.
        return as_dtype(V, torch.promote_types(self.W.dtype, torch.float32))


def check_target(values: Tensor) -> None:
    """Refuse a target with negative, infinite or undefined values."""
    if values.numel() == 0:
        return
    values = values.detach()
    if values.ndim == 2 and not values.is_contiguous():
        values = values.T  # as it lies in memory
    low, high = (float(value) for value in torch.aminmax(values))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("The target holds NaN or infinity: replace them first.")
    if low < 0:
        raise ValueError(f"The target holds negative values, down to {low:g}.")


def _iterate(solver, X, state, tol, max_iter, verbose):
    """The state after each iteration, until the error falls no more."""

    def look(n_iter):
        error = solver.evaluate(X, state)["error"]
        if not math.isfinite(error):
            raise FloatingPointError(
                f"The error became {error} after {n_iter} iterations, computed in "
                f"{X.dtype}: rescale V, or use float64."
            )
        if verbose:
            print(f"iteration {n_iter}: error {error:.6g}", file=sys.stderr)
        return error

    first = previous = look(0)
    for n_iter in range(1, max_iter + 1):
        state = solver.step(X, state)
        due = n_iter % _LOOK_EVERY == 0
        error = look(n_iter) if due or n_iter == max_iter else None
        yield state
        if due and previous - error < tol * first:
            return
        previous = error if due else previous


def _check_options(beta, tol, max_iter, alpha, l1_ratio) -> None:
    if not is_number(beta):
        raise ValueError(f"beta must be finite; it is {beta!r}.")
    if not is_number(tol, 0):
        raise ValueError(f"tol must be at least 0; it is {tol!r}.")
    if not is_size(max_iter):
        raise ValueError(
            f"max_iter must be an integer of at least 1; it is {max_iter!r}."
        )
    if not is_number(alpha, 0):
        raise ValueError(f"alpha must be at least 0; it is {alpha!r}.")
    if not is_number(l1_ratio, 0, 1):
        raise ValueError(f"l1_ratio must be between 0 and 1; it is {l1_ratio!r}.")


def _two_sizes(name: str, sizes) -> tuple[int, int]:
    if (
        not isinstance(sizes, Sequence)
        or len(sizes) != 2
        or not all(map(is_size, sizes))
    ):
        raise ValueError(f"{name} must be two positive integers; it is {sizes!r}.")
    return tuple(map(int, sizes))


def _shape_of(name: str, given) -> tuple[int, int] | None:
    if isinstance(given, Tensor):
        return _two_sizes(f"{name}'s shape", given.shape)
    return None if given is None else _two_sizes(name, given)


def _rank(rank, shapes) -> int:
    """The number of components on which everything given agrees."""
    found = {name: shape[1] for name, shape in shapes.items() if shape is not None}
    if rank is not None:
        check_sizes(rank=rank)
        found = {"rank": int(rank), **found}
    if not found:
        raise ValueError("The rank is missing: pass rank, or W or H that has it.")
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} says {size}" for name, size in found.items())
        raise ValueError(f"The rank is not clear: {said}.")
    return next(iter(found.values()))


def _parameter(name, given, generator, trainable, made) -> nn.Parameter | None:
    if given is None:
        return None
    if not isinstance(given, Tensor):
        empty = torch.empty(given, **made)
        return nn.Parameter(draw(torch.randn, empty, generator).abs_(), trainable)
    dtype = made["dtype"] or torch.get_default_dtype()
    values = given.detach().to(made["device"], dtype, copy=True)
    low, high = (float(value) for value in torch.aminmax(values))
    if not (low >= 0 and math.isfinite(high)):
        raise ValueError(
            f"{name} must be nonnegative and finite; its values are {low:g} to "
            f"{high:g}."
        )
    return nn.Parameter(values, trainable)
