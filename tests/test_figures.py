"""Figures of the documentation come from the records of the benchmarks."""

import importlib
import json
import re
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DATA = ROOT / "benchmarks" / "data"
RECORDS = sorted(p for p in DATA.glob("*.json") if not p.name.startswith("gpu-"))
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.rst"))
    if not {"generated", "auto_examples", "_build"} & set(page.parts)
]
#: 12.3, 1,234, -.167, 98 %, 5 ms; not 2, which may be a value of a parameter.
FIGURE = r"[-+\u2212]?(\d*\.\d+|\d+(,\d{3})+|\d+ ?(%|ms|s|MB|GB))\b.*|\d+ ?%"


@pytest.fixture
def benchmarks(monkeypatch):
    """A function that imports a module of the folder."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def shown():
    for page in PAGES:
        text = page.read_text("utf-8")
        for names in re.findall(r"^\.\. measured(?!-card)[\w-]*:: (.+)$", text, re.M):
            yield from names.split()


def test_each_table_of_a_page_is_measured_by_the_one_command(benchmarks):
    tables = benchmarks("all").TABLES
    assert set(shown()) == set(tables) == {path.stem for path in RECORDS}
    for name, words in tables.items():
        script = ROOT / "benchmarks" / words.split()[0]
        assert f'write_table("{name}"' in re.sub(
            r"\(\s+", "(", script.read_text("utf-8")
        )


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_record_is_complete(path, benchmarks):
    found = json.loads(path.read_text("utf-8"))
    words = benchmarks("all").TABLES[path.stem].format(data="DATA")
    assert found["command"] == f"python benchmarks/{words} --record"
    assert set(found) == set(benchmarks("record").KEYS)
    date.fromisoformat(found["date"])
    assert re.fullmatch(r"[0-9a-f]{7,}\+?", found["commit"])
    assert all(len(row) == len(found["columns"]) for row in found["rows"])
    if found["machine"] is not None:  # of records that earlier pages had
        keys = {"processor", "cores", "load", "python", "versions"}
        assert set(found["machine"]) == keys


def test_readme_has_the_figures_of_the_record(benchmarks):
    readme = benchmarks("readme")
    record = json.loads(readme.RECORD.read_text("utf-8"))
    text = readme.README.read_text("utf-8")
    assert readme.current(text) == readme.table(record)
    assert readme.table(record).count("\n") == 3


def cells(page):
    """(line, cell) of each cell of the tables that are typed on a page."""
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.strip() and not line.startswith(" "):
            inside = line.startswith((".. list-table::", ".. csv-table::"))
        item = re.match(r" +(?:\* )?- *(.*)", line)
        if inside and item:
            yield number, item[1].strip()
        elif re.match(r" *\|.*\|.*\|", line):
            yield from ((number, cell.strip()) for cell in line.strip(" |").split("|"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_table_of_figures_is_typed(page):
    typed = [f"{n}: {cell}" for n, cell in cells(page) if re.match(FIGURE, cell)]
    assert not typed, "write a record (benchmarks/record.py), and use `.. measured::`"


def test_typed_figures_are_found(tmp_path):
    page = tmp_path / "page.rst"
    page.write_text(".. list-table::\n\n   * - model\n     - 12.5 s\n     - 2\n")
    found = [cell for _, cell in cells(page) if re.match(FIGURE, cell)]
    assert found == ["12.5 s"]


def test_performance_page_has_no_times_of_its_own():
    text = (DOCS / "performance.rst").read_text("utf-8")
    assert not re.findall(r"\d (?:s|ms|seconds|times)\b", text)
    assert "list-table" not in text


def test_cells_of_measured_tables(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    cell = importlib.import_module("measured").cell
    assert cell([3.0, 1.0, 2.0], ".3g") == "2 (1 to 3)"
    assert cell(-1234567.8, ".0f") == "\u22121,234,568"
    assert cell(1543.6, ".3g") == "1,540"
    assert cell([0.5, 0.5], ".2f") == "0.50"
    assert cell(None, ".3g") == ""


def test_command_of_a_record_names_no_folder_of_the_machine(benchmarks, tmp_path):
    counts = tmp_path / "nips" / "counts.npz"
    counts.parent.mkdir()
    counts.touch()
    arguments = ["/x/optima.py", str(tmp_path), str(counts), "-k", "5"]
    new = str(tmp_path / "new")
    found = benchmarks("record").command([*arguments, "--record", new])
    expected = "python benchmarks/optima.py DATA DATA/nips/counts.npz -k 5 --record"
    assert found == expected
