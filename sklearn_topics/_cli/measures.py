"""Metrics of a fitted model, by their names in the configuration."""

import math

from .._boundary.topics import topic_weights
from ..metrics import (
    coherence,
    completion_score,
    rbo_diversity,
    topic_diversity,
    topic_quality,
)


def is_signed(model) -> bool:
    """Whether topics have negative weights, as in a truncated SVD."""
    return bool((topic_weights(model) < 0).any())


def measure_topics(model, names) -> dict[str, float]:
    """Compute the metrics in `names` that depend on the topics alone."""
    known = {"diversity": topic_diversity, "rbo_diversity": rbo_diversity}
    return {name: score(model) for name, score in known.items() if name in names}


def measure_documents(model, counts, names) -> dict[str, float | None]:
    """Compute the metrics in `names` that need documents; None if undefined."""
    values = {}
    if {"completion", "perplexity"} & set(names):
        score = None if is_signed(model) else completion_score(model, counts)
        values["completion"] = score
        values["perplexity"] = None if score is None else math.exp(-score)
    for name in {"npmi", "umass"} & set(names):
        values[name] = coherence(model, counts, measure=name).mean
    if "quality" in names:
        values["quality"] = topic_quality(model, counts)
    return {name: values[name] for name in names if name in values}
