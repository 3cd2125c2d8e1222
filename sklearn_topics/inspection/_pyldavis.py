"""Interactive pyLDAvis page of any model; the only file that imports pyLDAvis."""

import numpy as np

from .._boundary.documents import as_array, check_documents, row_labels, token_totals
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
    """Prepare an interactive pyLDAvis page: a map of the topics with their top terms.

    Show the result with ``pyLDAvis.display`` in a notebook, or save it with
    ``pyLDAvis.save_html(prepared, "topics.html")``. Empty documents and terms that do
    not occur in X are left out, because pyLDAvis cannot handle them.

    A component with weights of both signs, as in
    :class:`~sklearn_topics.TorchTruncatedSVD`, becomes two topics: one of the positive
    and one of the negative weights, split as in NNDSVD [1]_. The positive parts of all
    components come first, then the negative parts; parts without documents or terms
    are left out.

    Parameters
    ----------
    model : fitted model, pipeline or search
        A topic model of this package or of scikit-learn.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    sort_topics : bool, default=False
        Whether topics are renumbered by size. By default, topic k is row k of
        ``components_``, counted from 0.
    **options : dict
        Further arguments of ``pyLDAvis.prepare``, such as ``R`` (the number of terms
        shown) or ``mds``.

    Returns
    -------
    prepared : pyLDAvis.PreparedData
        The data that the functions of pyLDAvis display and save.

    Raises
    ------
    ImportError
        If pyLDAvis is not installed: ``pip install sklearn_topics[pyldavis]``.
    ValueError
        If the model has fewer than three topics, which do not span a plane, or X
        contains no tokens.

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
            "to_pyldavis needs pyLDAvis. Install it with: "
            "pip install 'sklearn_topics[pyldavis]'"
        ) from error

    row_labels(X=X, theta=theta)
    if topic_weights(model).min() < 0:
        theta, topics, counts = _split_signs(model, X, theta)
    else:
        theta, counts = proportions_and_counts(model, X, theta)
        topics = topic_distributions(model)
    if len(topics) < 3:
        raise ValueError(
            "pyLDAvis needs at least three topics, which it places in a plane. Got "
            f"{len(topics)}."
        )
    lengths, frequency = token_totals(counts)
    documents, terms = lengths > 0, frequency > 0
    topics = topics[:, terms]
    names = np.asarray([str(name) for name in term_names(model, feature_names)])
    # pyLDAvis takes the logarithm of every probability.
    topics = np.maximum(topics, np.finfo(np.float32).tiny)
    settings = {"n_jobs": 1, "start_index": 0 if not sort_topics else 1, **options}
    page = pyLDAvis.prepare(
        normalize_rows(topics),
        theta[documents],
        lengths[documents],
        names[terms],
        frequency[terms],
        sort_topics=sort_topics,
        **settings,
    )
    # From numpy 2.5 on pyLDAvis gets complex eigenvectors, which it cannot write.
    coordinates = page.topic_coordinates
    coordinates[["x", "y"]] = coordinates[["x", "y"]].apply(np.real)
    return page


def _split_signs(model, X, theta):
    """Proportions, topics and counts; each component becomes two nonnegative topics."""
    before, last = split_pipeline(model)
    given = model_input(before, X, missing=accepts_missing(last))
    H = topic_weights(last)
    counts = check_documents(given, H.shape[1])
    if theta is None:
        W = as_array(last.transform(given), "The result of transform")
    else:
        W = as_array(theta, "theta")
    check_shape(W, counts.shape[0], len(H))
    W = W.astype(np.float64)
    W = np.hstack([np.maximum(W, 0), np.maximum(-W, 0)])
    H = np.vstack([np.maximum(H, 0), np.maximum(-H, 0)])
    W, H = W * H.sum(axis=1), normalize_rows(H)
    used = W.any(axis=0)  # a part without terms has weight 0 in every document
    return normalize_rows(W[:, used]), H[used], counts
