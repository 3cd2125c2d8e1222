"""Numbers that kernels take, and comparisons in which NaN stays."""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor


@lru_cache(maxsize=256)
def options_on(device: torch.device, dtype: torch.dtype, *values: float) -> Tensor:
    """Numbers for a kernel, in its dtype: triton would pass them as float32."""
    return torch.tensor(values, dtype=dtype, device=device)


def check_contiguous(*tensors) -> None:
    """Raise if a kernel, which knows no strides, would read a tensor wrongly."""
    if not all(A.is_contiguous() for A in tensors if isinstance(A, Tensor)):
        raise ValueError("Triton kernels need contiguous factors.")


@triton.jit
def at_least(y, floor):
    """max(y, floor)."""
    return tl.maximum(y, floor, propagate_nan=tl.PropagateNan.ALL)
