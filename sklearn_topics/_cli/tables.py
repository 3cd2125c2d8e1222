"""Rows of CSV files with topics and documents."""

import csv

from .._boundary.top_terms import greatest
from .._boundary.topics import term_names, topic_labels, topic_weights
from ..inspection import top_terms
from .errors import CommandError
from .measures import is_signed

TOPIC_COLUMNS = "topic", "rank", "term", "weight"


def topic_rows(model, names, n_terms, by="probability") -> list[tuple]:
    """Top terms of each topic, best first; topics of an SVD by signed weight."""
    if not is_signed(model):
        listed = top_terms(model, names, n_terms, by=by)
    elif by == "probability":
        names, weights = term_names(model, names), topic_weights(model)
        listed = [
            [(names[j], row[j]) for j in greatest(row, n_terms)] for row in weights
        ]
    else:
        raise CommandError(
            f"--by {by} is undefined for topics with negative weights; leave it out"
        )
    return [
        (topic, rank, term, f"{weight:.6g}")
        for topic, terms in zip(topic_labels(model), listed, strict=True)
        for rank, (term, weight) in enumerate(terms)
    ]


def topic_lines(rows) -> list[str]:
    """One line per topic: name or number, tab, terms."""
    topics = {}
    for topic, _, term, _ in rows:
        topics.setdefault(topic, []).append(str(term))
    return [f"{topic}\t{' '.join(terms)}" for topic, terms in topics.items()]


def proportion_columns(model) -> list[str]:
    """The names of the topics, "topic_3" for one without a name."""
    labels = topic_labels(model)
    return [k if isinstance(k, str) else f"topic_{k}" for k in labels]


def proportion_rows(theta, documents, *before, ids=None):
    """Rows of `before`, document number, its identifier if there are `ids`, and theta.

    The decimals of theta represent it exactly.
    """
    named = [()] * len(theta) if ids is None else [(name,) for name in ids]
    for number, name, row in zip(documents, named, theta, strict=True):
        yield *before, number, *name, *row.astype(str)


def write_csv(file, columns, rows):
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
