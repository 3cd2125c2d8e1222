"""Allowed values of arguments and settings; --help imports this file only."""

#: Formats: three of text; counts in a file whose name tells the format; and formats of
#: counts that no file name tells.
FORMATS = (
    *("lines", "jsonl", "csv", "counts"),
    *("matrix_market", "uci", "ldac", "svmlight"),
)
PARTS = "train", "valid", "test"
#: Metadata of documents: the settings id_field, label_field and date_field.
METADATA = "id", "label", "date"
#: The default metrics, further metrics, and aliases, which `topic_scorer` accepts too.
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
    """Canonical name of a metric."""
    return MEASURE_ALIASES.get(name, name) if isinstance(name, str) else name
