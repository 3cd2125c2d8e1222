"""Files with the terms of a corpus."""

import re
from pathlib import Path

from .._disk.errors import file_error


def read_vocabulary(path) -> list[str]:
    """Read the terms in the order of the columns.

    Parameters
    ----------
    path : path-like
        One term per line; or gensim's ``Dictionary.save_as_text``: lines of id, term
        and document frequency.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise file_error(path, "not UTF-8 text") from error
    lines = [line.removesuffix("\r") for line in lines]
    if lines[-1] == "":
        lines.pop()
    return _of_gensim(path, lines) if _is_of_gensim(lines) else lines


def vocabulary_beside(path) -> Path | None:
    """The vocabulary of a file by its usual name, if there is one.

    UCI names that of ``docword.NAME.txt.gz`` ``vocab.NAME.txt``; gensim appends
    ``.vocab``.
    """
    path = Path(path)
    uci = re.sub(r"^docword(.*?)(\.txt)?(\.gz)?$", r"vocab\1.txt", path.name)
    for name in (uci, f"{path.name}.vocab"):
        if name != path.name and path.with_name(name).is_file():
            return path.with_name(name)
    return None


def _is_of_gensim(lines) -> bool:
    """Whether lines are id, term and number; gensim's first is a number alone."""
    entries = lines[1:2] if lines[:1] and "\t" not in lines[0] else lines[:1]
    return any(re.fullmatch(r"\d+\t[^\t]*\t\d+", line) for line in entries)


def _of_gensim(path, lines) -> list[str]:
    terms = {}
    for number, line in enumerate(lines, 1):
        if number == 1 and "\t" not in line:
            continue  # the number of documents
        found = re.fullmatch(r"(\d+)\t([^\t]*)\t\d+", line)
        if found is None:
            problem = f"expected id, term and number, with tabs. Got {line[:60]!r}"
            raise file_error(path, problem, line=number)
        terms[int(found[1])] = found[2]
    lacking = sorted(set(range(len(terms))) - terms.keys())
    if lacking:
        raise file_error(path, f"no term has the id {lacking[0]}")
    return [terms[k] for k in range(len(terms))]
