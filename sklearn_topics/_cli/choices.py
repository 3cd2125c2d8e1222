"""Names that arguments and settings may take; for --help this is read, and no more."""

FORMATS = "lines", "jsonl", "csv", "counts"
PARTS = "train", "valid", "test"
#: Without a choice; on demand; and other names of them, as `topic_scorer` has them.
MEASURES = "completion", "perplexity", "npmi", "diversity"
MORE_MEASURES = "umass", "rbo_diversity", "quality"
MEASURE_ALIASES = {
    "coherence": "npmi",
    "u_mass": "umass",
    "completion_score": "completion",
    "topic_diversity": "diversity",
    "topic_quality": "quality",
}


def measure(name):
    """The name of a measure that may be called by another."""
    return MEASURE_ALIASES.get(name, name) if isinstance(name, str) else name
