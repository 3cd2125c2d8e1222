"""Links to other packages from stored lists, so that the build needs no network.

``_inventories/NAME.txt`` begins with the address of a documentation. Each further line
has the role, the name and the page of an object that our pages and docstrings mention;
``$`` in a page is the name.
"""

import zlib
from pathlib import Path

HEADER = "# Sphinx inventory version 2\n# Project: {}\n# Version: \n# zlib\n"


def mapping(lists: Path, folder: Path) -> dict:
    """The ``intersphinx_mapping`` of the lists, as inventories in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for path in sorted(lists.glob("*.txt")):
        address, *lines = path.read_text("utf-8").splitlines()
        entries = []
        for line in filter(None, lines):
            role, name, page = line.split()
            entries.append(f"{name} py:{role} 1 {page.replace('$', name)} -\n")
        inventory = folder / f"{path.stem}.inv"
        body = zlib.compress("".join(entries).encode())
        inventory.write_bytes(HEADER.format(path.stem).encode() + body)
        found[path.stem] = (address, str(inventory))
    return found
