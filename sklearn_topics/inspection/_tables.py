"""DataFrames about topics, documents and terms; pandas is imported when asked for."""

import numpy as np
from scipy.sparse import issparse

from ..metrics import coherence, topic_diversity
from ..metrics._models import (
    proportions,
    split_pipeline,
    token_shares,
    topic_distributions,
)
from ._terms import term_names, top_terms


def topic_words(model, feature_names=None):
    """Tabulate the probabilities of the terms in each topic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    feature_names : sequence of str, default=None
        Names of the terms. None takes those of the pipeline or of the fitted data, or
        the numbers of the columns.

    Returns
    -------
    table : DataFrame of shape (n_features, n_topics)
        Terms as index, topics as columns; each column sums to one.

    Examples
    --------
    >>> from sklearn_topics.inspection import topic_words
    >>> topic_words([[3, 1], [1, 3]], ["cat", "sun"]).loc["cat"].tolist()
    [0.75, 0.25]
    """
    topics = topic_distributions(model)
    return data_frame(topics.T, index=term_names(model, feature_names))


def dominant_topics(model, X):
    """The strongest topic of each document.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Counts; with a pipeline, what goes into it.

    Returns
    -------
    table : DataFrame of shape (n_samples, 2)
        "Topic" and its "Proportion", in the order of X.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import dominant_topics
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> dominant_topics(model, X).columns.tolist()
    ['Topic', 'Proportion']
    """
    theta, _ = proportions(model, X)
    strongest = {"Topic": theta.argmax(axis=1), "Proportion": theta.max(axis=1)}
    return data_frame(strongest)


def topic_info(model, X, texts=None, *, feature_names=None, n_terms=10, n_docs=3):
    """One row a topic: how large it is, what it is about, who speaks for it.

    The first five columns are named as in BERTopic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Counts; with a pipeline, what goes into it.
    texts : sequence of str, default=None
        The documents, for "Representative_Docs". None takes X if it is text, and else
        the documents' numbers.
    feature_names : sequence of str, default=None
        Names of the terms. None takes those of the pipeline or of the fitted data, or
        the numbers of the columns.
    n_terms : int, default=10
        Terms in "Representation", by which coherence is judged too.
    n_docs : int, default=3
        Documents in "Representative_Docs".

    Returns
    -------
    table : DataFrame of shape (n_topics, 7)
        "Topic"; "Count", the documents in which it is the strongest; "Name", the number
        and the first four terms; "Representation", the first terms;
        "Representative_Docs", the documents with its greatest proportions; "Share", its
        part of all tokens; "Coherence", the NPMI of the first terms in X. Largest share
        first.

    Raises
    ------
    ImportError
        If pandas is not installed, as in the other functions that return a DataFrame:
        ``pip install sklearn_topics[tables]``.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import topic_info
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> int(topic_info(model, X)["Count"].sum())
    200
    """
    return data_frame(_about_topics(model, X, texts, feature_names, n_terms, n_docs))


def summary(model, X, *, feature_names=None, n_terms=8):
    """What a fitted model has found, in a few lines of text.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Counts; with a pipeline, what goes into it.
    feature_names : sequence of str, default=None
        Names of the terms. None takes those of the pipeline or of the fitted data, or
        the numbers of the columns.
    n_terms : int, default=8
        Terms of each topic.

    Returns
    -------
    text : str
        The sizes, mean coherence and diversity, and a line for each topic: its share of
        the tokens, its coherence, and its first terms.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import summary
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> print(summary(model, X).splitlines()[0])
    TorchPoissonNMF: 3 topics of 50 terms, in 200 documents
    """
    about = _about_topics(model, X, None, feature_names, max(n_terms, 10), 0)
    _, last = split_pipeline(model)
    m = topic_distributions(model).shape[1]
    lines = [
        f"{type(last).__name__}: {len(about['Topic'])} topics of {m} terms, in "
        f"{sum(about['Count'])} documents",
        f"coherence (NPMI) {np.mean(about['Coherence']):.3f}, diversity "
        f"{topic_diversity(last):.3f}",
        "",
        "topic  share  coherence  terms",
    ]
    columns = "Topic", "Share", "Coherence", "Representation"
    for k, share, value, terms in zip(*(about[name] for name in columns), strict=True):
        line = f"{k:>5}  {share:>5.1%}  {value:>9.3f}  {' '.join(terms[:n_terms])}"
        lines.append(line)
    return "\n".join(lines)


def _about_topics(model, X, texts, feature_names, n_terms, n_docs):
    """The columns of `topic_info`, lists, largest share first."""
    theta, counts = proportions(model, X)
    if texts is None and not issparse(X) and not hasattr(X, "columns"):
        texts = X if isinstance(next(iter(X), None), str) else None
    texts = None if texts is None else list(texts)
    if texts is not None and len(texts) != len(theta):
        raise ValueError(f"There are {len(texts)} texts, but {len(theta)} documents.")
    share = token_shares(theta, counts)
    names = term_names(model, feature_names)
    listed = [
        [str(term) for term, _ in row] for row in top_terms(model, names, n_terms)
    ]
    _, last = split_pipeline(model)
    spoken = np.argsort(-theta, axis=0, kind="stable")[:n_docs].T
    about = {
        "Topic": np.arange(theta.shape[1]),
        "Count": np.bincount(theta.argmax(axis=1), minlength=theta.shape[1]),
        "Name": ["_".join([str(k), *row[:4]]) for k, row in enumerate(listed)],
        "Representation": listed,
        "Representative_Docs": [
            [int(i) if texts is None else texts[i] for i in row] for row in spoken
        ],
        "Share": share,
        "Coherence": coherence(last, counts, n_terms=n_terms).per_topic,
    }
    order = np.argsort(-share, kind="stable")
    return {name: [column[k] for k in order] for name, column in about.items()}


def data_frame(columns, **options):
    """A pandas DataFrame."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Tables need pandas: pip install sklearn_topics[tables]"
        ) from error

    return pd.DataFrame(columns, **options)
