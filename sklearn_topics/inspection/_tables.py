"""DataFrames about topics, documents and terms; pandas is imported when asked for."""

from collections.abc import Iterator

import numpy as np

from .._boundary.arguments import check_integer, check_sequence
from .._boundary.documents import row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import (
    given_proportions,
    proportions_and_counts,
    strongest_topics,
    token_shares,
)
from .._boundary.top_terms import greatest
from .._boundary.topics import term_names, topic_distributions
from ..metrics import coherence, topic_diversity
from ._terms import top_terms

#: The row of documents without a dominant topic in `topic_info`.
_NO_TOPIC = "-1_(no known terms)"

#: What `summary` tells of each topic.
_SUMMARISED = "Topic", "Share", "Coherence", "Representation"


def topic_words(model, feature_names=None):
    """Tabulate the probabilities of the terms in each topic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.

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


def dominant_topics(model, X=None, *, theta=None):
    """The strongest topic of each document.

    A document without known terms, or whose proportions are all equal, has none: its
    topic is -1.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input. May be left out
        with `theta`.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.

    Returns
    -------
    table : DataFrame of shape (n_samples, 2)
        "Topic" and its "Proportion", -1 and NaN for none, in the order of X, and with
        its index if X (or `theta`) is a DataFrame or Series of pandas.

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
    if X is None and theta is None:
        raise ValueError("Pass X, or theta, or both.")
    index = row_labels(X=X, theta=theta)
    if X is None:
        topic, proportion = strongest_topics(given_proportions(theta, model))
    else:
        topic, proportion = strongest_topics(*proportions_and_counts(model, X, theta))
    return data_frame({"Topic": topic, "Proportion": proportion}, index=index)


def topic_info(
    model,
    X,
    texts=None,
    *,
    theta=None,
    feature_names=None,
    n_terms=10,
    n_docs=3,
    verbose=0,
):
    """One row a topic: how large it is, what it is about, who speaks for it.

    The first five columns are named as in BERTopic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    texts : sequence of str, default=None
        The documents, for "Representative_Docs". None takes X if it is text, and else
        the labels of its index if it is a DataFrame of pandas, or the documents'
        numbers.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    n_terms : int, default=10
        Terms in "Representation", by which coherence is judged too.
    n_docs : int, default=3
        Documents in "Representative_Docs".
    verbose : int, default=0
        Above 0: shows the progress of ``transform`` on standard error.

    Returns
    -------
    table : DataFrame of shape (n_topics, 7) or (n_topics + 1, 7)
        "Topic"; "Count", the documents in which it is the strongest; "Name", the number
        and the first four terms; "Representation", the first terms;
        "Representative_Docs", the documents with its greatest proportions; "Share", its
        part of all tokens; "Coherence", the NPMI of the first terms in X. Largest share
        first. Documents without known terms, or whose proportions are all equal, are
        topic -1, the last row, of share 0 and coherence NaN; without any there is no
        such row.

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
    asked = texts, theta, feature_names, n_terms, n_docs, verbose
    return data_frame(_about_topics(model, X, *asked))


def summary(model, X, *, theta=None, feature_names=None, n_terms=8):
    """What a fitted model has found, in a few lines of text.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    n_terms : int, default=8
        Terms of each topic.

    Returns
    -------
    text : str
        The sizes, mean coherence and diversity, how many documents have no topic if
        some have none, and a line for each topic: its share of the tokens, its
        coherence, and its first terms.

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
    n_terms = check_integer(n_terms, "n_terms")
    about = _about_topics(model, X, None, theta, feature_names, max(n_terms, 10), 0)
    _, last = split_pipeline(model)
    K, m = topic_distributions(model).shape
    # A row after those of the topics is that of documents without one.
    without = sum(about["Count"][K:])
    lines = [
        f"{type(last).__name__}: {K} topics of {m} terms, in {sum(about['Count'])} "
        "documents",
        f"coherence (NPMI) {np.mean(about['Coherence'][:K]):.3f}, diversity "
        f"{topic_diversity(last):.3f}",
    ]
    if without:
        lines.append(f"documents without a topic (no known terms): {without}")
    lines += ["", "topic  share  coherence  terms"]
    columns = [about[name][:K] for name in _SUMMARISED]
    for k, share, value, terms in zip(*columns, strict=True):
        line = f"{k:>5}  {share:>5.1%}  {value:>9.3f}  {' '.join(terms[:n_terms])}"
        lines.append(line)
    return "\n".join(lines)


def _about_topics(model, X, texts, theta, feature_names, n_terms, n_docs, verbose=0):
    """The columns of `topic_info`, lists, largest share first."""
    n_terms = check_integer(n_terms, "n_terms")
    n_docs = check_integer(n_docs, "n_docs", least=0)
    if isinstance(X, Iterator) and split_pipeline(model)[0] is not None:
        X = list(X)  # read by the pipeline and here
    index = row_labels(X=X, texts=texts, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    n, K = theta.shape
    documents = _names_of_documents(X, texts, index, n)
    share = token_shares(theta, counts)
    names = term_names(model, feature_names)
    listed = [
        [str(term) for term, _ in row] for row in top_terms(model, names, n_terms)
    ]
    _, last = split_pipeline(model)
    topic, _ = strongest_topics(theta, counts)
    (assigned,), (others,) = np.nonzero(topic >= 0), np.nonzero(topic < 0)
    speaking = [assigned[greatest(theta[assigned, k], n_docs)] for k in range(K)]
    order = np.argsort(-share, kind="stable").tolist()
    columns = {
        "Topic": range(K),
        "Count": np.bincount(topic[assigned], minlength=K).tolist(),
        "Name": ["_".join([str(k), *row[:4]]) for k, row in enumerate(listed)],
        "Representation": listed,
        "Representative_Docs": [documents(rows) for rows in speaking],
        "Share": share.tolist(),
        "Coherence": coherence(last, counts, n_terms=n_terms).per_topic.tolist(),
    }
    about = {name: [column[k] for k in order] for name, column in columns.items()}
    if len(others):
        row = -1, len(others), _NO_TOPIC, [], documents(others[:n_docs]), 0.0, np.nan
        for column, value in zip(about.values(), row, strict=True):
            column.append(value)
    return about


def _names_of_documents(X, texts, index, n):
    """What gives the texts, labels or numbers of documents for their positions."""
    if texts is None and _is_text(X):
        texts = X
    if texts is not None:
        if hasattr(texts, "columns"):
            raise TypeError("texts must be a sequence of str: pass a column of it.")
        texts = check_sequence(texts, "texts", "str")
        if len(texts) != n:
            raise ValueError(f"There are {len(texts)} texts, but {n} documents.")
        return lambda rows: [texts[i] for i in rows]
    if index is not None:
        return lambda rows: index[rows].tolist()
    return lambda rows: rows.tolist()


def _is_text(X) -> bool:
    """Whether documents are text: a list, an array or a column of str."""
    one_each = not hasattr(X, "columns") and (isinstance(X, list) or np.ndim(X) == 1)
    return one_each and isinstance(next(iter(X), None), str)


def data_frame(columns, **options):
    """A pandas DataFrame."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Tables need pandas: pip install sklearn_topics[tables]"
        ) from error

    return pd.DataFrame(columns, **options)
