"""Copies from the host to a device."""

import torch
from torch import Tensor

#: Types of devices that copy page-locked memory while Python goes on.
ASYNCHRONOUS = {"cuda"}

#: Bytes of a part: page-locked memory is slow to allocate, and torch reuses it.
_PART_BYTES = 1 << 25


def upload(A: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; on the CPU it is the tensor itself.

    On CUDA it is copied through page-locked memory, in parts, so that the host holds no
    second copy of large data, and without waiting for what runs on the device.
    """
    if device.type not in ASYNCHRONOUS or A.device.type != "cpu":
        return A.to(device)
    out = torch.empty_like(A, device=device, memory_format=torch.contiguous_format)
    size = _PART_BYTES // A.element_size()
    parts = A.reshape(-1).split(size), out.view(-1).split(size)
    for source, target in zip(*parts, strict=True):
        target.copy_(source.pin_memory(), non_blocking=True)
    return out
