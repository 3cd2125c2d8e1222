"""DataFrames and dates; the only file that imports pandas."""

from typing import TYPE_CHECKING

import numpy as np

from .._boundary.arguments import check_choice
from .._boundary.topics import topic_labels, topic_names

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame

#: Units of `freq` -> pandas' names of periods.
_PERIODS = {
    "year": "Y",
    "quarter": "Q",
    "month": "M",
    "week": "W",
    "day": "D",
    "hour": "h",
}

#: Names of the units in pandas and in words.
_ALIASES = {
    **{"Y": "year", "YE": "year", "YS": "year", "A": "year", "yearly": "year"},
    **{"Q": "quarter", "QE": "quarter", "QS": "quarter", "quarterly": "quarter"},
    **{"M": "month", "ME": "month", "MS": "month", "monthly": "month"},
    **{"W": "week", "weekly": "week", "D": "day", "daily": "day"},
    **{"h": "hour", "H": "hour", "hourly": "hour"},
}


#: pandas' names of the kinds of values that are no dates.
_NUMBERS = "boolean", "integer", "floating", "mixed-integer-float", "decimal"


def data_frame(values, **options) -> "DataFrame":
    """A pandas DataFrame."""
    return _pandas().DataFrame(values, **options)


def name_column(model, topics) -> dict[str, list]:
    """The column "Name" of a table with these topic numbers, if topics have names."""
    if topic_names(model) is None:
        return {}
    labels = [str(label) for label in topic_labels(model)]
    return {"Name": [labels[k] if k >= 0 else "" for k in topics]}


def start_of_periods(dates, freq: str) -> np.ndarray:
    """The first instant of the period of each date, datetime64; NaT if it is missing.

    Raises
    ------
    ValueError
        If `freq` is unknown, or `dates` contains something else than dates.
    """
    pd = _pandas()
    unit = _PERIODS[check_choice(freq, "freq", _PERIODS, _ALIASES)]
    found = pd.Series(dates)
    values = found.astype(object)  # of categories, too
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in _NUMBERS:
        raise ValueError(
            "groups must contain dates if freq is given. Got numbers such as "
            f"{found.iloc[0]!s}. Leave freq out, or convert them, for example "
            "pandas.to_datetime(years, format='%Y')."
        )
    try:
        if isinstance(found.dtype, pd.PeriodDtype):
            found = found.dt.to_timestamp()
        # 05.04.2020 may be in April or in May.
        options = {"format": "ISO8601"} if kind == "string" else {}
        found = pd.to_datetime(found, **options)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "groups must contain dates, or texts such as 2020-05-31, if freq is given. "
            "Convert other texts first, for example with pandas.to_datetime(texts, "
            f"dayfirst=True). {error}"
        ) from error
    # Periods begin at local midnight.
    found = found.dt.tz_localize(None)
    return found.dt.to_period(unit).dt.start_time.to_numpy()


def _pandas():
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Tables need pandas. Install it with: pip install 'sklearn_topics[tables]'"
        ) from error

    return pd
