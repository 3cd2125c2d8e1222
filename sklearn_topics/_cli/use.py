"""``topics``, ``transform`` and ``evaluate``: what a fitted model is used for."""

import sys

from .errors import data_errors, within
from .measures import MEASURES, measure_documents, measure_topics
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
    """Print the first terms of the topics."""
    run = load_run(folder)
    rows = topic_rows(run.model, run.names, n_terms, by)
    if as_csv:
        write_csv(sys.stdout, TOPIC_COLUMNS, rows)
    else:
        print(*topic_lines(rows), sep="\n")


def transform(folder, data, *, output=None, format=None, field=None):
    """Write the topic proportions of documents as CSV."""
    run = load_run(folder)
    counts = run.counts(data, format, field)
    with within(data), data_errors():
        theta = run.model.transform(counts)
    columns = "document", *proportion_columns(theta.shape[1])
    rows = proportion_rows(theta, range(len(theta)))
    if output is None:
        write_csv(sys.stdout, columns, rows)
        return
    with open(output, "w", encoding="utf-8", newline="") as file:
        write_csv(file, columns, rows)


def evaluate(folder, data, *, metrics=MEASURES, format=None, field=None) -> dict:
    """The metrics of documents, which should not be those of the fit."""
    run = load_run(folder)
    counts = run.counts(data, format, field)
    with within(data), data_errors():
        figures = measure_documents(run.model, counts, metrics)
    return {
        "documents": counts.shape[0],
        **figures,
        **measure_topics(run.model, metrics),
    }
