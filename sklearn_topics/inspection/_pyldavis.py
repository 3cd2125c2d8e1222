"""The page of pyLDAvis for any model; the only file that knows pyLDAvis."""

import numpy as np

from ..metrics._models import proportions, split_pipeline, topic_distributions
from ._terms import term_names


def to_pyldavis(model, X, *, feature_names=None, sort_topics=False, **options):
    """Prepare the page of pyLDAvis: topics in a plane, their sizes and first terms.

    Empty documents and terms that occur nowhere, at which pyLDAvis fails, are left out.
    Save the page by ``pyLDAvis.save_html(found, "topics.html")``.

    Parameters
    ----------
    model : fitted model, pipeline or search
        Whose topics, of ours or of scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Counts; with a pipeline, what goes into it.
    feature_names : sequence of str, default=None
        Names of the terms. None takes those of the pipeline or of the fitted data, or
        the numbers of the columns.
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
        If the model has fewer than three topics, which span no plane, or X is empty.

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

    theta, counts = proportions(model, X)
    topics = topic_distributions(split_pipeline(model)[1])
    if len(topics) < 3:
        raise ValueError(
            f"pyLDAvis places topics in a plane and needs three; got {len(topics)}."
        )
    lengths = np.asarray(counts.sum(axis=1), np.float64).ravel()
    frequency = np.asarray(counts.sum(axis=0), np.float64).ravel()
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
