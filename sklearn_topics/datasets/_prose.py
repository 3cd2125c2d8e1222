"""Extract prose from numpydoc docstrings, without markup, code and types."""

import inspect
import re

# Sections whose unindented lines are `name : type`, a type or a signature.
_FIELD_SECTIONS = frozenset(
    {
        "parameters",
        "other parameters",
        "keyword parameters",
        "arguments",
        "attributes",
        "methods",
        "returns",
        "return",
        "yields",
        "receives",
        "raises",
        "warns",
    }
)
_DROPPED_SECTIONS = frozenset({"references", "reference", "citations"})
# Headings that are recognised without an underline.
_SECTIONS = frozenset(
    name.title()
    for name in (*_FIELD_SECTIONS, *_DROPPED_SECTIONS, "see also", "notes", "examples")
)
# Directives whose body is prose; the body of any other one is dropped.
_ADMONITIONS = frozenset(
    {"attention", "caution", "danger", "hint", "important", "note", "tip", "warning"}
)

_UNDERLINE = re.compile(r"(=+|-+|~+|\^+|\*+|\"+|`+|\++)")
_RULER = re.compile(r"[-=~^*\"`+|#_.:\s]*")
_DIRECTIVE = re.compile(r"\.\.\s+([A-Za-z-]+)\s*::\s*(.*)")
_BULLET = re.compile(r"(?:[-*•]|\(?(?:[0-9]{1,2}|[a-zA-Z])[.)]|#\.)\s+")
_TYPE_LINE = re.compile(r"[\w*\\`]+(?:\s*,\s*[\w*\\`.]+)*\s+:(?:\s|$)")
_TABLE_ROW = re.compile(r"\S\s{3,}\S+\s{3,}\S")
_FIELD_LIST = re.compile(r":[A-Za-z][\w ]*:(?!`)")

# Inline markup, applied to whole texts with one line for each paragraph.
_INLINE = (
    (re.compile(r":math:\s*`[^`\n]*`"), " "),
    (re.compile(r"\$\$[^$\n]+\$\$|\$[^$\n]+\$"), " "),
    (re.compile(r"(?::[\w:+-]+:)?`([^`<\n]*?)\s*<[^`>\n]*>`_{0,2}"), r"\1"),  # a link
    (re.compile(r"\[[\w.,\- ]+\]_"), " "),  # a citation
    (re.compile(r"(?:https?|ftp)://\S+|\bdoi:\s*\S+", re.IGNORECASE), " "),
    (re.compile(r"%\(\w+\)[sdr]|\|\w+\|"), " "),  # template placeholders
)
_QUOTED = re.compile(r"(?::[\w:+-]+:)?(`{1,2})([^\n]+?)\1_{0,2}")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])")
_LEFT_OVER = re.compile(r"[`\\]|:(?=:)|(?<!\w):[a-z]+(?::[a-z]+)?:")
_BLANKS = re.compile(r"[^\S\n]+")
_BLANK_BEFORE = re.compile(r" (?=[.,;:!?)])")
_LETTER = re.compile(r"[^\W\d_]")


def docstring_to_prose(docstring):
    """Return the prose of a numpydoc docstring.

    Section headings, ``name : type`` lines, references, doctests, literal blocks,
    tables, formulas and directives other than admonitions are removed with their
    contents. The text of inline markup is kept.

    Parameters
    ----------
    docstring : str
        A docstring as written in the source, indented or not.

    Returns
    -------
    prose : str
        One line per remaining paragraph; empty if no prose remains.

    Examples
    --------
    >>> docstring_to_prose("Sum of *x*.\\n\\nReturns\\n-------\\nfloat\\n    The sum.")
    'Sum of x.\\nThe sum.'
    """
    paragraphs = _paragraphs(inspect.cleandoc(docstring).splitlines())
    text = _clean_inline("\n".join(" ".join(lines) for lines in paragraphs if lines))
    lines = (line.strip(" :,;") for line in text.split("\n"))
    return "\n".join(line for line in lines if _LETTER.search(line))


def count_words(prose):
    """Count the blank-separated words of `prose` that contain a letter."""
    return sum(_LETTER.search(piece) is not None for piece in prose.split())


def _indent(line):
    return len(line) - len(line.lstrip())


def _end_of_block(lines, start, indent):
    """Index of the first line from `start` that is neither blank nor indented more."""
    while start < len(lines) and (
        not lines[start].strip() or _indent(lines[start]) > indent
    ):
        start += 1
    return start


def _end_of_paragraph(lines, start):
    while start < len(lines) and lines[start].strip():
        start += 1
    return start


def _heading_length(lines, i):
    """Number of heading lines at line i: 0 if there is none, 1 without an underline."""
    if i + 1 < len(lines):
        underline = lines[i + 1].strip()
        if len(underline) >= 3 and _UNDERLINE.fullmatch(underline):
            return 2
    return int(lines[i].strip().rstrip(":") in _SECTIONS)


def _paragraphs(lines):
    """Paragraphs as lists of lines; a bullet or a new field starts a paragraph."""
    paragraphs = [[]]
    section = ""
    i = 0
    while i < len(lines):
        line, text = lines[i], lines[i].strip()
        indent = _indent(line)
        i += 1
        if not text:
            paragraphs.append([])
            continue
        heading_length = _heading_length(lines, i - 1)
        if heading_length:
            section = text.lower().rstrip(":")
            paragraphs.append([])
            i += heading_length - 1
            continue
        if section in _DROPPED_SECTIONS:
            continue
        if text.startswith(">>>"):  # with its output, up to a blank line
            i = _end_of_paragraph(lines, i)
            paragraphs.append([])
            continue
        if text.startswith(".."):
            directive = _DIRECTIVE.match(text)
            if directive and directive[1].lower() in _ADMONITIONS:
                paragraphs.append([directive[2]])
            else:
                i = _end_of_block(lines, i, indent)
                paragraphs.append([])
            continue
        if section == "see also" and indent == 0:
            # A list of names, or `name : description`; not a type line.
            paragraphs.append([text.replace(" : ", ": ", 1)])
            continue
        if section in _FIELD_SECTIONS and indent == 0 or _TYPE_LINE.match(text):
            paragraphs.append([])
            continue
        if _is_table_row(text):
            continue
        if _RULER.fullmatch(text) or _FIELD_LIST.match(text):
            continue
        bullet = _BULLET.match(text)
        if bullet:
            paragraphs.append([])
            text = text[bullet.end() :]
        paragraphs[-1].append(text)
        if text.endswith("::"):
            i = _end_of_block(lines, i, indent)
            paragraphs.append([])
    return paragraphs


def _is_table_row(text):
    """Whether bars or runs of blanks separate cells."""
    return text.startswith("|") or _TABLE_ROW.search(text) is not None


def _clean_quoted(match):
    text = match[2].strip()
    # "sphx_..." labels a page of the gallery; "~" and "!" are Sphinx markup.
    return " " if text.startswith("sphx_") else text.lstrip("~!.")


def _clean_inline(text):
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    text = _QUOTED.sub(_clean_quoted, text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _BLANKS.sub(" ", _LEFT_OVER.sub("", text))
    return _BLANK_BEFORE.sub("", text)
