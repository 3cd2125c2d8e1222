"""An error for too little memory on a device: what needs how much, and what to do."""

import torch

from .transfer import container_and_size


def out_of_memory(
    error: torch.OutOfMemoryError, method: str, estimator, X
) -> torch.OutOfMemoryError:
    """The error to raise from `error`, of a method with the data X.

    Its class is torch's, for programs that catch that one to try again with less.
    """
    first = ". ".join(str(error).split(". ")[:2]).rstrip(".")
    advice = [f"a smaller {name}" for name in getattr(estimator, "_sizes", ())]
    advice += ["float32 data"] if value_bytes(X, estimator) > 4 else []
    advice.append("device='cpu'")
    parts = {}
    if hasattr(estimator, "_memory") and len(getattr(X, "shape", ())) == 2:
        parts = {**_data(X, estimator, "fit" in method), **estimator._memory(X)}
    needs = [f" {what}: {_as_text(number)}." for what, number in parts.items()]
    return torch.OutOfMemoryError(
        f"{method} needs more memory than the device has: {first}.{''.join(needs)} "
        f"Use {', '.join(advice)} or a GPU with more memory."
    )


def _as_text(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"


def value_bytes(X, estimator) -> int:
    """Bytes of a value in the dtype that X is computed in, near enough for messages."""
    kind = str(getattr(X, "dtype", "")).removeprefix("torch.")
    counts = getattr(estimator, "_narrows_counts", False)
    return 4 if kind == "float32" or (counts and "int" in kind) else 8


def _data(X, estimator, fits: bool) -> dict[str, int]:
    """Bytes of X, and of its transpose, which a fit to sparse X makes, by name."""
    container, size = container_and_size(X)
    value = value_bytes(X, estimator)
    if container == "dense":
        return {f"X ({size:,} cells of {value} bytes)": size * value}
    entry = value + 4  # an index of 32 bits
    what = f"({size:,} nonzeros of {entry} bytes)"
    transpose = {"The transpose of X": size * entry} if fits else {}
    return {f"X {what}": size * entry, **transpose}
