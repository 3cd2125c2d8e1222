"""Topics and documents as rows of CSV files."""

import csv

from .._boundary.top_terms import greatest
from .._boundary.topics import term_names, topic_weights
from ..inspection import top_terms
from .errors import CommandError
from .measures import is_signed

TOPIC_COLUMNS = "topic", "rank", "term", "weight"


def topic_rows(model, names, n_terms, by="probability") -> list[tuple]:
    """The first terms of each topic, best first; of an SVD by its signed weights."""
    if not is_signed(model):
        listed = top_terms(model, names, n_terms, by=by)
    elif by == "probability":
        listed = _signed(topic_weights(model), term_names(model, names), n_terms)
    else:
        raise CommandError(f"topics with negative weights have no {by}")
    return [
        (topic, rank, term, f"{weight:.6g}")
        for topic, terms in enumerate(listed)
        for rank, (term, weight) in enumerate(terms)
    ]


def _signed(weights, names, n_terms):
    return [[(names[j], row[j]) for j in greatest(row, n_terms)] for row in weights]


def topic_lines(rows) -> list[str]:
    """One line a topic: its number, a tab, its terms."""
    topics = {}
    for topic, _, term, _ in rows:
        topics.setdefault(topic, []).append(str(term))
    return [f"{topic}\t{' '.join(terms)}" for topic, terms in topics.items()]


def proportion_columns(n_topics) -> list[str]:
    return [f"topic_{k}" for k in range(n_topics)]


def proportion_rows(theta, documents, *before):
    """Rows of `before`, the document's number, and decimals that give theta again."""
    for number, row in zip(documents, theta, strict=True):
        yield *before, number, *row.astype(str)


def write_csv(file, columns, rows):
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
