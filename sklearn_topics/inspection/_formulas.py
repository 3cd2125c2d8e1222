"""Design matrices of formulas; the only file that imports formulaic."""

import re

import numpy as np

from ._frames import data_frame

#: Documents with missing covariates are refused; the context has no variables of ours.
_OPTIONS = {"na_action": "raise", "context": {}}

#: Other errors that formulaic raises: AttributeError for "~ x | z".
_ERRORS = SyntaxError, TypeError, ValueError, AttributeError

#: Colours and marks in formulaic's messages, which are for terminals.
_COLORS = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")


def formula_design(formula: str, columns: dict) -> tuple[np.ndarray, list[str]]:
    """Design matrix of a one-sided formula, such as "~ year + outlet", and its columns.

    Raises
    ------
    ImportError
        If formulaic is not installed.
    ValueError
        If the formula has a left-hand side or cannot be evaluated.
    """
    try:
        from formulaic import Formula
        from formulaic.errors import FormulaicError
    except ImportError as error:
        raise ImportError(
            "formula needs formulaic. Install it with: pip install "
            "'sklearn_topics[formulas]'. Without a formula, all columns of covariates "
            "are used."
        ) from error

    covariates = data_frame(columns)
    try:
        parsed = Formula(formula)
        sides = hasattr(parsed, "lhs")
        matrix = None if sides else parsed.get_model_matrix(covariates, **_OPTIONS)
    except (FormulaicError, *_ERRORS) as error:
        problem = " ".join(_COLORS.sub("", str(error)).split())
        raise ValueError(
            f"formula {formula!r} cannot be evaluated: {problem}"
        ) from error
    if sides:
        raise ValueError(
            f"formula must have no left-hand side. Got {formula!r}: pass what follows "
            "'~'."
        )
    return np.asarray(matrix, np.float64), list(matrix.model_spec.column_names)
