"""Warnings that name the user's line."""

import sys
import warnings

from sklearn.exceptions import InconsistentVersionWarning


class OtherVersionWarning(InconsistentVersionWarning):
    """A model was stored by another version of sklearn_topics.

    scikit-learn's warning, in our words and with our versions.
    """

    def __str__(self):
        return (
            f"This {self.estimator_name} was stored by sklearn_topics "
            f"{self.original_sklearn_version} and is loaded by "
            f"{self.current_sklearn_version}: its results may differ, or it may fail. "
            "Fit it again, or install the version that it was stored by."
        )


def warn_user(text: str | Warning, category: type[Warning]) -> None:
    """Warn, as if from the first caller outside this package, scikit-learn and joblib.

    The number of frames in between depends on the method, on pipelines and on
    scikit-learn's decorators.
    """
    level, frame = 1, sys._getframe(0)
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("sklearn_topics", "sklearn", "joblib"):
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
