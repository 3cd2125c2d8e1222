"""How a Triton kernel is launched, how it gets numbers, and how it compares them.

No argument of a kernel may be called ``options``: a function that Triton generates for
a real device has one of that name, which its interpreter has not.
"""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor


def run(kernel, grid: tuple, *args, num_warps: int = 4, **constants) -> None:
    """Run a kernel on the device of its first argument.

    Products and sums are fused to one rounding, whatever the version's default.
    """
    with torch.cuda.device_of(args[0]):
        kernel[grid](*args, num_warps=num_warps, enable_fp_fusion=True, **constants)


@lru_cache(maxsize=256)
def numbers_on(device: torch.device, dtype: torch.dtype, *values: float) -> Tensor:
    """Numbers for a kernel, in its dtype: triton would pass them as float32."""
    return torch.tensor(values, dtype=dtype, device=device)


def check_contiguous(*tensors) -> None:
    """Raise if a kernel, which knows no strides, would read a tensor wrongly."""
    if not all(A.is_contiguous() for A in tensors if isinstance(A, Tensor)):
        raise ValueError("Triton kernels need contiguous factors.")


@triton.jit
def at_least(y, floor):
    """max(y, floor); NaN stays."""
    return tl.maximum(y, floor, propagate_nan=tl.PropagateNan.ALL)
