"""Reports about fitted topic models, for people who do not use Python.

A report is one HTML file without scripts, which needs no network.
"""

from ._write import write_report

__all__ = ["write_report"]
