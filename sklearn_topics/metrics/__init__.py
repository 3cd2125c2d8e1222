"""Evaluate topics: held-out likelihood, coherence, diversity, purity, stability.

Every function accepts the estimators of this package, scikit-learn's ``NMF`` and
``LatentDirichletAllocation``, and pipelines that end in one of them. Functions that
need the topics alone also accept plain arrays of topics.
"""

from ._alignment import (
    TopicAlignment,
    align_topics,
    sort_documents,
    topic_distances,
    topic_stability,
)
from ._coherence import Coherence, coherence
from ._diversity import rbo_diversity, topic_diversity, topic_quality
from ._heldout import completion_score, perplexity
from ._labels import label_agreement, purity
from ._scorers import topic_scorer

__all__ = [
    "Coherence",
    "TopicAlignment",
    "align_topics",
    "coherence",
    "completion_score",
    "label_agreement",
    "perplexity",
    "purity",
    "rbo_diversity",
    "sort_documents",
    "topic_distances",
    "topic_diversity",
    "topic_quality",
    "topic_scorer",
    "topic_stability",
]
