"""Words and long sentences of the pages: ``python docs/prose.py [-v] [PAGE]``.

A sentence ends at a full stop, or at the end of a paragraph or of an item of a list.
Code and its output, formulas, tables and titles do not count.
"""

import re
import sys
from pathlib import Path

LONG = 30  # words
FOLDER = Path(__file__).parent
BUILT = {"_build", "_templates", "auto_examples", "generated", "developer"}
DIRECTIVE = re.compile(r" *(?:[*-] )*\.\. +([\w:-]+)::")
#: Directives whose content is prose.
PROSE = {"note", "container", "tip", "warning", "figure", "glossary", "seealso"}
ROLE = re.compile(r":[\w:]+:`~?([^`<]+?)(?: *<[^`]*>)?`")
END = re.compile(r"(?<=[.!?])[\")*]* +(?=[A-Z`\"*(:])")
LEFT_OUT = re.compile(r" *(?::[\w -]+:(?: |$)|\.\. |>>>|[=~-]{3,}$|\||\d+ *\||!\[|#)")


def _indent(line):
    return len(line) - len(line.lstrip())


def _without_code(text):
    text = re.sub(r"^ *>>>(?:.*\n)+?(?= *\n|\Z)", "\n", text, flags=re.M)
    return re.sub(r"^ *```.*?^ *```", "\n", text, flags=re.M | re.S)


def _prose_lines(text):
    """The lines of a page, empty where they are no prose, and where a title is."""
    skip = None
    lines = _without_code(text).splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if skip is not None and line.strip() and _indent(line) <= skip:
            skip = None
        directive = DIRECTIVE.match(line)
        if skip is None and directive and directive[1] not in PROSE:
            skip = _indent(line)
        title = re.fullmatch(r"([=~-])\1{2,}", below) and len(below) >= len(line)
        yield "" if skip is not None or title or LEFT_OUT.match(line) else line


def _paragraphs(text):
    paragraph = []
    for line in [*_prose_lines(text), ""]:
        item = re.match(r" *(?:[*-]|\d+\.) ", line)
        ends = not line.strip() or item
        if paragraph and not re.match(r" *[*-] ", paragraph[0]):
            ends = ends or _indent(line) != _indent(paragraph[-1])
        if ends:
            yield " ".join(map(str.strip, paragraph))
            paragraph = []
        if line.strip():
            paragraph.append(line)


def sentences(text):
    """The sentences of a page in reStructuredText or Markdown, without markup."""
    for paragraph in _paragraphs(text):
        item = re.sub(r"^(?:[*-] +|\d+\. )+", "", paragraph)
        for sentence in END.split(re.sub(r"\]\([^)]*\)", "]", item)):
            if re.search(r"\w", sentence):
                yield ROLE.sub(r"\1", sentence).replace("``", "")


def pages():
    for path in [*sorted(FOLDER.rglob("*.rst")), FOLDER.parent / "README.md"]:
        if not BUILT & set(path.parts):
            yield path


def main(verbose, chosen):
    count = long_ones = words = 0
    for path in [Path(page) for page in chosen] or pages():
        found = list(sentences(path.read_text("utf-8")))
        too_long = [s for s in found if len(s.split()) > LONG]
        of_page = sum(len(s.split()) for s in found)
        print(f"{of_page:6} words, {len(too_long):3} of {len(found):3} long: {path}")
        if verbose:
            print(*(f"    {s}" for s in too_long), sep="\n")
        count, long_ones, words = (
            count + len(found),
            long_ones + len(too_long),
            words + of_page,
        )
    print(
        f"{words} words, {count} sentences, {long_ones / count:.1%} over {LONG} words"
    )


if __name__ == "__main__":
    main("-v" in sys.argv, [a for a in sys.argv[1:] if a != "-v"])
