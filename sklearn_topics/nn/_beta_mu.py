"""Multiplicative updates as a torch optimiser of nonnegative modules."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .._core.beta_nmf import mu_exponent
from .._kernels.floors import BETA_FLOOR
from ._arguments import check_finite, check_nonnegative
from ._nmf import check_target

_PENALTIES = "l1_reg", "l2_reg", "orthogonal"


class BetaMu(Optimizer):
    r"""Optimiser with multiplicative updates for the beta-divergence.

    It trains modules that are composed of nonnegative parameters, such as chains of
    :class:`NMF`. The prediction Y may be any function of the parameters whose
    derivatives are nonnegative too. A step updates the parameters one after the other:
    each parameter A is multiplied by

    .. math:: \left[ \frac{N + \epsilon}
              {D + \epsilon + l_1 + l_2 A + o (A 1 1^T - A)} \right]^\gamma

    where V is the target, and N and D are the gradients of
    :math:`\sum Y V Y_0^{\beta - 2}` and :math:`\sum Y Y_0^{\beta - 1}` with respect to
    A at :math:`Y_0 = Y + \epsilon`, with :math:`\epsilon` = 1.2e-7 (at
    :math:`Y_0 = Y` if beta is 2). The exponent :math:`\gamma` is 1 for beta in [1, 2]
    [1]_. For these beta, no step increases the divergence if Y is linear in each
    parameter. The updates equal those of BetaMu in torchnmf.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        Nonnegative parameters, or parameter groups with their own options.
    beta : float, default=1
        Beta-divergence: 2 is half the squared Frobenius norm, 1 the Kullback-Leibler
        divergence, 0 the Itakura-Saito divergence.
    l1_reg, l2_reg : float, default=0
        Weights of the L1 penalty (the sum of the entries of a parameter) and of the L2
        penalty (half the sum of their squares).
    orthogonal : float, default=0
        Weight o of the orthogonality penalty, the products of each two entries in a
        row, which makes the columns of a parameter more orthogonal.

    Raises
    ------
    ValueError
        If an option or a parameter is negative or not finite.

    See Also
    --------
    NMF : Modules that this optimiser trains.

    References
    ----------
    .. [1] C. Fevotte, J. Idier, "Algorithms for nonnegative matrix factorization with
       the beta-divergence", Neural Computation 23, 2011, section 4.1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_topics.nn import NMF, BetaMu
    >>> generator = torch.Generator().manual_seed(0)
    >>> V = torch.rand(30, 20, generator=generator)
    >>> model = torch.nn.Sequential(
    ...     NMF((30, 6), rank=4, generator=generator),
    ...     NMF(W=(20, 6), generator=generator),
    ... )
    >>> trainer = BetaMu(model.parameters(), beta=2)
    >>> before = (V - model(None)).square().sum()
    >>> for step in range(50):
    ...     trainer.step(lambda: (V, model(None)))
    >>> bool((V - model(None)).square().sum() < before / 20)
    True
    """

    def __init__(self, params, beta=1, l1_reg=0, l2_reg=0, orthogonal=0) -> None:
        options = {"beta": beta, "l1_reg": l1_reg, "l2_reg": l2_reg}
        super().__init__(params, {**options, "orthogonal": orthogonal})

    def add_param_group(self, param_group) -> None:
        """Add a parameter group with its own options.

        Parameters
        ----------
        param_group : dict
            The key "params", and the options that differ from those of the optimiser,
            as in :class:`torch.optim.Optimizer`.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            _check_group(group)
        except ValueError:
            self.param_groups.pop()
            raise

    def step(self, closure) -> None:
        """Update each parameter once.

        Parameters
        ----------
        closure : callable
            Function without arguments that returns the target, a dense or sparse
            tensor, and the prediction, a dense tensor of the same shape. It is called
            once per parameter, and only that parameter requires a gradient. It need not
            clear gradients: the step neither uses nor changes ``grad``.

        Raises
        ------
        ValueError
            If the shapes of target and prediction differ, the target is negative or not
            finite, or the prediction depends on no parameter.
        """
        trained = [
            (parameter, group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.requires_grad
        ]
        used, target = not trained, None  # whether the prediction uses a parameter
        try:
            for parameter, _ in trained:
                parameter.requires_grad_(False)
            for parameter, group in trained:
                parameter.requires_grad_(True)
                with torch.enable_grad():
                    given, prediction = closure()
                if target is None or not target.matches(given):
                    target = _Target(given, prediction)
                gradients = _gradients(target, prediction, parameter, group["beta"])
                parameter.requires_grad_(False)
                if gradients is not None:
                    used = True
                    _update(parameter, *gradients, group)
        finally:
            for parameter, _ in trained:
                parameter.requires_grad_(True)
        if not used:
            raise ValueError(
                "The prediction depends on no parameter of this optimiser. Compute it "
                "from the parameters in the closure, with gradients."
            )


class _Target:
    """The target of a step, checked and prepared once for all parameters."""

    def __init__(self, given: Tensor, prediction: Tensor):
        if prediction.layout != torch.strided:
            raise ValueError(
                f"The prediction must be dense. Got layout {prediction.layout}."
            )
        if given.shape != prediction.shape:
            raise ValueError(
                f"The target has shape {tuple(given.shape)}, but the prediction has "
                f"shape {tuple(prediction.shape)}."
            )
        # The reference to `given` keeps its memory from being reused.
        self._key, self._given = _key(given), given
        self._positions = self._ones = None
        values = given
        if given.layout != torch.strided:
            entries = given.to_sparse_coo().coalesce()
            self._positions, values = tuple(entries.indices()), entries.values()
        check_target(values)
        self._values = values.detach().to(prediction.dtype)

    def matches(self, given: Tensor) -> bool:
        return _key(given) == self._key

    def weights(self, y: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """V Y^(beta - 2) and Y^(beta - 1), dense; do not write to them."""
        if self._positions is None:
            if beta != 2:  # elementwise operations are faster on contiguous values
                self._values = self._values.contiguous()
            numerator, denominator = _powers(self._values, y, beta)
        else:
            values, _ = _powers(self._values, y[self._positions], beta)
            numerator = torch.zeros_like(y).index_put_(self._positions, values)
            _, denominator = _powers(None, y, beta)
        return numerator, self._ones_like(y) if denominator is None else denominator

    def _ones_like(self, y: Tensor) -> Tensor:
        """Ones, created once per step, because they take a twentieth of its time."""
        if self._ones is None or self._ones.shape != y.shape:
            self._ones = torch.ones_like(y)
        return self._ones


def _key(given: Tensor):
    """A key that is equal for two views of the same values while one of them exists."""
    version = None if given.is_inference() else given._version
    dense = given.layout == torch.strided
    if not dense:
        return id(given), version
    layout = given.shape, given.stride(), given.dtype
    return given.data_ptr(), version, *layout


def _powers(x: Tensor | None, y: Tensor, beta: float):
    """x y^(beta - 2), None without x, and y^(beta - 1), None where it is 1."""
    if beta == 2:
        return x, y
    if beta == 1 and x is None:
        return None, None
    y = y + BETA_FLOOR
    if beta == 1:
        return torch.div(x, y, out=y), None
    power = y.pow(beta - 2)  # one power for both, because it is the expensive part
    denominator = y.mul_(power)
    return None if x is None else power.mul_(x), denominator


def _gradients(target, prediction, parameter, beta) -> tuple[Tensor, Tensor] | None:
    """N and D, or None if the prediction does not depend on the parameter."""
    if not prediction.requires_grad:
        return None
    positive, negative = target.weights(prediction.detach(), beta)
    (numerator,) = torch.autograd.grad(
        prediction, parameter, positive, retain_graph=True, allow_unused=True
    )
    if numerator is None:
        return None
    (denominator,) = torch.autograd.grad(prediction, parameter, negative)
    return numerator, denominator


def _update(parameter, numerator, denominator, group) -> None:
    l1, l2, orthogonal = (group[name] for name in _PENALTIES)
    with torch.no_grad():
        # Clamp out of place, because a gradient may share memory with the target.
        numerator = numerator.clamp(min=0).add_(BETA_FLOOR)
        denominator = denominator.clamp(min=0).add_(BETA_FLOOR + l1)
        if l2 > 0:
            denominator.add_(parameter, alpha=l2)
        if orthogonal > 0:
            others = parameter.sum(1, keepdim=True) - parameter
            denominator.add_(others, alpha=orthogonal)
        ratio = numerator.div_(denominator)
        gamma = mu_exponent(group["beta"])
        parameter.mul_(ratio if gamma == 1 else ratio.pow_(gamma))
        # Denormal numbers would make the closure up to a hundred times slower.
        tiny = torch.finfo(parameter.dtype).tiny
        nn.functional.threshold_(parameter, tiny, 0.0)


def _check_group(group) -> None:
    check_finite(beta=group["beta"])
    check_nonnegative(**{name: group[name] for name in _PENALTIES})
    for number, parameter in enumerate(group["params"]):
        if group["orthogonal"] > 0 and parameter.ndim < 2:
            raise ValueError(
                f"orthogonal={group['orthogonal']} needs matrices, but parameter "
                f"{number} has shape {tuple(parameter.shape)}. Put it into a separate "
                "group without orthogonal."
            )
        low, high = (float(value) for value in torch.aminmax(parameter.detach()))
        if not (low >= 0 and math.isfinite(high)):
            raise ValueError(
                f"Parameter {number} of shape {tuple(parameter.shape)} has values from "
                f"{low:g} to {high:g}. Multiplicative updates need finite, nonnegative "
                "values."
            )
