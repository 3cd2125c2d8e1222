"""The digamma function as scikit-learn's latent Dirichlet allocation computes it."""

import torch
from torch import Tensor

_EULER = 0.5772156649015329


def digamma(x: Tensor) -> Tensor:
    """psi of nonnegative numbers by scikit-learn's series, off by up to 2e-9.

    psi(x) = psi(x + 1) - 1 / x up to 6, then Bernardo 1976, algorithm AS 103.
    """
    small, z, total = x <= 1e-6, x.clamp(min=1e-6), torch.zeros_like(x)
    # Often of sums, all above 6; other devices than the CPU would wait for the answer.
    all_above = z.device.type == "cpu" and not (z < 6).any()
    for _ in range(0 if all_above else 6):
        low = z < 6
        total -= low / z
        z += low
    r = 1 / z
    total += z.log() - 0.5 * r
    r = r * r
    total -= r * (1 / 12 - r * (1 / 120 - r * (1 / 252)))
    return torch.where(small, -_EULER - 1 / x, total)
