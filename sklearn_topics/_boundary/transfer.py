"""Devices, random generators, and transfer of data to the device and back."""

import math
import warnings
from functools import partial
from numbers import Integral

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import check_random_state

from .._disk.counts import Counts
from .._disk.folder import FolderCounts
from .._kernels import CSR
from .._kernels.ranks import agreed, all_any, current, of_all
from .._kernels.transfer import upload
from .cuda import is_faster_on_cuda


def available_devices() -> list[str]:
    """The values of `device` that work on this machine, except "auto"."""
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        devices += ["xpu", *(f"xpu:{i}" for i in range(torch.xpu.device_count()))]
    return devices


def resolve_device(
    device: str, model: str = "", X=None, n_components: int = 1
) -> torch.device:
    """The torch device of a `device` parameter.

    "auto" is the device of X if X is on CUDA or xpu; else CUDA if there is one and
    `is_faster_on_cuda` for this model, with its solver, and X; else the CPU.

    Raises
    ------
    ValueError
        If the device is not available on this machine.
    """
    if device == "auto":
        if isinstance(X, torch.Tensor | CSR) and X.device.type not in ("cpu", "mps"):
            return X.device
        faster = is_faster_on_cuda(model, X, *container_and_size(X), n_components)
        return torch.device("cuda" if faster else "cpu")
    available = available_devices()
    if device not in available and device != "cpu:0":
        raise ValueError(
            f"device={device!r} is not available on this machine. Available: "
            f"{', '.join(['auto', *available])}."
        )
    return torch.device(device)


def container_and_size(X) -> tuple[str, int]:
    """The container of X, and its number of nonzeros, or of cells if it is dense."""
    if isinstance(X, torch.Tensor) and X.layout != torch.strided:
        return "csr", X._nnz()
    if isinstance(X, CSR | Counts) or sp.issparse(X):
        return "csr", X.nnz
    return "dense", math.prod(getattr(X, "shape", (0,)))


def make_generator(random_state) -> torch.Generator:
    """Create a generator on the CPU, seeded by scikit-learn's `random_state`."""
    seed = agreed_seed(random_state)
    seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
    return torch.Generator("cpu").manual_seed(int(seed))


def agreed_seed(random_state):
    """`random_state`; in a process group an int, the same on all ranks.

    Raises
    ------
    ValueError
        If ranks have RandomState instances in different states.
    """
    if current() is None or isinstance(random_state, Integral):
        return random_state
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    first = int(agreed(torch.tensor(seed, device="cpu")))
    if all_any(random_state is not None and seed != first):
        raise of_all(
            ValueError(
                "random_state has another state on each rank of the process group. "
                "Pass an int, or instances that were seeded alike."
            )
        )
    return first


def agreed_array(array: np.ndarray) -> np.ndarray:
    """The array; in a process group that of rank 0."""
    if current() is None:
        return array
    return to_numpy(agreed(torch.from_numpy(array)))


def to_device(X, device: torch.device) -> CSR | torch.Tensor:
    """Copy the result of `check_counts`, or a factor, to the device; shared on CPU.

    What is on the device stays there.
    """
    if isinstance(X, CSR):
        if X.device == device:
            return X
        values = X.data
        if device.type == "mps" and values.dtype == torch.float64:
            values = _narrowed(values)
        parts = (part.to(device) for part in (X.indptr, X.indices, values))
        return CSR(*parts, X.shape)
    if isinstance(X, torch.Tensor):
        return X.to(device)
    if not sp.issparse(X):
        return _tensor(X, device)
    wide = X.shape[1] > np.iinfo(np.int32).max
    return CSR(
        _tensor(X.indptr.astype(np.int64, copy=False), device),
        _tensor(X.indices.astype(np.int64 if wide else np.int32, copy=False), device),
        _tensor(X.data, device),
        X.shape,
    )


def mapped_csr(X: FolderCounts, dtype) -> CSR:
    """Counts in a folder as CSR on the CPU, whose entries are memory maps.

    The transpose is that of the folder; it is written when it is first asked for.
    """
    cpu = torch.device("cpu")
    indptr, *entries = (_tensor(part, cpu) for part in X.arrays(dtype))
    find = partial(_mapped_transpose, X, dtype)
    return CSR(indptr, *entries, X.shape, find_transpose=find)


def _mapped_transpose(X: FolderCounts, dtype) -> CSR:
    return mapped_csr(X.T, dtype)


def numpy_dtype(X: CSR | torch.Tensor) -> np.dtype:
    """numpy's name of a tensor's dtype."""
    return np.dtype(str(X.dtype).removeprefix("torch."))


def _tensor(array: np.ndarray, device: torch.device) -> torch.Tensor:
    if device.type == "mps" and array.dtype == np.float64:
        array = _narrowed(array)
    with warnings.catch_warnings():
        # torch warns of read-only arrays, such as memory maps; they are only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return upload(torch.from_numpy(array), device)


def _narrowed(values):
    """Values of mps in float32, numpy's or torch's."""
    warnings.warn(
        "mps has no float64: computing in float32.", UserWarning, stacklevel=3
    )
    is_array = isinstance(values, np.ndarray)
    return values.astype(np.float32) if is_array else values.float()


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Copy to the CPU, always to new memory, so that no buffer outlives the fit."""
    return tensor.detach().cpu().numpy().copy()


def like_input(rows: np.ndarray | torch.Tensor, X) -> np.ndarray | torch.Tensor:
    """Convert a result to the kind of container of X: torch in, torch out.

    A result on the device of X is copied there, and a tensor always to new memory.
    """
    if isinstance(rows, torch.Tensor):
        if isinstance(X, torch.Tensor) and rows.device == X.device:
            return rows.detach().clone(memory_format=torch.contiguous_format)
        rows = to_numpy(rows)
    return _tensor(rows, X.device) if isinstance(X, torch.Tensor) else rows
