"""Callbacks to monitor, log and stop a fit; they need scikit-learn >= 1.9.

Attach callbacks with ``model.set_callbacks(...)`` to an iterative model of this
package, alone or as a step of a pipeline. They are called after each iteration.
"""

from ._early_stopping import EarlyStopping
from ._history_logger import HistoryLogger
from ._tensorboard import TensorBoardLogger

__all__ = ["EarlyStopping", "HistoryLogger", "TensorBoardLogger"]
