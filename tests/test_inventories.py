"""The stored lists of other packages' objects, to which the documentation links."""

import pkgutil
from pathlib import Path

import pytest

LISTS = sorted((Path(__file__).parents[1] / "docs" / "_inventories").glob("*.txt"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_listed_objects_exist(path):
    address, *lines = path.read_text("utf-8").splitlines()
    assert address.startswith("https://")
    assert address.endswith("/")
    assert lines
    for line in lines:
        role, name, page = line.split()
        assert role in {"class", "exception", "function", "module"}
        assert ".html" in page
        if "." not in name and role == "exception":
            name = f"builtins.{name}"
        pkgutil.resolve_name(name)
