"""Nearest terms of words or topics in the embedding space of a fitted TorchETM."""

import numpy as np

from .._boundary.pipelines import split_pipeline
from .._boundary.topics import term_names


def word_neighbors(model, words, n_terms=10, *, feature_names=None) -> np.ndarray:
    """Find the nearest neighbors of words in the embedding space, by cosine similarity.

    Equivalent to :meth:`sklearn_topics.TorchETM.word_neighbors`, with the names of the
    terms from the pipeline.

    Parameters
    ----------
    model : fitted TorchETM, or a pipeline or search that ends in one
        The model with the embeddings.
    words : str, int, or sequence of them
        Terms, by name or column number. A single str is one word.
    n_terms : int, default=10
        Number of neighbors per word, without the word itself.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.

    Returns
    -------
    neighbors : ndarray of shape (n_words, n_terms)
        The terms, nearest first.

    Raises
    ------
    ValueError
        If a word is not among the terms; the message suggests similar spellings.

    See Also
    --------
    topic_neighbors : Nearest terms of each topic.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_topics import TorchETM
    >>> from sklearn_topics.inspection import word_neighbors
    >>> texts = ["cat dog cat", "dog cat", "sun moon", "moon sun sun"] * 8
    >>> model = TorchETM(2, embedding_dim=4, max_iter=5, random_state=0)
    >>> pipe = make_pipeline(CountVectorizer(), model).fit(texts)
    >>> word_neighbors(pipe, "cat", n_terms=1)
    array([['dog']], dtype=object)
    """
    etm, names = _embedded(model, feature_names)
    return etm.word_neighbors(words, n_terms, feature_names=names)


def topic_neighbors(model, n_terms=10, *, feature_names=None) -> np.ndarray:
    """Find the nearest terms of topics in the embedding space, by cosine similarity.

    Equivalent to :meth:`sklearn_topics.TorchETM.topic_neighbors`, with the names of the
    terms from the pipeline.

    Parameters
    ----------
    model : fitted TorchETM, or a pipeline or search that ends in one
        The model with the embeddings.
    n_terms : int, default=10
        Number of terms per topic.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.

    Returns
    -------
    neighbors : ndarray of shape (n_topics, n_terms)
        The terms, nearest first.

    See Also
    --------
    word_neighbors : Nearest terms of given words.

    Examples
    --------
    >>> from sklearn_topics import TorchETM
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import topic_neighbors
    >>> X, _, _ = make_topic_corpus(100, 30, 2, random_state=0)
    >>> model = TorchETM(2, embedding_dim=4, max_iter=2, random_state=0).fit(X)
    >>> topic_neighbors(model, n_terms=3).shape
    (2, 3)
    """
    etm, names = _embedded(model, feature_names)
    return etm.topic_neighbors(n_terms, feature_names=names)


def _embedded(model, feature_names):
    """The TorchETM in `model`, and the names of its terms or None."""
    _, last = split_pipeline(model)
    if not hasattr(last, "word_neighbors"):
        raise TypeError(
            f"{type(last).__name__} has no word embeddings. Pass a fitted TorchETM, or "
            "a pipeline that ends in one."
        )
    return last, term_names(model, feature_names, numbers=False)
