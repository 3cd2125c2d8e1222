"""Whether data are token counts, as the topic models expect."""

from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import wide_sums
from .._kernels.ranks import all_any, all_rows, of_all
from .warning import warn_user

#: Number of entries, or cells of dense data, to inspect.
_SAMPLE = 100_000


def require_tokens(X: CSR | Tensor, name="X") -> None:
    """Raise an error if validated data are zero everywhere.

    Raises
    ------
    ValueError
        If there are no tokens.
    """
    values = X.data if isinstance(X, CSR) else X
    if not all_any(bool(values.any())):
        n = all_rows(X.shape[0])
        raise of_all(
            ValueError(
                f"{name} contains no tokens: all {n} documents are empty. Check that "
                "the vocabulary is that of these documents."
            )
        )


def warn_unless_counts(estimator, X: CSR | Tensor, prior: str) -> None:
    """Warn if more than half of the positive values are not integers.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X : CSR or Tensor
        Validated counts.
    prior : str
        Weight of the model's prior in a document, for the message.
    """
    share = _fractional(X)
    if share <= 0.5:
        return
    tokens = float(wide_sums(X, lambda x: x)) / X.shape[0]
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


def _fractional(X) -> float:
    """Fraction of non-integers among the positive values, from a sample."""
    if isinstance(X, CSR):
        values = X.data[:: max(1, X.nnz // _SAMPLE)]
    else:
        # Whole rows: columns may differ in kind.
        values = X[:: max(1, X.numel() // _SAMPLE)]
        values = values[values > 0]
    fractional = (values != values.floor()).sum()
    return float(fractional) / max(values.numel(), 1)
