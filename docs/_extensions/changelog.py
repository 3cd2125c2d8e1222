"""The page "changelog" is CHANGELOG.md of the repository, in reStructuredText."""

import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
UNDERLINES = {1: "=", 2: "-", 3: "~"}


def _line(line):
    heading = re.match(r"(#+) (.*)", line)
    if heading:
        title = heading[2].strip("[]")
        return f"{title}\n{UNDERLINES[len(heading[1])] * len(title)}"
    line = re.sub(r"`([^`]+)`", r"``\1``", line)
    return re.sub(r"\[([^]]+)\]\((\S+?)\)", r"`\1 <\2>`__", line)


def rst(markdown: str) -> str:
    """Headings, links and code of Markdown in reStructuredText; lists are the same."""
    # A link or a name may go on in the next line.
    joined = re.sub(r"\n +(?=\S)", " ", markdown)
    joined = re.sub(r"(?<=[^\n])\n(?=[^\n#-])", " ", joined)
    return "\n".join(map(_line, joined.split("\n")))


def _read(app, docname, source):
    if docname == "changelog":
        app.env.note_dependency(str(CHANGELOG))
        source[0] += "\n" + rst(CHANGELOG.read_text("utf-8"))


def setup(app):
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
