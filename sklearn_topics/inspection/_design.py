"""Covariates of documents -> design matrix."""

from numbers import Number

import numpy as np

from .._boundary.containers import readable
from ..metrics._labels import one_each
from ._formulas import formula_design
from ._groups import number_groups

INTERCEPT = "Intercept"

#: A column whose part that earlier columns do not explain is smaller is redundant.
_REDUNDANT = 1e-8

#: Largest number of levels of a column of text without a formula.
_LEVELS = 100


def design_matrix(columns, formula, known) -> tuple[np.ndarray, list[str]]:
    """Design matrix with an intercept, and the names of its columns.

    Parameters
    ----------
    columns : dict
        The `covariate_columns`: numbers, booleans or labels.
    formula : str or None
        If None, each column is used: numbers as they are, labels as indicators of all
        levels but the first.
    known : ndarray of shape (n_documents,), bool
        The documents that have a row in the matrix.
    """
    n = int(known.sum())
    columns = {name: _taken(name, values, known) for name, values in columns.items()}
    if formula is None:
        parts = [(np.ones((n, 1)), [INTERCEPT])]
        parts += [_part(name, values) for name, values in columns.items()]
        matrices, names = zip(*parts, strict=True)
        return np.hstack(matrices), sum(names, [])
    if not isinstance(formula, str):
        raise TypeError(f"formula must be a str, as in '~ year'. Got {formula!r}.")
    matrix, names = formula_design(formula, columns)
    if len(matrix) != n:
        raise ValueError(f"formula gives {len(matrix)} rows for {n} documents.")
    return matrix, names


def factorize(matrix, names) -> tuple[np.ndarray, np.ndarray]:
    """Q (n x p) and R (p x p) of the design matrix.

    Raises
    ------
    ValueError
        If there are too few documents, values that are not finite, or columns that are
        linear combinations of others.
    """
    n, p = matrix.shape
    if n <= p:
        raise ValueError(
            f"{n} documents with tokens do not determine the {p} coefficients "
            f"{', '.join(names)}. Use fewer covariates or more documents."
        )
    if not np.isfinite(matrix).all():
        j = int(np.argmin(np.isfinite(matrix).all(axis=0)))
        raise ValueError(f"The column {names[j]!r} contains infinity or NaN.")
    Q, R = np.linalg.qr(matrix)
    size = np.sqrt((R**2).sum(axis=0))
    redundant = np.abs(np.diagonal(R)) <= _REDUNDANT * size
    if redundant.any():
        j = int(redundant.argmax())
        raise ValueError(
            f"The column {names[j]!r} is constant or a linear combination of the "
            f"columns before it ({', '.join(names[:j])}), so that its effect is not "
            "determined. Leave it out."
        )
    return Q, R


def covariate_columns(covariates) -> dict:
    """Name -> values of each covariate."""
    if hasattr(covariates, "columns"):
        columns = {str(name): covariates[name] for name in covariates.columns}
    elif isinstance(covariates, dict):
        columns = covariates
    elif getattr(covariates, "name", None) is not None:  # a Series
        columns = {str(covariates.name): covariates}
    else:
        raise TypeError(
            "covariates must be a DataFrame or a dict with a column for each "
            f"covariate. Got {type(covariates).__name__}."
        )
    if not columns:
        raise ValueError("covariates has no columns. Pass at least one.")
    return columns


def _taken(name, values, known):
    """The values of documents that are known; categories stay, if they occur."""
    if len(values) != len(known):
        raise ValueError(
            f"The covariate {name!r} has {len(values)} values, but there are "
            f"{len(known)} documents. Pass one per document."
        )
    values = getattr(values, "array", values)  # of a pandas Series, without its index
    if hasattr(values, "categories"):
        return values[known].remove_unused_categories()
    if not hasattr(values, "dtype"):
        values = readable(values, name)
    return values[known] if hasattr(values, "isna") else np.asarray(values)[known]


def _part(name, values) -> tuple[np.ndarray, list[str]]:
    """The columns of a covariate in the design matrix, and their names."""
    found, missing = one_each(values, name)
    if missing.any():
        raise ValueError(
            f"The covariate {name!r} is missing in {missing.sum()} of {len(missing)} "
            "documents. Leave these documents out, or fill the values in."
        )
    found = np.asarray(found)
    is_label = hasattr(values, "categories")
    numbers = all(isinstance(v, Number) and not isinstance(v, bool) for v in found)
    if not is_label and (found.dtype.kind in "iuf" or numbers):
        return found.astype(np.float64)[:, None], [name]
    if found.dtype.kind in "mM" or hasattr(found[0], "isoformat"):
        raise ValueError(
            f"The covariate {name!r} contains dates. Convert them to numbers, for "
            "example to years, or use topics_by(..., freq='year')."
        )
    levels, number = number_groups(values)
    if len(levels) < 2:
        raise ValueError(
            f"The covariate {name!r} has the same value {levels[0]!r} in all "
            "documents, so that its effect is not determined. Leave it out."
        )
    if len(levels) > _LEVELS:
        raise ValueError(
            f"The covariate {name!r} contains labels with {len(levels)} different "
            "values. Convert it to numbers, or to fewer categories."
        )
    indicators = number[:, None] == np.arange(1, len(levels))
    return indicators.astype(np.float64), [f"{name}[T.{level}]" for level in levels[1:]]
