"""The page of pyLDAvis for any model; the only file that knows pyLDAvis."""

import numpy as np

from .._boundary.documents import (
    as_array,
    check_documents,
    check_tokens,
    count_tokens,
    row_labels,
)
from .._boundary.pipelines import accepts_missing, model_input, split_pipeline
from .._boundary.proportions import check_shape, proportions_and_counts
from .._boundary.topics import (
    normalize_rows,
    term_names,
    topic_distributions,
    topic_weights,
)


def to_pyldavis(
    model, X, *, theta=None, feature_names=None, sort_topics=False, **options
):
    """Prepare the page of pyLDAvis: topics in a plane, their sizes and first terms.

    Empty documents and terms that occur nowhere, at which pyLDAvis fails, are left out.
    Save the page by ``pyLDAvis.save_html(found, "topics.html")``.

    A component of both signs, as of :class:`~sklearn_topics.TorchTruncatedSVD`, is two
    topics, its poles: documents and terms of positive weight, and those of negative
    weight, as NNDSVD takes them apart [1]_. The positive poles come first, then the
    negative ones; poles without documents or terms are left out.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics, of ours or of scikit-learn.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    sort_topics : bool, default=False
        Whether topics are numbered anew, by size. By default topic k is row k of
        ``components_``, counted from 0.
    **options : dict
        Further arguments of ``pyLDAvis.prepare``, such as ``R`` (terms shown) or
        ``mds``.

    Returns
    -------
    prepared : pyLDAvis.PreparedData
        What pyLDAvis's functions display and save.

    Raises
    ------
    ImportError
        If pyLDAvis is not installed: ``pip install sklearn_topics[pyldavis]``.
    ValueError
        If the model has fewer than three topics, which span no plane, or X has no
        tokens.

    References
    ----------
    .. [1] C. Boutsidis, E. Gallopoulos, "SVD based initialization: a head start for
       nonnegative matrix factorization", Pattern Recognition 41, 2008, section 2.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import to_pyldavis
    >>> X, _, _ = make_topic_corpus(200, 50, 4, random_state=0)
    >>> model = TorchPoissonNMF(4, random_state=0).fit(X)
    >>> len(to_pyldavis(model, X).topic_coordinates)
    4
    """
    try:
        import pyLDAvis
    except ImportError as error:
        raise ImportError(
            "to_pyldavis needs pyLDAvis: pip install sklearn_topics[pyldavis]"
        ) from error

    row_labels(X=X, theta=theta)
    if topic_weights(model).min() < 0:
        theta, topics, counts = _poles(model, X, theta)
    else:
        theta, counts = proportions_and_counts(model, X, theta)
        topics = topic_distributions(model)
    if len(topics) < 3:
        raise ValueError(
            f"pyLDAvis places topics in a plane and needs three; got {len(topics)}."
        )
    check_tokens(counts)
    lengths, frequency = count_tokens(counts, axis=1), count_tokens(counts, axis=0)
    documents, terms = lengths > 0, frequency > 0
    if not documents.any():
        raise ValueError("X has no tokens.")
    topics = topics[:, terms]
    names = np.asarray([str(name) for name in term_names(model, feature_names)])
    # pyLDAvis takes logarithms of every probability.
    topics = np.maximum(topics, np.finfo(np.float32).tiny)
    settings = {"n_jobs": 1, "start_index": 0 if not sort_topics else 1, **options}
    return pyLDAvis.prepare(
        topics / topics.sum(axis=1, keepdims=True),
        theta[documents],
        lengths[documents],
        names[terms],
        frequency[terms],
        sort_topics=sort_topics,
        **settings,
    )


def _poles(model, X, theta):
    """Proportions, topics and counts of a model whose components have two poles."""
    before, last = split_pipeline(model)
    given = model_input(before, X, missing=accepts_missing(last))
    H = topic_weights(last)
    counts = check_documents(given, H.shape[1])
    if theta is None:
        W = as_array(last.transform(given), "What transform returns")
    else:
        W = as_array(theta, "theta")
    check_shape(W, counts.shape[0], len(H))
    W = W.astype(np.float64)
    W = np.hstack([np.maximum(W, 0), np.maximum(-W, 0)])
    H = np.vstack([np.maximum(H, 0), np.maximum(-H, 0)])
    W, H = W * H.sum(axis=1), normalize_rows(H)
    some = W.any(axis=0)  # a pole without terms has weight 0 in every document
    return normalize_rows(W[:, some]), H[some], counts
