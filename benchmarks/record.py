"""Records of benchmarks, from which the documentation makes its tables and figures.

``benchmarks/data/NAME.json`` holds a table (``columns``, ``rows``), rows of the summary
(``summary``), and how they were measured: ``command``, ``date``, ``commit`` and
``machine`` (processor, cores, load, versions). A cell is a number, a text, or a list of
repeated measurements, of which pages show the median, the least and the greatest.

On the pages, ``.. measured:: NAME`` shows a table (``docs/_extensions/measured.py``);
``python benchmarks/all.py DATA`` measures all of them.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sklearn_topics

FOLDER = Path(__file__).parent / "data"
#: The keys of every record.
KEYS = "command", "date", "commit", "machine", "columns", "rows", "summary"


def add_arguments(parser):
    parser.add_argument(
        "--record",
        nargs="?",
        type=Path,
        const=FOLDER,
        metavar="FOLDER",
        help="write the table there; without FOLDER, for the documentation",
    )
    # A trial of the script, of which the figures mean nothing.
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed(packages) -> dict:
    # From the sources: an editable installation may still name an earlier version.
    versions = {"sklearn_topics": sklearn_topics.__version__}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def machine(packages) -> dict:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": installed(packages),
    }


def commit() -> str | None:
    """The commit of the sources, with a + if more than figures was changed since."""
    if not (FOLDER.parents[1] / ".git").exists():
        return None
    figures = ":(top,exclude)benchmarks/data", ":(top,exclude)README.md"
    changed = _git("status", "--porcelain", "-uno", "--", ":/", *figures)
    return _git("rev-parse", "--short", "HEAD") + "+" * bool(changed)


def _git(*arguments) -> str:
    out = subprocess.run(
        ["git", *arguments], cwd=FOLDER, capture_output=True, text=True, check=True
    )
    return out.stdout.strip()


def command(arguments) -> str:
    """What to type for the same measurement, with DATA for the folder of corpora."""
    words = ["python", f"benchmarks/{Path(arguments[0]).name}"]
    following_record = False
    for word in arguments[1:]:
        path = Path(word)
        if not following_record or word.startswith("-"):
            if path.is_file():
                word = f"DATA/{path.parent.name}/{path.name}"
            elif path.is_dir():
                word = "DATA"
            words.append(word)
        following_record = word == "--record"
    return shlex.join(words)


def comparison(task, peer, theirs, model, ours, unit="s") -> dict:
    """A row of the summary: figures of a peer and of a model of this package."""
    return {
        "task": task,
        "peer": peer,
        "theirs": theirs,
        "model": model,
        "ours": ours,
        "unit": unit,
    }


def write_table(name, folder, columns, rows, packages, summary=()) -> Path:
    """Write the table `name` to `folder`.

    `columns` maps titles to the formats of their numbers, such as ".3g"; each row has a
    cell for each column.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns, but the row {row!r}")
    table = {
        "command": command(sys.argv),
        "date": date.today().isoformat(),
        "commit": commit(),
        "machine": machine(("torch", "numpy", *packages)),
        "columns": dict(columns),
        "rows": [list(row) for row in rows],
        "summary": list(summary),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(table, indent=1, default=float) + "\n", "utf-8")
    print(f"wrote {path}")
    return path
