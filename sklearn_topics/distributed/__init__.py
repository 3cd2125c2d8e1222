"""Fits to documents that several processes hold, on one machine or on several."""

from ._group import process_group

__all__ = ["process_group"]
