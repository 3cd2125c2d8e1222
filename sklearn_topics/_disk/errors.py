"""Errors that name the file, the line or row, and what was expected."""


def file_error(path, problem: str, *, line: int | None = None) -> ValueError:
    """The error to raise for a file that is not as its format says."""
    place = f"{path}: " if line is None else f"{path}: line {line}: "
    return ValueError(place + problem)
