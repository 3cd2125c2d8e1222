"""Documents that represent a topic: typical of it, and different from each other."""

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from .._boundary.arguments import check_integer
from .._boundary.documents import count_tokens, row_labels
from .._boundary.proportions import proportions_and_counts, strongest_topics
from .._boundary.top_terms import greatest
from ._frames import data_frame, name_column
from ._texts import readable_documents, texts_of

if TYPE_CHECKING:
    from ._frames import DataFrame

#: Number of documents of each topic among which the representatives are chosen.
_CANDIDATES = 100


def representative_documents(
    model, X, texts=None, *, theta=None, n_documents=3, verbose=0
) -> "DataFrame":
    r"""Find documents that represent each topic.

    Use it to read what a topic is about. The documents with the highest proportion of a
    topic are often its shortest ones, and copies of each other. This function selects
    documents of typical length that cover the topic together.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    texts : sequence of str, default=None
        Texts of the documents. If None, and X contains text, X.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    n_documents : int, default=3
        Number of documents per topic.
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    table : DataFrame
        One row per topic and document, most representative first: "Topic", "Document"
        (its label in the index of X, if it is a pandas DataFrame or Series, or its
        number), "Proportion" (of the topic in the document), "Tokens" (length of the
        document), "Text" if there are texts, and "Name" if topics have names. A topic
        may have fewer documents if few contain known terms.

    See Also
    --------
    find_documents : Documents with the highest proportions of one topic.
    topic_info : Table of the topics, with these documents.

    Notes
    -----
    The candidates are the 100 documents with the highest proportions among those whose
    strongest topic is k and whose length is between the quartiles of these documents.
    The set S of representatives maximises the facility location function [1]_
    :math:`\sum_i \theta_{ik} \max_{s \in S} \theta_{sk} a_{is}` over the candidates i,
    greedily, where :math:`a_{is}` is the Bhattacharyya coefficient between the relative
    frequencies of the terms in two documents. Each document is added for the candidates
    that those before it do not resemble.

    References
    ----------
    .. [1] H. Lin, J. Bilmes, "A class of submodular functions for document
       summarization", ACL, 2011.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import representative_documents
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> representative_documents(model, X, n_documents=2)["Topic"].tolist()
    [0, 0, 1, 1, 2, 2]
    """
    n_documents = check_integer(n_documents, "n_documents")
    X = readable_documents(model, X)
    index = row_labels(X=X, texts=texts, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    texts = texts_of(X, texts, len(theta))
    rows = representatives(theta, counts, n_documents)
    topic = np.repeat(np.arange(len(rows)), [len(chosen) for chosen in rows])
    place = np.concatenate(rows)
    columns = {
        "Topic": topic,
        "Document": place if index is None else index[place],
        "Proportion": theta[place, topic],
        "Tokens": count_tokens(counts[place], axis=1),
    }
    if texts is not None:
        columns["Text"] = [texts[i] for i in place]
    return data_frame({**columns, **name_column(model, topic)})


def representatives(theta, counts, n_documents: int) -> list[np.ndarray]:
    """Positions of the documents that represent each topic, most typical first."""
    strongest, _ = strongest_topics(theta, counts)
    tokens = count_tokens(counts, axis=1)
    known = np.flatnonzero(strongest >= 0)
    chosen = []
    for k, proportion in enumerate(theta.T):
        rows = np.flatnonzero(strongest == k)
        if len(rows) < n_documents:
            rows = known[greatest(proportion[known], n_documents)]
        low, high = np.quantile(tokens[rows], [0.25, 0.75]) if len(rows) else (0, 0)
        usual = rows[(tokens[rows] >= low) & (tokens[rows] <= high)]
        rows = usual if len(usual) >= n_documents else rows
        rows = rows[greatest(proportion[rows], _CANDIDATES)]
        chosen.append(rows[_cover(proportion[rows], counts[rows], n_documents)])
    return chosen


def _cover(weights, counts, n: int) -> list[int]:
    """Positions of at most n documents that cover all of them, by greedy choice."""
    roots = sp.csr_array(counts, dtype=np.float64)
    length = np.asarray(roots.sum(axis=1)).ravel()
    roots.data = np.sqrt(roots.data / np.repeat(length, np.diff(roots.indptr)))
    weights = np.asarray(weights, np.float64)
    worth = weights[:, None] * (roots @ roots.T).toarray() * weights  # [i, s]
    covered, left, chosen = np.zeros(len(weights)), np.ones(len(weights), bool), []
    while left.any() and len(chosen) < n:
        gain = np.maximum(worth, covered[:, None]).sum(axis=0)
        chosen.append(int(np.where(left, gain, -1).argmax()))
        left[chosen[-1]] = False
        covered = np.maximum(covered, worth[:, chosen[-1]])
    return chosen
