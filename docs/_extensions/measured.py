"""``.. measured:: NAME``: the table that a benchmark wrote, its command and machine.

``benchmarks/record.py`` describes the files.
"""

import json
from pathlib import Path
from statistics import median

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[2] / "benchmarks" / "data"
NO_MACHINE = "two shared cores; processor and versions were not recorded"


def cell(value) -> str:
    """A number, a text, or repeated measurements as median (least to greatest)."""
    if value is None:
        return ""
    if isinstance(value, list):
        numbers = median(value), min(value), max(value)
        return "{:.3g} ({:.3g} to {:.3g})".format(*numbers)
    return str(value)


def source(table) -> str:
    """What was run where, below the table."""
    machine = table["machine"]
    if machine is None:
        return f"``{table['command']}``, on {NO_MACHINE}."
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items())
    where = f"{machine['cores']} cores of {machine['processor']}"
    return (
        f"``{table['command']}``, on {where}; Python {machine['python']}, {versions}."
    )


class Measured(SphinxDirective):
    required_arguments = 1

    def run(self):
        path = FOLDER / f"{self.arguments[0]}.json"
        self.env.note_dependency(str(path))
        table = json.loads(path.read_text("utf-8"))
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in (table["columns"], *table["rows"]):
            for j, value in enumerate(row):
                mark = "   * -" if j == 0 else "     -"
                lines.append(f"{mark} {cell(value)}".rstrip())
        lines += ["", source(table), ""]
        found = nodes.Element()
        self.state.nested_parse(StringList(lines, str(path)), 0, found)
        return found.children


def setup(app):
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
