"""Warnings that point to the user's line of code."""

import sys
import warnings

from sklearn.exceptions import InconsistentVersionWarning


class OtherVersionWarning(InconsistentVersionWarning):
    """A model was saved with another version of sklearn_topics.

    scikit-learn's warning, with the versions of this package.
    """

    def __str__(self):
        return (
            f"This {self.estimator_name} was saved with sklearn_topics "
            f"{self.original_sklearn_version} and is loaded with "
            f"{self.current_sklearn_version}: its results may differ, or it may fail. "
            "Fit it again, or install the version that it was saved with."
        )


#: Warnings that were shown with `once`.
_SHOWN: set[tuple] = set()


def warn_user(
    text: str | Warning, category: type[Warning], *, once: bool = False
) -> None:
    """Warn at the first caller outside this package, scikit-learn and joblib.

    The number of frames in between depends on the method, on pipelines and on
    scikit-learn's decorators. With `once`, the default filter of Python shows the text
    once for each line of the user, as documented. Without, a search would show it for
    each fit: Python forgets what it has shown whenever filters change, and scikit-learn
    changes them in each fit.
    """
    level, frame = 1, sys._getframe(0)
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("sklearn_topics", "sklearn", "joblib"):
            break
        level, frame = level + 1, frame.f_back
    if once and _was_shown(str(text), category, frame):
        return
    warnings.warn(text, category, stacklevel=level)


def _was_shown(text, category, frame) -> bool:
    where, line = "sys", 1
    if frame is not None:
        where, line = frame.f_code.co_filename, frame.f_lineno
    module = "sys" if frame is None else frame.f_globals.get("__name__", "")
    action = next(
        (
            action
            for action, message, kind, name, number in warnings.filters
            if (message is None or message.match(text))
            and issubclass(category, kind)
            and (name is None or name.match(module))
            and number in (0, line)
        ),
        "default",
    )
    if action not in ("default", "module", "once"):
        return False  # such as "always" and "error"
    key = text, category, where, line
    if key in _SHOWN:
        return True
    _SHOWN.add(key)
    return False
