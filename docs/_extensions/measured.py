"""Tables and figures of the benchmarks, from the files of ``benchmarks/data``.

- ``.. measured:: NAME``: the table, how it was measured, and where;
- ``.. measured-summary:: NAME ...``: a row for each comparison of these tables;
- ``.. measured-traces:: NAME``: the log-likelihoods over time as a figure;
- ``.. measured-card:: CARD SECTION``: the figures of a section of ``gpu-CARD.json``.
  Each line of its content is a column: heading, key, format. ``:least: KEY NUMBER``
  leaves out the rows in which a figure is less.

A table that has not been measured yet says how to measure it. ``benchmarks/record.py``
describes the files; ``-D measured_folder=FOLDER`` shows those of another folder.
"""

import json
import sys
from pathlib import Path
from statistics import median

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import traces  # noqa: E402


def load(folder, name):
    """A record, or None before it has been measured."""
    path = Path(folder) / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def number(value, form) -> str:
    """1234.5 with ".0f" as 1,234; with ".3g" as 1,230, without an exponent."""
    if form == ".3g":
        value, form = float(f"{value:.3g}"), "g" if abs(value) < 1000 else ".0f"
    return f"{value:,{form}}".replace("-", "\u2212")


def cell(value, form, spread=True) -> str:
    """A number, a text, or repeated measurements as median (least to greatest)."""
    if value is None:
        return ""
    if isinstance(value, list):
        least, middle, greatest = (number(f(value), form) for f in (min, median, max))
        if not spread or least == greatest:
            return middle
        return f"{middle} ({least} to {greatest})"
    if isinstance(value, str):
        return value
    return number(value, form)


def source(record) -> str:
    """What was run, when and where, below a table."""
    machine = record["machine"]
    when = f"{record['date']}, commit {record['commit']}"
    if machine is None:  # measured before records had it
        return f"An earlier version of ``{record['command']}``. {when}."
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items())
    where = f"{machine['cores']} cores of {machine['processor']}"
    versions = f"Python {machine['python']}, {versions}"
    return f"``{record['command']}``. {when}; {where}; {versions}."


def middle(value):
    return median(value) if isinstance(value, list) else value


def comparison(row) -> list[str]:
    """The cells of a row of the summary."""
    ours, theirs = middle(row["ours"]), middle(row["theirs"])
    unit = row["unit"]
    form = ".3g" if unit else ".0f"
    ratio = f"{theirs / ours:.2g} times" if unit else ""
    figures = (
        f"{name}: {number(value, form)} {unit}".strip()
        for name, value in ((row["peer"], theirs), (row["model"], ours))
    )
    return [row["task"], *figures, ratio]


def list_table(columns, rows, *options):
    """Lines of a table, without columns whose cells are empty."""
    rows = [list(row) for row in rows]
    kept = [j for j, column in enumerate(zip(*rows, strict=True)) if any(column)]
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield from (f"   {option}" for option in options)
    yield ""
    for row in (list(columns), *rows):
        row = [row[j] for j in kept]
        for j, text in enumerate(row):
            yield f"{'   * -' if j == 0 else '     -'} {text}".rstrip()
    yield ""


class _Directive(SphinxDirective):
    def read(self, name):
        folder = Path(self.config.measured_folder or BENCHMARKS / "data")
        self.env.note_dependency(str(folder / f"{name}.json"))
        return load(folder, name)

    def parsed(self, lines):
        found = nodes.Element()
        self.state.nested_parse(StringList(list(lines), "measured"), 0, found)
        return found.children

    def missing(self, name):
        text = f"Not measured yet: ``python benchmarks/all.py DATA --only {name}``."
        return self.parsed([".. rst-class:: measured-source", "", text])


class Measured(_Directive):
    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        record = self.read(name)
        if record is None:
            return self.missing(name)
        columns = record["columns"]
        rows = [map(cell, row, columns.values()) for row in record["rows"]]
        source_line = [".. rst-class:: measured-source", "", source(record), ""]
        return self.parsed([*list_table(columns, rows), *source_line])


class Summary(_Directive):
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        records = filter(None, map(self.read, self.arguments[0].split()))
        rows = [comparison(row) for record in records for row in record["summary"]]
        if not rows:
            return self.missing("NAME")
        columns = "Task", "Compared with", "This package", "Faster"
        options = ":widths: 36 26 26 12", ":class: measured-summary"
        return self.parsed(list_table(columns, rows, *options))


class Traces(_Directive):
    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        record = self.read(name)
        if record is None:
            return self.missing(name)
        path = Path(self.env.srcdir, "generated", f"{name}.png")
        path.parent.mkdir(exist_ok=True)
        traces.plot(record, path)
        lines = [f".. image:: /generated/{name}.png", "   :width: 100%"]
        alt = "   :alt: Log-likelihood against seconds of fit, a line for each program"
        below = ["", ".. rst-class:: measured-source", "", source(record), ""]
        return self.parsed([*lines, alt, *below])


class Card(_Directive):
    required_arguments = 2
    has_content = True
    option_spec = {"least": str}

    def run(self):
        card, section = self.arguments
        least, bound = self.options.get("least", "seconds -1").split()
        record = self.read(f"gpu-{card}")
        columns = [map(str.strip, line.split("|")) for line in self.content]
        headings, keys, forms = zip(*columns, strict=True)
        rows = [
            [cell(row.get(key), form) for key, form in zip(keys, forms, strict=True)]
            for row in record["figures"][section]
            if keys[-1] in row and row.get(least, 0) >= float(bound)
        ]
        machine = record["machine"]
        versions = ", ".join(f"{n} {machine[n]}" for n in ("torch", "triton", "numba"))
        text = f"``python benchmarks/gpu.py``. {machine['time']}, commit "
        text += f"{machine['commit'][:7]}; {machine['card']} and {machine['cores']} "
        text += f"cores; CUDA {machine['cuda']}, {versions}."
        source_line = [".. rst-class:: measured-source", "", text, ""]
        return self.parsed([*list_table(headings, rows), *source_line])


def setup(app):
    app.add_config_value("measured_folder", "", "env", str)
    app.add_directive("measured", Measured)
    app.add_directive("measured-summary", Summary)
    app.add_directive("measured-traces", Traces)
    app.add_directive("measured-card", Card)
    return {"parallel_read_safe": True}
