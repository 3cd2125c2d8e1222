"""``topics``, ``transform`` and ``evaluate``: use a fitted model."""

import sys
from pathlib import Path

from .choices import MEASURES
from .errors import CommandError, data_errors, within
from .measures import measure_documents, measure_topics
from .run_folder import load_run
from .tables import (
    TOPIC_COLUMNS,
    proportion_columns,
    proportion_rows,
    topic_lines,
    topic_rows,
    write_csv,
)


def topics(folder, *, n_terms=10, by="probability", as_csv=False):
    """Print the top terms of each topic."""
    run = load_run(folder)
    rows = topic_rows(run.model, run.names, n_terms, by)
    if as_csv:
        write_csv(sys.stdout, TOPIC_COLUMNS, rows)
    else:
        print(*topic_lines(rows), sep="\n")


def transform(folder, data, *, output=None, format=None, field=None, key=None):
    """Write the topic proportions of documents as CSV."""
    _check_output(output, folder, data)
    run = load_run(folder)
    counts = run.counts(data, format, field, key)
    with within(data), data_errors():
        theta = run.model.transform(counts)
    columns = "document", *proportion_columns(run.model)
    rows = proportion_rows(theta, range(len(theta)))
    if output is None:
        write_csv(sys.stdout, columns, rows)
        return
    part = Path(f"{output}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, columns, rows)
    part.replace(output)


def _check_output(output, folder, data):
    """Refuse to overwrite an input file."""
    if output is None:
        return
    output = Path(output)
    if not output.resolve().parent.is_dir():
        raise CommandError(f"{output}: folder {output.parent} not found")
    read = [Path(data), *Path(folder).iterdir()] if Path(folder).is_dir() else []
    if output.exists() and any(
        path.exists() and output.samefile(path) for path in read
    ):
        raise CommandError(f"{output}: this command reads this file; name another file")


def evaluate(
    folder, data, *, metrics=MEASURES, format=None, field=None, key=None
) -> dict:
    """Compute the metrics on documents that the model was not fitted on."""
    run = load_run(folder)
    counts = run.counts(data, format, field, key)
    with within(data), data_errors():
        values = measure_documents(run.model, counts, metrics)
    return {
        "documents": counts.shape[0],
        **values,
        **measure_topics(run.model, metrics),
    }
