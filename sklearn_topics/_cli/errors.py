"""What the user can mend: told in one line, without a traceback."""

import difflib
from contextlib import contextmanager


class CommandError(Exception):
    """The message is one line: where, what was wrong, what was expected."""


@contextmanager
def within(place):
    """Put `place` before the messages of what is run inside: a file, a key."""
    try:
        yield
    except CommandError as error:
        raise CommandError(f"{place}: {error}") from None


@contextmanager
def data_errors(step):
    """A ValueError or diverged fit in `step`, which data or parameters cause."""
    try:
        yield
    except (ValueError, FloatingPointError) as error:
        raise CommandError(f"{step}: {one_line(error)}") from error


def one_line(error) -> str:
    """The message of an exception, its line breaks and runs of blanks made one."""
    return " ".join(str(error).split())


def choice(name, known) -> str:
    """What to say of a name that is not known: the nearest, and all that are."""
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}Expected one of: {', '.join(known)}"
