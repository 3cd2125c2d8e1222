"""The topics that match words or a text, and the documents of a topic."""

from typing import TYPE_CHECKING

import numpy as np

from .._boundary.arguments import check_integer, check_sequence, did_you_mean
from .._boundary.documents import count_tokens, row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts, strongest_topics
from .._boundary.top_terms import greatest
from .._boundary.topics import term_names, topic_distributions, topic_number
from ._frames import data_frame, name_column
from ._terms import top_terms
from ._texts import readable_documents, texts_of

if TYPE_CHECKING:
    from ._frames import DataFrame

#: A document is ranked as if it had this number of further tokens of the corpus.
_PRIOR_TOKENS = 10


def find_topics(
    model, query, n_topics=5, *, n_terms=10, feature_names=None
) -> "DataFrame":
    """Find the topics of words or of a text.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model; a pipeline for a text.
    query : str or sequence of str
        Terms of the model, as a sequence or a single str; or a text, which the pipeline
        reads as it reads documents.
    n_topics : int, default=5
        Number of topics, best first. None lists all topics.
    n_terms : int, default=10
        Number of top terms in "Representation".
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on.

    Returns
    -------
    table : DataFrame
        "Topic", "Score" and "Representation" (the top terms), and "Name" if topics have
        names. The score of a text is the proportion of the topic in it. The score of
        terms is the probability that a token of the topic is one of them.

    Raises
    ------
    ValueError
        If a word is not among the terms (the message suggests similar spellings), or
        the text contains none.

    See Also
    --------
    find_documents : Documents of a topic.
    top_terms : Top terms of each topic.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.inspection import find_topics
    >>> texts = ["cat dog cat", "dog cat", "sun moon", "moon sun sun"] * 8
    >>> model = TorchPoissonNMF(2, topic_names=["pets", "sky"], random_state=0)
    >>> pipe = make_pipeline(CountVectorizer(), model).fit(texts)
    >>> best = find_topics(pipe, "A dog and two cats look at a cat.", 1, n_terms=2)
    >>> best["Representation"][0]
    ['cat', 'dog']
    >>> find_topics(pipe, "moon", 1)["Score"].round(2).tolist()
    [0.4]
    """
    if n_topics is not None:
        n_topics = check_integer(n_topics, "n_topics", also=", or None for all")
    n_terms = check_integer(n_terms, "n_terms")
    names = term_names(model, feature_names)
    known = {str(name): j for j, name in enumerate(names)}
    if isinstance(query, str) and query not in known:
        score = _score_text(model, query, known)
    else:
        words = [query] if isinstance(query, str) else query
        score = _score_words(model, check_sequence(words, "query", "str"), known)
    order = greatest(score, len(score) if n_topics is None else n_topics)
    terms = top_terms(model, names, n_terms)
    columns = {
        "Topic": order,
        "Score": score[order],
        "Representation": [[str(term) for term, _ in terms[k]] for k in order],
    }
    return data_frame({**columns, **name_column(model, order)})


def _score_words(model, words, known):
    """Probability that a token of each topic is one of the words."""
    if not words:
        raise ValueError("query contains no words. Pass at least one.")
    for word in words:
        if word not in known:
            raise ValueError(
                f"{word!r} is not a term of the model.{did_you_mean(word, known)}"
            )
    return topic_distributions(model)[:, sorted({known[w] for w in words})].sum(axis=1)


def _score_text(model, text, known):
    """Topic proportions of a text."""
    if split_pipeline(model)[0] is None:
        hint = did_you_mean(text, known)
        raise ValueError(
            f"query {text!r:.60} is not a term of the model.{hint} "
            "To find the topics of a text, pass a pipeline of a vectorizer and the "
            "model; to find those of several words, pass a list."
        )
    theta, counts = proportions_and_counts(model, [text])
    if not counts.sum():
        hint = did_you_mean(text, known)
        raise ValueError(f"query {text!r:.60} contains no known terms.{hint}")
    return theta[0]


def find_documents(
    model, X, topic, texts=None, *, theta=None, n_documents=10, verbose=0
) -> "DataFrame":
    r"""Find the documents that are most about a topic.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    topic : int or str
        Number or name of the topic.
    texts : sequence of str, default=None
        Texts of the documents. If None, and X contains text, X.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    n_documents : int, default=10
        Number of documents. None lists all documents with known terms.
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    table : DataFrame
        "Proportion" (of the topic in the document), "Tokens" (length of the document),
        and "Text" if there are texts. The index contains the labels of the documents in
        X, if it is a pandas DataFrame or Series, or their numbers.

    See Also
    --------
    representative_documents : Typical and diverse documents of each topic.
    dominant_topics : The strongest topic of each document.

    Notes
    -----
    Documents are sorted by :math:`(s_i \theta_{ik} + 10 \bar\theta_k) / (s_i + 10)`,
    where :math:`s_i` is the number of tokens and :math:`\bar\theta_k` the mean
    proportion. Therefore a document of three words does not come before a long one with
    nearly the same proportion.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import find_documents
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> find_documents(model, X, topic=0, n_documents=4).shape
    (4, 2)
    """
    if n_documents is not None:
        n_documents = check_integer(n_documents, "n_documents", also=", or None")
    k = topic_number(model, topic)
    X = readable_documents(model, X)
    index = row_labels(X=X, texts=texts, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    texts = texts_of(X, texts, len(theta))
    (known,) = np.nonzero(strongest_topics(theta, counts)[0] >= 0)
    tokens, proportion = count_tokens(counts, axis=1)[known], theta[known, k]
    usual = proportion.mean() if len(known) else 0
    rank = (tokens * proportion + _PRIOR_TOKENS * usual) / (tokens + _PRIOR_TOKENS)
    order = greatest(rank, len(rank) if n_documents is None else n_documents)
    place = known[order]
    columns = {"Proportion": proportion[order], "Tokens": tokens[order]}
    if texts is not None:
        columns["Text"] = [texts[i] for i in place]
    return data_frame(columns, index=place if index is None else index[place])
