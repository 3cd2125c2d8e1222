"""Fits to documents that several processes hold, on one machine or on several."""

from ._dask import fit_dask
from ._group import process_group

__all__ = ["fit_dask", "process_group"]
