"""Text files, plain or compressed, in chunks of whole lines."""

import gzip
import zlib
from contextlib import contextmanager
from pathlib import Path

from .._disk.errors import file_error

#: Bytes of a chunk; as Python lines and numbers it takes ten times as much.
_BYTES = 1 << 22


@contextmanager
def open_text(path):
    """Open a file of bytes, which is decompressed if its name ends in .gz."""
    opener = gzip.open if Path(path).suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise file_error(path, f"the compressed file is broken: {error}") from error


def parsed_chunks(path, file, parse, *, line: int = 1):
    """Parse the rest of a file in chunks of whole lines.

    Parameters
    ----------
    path : path-like
        For messages.
    file : binary file
    parse : callable
        Takes a list of lines, each of which it parses independently of the others, and
        raises ValueError.
    line : int
        Number of the next line.

    Yields
    ------
    parsed : object
        What `parse` returns.

    Raises
    ------
    ValueError
        With the number of the first line that cannot be parsed.
    """
    while lines := file.readlines(_BYTES):
        try:
            parsed = parse(lines)
        except ValueError as error:
            number, reason = _first_bad(lines, parse, error)
            raise file_error(path, reason, line=line + number) from error
        yield parsed
        line += len(lines)


def _first_bad(lines, parse, error):
    """Index of the first line that cannot be parsed, and why, by bisection."""
    low, high = 0, len(lines)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            parse(lines[low:middle])
            low = middle
        except ValueError as found:
            error, high = found, middle
    try:
        parse(lines[low:high])
    except ValueError as found:
        error = found
    shown = lines[low][:60].decode("utf-8", "replace").strip()
    return low, f"{error}. Got {shown!r}"
