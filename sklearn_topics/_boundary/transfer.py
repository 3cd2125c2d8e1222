"""Devices, random generators, and transfer of data to the device and back."""

import warnings

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import check_random_state

from .._kernels import CSR


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


def resolve_device(device: str) -> torch.device:
    """The torch device of a `device` parameter; "auto" is cuda if present, else cpu.

    Raises
    ------
    ValueError
        If the device is not available on this machine.
    """
    available = available_devices()
    if device == "auto":
        return torch.device("cuda" if "cuda" in available else "cpu")
    if device not in available and device != "cpu:0":
        raise ValueError(
            f"device={device!r} is not available on this machine. Available: "
            f"{', '.join(['auto', *available])}."
        )
    return torch.device(device)


def make_generator(random_state) -> torch.Generator:
    """Create a generator on the CPU, seeded by scikit-learn's `random_state`."""
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return torch.Generator("cpu").manual_seed(int(seed))


def to_device(X, device: torch.device) -> CSR | torch.Tensor:
    """Copy the result of `check_counts`, or a factor, to the device; shared on CPU."""
    if not sp.issparse(X):
        return _tensor(X, device)
    wide = X.shape[1] > np.iinfo(np.int32).max
    return CSR(
        _tensor(X.indptr.astype(np.int64, copy=False), device),
        _tensor(X.indices.astype(np.int64 if wide else np.int32, copy=False), device),
        _tensor(X.data, device),
        X.shape,
    )


def numpy_dtype(X: CSR | torch.Tensor) -> np.dtype:
    """numpy's name of a tensor's dtype."""
    return np.dtype(str(X.dtype).removeprefix("torch."))


def _tensor(array: np.ndarray, device: torch.device) -> torch.Tensor:
    if device.type == "mps" and array.dtype == np.float64:
        warnings.warn(
            "mps has no float64: computing in float32.", UserWarning, stacklevel=2
        )
        array = array.astype(np.float32)
    with warnings.catch_warnings():
        # torch warns of read-only arrays, such as memory maps; they are only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Copy to the CPU, always to new memory, so that no buffer outlives the fit."""
    return tensor.detach().cpu().numpy().copy()


def like_input(array: np.ndarray, X) -> np.ndarray | torch.Tensor:
    """Convert a result to the kind of container of X: torch in, torch out."""
    if isinstance(X, torch.Tensor):
        return _tensor(array, X.device)
    return array
