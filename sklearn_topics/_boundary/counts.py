"""Whether data are token counts, as the topic models expect."""

import numpy as np
import scipy.sparse as sp

from .warning import warn_user

#: Number of entries, or cells of dense data, to inspect.
_SAMPLE = 100_000


def require_tokens(data, name="X") -> None:
    """Raise an error if validated data are zero everywhere.

    Raises
    ------
    ValueError
        If there are no tokens.
    """
    values = data.data if sp.issparse(data) else data
    if not values.any():
        raise ValueError(
            f"{name} contains no tokens: all {data.shape[0]} documents are empty. "
            "Check that the vocabulary is that of these documents."
        )


def warn_unless_counts(estimator, data, prior: str) -> None:
    """Warn if more than half of the positive values are not integers.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    data : csr_array or ndarray
        Validated counts.
    prior : str
        Weight of the model's prior in a document, for the message.
    """
    share = _fractional(data)
    if share <= 0.5:
        return
    tokens = float(data.sum(dtype=np.float64)) / data.shape[0]
    name = type(estimator).__name__
    warn_user(
        f"X does not look like counts: {share:.0%} of its positive values are not "
        f"integers. {name} expects numbers of tokens: a document has "
        f"{plain_number(tokens)} on average, and {prior}. Pass raw counts instead. If "
        "X contains relative frequencies, multiply each row by the length of its "
        "document; for TF-IDF use TorchBetaNMF.",
        UserWarning,
        once=True,
    )


def plain_number(number: float) -> str:
    """Format with two significant digits, or as an integer; without exponent."""
    if number >= 10 or number == 0:
        return f"{number:,.0f}"
    return f"{float(f'{number:.2g}'):.15f}".rstrip("0").rstrip(".")


def _fractional(data) -> float:
    """Fraction of non-integers among the positive values, from a sample."""
    if sp.issparse(data):
        step = max(1, data.nnz // _SAMPLE)
        values = data.data[::step]
    else:
        rows = max(1, data.size // _SAMPLE)  # whole rows: columns may differ in kind
        values = data[::rows]
        values = values[values > 0]
    return float(np.mean(values != np.floor(values))) if values.size else 0.0
