"""Steer, edit and name the topics of models: seed words, merging, splitting, names."""

from ._hierarchy import TopicHierarchy, topic_hierarchy
from ._merge import drop_topics, merge_topics, reorder_topics
from ._names import rename_topics, suggest_names
from ._reduce import reduce_topics
from ._seeds import seed_pseudocounts
from ._split import split_topic

__all__ = [
    "TopicHierarchy",
    "drop_topics",
    "merge_topics",
    "reduce_topics",
    "rename_topics",
    "reorder_topics",
    "seed_pseudocounts",
    "split_topic",
    "suggest_names",
    "topic_hierarchy",
]
