"""Elements of HTML; the text in them is escaped."""

import base64
import re
import unicodedata
from html import escape

from ._style import STYLE

#: Categories of Unicode that HTML does not allow: control characters, surrogates, and
#: what is no character.
_NO_TEXT = {"Cc", "Cs", "Cn"}

#: The browser loads nothing, whatever a text contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Markup(str):
    """HTML that is not escaped again."""


def element(tag: str, *children, **attributes) -> Markup:
    """An element; children that are not Markup are text. `class_` is "class"."""
    names = ((name.rstrip("_").replace("_", "-"), v) for name, v in attributes.items())
    given = "".join(f' {name}="{text(value)}"' for name, value in names)
    return Markup(f"<{tag}{given}>{''.join(map(text, children))}</{tag}>")


def text(value) -> Markup:
    """Escaped text, without characters that HTML does not allow."""
    if isinstance(value, Markup):
        return value
    shown = "".join(c if _is_text(c) else " " for c in str(value))
    return Markup(escape(shown, quote=True))


def _is_text(character) -> bool:
    category = unicodedata.category(character)
    return character in "\n\t" or category not in _NO_TEXT


def breakable(value) -> Markup:
    """Text that may break after punctuation, as in "sci.space"."""
    return Markup(re.sub(r"(?<=[._:/-])(?=\w)", "<wbr>", text(value)))


def joined(children) -> Markup:
    """Several elements, one after the other."""
    return Markup("\n".join(map(text, children)))


def picture(svg: bytes, description: str, *, least: int = 0) -> Markup:
    """A picture whose data are in the page.

    It scrolls sideways where there is room for less than `least` pixels, so that its
    texts stay legible.
    """
    data = base64.b64encode(svg).decode()
    source = f"data:image/svg+xml;base64,{data}"
    style = f"min-width: {least}px"
    image = f'<img src="{source}" alt="{text(description)}" style="{style}">'
    return Markup(f"<figure>{image}</figure>")


def table(head, rows, *, numeric=()) -> Markup:
    """A table that scrolls sideways where it is too wide; columns of numbers."""

    def cell(tag, j, value):
        kind = {"class_": "number"} if j in numeric else {}
        return value if isinstance(value, Cell) else element(tag, value, **kind)

    def row(tag, values):
        return element("tr", *(cell(tag, j, value) for j, value in enumerate(values)))

    body = (row("td", values) for values in rows)
    content = element("thead", row("th", head)), element("tbody", *body)
    return element("div", element("table", *content), class_="scroll")


class Cell(Markup):
    """A cell of a table with attributes of its own."""


def page(title: str, sections) -> str:
    """The document of sections (identifier, title, content)."""
    links = (element("a", name, href=f"#{key}") for key, name, _ in sections)
    body = [
        element("section", element("h2", name), content, id=key)
        for key, name, content in sections
    ]
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', title)}\n<style>{STYLE}</style>"
    )
    header = element("header", element("h1", title), element("nav", *links))
    main = element("main", joined(body))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n'
        f"<body>\n{header}\n{main}\n</body>\n</html>\n"
    )
