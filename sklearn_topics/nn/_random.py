"""Random numbers."""

import torch
from torch import Tensor

from .._core.batches import PartOfBatch
from .._kernels.transfer import upload


def draw(
    distribution,
    like: Tensor,
    generator: torch.Generator | PartOfBatch | None,
    *,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw random numbers in float32, then convert them to those of `like`.

    They are drawn on the generator's device, or by the global generator of `device`.
    Equal seeds of the host therefore give equal numbers for every dtype and device.
    """
    device = device if generator is None else generator.device
    options = {"dtype": torch.float32, "device": device}
    if isinstance(generator, PartOfBatch):
        drawn = generator.draw(distribution, like.shape, **options)
    else:
        drawn = distribution(like.shape, generator=generator, **options)
    return upload(drawn.to(like.dtype), like.device)
