"""Metadata of the documents -> sections of topics by group and over time."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date

import numpy as np

from .._boundary.arguments import check_sequence
from ..inspection import topics_by
from ..inspection._frames import start_of_periods
from ..inspection._periods import after_gaps, runs
from ..metrics._labels import one_each
from ._html import Cell, Markup, breakable, element, joined, table

#: Units of time from coarse to fine, and their lengths in days.
_UNITS = {"year": 365.25, "quarter": 91.3, "month": 30.4, "week": 7, "day": 1}

#: A curve has at least and at most this number of periods, if the dates allow it.
_FEWEST, _MOST = 8, 60

#: Dates as text, in the format of ISO 8601, with or without a time.
_DATE = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d\d:\d\d.*)?", re.DOTALL
)

#: Largest number of groups in a table.
_GROUPS = 30


def columns_of(groups) -> dict:
    """Name -> labels or dates of the documents; without names, "Group"."""
    if groups is None:
        return {}
    if hasattr(groups, "columns"):
        return {str(name): groups[name] for name in groups.columns}
    if isinstance(groups, Mapping):
        return {str(name): values for name, values in groups.items()}
    name = getattr(groups, "name", None)
    return {"Group" if name is None else str(name): groups}


def group_sections(model, counts, theta, names, groups, colors) -> list:
    """Sections (identifier, title, content) of the labels and dates in `groups`."""
    columns = columns_of(groups)
    columns = {name: _with_dtype(columns[name], name) for name in columns}
    several = sum(map(_are_dates, columns.values())) > 1
    sections = []
    for number, (name, values) in enumerate(columns.items()):
        if _are_dates(values):
            draw, title = _over_time, f"over time ({name})" if several else "over time"
        else:
            draw, title = _by_label, f"by {name}"
        content = draw(model, counts, theta, names, values, colors)
        sections.append((f"groups-{number}", f"Topics {title}", content))
    return sections


def _with_dtype(values, name):
    """Values with a dtype: that of dates if the objects in them are dates."""
    dtype = getattr(values, "dtype", np.dtype(object))
    is_text = str(dtype).startswith(("str", "<U", ">U"))  # of pandas or numpy
    if not (is_text or (isinstance(dtype, np.dtype) and dtype.hasobject)):
        return values
    objects = check_sequence(values, f"groups[{name!r}]", "labels or dates")
    if any(isinstance(value, str) for value in objects):
        found, missing = one_each(objects, f"groups[{name!r}]")
        if all(map(_is_written_date, found[~missing])):
            days = np.where(missing, "NaT", found).astype("U10")
            with suppress(ValueError):  # 2021-02-30 is no date, but may be a label
                return days.astype("M8[us]")
    if any(isinstance(value, date) for value in objects):  # NaT as well
        dates, missing = one_each(objects, f"groups[{name!r}]")
        if all(isinstance(value, date) for value in dates[~missing]):
            dates = [None if value is None else _local(value) for value in dates]
            return np.array(dates, dtype="M8[us]")
    return values if hasattr(values, "dtype") else np.array(objects, dtype=object)


def _is_written_date(value) -> bool:
    """Whether a label is a date as text; a year alone is a label."""
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def _local(when):
    """A date or time without its offset, which numpy would add."""
    return when.replace(tzinfo=None) if getattr(when, "tzinfo", None) else when


def _are_dates(values) -> bool:
    kind = getattr(values.dtype, "kind", "")
    return kind == "M" or str(values.dtype).lower().startswith(("date", "period"))


def _unit(dates) -> str:
    """The coarsest unit of time that shows a course."""
    days = start_of_periods(dates, "day").astype("M8[D]")
    days = days[~np.isnat(days)].astype(np.int64)
    span = np.ptp(days) + 1 if len(days) else 1
    enough = [unit for unit, length in _UNITS.items() if span / length >= _FEWEST]
    few = [unit for unit, length in _UNITS.items() if span / length <= _MOST]
    return enough[0] if enough else few[-1]


def _over_time(model, counts, theta, names, dates, colors):
    unit = _unit(dates)
    found = topics_by(model, counts, dates, freq=unit, theta=theta)
    found = found[found["Group"].notna() & (found["Tokens"] > 0)]
    n_topics = theta.shape[1]
    starts = found["Group"].to_numpy().astype("M8[D]")[::n_topics]
    if len(starts) == 0:
        return element("p", "No document with known terms has a date.")
    parts = ("Share", "Lower", "Upper")
    shares = {name: found[name].to_numpy().reshape(-1, n_topics) for name in parts}
    ends = (element("span", _date(s, unit)) for s in np.unique(starts[[0, -1]]))
    axis = element("div", *ends, class_="axis quiet")
    cards = []
    for k in np.argsort(-shares["Share"].mean(axis=0), kind="stable"):
        columns = [shares[name][:, k] for name in parts]
        top = np.nanmax(columns) or 1
        title = element("h3", names[k])
        height = element("div", f"0 to {top:.1%}", class_="quiet")
        style = {"class_": "card", "style": f"--color: {colors[k]}"}
        curve = _curve(starts, unit, *columns, top)
        cards.append(element("div", title, height, curve, axis, **style))
    note = (
        f"Share of the tokens by {unit}, with 95 % confidence intervals. The scale "
        f"above each curve includes the intervals. A {unit} without documents breaks "
        f"the curve; a {unit} with one document has no interval."
    )
    grid = element("div", *cards, class_="small grid")
    return joined([element("p", note, class_="quiet"), grid])


def _date(start, unit) -> str:
    """The start of a period, as precisely as the unit."""
    return str(start)[: {"year": 4, "quarter": 7, "month": 7}.get(unit, 10)]


def _curve(starts, unit, share, lower, upper, top) -> Markup:
    """A line with a band, as inline SVG that takes the width it is given."""
    days = (starts - starts[0]).astype(float)
    x = 2 + 196 * days / (days.max() or 1)
    gaps = after_gaps(starts, unit)

    def points(run, values):
        return " ".join(f"{x[i]:.1f},{58 - 56 * values[i] / top:.1f}" for i in run)

    def shape(tag, run, points):
        return element(tag, points=points, class_="alone" if len(run) == 1 else "run")

    shapes = []
    for run in runs(~np.isnan(lower), gaps):
        band = f"{points(run, upper)} {points(run[::-1], lower)}"
        shapes.append(shape("polygon", run, band))
    for run in runs(~np.isnan(share), gaps):
        # A point is a line from it to itself, with round ends.
        line = run.repeat(2) if len(run) == 1 else run
        shapes.append(shape("polyline", run, points(line, share)))
    label = f"from {share[0]:.1%} to {share[-1]:.1%}, at most {share.max():.1%}"
    size = {"viewBox": "0 0 200 60", "preserveAspectRatio": "none"}
    return element("svg", *shapes, **size, class_="trend", role="img", aria_label=label)


def _by_label(model, counts, theta, names, labels, colors):
    found = topics_by(model, counts, labels, theta=theta)
    n_topics = theta.shape[1]
    shares = found["Share"].to_numpy().reshape(-1, n_topics)
    documents = found["Documents"].to_numpy()[::n_topics]
    groups = found["Group"].to_numpy(dtype=object)[::n_topics]
    shown = np.sort(np.argsort(-documents, kind="stable")[:_GROUPS])
    heads = ["(none)" if g is None or g != g else str(g) for g in groups[shown]]
    heads = [breakable(head) for head in heads]
    most = np.nanmax(shares[shown], initial=0) or 1
    rows = [["documents", *(f"{documents[g]:,}" for g in shown)]]
    for k in np.argsort(-np.nan_to_num(shares).mean(axis=0), kind="stable"):
        rows.append([names[k], *(_shaded(shares[g, k], most) for g in shown)])
    note = "Share of each topic among the tokens of the documents with a label."
    if len(shown) < len(groups):
        note += f" The {len(shown)} largest of {len(groups)} groups."
    numeric = range(1, len(shown) + 1)
    content = table(["topic", *heads], rows, numeric=numeric)
    return joined([element("p", note, class_="quiet"), content])


def _shaded(share, most) -> Cell:
    """A cell whose colour is darker for a larger share."""
    if np.isnan(share):
        return Cell(element("td", "-", class_="shaded"))
    style = f"background: rgba(0, 114, 178, {0.6 * share / most:.2f})"
    return Cell(element("td", f"{share:.1%}", class_="shaded", style=style))
