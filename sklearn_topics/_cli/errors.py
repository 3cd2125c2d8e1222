"""What the user can mend: told in one line, without a traceback."""

import difflib
from contextlib import contextmanager


class CommandError(Exception):
    """The message is one line: where, what was wrong, what was expected.

    `key` is the path of the key of the configuration that is to blame, if one is.
    """

    def __init__(self, problem, key=""):
        super().__init__(f"{key}: {problem}" if key else problem)
        self.problem, self.key = problem, key


@contextmanager
def within(place):
    """Put a file or a line of it before the messages of what is run inside."""
    try:
        yield
    except CommandError as error:
        raise CommandError(f"{place}: {error}") from error.__cause__


@contextmanager
def within_key(key):
    """Put a key before the path of the key that is to blame for what fails inside."""
    try:
        yield
    except CommandError as error:
        path = f"{key}.{error.key}" if error.key else key
        raise CommandError(error.problem, path) from error.__cause__


@contextmanager
def data_errors(*more):
    """What models and vectorizers say of data and parameters, and diverged fits."""
    try:
        yield
    except (ValueError, FloatingPointError, *more) as error:
        raise CommandError(one_line(error)) from error


def one_line(error) -> str:
    """The message of an exception, its line breaks and runs of blanks made one."""
    return " ".join(str(error).split())


def choice(name, known) -> str:
    """What to say of a name that is not known: the nearest, and all that are."""
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? Expected" if near else "expected"
    return f"{hint} one of: {', '.join(known)}"
