"""Tables of topics, documents and terms."""

from typing import TYPE_CHECKING

import numpy as np

from .._boundary.arguments import check_integer
from .._boundary.documents import require_documents, row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import (
    given_proportions,
    proportions_and_counts,
    strongest_topics,
    token_shares,
)
from .._boundary.topics import (
    term_names,
    topic_distributions,
    topic_labels,
    topic_names,
)
from ..metrics import coherence, topic_diversity
from ._frames import data_frame, name_column
from ._representatives import representatives
from ._terms import top_terms
from ._texts import readable_documents, texts_of

if TYPE_CHECKING:
    from ._frames import DataFrame

#: Name of the row of documents without a dominant topic in `topic_info`.
_NO_TOPIC = "-1_(no known terms)"

#: Columns of `topic_info` that `summary` shows.
_SUMMARISED = "Topic", "Share", "Coherence", "Representation"


def topic_words(model, feature_names=None) -> "DataFrame":
    """Tabulate the probability of each term in each topic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.

    Returns
    -------
    table : DataFrame of shape (n_features, n_topics)
        Probabilities, with terms as index and topics as columns, by their names or
        numbers; each column sums to one.

    Examples
    --------
    >>> from sklearn_topics.inspection import topic_words
    >>> topic_words([[3, 1], [1, 3]], ["cat", "sun"]).loc["cat"].tolist()
    [0.75, 0.25]
    """
    topics = topic_distributions(model)
    columns = topic_labels(model) if topic_names(model) else None
    names = term_names(model, feature_names)
    return data_frame(topics.T, index=names, columns=columns)


def dominant_topics(model, X=None, *, theta=None) -> "DataFrame":
    """Assign each document to its strongest topic.

    The topic is -1 for a document without known terms or with equal proportions of all
    topics.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input. May be None if
        `theta` is given.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.

    Returns
    -------
    table : DataFrame of shape (n_samples, 2)
        "Topic" and its "Proportion" for each document, -1 and NaN for documents without
        a topic. If topics have names, a third column "Name". The index is that of X (or
        `theta`) if it is a pandas DataFrame or Series.

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
    require_documents(X, theta)
    index = row_labels(X=X, theta=theta)
    if X is None:
        topic, proportion = strongest_topics(given_proportions(theta, model))
    else:
        topic, proportion = strongest_topics(*proportions_and_counts(model, X, theta))
    columns = {"Topic": topic, "Proportion": proportion, **name_column(model, topic)}
    return data_frame(columns, index=index)


def topic_info(
    model,
    X,
    texts=None,
    *,
    theta=None,
    feature_names=None,
    n_terms=10,
    n_documents=3,
    verbose=0,
) -> "DataFrame":
    """Tabulate the topics: size, top terms, representative documents and coherence.

    The first five columns have the names of BERTopic's ``get_topic_info``.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    texts : sequence of str, default=None
        Texts of the documents, shown in "Representative_Docs". If None, X is shown if
        it contains text; otherwise the index labels of a pandas DataFrame are shown, or
        document numbers.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    n_terms : int, default=10
        Number of top terms in "Representation" and for the coherence.
    n_documents : int, default=3
        Number of documents in "Representative_Docs".
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    table : DataFrame of shape (n_topics, 7) or (n_topics + 1, 7)
        One row per topic, largest share first: "Topic"; "Count", the number of
        documents with this dominant topic; "Name", the name of the topic or, without
        one, its number and the top four terms; "Representation", the top terms;
        "Representative_Docs", typical documents of the topic, as
        :func:`representative_documents` selects them; "Share", the share of all tokens;
        "Coherence", the NPMI of the top terms in X. If there are documents without
        known terms or with equal proportions of all topics, they are the last row,
        topic -1, with share 0 and coherence NaN.

    Raises
    ------
    ImportError
        If pandas is not installed: ``pip install sklearn_topics[tables]``. The other
        functions that return a DataFrame need pandas as well.

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
    options = texts, theta, feature_names, n_terms, n_documents, verbose
    return data_frame(_topic_columns(model, X, *options))


def summary(model, X, *, theta=None, feature_names=None, n_terms=8) -> str:
    """Summarise a fitted model in a few lines of text.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    n_terms : int, default=8
        Number of top terms per topic.

    Returns
    -------
    text : str
        The numbers of topics, terms and documents, the mean coherence and the
        diversity, the number of documents without a topic if there are any, and one
        line per topic: its share of the tokens, its coherence, its name if it has one,
        and its top terms.

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
    table = _topic_columns(model, X, None, theta, feature_names, max(n_terms, 10), 0)
    _, last = split_pipeline(model)
    K, m = topic_distributions(model).shape
    # The row after the topics, if there is one, counts documents without a topic.
    without = sum(table["Count"][K:])
    lines = [
        f"{type(last).__name__}: {K} topics of {m} terms, in {sum(table['Count'])} "
        "documents",
        f"coherence (NPMI) {np.mean(table['Coherence'][:K]):.3f}, diversity "
        f"{topic_diversity(last):.3f}",
    ]
    if without:
        lines.append(f"documents without a topic (no known terms): {without}")
    lines += ["", "topic  share  coherence  terms"]
    columns = [table[name][:K] for name in _SUMMARISED]
    named = topic_names(model) or [""] * K
    for k, share, value, terms in zip(*columns, strict=True):
        text = " ".join(terms[:n_terms])
        text = f"{named[k]}: {text}" if named[k] else text
        line = f"{k:>5}  {share:>5.1%}  {value:>9.3f}  {text}"
        lines.append(line)
    return "\n".join(lines)


def _topic_columns(
    model, X, texts, theta, feature_names, n_terms, n_documents, verbose=0
):
    """The columns of `topic_info` as lists, largest share first."""
    n_terms = check_integer(n_terms, "n_terms")
    n_documents = check_integer(n_documents, "n_documents", least=0)
    X = readable_documents(model, X)
    index = row_labels(X=X, texts=texts, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    n, K = theta.shape
    documents = _names_of_documents(X, texts, index, n)
    share = token_shares(theta, counts)
    names = term_names(model, feature_names)
    terms = [[str(term) for term, _ in row] for row in top_terms(model, names, n_terms)]
    _, last = split_pipeline(model)
    given = topic_names(model) or [""] * K
    topic, _ = strongest_topics(theta, counts)
    (assigned,), (others,) = np.nonzero(topic >= 0), np.nonzero(topic < 0)
    typical = representatives(theta, counts, n_documents)
    order = np.argsort(-share, kind="stable").tolist()
    columns = {
        "Topic": range(K),
        "Count": np.bincount(topic[assigned], minlength=K).tolist(),
        "Name": [
            name or "_".join([str(k), *row[:4]])
            for k, (name, row) in enumerate(zip(given, terms, strict=True))
        ],
        "Representation": terms,
        "Representative_Docs": [documents(rows) for rows in typical],
        "Share": share.tolist(),
        "Coherence": coherence(last, counts, n_terms=n_terms).per_topic.tolist(),
    }
    table = {name: [column[k] for k in order] for name, column in columns.items()}
    if len(others):
        row = (
            -1,
            len(others),
            _NO_TOPIC,
            [],
            documents(others[:n_documents]),
            0.0,
            np.nan,
        )
        for column, value in zip(table.values(), row, strict=True):
            column.append(value)
    return table


def _names_of_documents(X, texts, index, n):
    """Function from positions of documents to their texts, labels or numbers."""
    found = texts_of(X, texts, n)
    if found is not None:
        return lambda rows: [found[i] for i in rows]
    if index is not None:
        return lambda rows: index[rows].tolist()
    return lambda rows: rows.tolist()
