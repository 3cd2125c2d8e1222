"""The few sparse operations that cost all the time, one version per device."""

# What it registers for forked children must be there before the first kernel runs: the
# user's own use of torch is enough for a child to hang.
from .cpu import blocks  # noqa: F401
from .csr import CSR

__all__ = ["CSR"]
