"""The few sparse operations that cost all the time, one version per device."""

from .csr import CSR

__all__ = ["CSR"]
