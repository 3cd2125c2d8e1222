"""Torch modules of the models, for training loops of one's own."""

from ._etm import ETM

__all__ = ["ETM"]
