"""Names of the topics of a fitted model."""

from collections.abc import Mapping
from typing import Any

from .._boundary.arguments import check_integer
from .._boundary.containers import readable
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import check_topic_names, topic_names
from ..inspection import top_terms
from ..inspection._representatives import representatives
from ._copies import check_model, renamed
from ._merge import find_topics


def rename_topics(model, names) -> Any:
    """Name the topics of a fitted model.

    The names are the columns of `transform` with ``set_output``, and appear in tables,
    plots and the files of the command line. The model is not changed.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    names : list of str, or dict of int or str to str
        New names: of all topics, in order; or of some, by number or old name. "" or
        None removes a name.

    Returns
    -------
    edited : fitted model or pipeline
        A copy with the names in ``topic_names_``. scikit-learn's NMF and
        LatentDirichletAllocation get this attribute too, for the tables and plots of
        this package; their own ``get_feature_names_out`` does not know it.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import rename_topics
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = rename_topics(TorchPoissonNMF(3, random_state=0).fit(X), {1: "space"})
    >>> model.get_feature_names_out().tolist()
    ['torchpoissonnmf0', 'space', 'torchpoissonnmf2']
    """
    K = len(check_model(model).components_)
    if isinstance(names, Mapping):
        found = topic_names(model) or [""] * K
        numbers = find_topics(model, names, K, "names")
        for k, name in zip(numbers, names.values(), strict=True):
            found[k] = name
    else:
        if not isinstance(names, str) and len(names) != K:
            raise ValueError(
                f"names has {len(names)} names, but the model has {K} topics. Pass a "
                "dict to name some of them."
            )
        found = names
    return renamed(model, check_topic_names(found, K, "names"))


def suggest_names(
    model, namer, X=None, texts=None, *, feature_names=None, n_terms=10, n_documents=3
) -> list[str]:
    """Ask a function of your own, such as a language model, for names of the topics.

    Nothing is sent anywhere but by `namer`.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    model : fitted model or pipeline
        A model as in :func:`merge_topics`.
    namer : callable
        ``namer(terms, documents)`` returns a name. It gets the top terms of a topic, a
        list of str, and documents that represent it, a list of str.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features), \
            default=None
        Documents; with a pipeline, the pipeline's input.
    texts : sequence of str, default=None
        The texts of these documents. Without X and texts, `namer` gets no documents.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on.
    n_terms : int, default=10
        Number of top terms.
    n_documents : int, default=3
        Number of documents.

    Returns
    -------
    names : list of str
        A name for each topic, for :func:`rename_topics`. A repeated name gets a number.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.curation import suggest_names
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, _, _ = make_topic_corpus(200, 50, 2, random_state=0)
    >>> model = TorchPoissonNMF(2, random_state=0).fit(X)
    >>> names = suggest_names(model, lambda terms, documents: "-".join(terms[:2]))
    >>> len(names)
    2
    """
    check_model(model)
    if not callable(namer):
        raise TypeError(
            f"namer must be a function of (terms, documents). Got {namer!r}."
        )
    n_documents = check_integer(n_documents, "n_documents", least=0)
    rows = top_terms(model, feature_names, n_terms)
    documents = [[] for _ in rows]
    if (X is None) != (texts is None):
        raise ValueError("Pass both X and texts, or neither.")
    if X is not None:
        documents = _typical_texts(model, X, texts, n_documents)
    names = []
    for row, found in zip(rows, documents, strict=True):
        name = namer([str(term) for term, _ in row], found)
        if not isinstance(name, str):
            raise TypeError(f"namer must return a str. Got {name!r}.")
        names.append(_distinct(" ".join(name.split()), names))
    return names


def _typical_texts(model, X, texts, n_documents) -> list[list[str]]:
    """The texts that represent each topic."""
    theta, counts = proportions_and_counts(model, X)
    texts = list(readable(texts, "texts"))
    if len(texts) != len(theta):
        raise ValueError(f"texts has {len(texts)} items, but X has {len(theta)} rows.")
    chosen = representatives(theta, counts, n_documents)
    return [[texts[i] for i in rows] for rows in chosen]


def _distinct(name, names) -> str:
    """The name, with a number if it is among `names`."""
    if not name or name not in names:
        return name
    number = 2
    while f"{name} ({number})" in names:
        number += 1
    return f"{name} ({number})"
