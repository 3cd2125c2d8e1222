"""Steer and edit topics."""
from ._seeds import seed_pseudocounts
