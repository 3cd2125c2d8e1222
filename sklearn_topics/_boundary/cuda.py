"""Whether ``device="auto"`` chooses CUDA."""

import math
import os
import shutil
from importlib.util import find_spec

import torch

from .._kernels import CSR
from .._kernels.ranks import current

#: Where CUDA was measured to be faster than the CPU: for a model and its solver, such
#: as "TorchPoissonNMF scd", by container, "csr" or "dense", from which size on, in
#: nonzeros of X (cells if dense) times topics. The rows are those of the section
#: "crossover" of ``benchmarks/data/gpu-nvidia-h200.json``: an NVIDIA H200 beside 16
#: cores. Smaller sizes were not measured. Without a row the choice is the CPU.
FASTER_ON_CUDA: dict[str, dict[str, float]] = {
    "TorchPoissonNMF scd": {"csr": 5.1e7},
    "TorchPoissonNMF em": {"csr": 5.1e7},
    "TorchPoissonNMF adam": {"csr": 5.1e7},
    "TorchBetaNMF cd": {"dense": 5e7},
    "TorchBetaNMF mu": {"csr": 5.1e7},
    "TorchBetaNMF scd": {"csr": 5.1e7},
    "TorchDeepNMF": {"csr": 6.3e7, "dense": 6.2e7},
    "TorchTruncatedSVD": {"csr": 5.1e7, "dense": 5e7},
    "TorchETM": {"csr": 5.1e7},
}

#: Bytes of a nonzero while X is transposed, and of a cell of dense X.
_BYTES = {"csr": 50, "dense": 12}
#: Copies of the factors in an iteration, and bytes of a number.
_COPIES = 8 * 4
#: Share of the memory that is free on the GPU.
_SHARE = 0.8


def is_faster_on_cuda(model: str, X, container: str, size: int, K: int) -> bool:
    """Whether CUDA was measured to be faster, works in this process, and has memory.

    Parameters
    ----------
    model : str
        A key of `FASTER_ON_CUDA`.
    X : object with a shape
    container : {"csr", "dense"}
    size : int
        Nonzeros of X, or cells.
    K : int
        Number of components.
    """
    least = FASTER_ON_CUDA.get(model, {}).get(container, math.inf)
    if size * K < least or not torch.cuda.is_available() or not _works(X):
        return False
    needed = _BYTES[container] * size + _COPIES * K * sum(X.shape)
    return needed <= _SHARE * torch.cuda.mem_get_info()[0]


def _works(X) -> bool:
    """Whether the kernels that were measured can run, on an X like those measured."""
    # CUDA cannot be used in a process that was forked after its first use.
    forked = getattr(torch.cuda, "_is_in_bad_fork", lambda: False)()
    on_disk = isinstance(X, CSR) and X.find_transpose is not None
    if forked or on_disk or current() is not None:  # ranks might choose differently
        return False
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    return bool(compiler) and find_spec("triton") is not None
