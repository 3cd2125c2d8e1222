"""Figures about a model on some documents, by their names in the configuration."""

import math

from ..metrics import coherence, completion_score, topic_diversity
from ..metrics._models import topic_weights


def is_signed(model) -> bool:
    """Whether topics have negative weights, as those of a truncated SVD."""
    return bool((topic_weights(model) < 0).any())


def measure_topics(model, names) -> dict[str, float]:
    """Those of `names` that are about the topics alone."""
    return {"diversity": topic_diversity(model)} if "diversity" in names else {}


def measure_documents(model, counts, names) -> dict[str, float | None]:
    """Those of `names` that need documents; None where there are no probabilities."""
    found = {}
    if {"completion", "perplexity"} & set(names):
        score = None if is_signed(model) else completion_score(model, counts)
        found["completion"] = score
        found["perplexity"] = None if score is None else math.exp(-score)
    if "npmi" in names:
        found["npmi"] = coherence(model, counts).mean
    return {name: found[name] for name in names if name in found}
