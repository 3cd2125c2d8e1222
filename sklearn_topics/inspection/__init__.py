"""Inspect fitted topic models: top terms, tables of topics and documents, pyLDAvis.

Every function accepts a fitted model of this package or of scikit-learn, a pipeline
that ends in one (the names of the terms are read from it), or a fitted search over
these. The tables are pandas DataFrames.
"""

from ._cnmf import write_cnmf_results
from ._differential import differential_terms
from ._effects import topic_effects
from ._find import find_documents, find_topics
from ._neighbors import topic_neighbors, word_neighbors
from ._pyldavis import to_pyldavis
from ._representatives import representative_documents
from ._tables import dominant_topics, summary, topic_info, topic_words
from ._terms import top_terms
from ._topic_number import TopicNumberChoice, choose_n_topics
from ._topics_by import topics_by

__all__ = [
    "TopicNumberChoice",
    "choose_n_topics",
    "differential_terms",
    "dominant_topics",
    "find_documents",
    "find_topics",
    "representative_documents",
    "summary",
    "to_pyldavis",
    "top_terms",
    "topic_effects",
    "topic_info",
    "topic_neighbors",
    "topic_words",
    "topics_by",
    "word_neighbors",
    "write_cnmf_results",
]
