"""Data sets: synthetic corpora with known topics, real texts, and word vectors."""

from ._docstrings import load_docstrings
from ._stop_words import API_STOP_WORDS
from ._synthetic import make_topic_corpus
from ._word_vectors import load_word_vectors

__all__ = [
    "API_STOP_WORDS",
    "load_docstrings",
    "load_word_vectors",
    "make_topic_corpus",
]
