"""Files of measured tables, from which the documentation makes its tables.

``benchmarks/data/NAME.json`` has the columns and rows of a table, the command, and the
machine: the processor, its cores, and the versions of the compared packages. On the
pages, ``.. measured:: NAME`` shows it (``docs/_extensions/measured.py``).
"""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent / "data"


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine(packages) -> dict:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def write_table(name, command, columns, rows, packages) -> Path:
    """Write the table ``name``; each row has a number or text for each column.

    A cell may be a list of the repeated measurements: the page shows their median, and
    their least and greatest.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns, but the row {row!r}")
    table = {
        "command": command,
        "machine": machine(packages),
        "columns": list(columns),
        "rows": [list(row) for row in rows],
    }
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(table, indent=1) + "\n")
    return path
