"""Nonnegative matrix factorisation as a torch module."""

import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .._boundary.arguments import are_sizes
from .._boundary.tensors import to_csr
from .._core.beta_nmf import Penalties
from .._core.shifted_update import ShiftedMultiplicativeUpdate
from .._kernels import CSR
from .._kernels.csr import as_dtype
from ._arguments import check_finite, check_nonnegative, check_sizes, is_number
from ._random import draw

#: Iterations between two evaluations of the error.
_EVALUATE_EVERY = 10


class NMF(nn.Module):
    r"""Nonnegative matrix factorisation as a torch module: V is about H W\ :sup:`T`.

    The names are those of torchnmf: H belongs to the rows of the target V, W to its
    columns, and the module computes their product. A single module factorises a target
    with `fit`. A chain of modules, in which the output of a module is the H of the
    next, is trained by :class:`BetaMu` or any optimiser of torch.

    Parameters
    ----------
    shape : tuple (N, C), default=None
        Shape of the target, which gives W the shape (C, R) and H the shape (N, R).
    rank : int, default=None
        Number of components R; needed unless W or H determines it.
    W : tuple (C, R) or Tensor, default=None
        Shape or initial values of W; values are copied. If W and `shape` are None, the
        module has no W.
    H : tuple (N, R) or Tensor, default=None
        Shape or initial values of H; values are copied. If H and `shape` are None, the
        module has no H and needs it as input.
    trainable_W, trainable_H : bool, default=True
        Whether `fit` and optimisers train W and H.
    generator : torch.Generator, default=None
        Generator on the host that draws initial values from \|N(0, 1)\|, W before H. If
        None, a new generator with a random seed is used, not the global one of torch.
    device, dtype : default=None
        Device and dtype of W and H. If None, those of the given values, or else the
        defaults of torch.

    Attributes
    ----------
    W : Parameter of shape (C, R) or None
        Templates, one row per column of the target.
    H : Parameter of shape (N, R) or None
        Activations, one row per row of the target.
    rank : int
        Number of components R.

    See Also
    --------
    sklearn_topics.TorchBetaNMF : Estimator that also transforms new data.
    sklearn_topics.TorchDeepNMF : Estimator of a chain of factors.

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
    ) -> None:
        super().__init__()
        shapes = {"W": _shape_of("W", W), "H": _shape_of("H", H)}
        rank = _rank(rank, shapes)
        if shape is not None:
            N, C = _two_sizes("shape", shape)
            for name, size in ("W", C), ("H", N):
                given = shapes[name]
                if given is not None and given[0] != size:
                    raise ValueError(
                        f"{name} has {given[0]} rows, but shape={(N, C)} needs {size}."
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
        factory_kwargs = {"device": device, "dtype": dtype}
        self.rank = rank
        self.W = _parameter("W", W, generator, trainable_W, factory_kwargs)
        self.H = _parameter("H", H, generator, trainable_H, factory_kwargs)

    def forward(self, H: Tensor | None = None, W: Tensor | None = None) -> Tensor:
        """Multiply H by W^T.

        Parameters
        ----------
        H : Tensor of shape (N, rank), default=None
            Replacement for H. If None, the H of the module.
        W : Tensor of shape (C, rank), default=None
            Replacement for W. If None, the W of the module.

        Returns
        -------
        prediction : Tensor of shape (N, C)
            The product H W^T.
        """
        H, W = self.H if H is None else H, self.W if W is None else W
        for name, A in ("H", H), ("W", W):
            if A is None:
                raise ValueError(
                    f"This NMF has no {name}. Pass {name}, or create the module with "
                    f"shape or {name}."
                )
            if A.ndim == 0 or A.shape[-1] != self.rank:
                raise ValueError(
                    f"{name} has shape {tuple(A.shape)}, but the rank is {self.rank}. "
                    f"Pass {name} with {self.rank} columns. In a chain, the number of "
                    "columns is that of the previous module."
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

        for A = W and A = H, where D - N is the gradient of the beta-divergence between
        V and H W^T with respect to A, :math:`l_1 = \alpha \rho`,
        :math:`l_2 = \alpha (1 - \rho)` and :math:`\rho` = `l1_ratio` (Fevotte and Idier
        2011, section 4.1). As in torchnmf, :math:`\epsilon` = 1.2e-7 is also added to
        H W^T unless beta is 2, and not added to D if beta is 1. With the same initial
        values, the factors equal those of torchnmf up to rounding.

        Parameters
        ----------
        V : Tensor of shape (N, C)
            Nonnegative target, dense or sparse CSR or COO. With a sparse target, no
            dense array of shape (N, C) is created.
        beta : float, default=1
            Beta-divergence: 2 is half the squared Frobenius norm, 1 the
            Kullback-Leibler divergence, 0 the Itakura-Saito divergence. If beta is at
            most 0, V must be positive.
        tol : float, default=1e-4
            The fit stops when the error, the square root of twice the divergence,
            decreases within ten iterations by less than `tol` times the initial error.
        max_iter : int, default=200
            Maximum number of iterations.
        verbose : bool, default=False
            Whether to write the error to standard error every ten iterations.
        alpha : float, default=0
            Weight of the penalties on W and H.
        l1_ratio : float, default=0
            Share of the L1 penalty; the remaining share is the L2 penalty.

        Returns
        -------
        n_iter : int
            Number of iterations.

        Raises
        ------
        ValueError
            If V is negative, not finite or has another shape, or if no factor is
            trainable.
        FloatingPointError
            If the error is not finite; W and H then keep their initial values.
        """
        _check_options(beta, tol, max_iter, alpha, l1_ratio)
        W, H = self._fitted_factors()
        X = self._target(V, beta)
        l1, l2 = float(alpha * l1_ratio), float(alpha * (1 - l1_ratio))
        # The solver updates its first factor first: V^T is about W H^T.
        both = W.requires_grad and H.requires_grad
        factors = (W, H) if W.requires_grad else (H, W)
        X = X.T if W.requires_grad else X
        solver = ShiftedMultiplicativeUpdate(
            float(beta), Penalties(l1, l1, l2, l2), update_H=both
        )
        values = (A.detach().to(X.dtype).contiguous() for A in factors)
        with torch.no_grad():
            initial = solver.init_state(X, *values)
            n_iter, state = 0, initial
            states = _iterate(solver, X, initial, tol, max_iter, verbose)
            try:
                for new_state in states:
                    n_iter, state = n_iter + 1, new_state
            except FloatingPointError:
                state = initial
                raise
            finally:  # after Ctrl-C, the factors are those of the last iteration
                for A, name in zip(factors, ("W", "HT"), strict=True):
                    A.copy_(state[name])
        return n_iter

    def extra_repr(self) -> str:
        """Describe the shapes of the factors.

        Returns
        -------
        text : str
            Text for the representation of the module.
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
                    f"fit needs {name}, but this NMF has no {name}. Create it with "
                    f"shape or {name}. Train a chain of modules with nn.BetaMu."
                )
        if not (self.W.requires_grad or self.H.requires_grad):
            raise ValueError(
                "Neither W nor H is trainable. Create the module with trainable_W=True "
                "or trainable_H=True."
            )
        return self.W, self.H

    def _target(self, V: Tensor | CSR, beta: float) -> CSR | Tensor:
        """Check V and convert it for the kernels."""
        shape = self.H.shape[0], self.W.shape[0]
        if tuple(V.shape) != shape:
            raise ValueError(
                f"V has shape {tuple(V.shape)}, but H W^T has shape {shape}."
            )
        if V.device != self.W.device:
            raise ValueError(
                f"V is on {V.device}, but the module is on {self.W.device}. Pass "
                f"V.to({str(self.W.device)!r}), or move the module."
            )
        if not isinstance(V, CSR) and V.layout != torch.strided:
            V = to_csr(V)
        check_target(V.data if isinstance(V, CSR) else V)
        if beta <= 0:
            full = not isinstance(V, CSR) or V.nnz == V.shape[0] * V.shape[1]
            if not full or float((V.data if isinstance(V, CSR) else V).min()) == 0:
                raise ValueError(
                    f"beta={beta} needs a positive V, but V contains zeros. Add a "
                    "small number to V, or use a positive beta."
                )
        # Sums need at least single precision; the factors may have half precision.
        return as_dtype(V, torch.promote_types(self.W.dtype, torch.float32))


def check_target(values: Tensor) -> None:
    """Refuse a target with negative, infinite or undefined values."""
    if values.numel() == 0:
        return
    values = values.detach()
    if values.ndim == 2 and not values.is_contiguous():
        values = values.T  # the order of the memory
    low, high = (float(value) for value in torch.aminmax(values))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("The target contains NaN or infinity. Replace these values.")
    if low < 0:
        raise ValueError(
            f"The target contains negative values; the minimum is {low:g}. Pass a "
            "nonnegative target."
        )


def _iterate(solver, X, state, tol, max_iter, verbose):
    """Yield the state after each iteration, until the error stops decreasing."""

    def evaluate(n_iter):
        error = solver.evaluate(X, state)["error"]
        if not math.isfinite(error):
            raise FloatingPointError(
                f"The error is {error} after {n_iter} iterations in {X.dtype}. Rescale "
                "V, or use float64."
            )
        if verbose:
            print(f"iteration {n_iter}: error {error:.6g}", file=sys.stderr)
        return error

    first = previous = evaluate(0)
    for n_iter in range(1, max_iter + 1):
        state = solver.step(X, state)
        due = n_iter % _EVALUATE_EVERY == 0
        error = evaluate(n_iter) if due or n_iter == max_iter else None
        yield state
        if due and previous - error < tol * first:
            return
        previous = error if due else previous


def _check_options(beta, tol, max_iter, alpha, l1_ratio) -> None:
    check_finite(beta=beta)
    check_nonnegative(tol=tol, alpha=alpha)
    check_sizes(max_iter=max_iter)
    if not is_number(l1_ratio, 0, 1):
        raise ValueError(f"l1_ratio must be between 0 and 1. Got {l1_ratio!r}.")


def _two_sizes(name: str, sizes) -> tuple[int, int]:
    if not (isinstance(sizes, Sequence) and len(sizes) == 2 and are_sizes(sizes)):
        raise ValueError(f"{name} must be two positive integers. Got {sizes!r}.")
    return tuple(map(int, sizes))


def _shape_of(name: str, given) -> tuple[int, int] | None:
    if isinstance(given, Tensor):
        return _two_sizes(f"{name}.shape", given.shape)
    return None if given is None else _two_sizes(name, given)


def _rank(rank, shapes) -> int:
    """The number of components, on which all arguments must agree."""
    ranks = {name: shape[1] for name, shape in shapes.items() if shape is not None}
    if rank is not None:
        check_sizes(rank=rank)
        ranks = {"rank": int(rank), **ranks}
    if not ranks:
        raise ValueError("The rank is missing. Pass rank, W or H.")
    if len(set(ranks.values())) > 1:
        given = ", ".join(f"{name} gives {size}" for name, size in ranks.items())
        raise ValueError(f"The rank is ambiguous: {given}. Pass equal ranks.")
    return next(iter(ranks.values()))


def _parameter(
    name, given, generator, trainable, factory_kwargs
) -> nn.Parameter | None:
    if given is None:
        return None
    if not isinstance(given, Tensor):
        empty = torch.empty(given, **factory_kwargs)
        return nn.Parameter(draw(torch.randn, empty, generator).abs_(), trainable)
    dtype = factory_kwargs["dtype"] or torch.get_default_dtype()
    values = given.detach().to(factory_kwargs["device"], dtype, copy=True)
    low, high = (float(value) for value in torch.aminmax(values))
    if not (low >= 0 and math.isfinite(high)):
        raise ValueError(
            f"{name} must be nonnegative and finite. Got values from {low:g} to "
            f"{high:g}."
        )
    return nn.Parameter(values, trainable)
