"""Every import from scikit-learn's private modules, and every version shim."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sklearn
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._set_output import _get_output_config

try:
    from sklearn.callback import CallbackSupportMixin

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn < 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:
        """Replacement if scikit-learn has no callbacks."""


if TYPE_CHECKING:  # scikit-learn has no types: `fit` would lose its own
    _F = TypeVar("_F", bound=Callable[..., Any])

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_F], _F]: ...
else:
    from sklearn.base import _fit_context

__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "_fit_context",
    "_safe_indexing",
    "gives_frames",
    "require_callbacks",
]


def gives_frames(estimator) -> bool:
    """Whether `set_output` makes `transform` return DataFrames."""
    return _get_output_config("transform", estimator)["dense"] != "default"


class Interval(_Interval):
    """scikit-learn's Interval, for numbers that torch accepts: no bool, no Fraction."""

    def is_satisfied_by(self, val):
        number = isinstance(val, int | float | np.integer | np.floating)
        return number and not isinstance(val, bool) and super().is_satisfied_by(val)


def require_callbacks(name: str) -> None:
    """Raise if the installed scikit-learn never calls callbacks."""
    if not HAS_CALLBACKS:
        raise ImportError(
            f"{name} needs scikit-learn >= 1.9, the first version with callbacks. "
            f"Installed: {sklearn.__version__}."
        )
