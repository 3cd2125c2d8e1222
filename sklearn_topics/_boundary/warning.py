"""Warnings that name the user's line."""

import sys
import warnings


def warn_user(text: str, category: type[Warning]) -> None:
    """Warn, as if from the first caller outside this package and scikit-learn.

    The number of frames in between depends on the method, on pipelines and on
    scikit-learn's decorators.
    """
    level, frame = 1, sys._getframe(0)
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("sklearn_topics", "sklearn"):
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
