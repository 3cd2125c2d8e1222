"""Corpora: one with known topics, and real text that is on every machine."""

from ._docstrings import load_docstrings
from ._stop_words import API_STOP_WORDS
from ._synthetic import make_topic_corpus

__all__ = ["API_STOP_WORDS", "load_docstrings", "make_topic_corpus"]
