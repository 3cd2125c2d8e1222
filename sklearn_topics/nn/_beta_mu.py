"""Multiplicative updates of whatever a nonnegative model is made of."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .._core.beta_nmf import mu_exponent
from .._kernels.floors import BETA_FLOOR
from ._arguments import is_number
from ._nmf import check_target

_PENALTIES = "l1_reg", "l2_reg", "orthogonal"


class BetaMu(Optimizer):
    r"""Multiplicative updates under a beta-divergence, for modules that are composed.

    The prediction Y may be any function of nonnegative parameters whose derivatives are
    nonnegative too, such as chains of :class:`NMF`. Each parameter A in turn, with
    the others where they are by then, is multiplied by

    .. math:: \left[ \frac{N + \epsilon}
              {D + \epsilon + l_1 + l_2 A + o (A 1 1^T - A)} \right]^\gamma

    where N and D are the gradients by A of :math:`\sum Y V Y_0^{\beta - 2}` and
    :math:`\sum Y Y_0^{\beta - 1}` at :math:`Y_0 = Y` (plus :math:`\epsilon` = 1.2e-7
    unless beta is 1 or 2 there), and :math:`\gamma` is 1 for beta in [1, 2] [1]_.
    Where Y is linear in each parameter by itself, no step raises the
    divergence for these beta. The updates are those of torchnmf's BetaMu.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        Nonnegative parameters, or groups of them with options of their own.
    beta : float, default=1
        2 is half the squared Frobenius norm, 1 the Kullback-Leibler divergence, 0 that
        of Itakura and Saito.
    l1_reg, l2_reg : float, default=0
        Weights of the sum and of half the squared sum of a parameter's entries.
    orthogonal : float, default=0
        Weight o of the products of each two entries of a row: drives the columns of a
        parameter apart.

    Raises
    ------
    ValueError
        If an option or a parameter is negative or not finite.

    See Also
    --------
    NMF : The modules that it was made for.

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

    def __init__(self, params, beta=1, l1_reg=0, l2_reg=0, orthogonal=0):
        options = {"beta": beta, "l1_reg": l1_reg, "l2_reg": l2_reg}
        super().__init__(params, {**options, "orthogonal": orthogonal})

    def add_param_group(self, param_group):
        """Add parameters with options of their own.

        Parameters
        ----------
        param_group : dict
            "params", and whatever differs from the options of the optimizer, as for
            :class:`torch.optim.Optimizer`.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            _check_group(group)
        except ValueError:
            self.param_groups.pop()
            raise

    def step(self, closure):
        """Update each parameter once.

        Parameters
        ----------
        closure : callable
            Without arguments; returns the target, a dense or sparse tensor, and the
            prediction, a dense tensor of its shape. It is called once for each
            parameter, of which that one alone requires a gradient, and need not clear
            gradients: those in ``grad`` are neither used nor changed.

        Raises
        ------
        ValueError
            If target and prediction do not fit together, the target is negative or not
            finite, or no parameter enters the prediction.
        """
        trained = [
            (parameter, group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.requires_grad
        ]
        entered, target = not trained, None
        try:
            for parameter, _ in trained:
                parameter.requires_grad_(False)
            for parameter, group in trained:
                parameter.requires_grad_(True)
                with torch.enable_grad():
                    given, prediction = closure()
                if target is None or not target.holds(given):
                    target = _Target(given, prediction)
                gradients = _gradients(target, prediction, parameter, group["beta"])
                parameter.requires_grad_(False)
                if gradients is not None:
                    entered = True
                    _update(parameter, *gradients, group)
        finally:
            for parameter, _ in trained:
                parameter.requires_grad_(True)
        if not entered:
            raise ValueError(
                "No parameter of this optimizer enters the prediction: the closure has "
                "to compute it from them, with gradients."
            )


class _Target:
    """What a step needs of a target: read, checked and laid out once for all of it."""

    def __init__(self, given: Tensor, prediction: Tensor):
        if prediction.layout != torch.strided:
            raise ValueError(
                f"The prediction must be dense; its layout is {prediction.layout}."
            )
        if given.shape != prediction.shape:
            raise ValueError(
                f"The target has shape {tuple(given.shape)}, but the prediction "
                f"{tuple(prediction.shape)}."
            )
        self._key, self._given = _key(given), given  # whose memory stays its own
        self._places = self._ones = None
        values = given
        if given.layout != torch.strided:
            entries = given.to_sparse_coo().coalesce()
            self._places, values = tuple(entries.indices()), entries.values()
        check_target(values)
        self._values = values.detach().to(prediction.dtype)

    def holds(self, given: Tensor) -> bool:
        return _key(given) == self._key

    def weights(self, y: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """V Y^(beta - 2) and Y^(beta - 1), dense; not to be written to."""
        if self._places is None:
            if beta != 2:  # elementwise: several times as fast side by side
                self._values = self._values.contiguous()
            above, below = _powers(self._values, y, beta)
        else:
            values, _ = _powers(self._values, y[self._places], beta)
            above = torch.zeros_like(y).index_put_(self._places, values)
            _, below = _powers(None, y, beta)
        return above, self._ones_like(y) if below is None else below

    def _ones_like(self, y: Tensor) -> Tensor:
        """Made once for a step: for a wide chain they take a twentieth of its time."""
        if self._ones is None or self._ones.shape != y.shape:
            self._ones = torch.ones_like(y)
        return self._ones


def _key(given: Tensor):
    """Equal for two views that see the same values, while one of them lives."""
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
    above = y.pow(beta - 2)  # one power for both: it costs as much as all the rest
    below = y.mul_(above)
    return None if x is None else above.mul_(x), below


def _gradients(target, prediction, parameter, beta) -> tuple[Tensor, Tensor] | None:
    """N and D; None where the prediction does not depend on the parameter."""
    if not prediction.requires_grad:
        return None
    above, below = target.weights(prediction.detach(), beta)
    (numerator,) = torch.autograd.grad(
        prediction, parameter, above, retain_graph=True, allow_unused=True
    )
    if numerator is None:
        return None
    (denominator,) = torch.autograd.grad(prediction, parameter, below)
    return numerator, denominator


def _update(parameter, numerator, denominator, group) -> None:
    # Out of place at first: a gradient may share memory with the target.
    l1, l2, apart = (group[name] for name in _PENALTIES)
    with torch.no_grad():
        above = numerator.clamp(min=0).add_(BETA_FLOOR)
        below = denominator.clamp(min=0).add_(BETA_FLOOR + l1)
        if l2 > 0:
            below.add_(parameter, alpha=l2)
        if apart > 0:
            below.add_(parameter.sum(1, keepdim=True) - parameter, alpha=apart)
        ratio = above.div_(below)
        gamma = mu_exponent(group["beta"])
        parameter.mul_(ratio if gamma == 1 else ratio.pow_(gamma))
        # Denormal numbers would take the closure up to a hundred times as long.
        tiny = torch.finfo(parameter.dtype).tiny
        nn.functional.threshold_(parameter, tiny, 0.0)


def _check_group(group) -> None:
    if not is_number(group["beta"]):
        raise ValueError(f"beta must be finite; it is {group['beta']!r}.")
    for name in _PENALTIES:
        if not is_number(group[name], 0):
            raise ValueError(
                f"{name} must be a nonnegative number; it is {group[name]!r}."
            )
    for number, parameter in enumerate(group["params"]):
        if group["orthogonal"] > 0 and parameter.ndim < 2:
            raise ValueError(
                f"orthogonal is for matrices; parameter {number} has shape "
                f"{tuple(parameter.shape)}. Give it a group of its own without."
            )
        low, high = (float(value) for value in torch.aminmax(parameter.detach()))
        if not (low >= 0 and math.isfinite(high)):
            raise ValueError(
                f"Parameter {number}, of shape {tuple(parameter.shape)}, holds values "
                f"from {low:g} to {high:g}: multiplicative updates need nonnegative "
                "ones."
            )
