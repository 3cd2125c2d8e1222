"""Watching a fit, through scikit-learn's callbacks (from scikit-learn 1.9 on).

A callback is attached with ``model.set_callbacks(...)`` to one of the iterative models
of this package, alone or as a step of a pipeline, and sees each of its iterations.
"""

from ._early_stopping import EarlyStopping
from ._history_logger import HistoryLogger
from ._tensorboard import TensorBoardLogger

__all__ = ["EarlyStopping", "HistoryLogger", "TensorBoardLogger"]
