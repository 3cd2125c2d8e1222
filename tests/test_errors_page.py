"""The page about errors and warnings has the texts of the code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "user_guide" / "errors.rst"
#: Calls that warn, and methods and constants that make the texts of some.
WARNING = {"warn_user", "warnings.warn"}


def texts(node):
    """The text of an expression, with ... for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            texts(v) if isinstance(v, ast.Constant) else "..." for v in node.values
        ]
        return "".join(parts)
    return "..."


def calls():
    for path in sorted((ROOT / "sklearn_topics").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        named = {
            node.targets[0].id: texts(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in WARNING:
                first = node.args[0]
                text = named.get(getattr(first, "id", None)) or texts(first)
                yield path.name, text
            elif isinstance(node, ast.FunctionDef) and node.name in (
                "missed",
                "__str__",
            ):
                for part in ast.walk(node):
                    if isinstance(part, ast.Return):
                        yield path.name, texts(part.value)


FOUND = sorted({text for _, text in calls() if len(text.replace("...", "")) > 20})


def pieces(text):
    return [part for part in re.split(r"(?:\.\.\.)+", text) if part.strip()]


@pytest.mark.parametrize("text", FOUND, ids=lambda text: text[:40])
def test_each_warning_of_the_code_is_on_the_page(text):
    page = re.sub(r"\s+", " ", PAGE.read_text("utf-8"))
    quoted = [
        quote
        for quote in re.findall(r"``(.+?)``", page)
        if pieces(quote) and pieces(quote)[0][:20] in text
    ]
    assert quoted, "docs/user_guide/errors.rst must say what to do"


def test_warnings_are_found():
    assert len(FOUND) > 12


def test_each_text_of_the_page_is_in_the_code():
    code = " ".join(
        path.read_text("utf-8")
        for path in sorted((ROOT / "sklearn_topics").rglob("*.py"))
    )
    code = re.sub(r'"\s+f?"', "", code)  # literals over several lines
    code = re.sub(r"\{[^{}]*\}", "...", code).replace('\\"', '"')
    quoted = re.findall(r"^``(.+)``(?: \(\w+\))?$", PAGE.read_text("utf-8"), re.M)
    assert len(quoted) > 20
    for quote in quoted:
        missing = [part for part in pieces(quote) if part.strip() not in code]
        assert quote.startswith("torch.") or not missing, missing
