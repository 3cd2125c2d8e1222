"""HistoryLogger: log the loss history to a file while fit runs."""

import contextlib
import csv
import io
import json
import math
import os
from pathlib import Path
from uuid import uuid4

from .._fit.callbacks import FitWatcher
from .._kernels.ranks import is_first

_FORMATS = ".csv", ".jsonl"


class HistoryLogger(FitWatcher):
    """Log the loss history of fits to a CSV or JSON Lines file.

    A line is written whenever the model records its `loss_history_`: after each epoch
    of :class:`~sklearn_topics.TorchETM`, each iteration of solver "cd", and each tenth
    iteration of the other models. Needs scikit-learn >= 1.9.

    Parameters
    ----------
    path : str or path-like
        Log file: comma-separated values if it ends in ".csv", one JSON object per line
        if it ends in ".jsonl". Lines are appended to an existing file.

    See Also
    --------
    EarlyStopping : Stop a fit by a held-out score.
    TensorBoardLogger : Monitor losses and topics in TensorBoard.

    Notes
    -----
    The columns are "fit", an identifier of the fit (eight random hexadecimal digits);
    "task", the place of the fit in a pipeline or search, else "fit"; "start", the
    number of the initialisation (see `n_init`); and those of `loss_history_`. If an
    :class:`EarlyStopping` is attached before this logger, "validation_score" is its
    last score.

    Each line is written by a single call before the next iteration begins. Several
    fits, for instance of a search with ``n_jobs=2``, can therefore share a file; "fit"
    identifies their lines. In a process group only rank 0 writes. If a fit is resumed
    from a checkpoint, the lines after the checkpoint appear twice.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.callbacks import HistoryLogger
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=200, n_features=50, n_topics=3, random_state=0
    ... )
    >>> log = Path(tempfile.mkdtemp()) / "log.jsonl"
    >>> model = TorchPoissonNMF(n_components=3, tol=0, max_iter=30, random_state=0)
    >>> model = model.set_callbacks(HistoryLogger(log)).fit(X)
    >>> rows = [json.loads(line) for line in log.read_text().splitlines()]
    >>> [row["iteration"] for row in rows]
    [10, 20, 30]
    """

    def __init__(self, path) -> None:
        super().__init__()
        self.path = Path(path)
        if self.path.suffix not in _FORMATS:
            raise ValueError(
                f"path must end in one of {', '.join(_FORMATS)}, the formats of the "
                f"log. Got {str(path)!r}."
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"path: no folder {str(self.path.parent)!r}.")

    def _begin(self, fit):
        fit.memory(self).update(fit=uuid4().hex[:8], start=0, written=0)

    def _iteration(self, fit):
        self._write_new_rows(fit)

    def _end(self, fit):
        self._write_new_rows(fit)  # the record after the last iteration

    def _write_new_rows(self, fit):
        if not is_first():
            return
        memory = fit.memory(self)
        if memory["start"] != fit.run.start:
            memory.update(start=fit.run.start, written=0)
        found = len(fit.run.history.get("iteration", ()))
        for row in range(memory["written"], found):
            losses = {name: column[row] for name, column in fit.run.history.items()}
            scores = {
                name: score if iteration <= losses["iteration"] else math.nan
                for name, (iteration, score) in fit.scores.items()
            }
            identity = {"fit": memory["fit"], "task": fit.path, "start": fit.run.start}
            self._write({**identity, **losses, **scores})
        memory["written"] = found

    def _write(self, row):
        values = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }
        if self.path.suffix == ".jsonl":
            _append(self.path, json.dumps(values) + "\n")
            return
        header = _csv_line(values)
        _create(self.path, header)
        with self.path.open(encoding="utf-8", newline="") as file:
            first = file.readline()
        if first != header:
            raise ValueError(
                f"{str(self.path)!r} has the columns {first.strip()}, but this fit has "
                f"{header.strip()}. Choose another file, or one that ends in .jsonl."
            )
        _append(self.path, _csv_line(values.values()))


def _csv_line(values) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _append(path: Path, line: str) -> None:
    """Append by a single call, so that lines of several processes do not mix."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _create(path: Path, content: str) -> None:
    """Create the file with this content, never a part of it, unless it exists."""
    if path.exists() and path.stat().st_size > 0:
        return
    new = path.with_name(f"{path.name}.{uuid4().hex}")
    new.write_text(content, encoding="utf-8", newline="")
    try:
        os.link(new, path)
    except FileExistsError:  # another process was faster, or the file was empty
        if path.stat().st_size == 0:
            os.replace(new, path)
    except OSError:  # a file system without links
        with contextlib.suppress(FileExistsError), path.open("x") as file:
            file.write(content)
    finally:
        new.unlink(missing_ok=True)
