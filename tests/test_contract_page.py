"""The page that says which test shows which point of the contract."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "developer" / "contract.rst"


def test_tests_that_the_page_names_exist():
    named = re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", PAGE.read_text("utf-8"))
    assert len(named) > 20
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"
