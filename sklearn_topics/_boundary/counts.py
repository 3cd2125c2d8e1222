"""Whether data are counts of tokens, as the topic models take them."""

import numpy as np
import scipy.sparse as sp

from .warning import warn_user

#: Entries, or cells of dense data, that are looked at.
_SAMPLE = 100_000


def require_tokens(data, name="X") -> None:
    """Refuse checked data that are zero everywhere.

    Raises
    ------
    ValueError
        If there is no token to learn from.
    """
    values = data.data if sp.issparse(data) else data
    if not values.any():
        raise ValueError(
            f"{name} holds no tokens: all of its {data.shape[0]} documents are empty. "
            "Is the vocabulary that of these documents?"
        )


def warn_unless_counts(estimator, data, prior: str) -> None:
    """Warn if more than half of the positive values are no integers.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    data : csr_array or ndarray
        Checked counts.
    prior : str
        What the model's prior adds to a document, for the message.
    """
    share = _fractional(data)
    if share <= 0.5:
        return
    tokens = float(data.sum(dtype=np.float64)) / data.shape[0]
    name = type(estimator).__name__
    warn_user(
        f"X does not look like counts: {share:.0%} of its positive values are not "
        f"integers. {name} takes them as numbers of tokens: a document has "
        f"{plain_number(tokens)} on average, and {prior}. Pass the raw counts "
        "instead. If X holds shares, multiply each row by the length of its document; "
        "TF-IDF is data for TorchBetaNMF.",
        UserWarning,
        once=True,
    )


def plain_number(number: float) -> str:
    """Two significant digits, or all before the point, without an exponent."""
    if number >= 10 or number == 0:
        return f"{number:,.0f}"
    return f"{float(f'{number:.2g}'):.15f}".rstrip("0").rstrip(".")


def _fractional(data) -> float:
    """Share of values that are no integers, among positive ones of a sample."""
    if sp.issparse(data):
        step = max(1, data.nnz // _SAMPLE)
        values = data.data[::step]
    else:
        rows = max(1, data.size // _SAMPLE)  # whole rows: columns may differ in kind
        values = data[::rows]
        values = values[values > 0]
    return float(np.mean(values != np.floor(values))) if values.size else 0.0
