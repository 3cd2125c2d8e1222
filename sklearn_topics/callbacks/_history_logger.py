"""HistoryLogger: the loss history in a file while fit runs."""

import contextlib
import csv
import io
import json
import math
import os
from pathlib import Path
from uuid import uuid4

from .._fit.callbacks import FitWatcher

_FORMATS = ".csv", ".jsonl"


class HistoryLogger(FitWatcher):
    """Log the loss history of fits to a file, line by line.

    A line is written as soon as the model has computed a row of its `loss_history_`:
    after every epoch of :class:`~sklearn_topics.TorchETM`, every iteration of the
    solver "cd", and every tenth of the others. Needs scikit-learn >= 1.9.

    Parameters
    ----------
    path : str or path-like
        The file: comma-separated values if it ends in ".csv", one JSON object a line if
        it ends in ".jsonl". Lines are appended to what is there.

    See Also
    --------
    EarlyStopping : Stop by a held-out score.
    TensorBoardLogger : Curves and topics in a browser.

    Notes
    -----
    The columns are "fit", the same eight random hexadecimal digits for all lines of one
    fit; "task", where the fit is in a pipeline or a search, else "fit"; "start", the
    number of the start, of several; and those of `loss_history_`. After an
    :class:`EarlyStopping` attached before this, also "validation_score", the last one.

    A line is written whole, by one call, and is on its way to the disk before the next
    iteration. So several fits, of a search with ``n_jobs=2`` for instance, may share a
    file: their lines mix, and "fit" tells them apart. Of a fit that was killed and
    resumed from a checkpoint, the lines after the checkpoint appear twice.

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

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)
        if self.path.suffix not in _FORMATS:
            raise ValueError(
                f"path must end in one of {', '.join(_FORMATS)}, which names the "
                f"format; got {str(path)!r}."
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(self.path.parent)!r}.")

    def _begin(self, fit):
        fit.memory(self).update(fit=uuid4().hex[:8], start=0, written=0)

    def _iteration(self, fit):
        self._write_new_rows(fit)

    def _end(self, fit):
        self._write_new_rows(fit)  # a last look after the last iteration

    def _write_new_rows(self, fit):
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
    """One call, so that lines of several processes do not mix."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _create(path: Path, content: str) -> None:
    """A file with this content, unless there is one: never a part of it."""
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
