"""How a Triton kernel is launched, how it gets numbers, and how it compares them.

No argument of a kernel may be called ``options``: a function that Triton generates for
a real device has one of that name, which its interpreter has not.
"""

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.functional import pad

from ..transfer import upload

#: Most registers of a thread, the hardware's. Without a bound ptxas puts some numbers
#: into memory for the sake of occupancy.
_REGISTERS = 255


def run(kernel, grid: tuple, *args, num_warps: int = 4, **constants) -> None:
    """Run a kernel on the device of its first argument, with at most eight warps.

    Products and sums are fused to one rounding, whatever the version's default.
    """
    options = {"num_warps": num_warps, "maxnreg": _REGISTERS, "enable_fp_fusion": True}
    with torch.cuda.device_of(args[0]):
        kernel[grid](*args, **options, **constants)


@cache  # for good: a recorded graph reads them as long as it lives
def numbers_on(device: torch.device, dtype: torch.dtype, *values: float) -> Tensor:
    """Numbers for a kernel, in its dtype: triton would pass them as float32."""
    return upload(torch.tensor(values, dtype=dtype, device="cpu"), device)


def in_quads(A: Tensor) -> tuple[Tensor, int]:
    """A factor with zeros to the right, and how many times four columns it has.

    A thread then loads four values of a row at once. The copy of a factor whose number
    of columns is no multiple of four is small beside what is gathered from it.
    """
    quads = -(-A.shape[1] // 4)
    return pad(A, (0, 4 * quads - A.shape[1])) if A.shape[1] % 4 else A, quads


def check_contiguous(*tensors) -> None:
    """Raise if a kernel, which knows no strides, would read a tensor wrongly."""
    if not all(A.is_contiguous() for A in tensors if isinstance(A, Tensor)):
        raise ValueError("Triton kernels need contiguous factors.")


@triton.jit
def at_least(y, floor):
    """max(y, floor); NaN stays."""
    return tl.maximum(y, floor, propagate_nan=tl.PropagateNan.ALL)
