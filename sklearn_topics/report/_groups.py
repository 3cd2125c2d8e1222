"""Metadata of the documents -> sections of topics by group and over time."""

from collections.abc import Mapping

import numpy as np

from .._boundary.arguments import check_sequence
from ..inspection import topics_by
from ..inspection._frames import start_of_periods
from ._html import Cell, Markup, element, joined, table, text

#: Units of time from coarse to fine, and their lengths in days.
_UNITS = {"year": 365.25, "quarter": 91.3, "month": 30.4, "week": 7, "day": 1}

#: A curve has at least and at most this number of periods, if the dates allow it.
_FEWEST, _MOST = 8, 60

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
    sections = []
    for number, (name, values) in enumerate(columns_of(groups).items()):
        values = values if hasattr(values, "dtype") else _as_array(values, name)
        draw = _over_time if _are_dates(values) else _by_label
        content = draw(model, counts, theta, names, values, colors)
        title = "over time" if _are_dates(values) else f"by {name}"
        sections.append((f"groups-{number}", f"Topics {title}", content))
    return sections


def _as_array(values, name):
    values = check_sequence(values, f"groups[{name!r}]", "labels or dates")
    known = [value for value in values if value is not None]
    if known and all(hasattr(value, "isoformat") for value in known):
        dates = (None if value != value else value for value in values)  # NaT
        return np.array(list(dates), dtype="M8[us]")
    return np.array(values, dtype=object)


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
    parts = ("Proportion", "Lower", "Upper")
    shares = {name: found[name].to_numpy().reshape(-1, n_topics) for name in parts}
    ends = (element("span", _date(start, unit)) for start in (starts[0], starts[-1]))
    axis = element("div", *ends, class_="axis quiet")
    cards = []
    for k in np.argsort(-shares["Proportion"].mean(axis=0), kind="stable"):
        columns = [shares[name][:, k] for name in parts]
        most = np.nanmax(columns[0])
        title = element("h3", names[k])
        height = element("div", f"up to {most:.1%}", class_="quiet")
        style = {"class_": "card", "style": f"--color: {colors[k]}"}
        curve = _curve(starts, *columns)
        cards.append(element("div", title, height, curve, axis, **style))
    note = (
        f"Share of the tokens by {unit}, with 95 % confidence intervals. The scale of "
        "each curve begins at 0 and ends at its largest value."
    )
    grid = element("div", *cards, class_="small grid")
    return joined([element("p", note, class_="quiet"), grid])


def _date(start, unit) -> str:
    """The start of a period, as precisely as the unit."""
    return str(start)[: {"year": 4, "quarter": 7, "month": 7}.get(unit, 10)]


def _curve(starts, share, lower, upper) -> Markup:
    """A line with a band, as inline SVG that takes the width it is given."""
    days = (starts - starts[0]).astype(float)
    x = 2 + 196 * days / (days.max() or 1)
    lower, upper = (np.where(np.isnan(a), share, a) for a in (lower, upper))
    top = np.nanmax(upper) or 1

    def points(values, order=slice(None)):
        y = 58 - 56 * values / top
        pairs = zip(x[order], y[order], strict=True)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)

    back = slice(None, None, -1)
    band = f"{points(upper)} {points(lower, back)}"
    label = text(f"from {share[0]:.1%} to {share[-1]:.1%}, at most {share.max():.1%}")
    stroke = (
        'stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"'
    )
    return Markup(
        f'<svg class="trend" viewBox="0 0 200 60" preserveAspectRatio="none" role="img"'
        f' aria-label="{label}"><polygon points="{band}" fill="currentColor"'
        f' fill-opacity="0.18"/><polyline points="{points(share)}" fill="none"'
        f" {stroke}/></svg>"
    )


def _by_label(model, counts, theta, names, labels, colors):
    found = topics_by(model, counts, labels, theta=theta)
    n_topics = theta.shape[1]
    shares = found["Proportion"].to_numpy().reshape(-1, n_topics)
    documents = found["Documents"].to_numpy()[::n_topics]
    groups = found["Group"].to_numpy(dtype=object)[::n_topics]
    shown = np.sort(np.argsort(-documents, kind="stable")[:_GROUPS])
    heads = ["(none)" if g is None or g != g else str(g) for g in groups[shown]]
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
