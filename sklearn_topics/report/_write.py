"""Collect what a report shows, and write it."""

from pathlib import Path

from .._boundary.documents import row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import term_names
from ..inspection import representative_documents, topic_info
from ..inspection._texts import readable_documents, texts_of
from ..plot._figure import topic_colors
from ._groups import columns_of, group_sections
from ._html import page
from ._sections import (
    fit_section,
    map_section,
    names_of_topics,
    quality_section,
    summary_section,
    topic_sections,
)


def write_report(
    model,
    X,
    path,
    *,
    texts=None,
    theta=None,
    feature_names=None,
    groups=None,
    ids=None,
    title=None,
    n_documents=3,
    verbose=0,
):
    """Write one HTML file about a fitted topic model.

    Use it to show topics to people who do not use Python, or to archive a fit. The file
    contains its pictures and no scripts, and needs no network.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    path : path-like
        The file, which is overwritten.
    texts : sequence of str, default=None
        Texts of the documents, of which examples are shown. If None, and X contains
        text, X. The examples appear in the file: leave confidential texts out by
        ``n_documents=0``.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    groups : array-like of shape (n_samples,), dict or DataFrame of them, default=None
        Labels or dates of the documents, by which the topics are compared. Each column
        of a dict or DataFrame has a section. Dates (datetime64) are shown as curves.
    ids : sequence of shape (n_samples,), default=None
        Identifiers of the documents, shown with the examples. If None, the index of X
        if it is a pandas DataFrame or Series.
    title : str, default=None
        Title of the report. If None, the name of the model and the number of topics.
    n_documents : int, default=3
        Number of examples per topic.
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    path : pathlib.Path
        The file.

    Raises
    ------
    ImportError
        If matplotlib or pandas is not installed:
        ``pip install sklearn_topics[plot,tables]``.
    ValueError
        If the topics have negative weights, as in a truncated SVD.

    See Also
    --------
    sklearn_topics.inspection.topic_info : The table of topics.
    sklearn_topics.inspection.topics_by : Proportions of groups and periods.

    Notes
    -----
    The sections are: a summary; the topics with their shares, terms, distinctive terms
    and representative documents; the topic map; one section for each column of
    `groups`; the quality of the topics; and the parameters and versions. The same
    arguments give the same file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.report import write_report
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     path = write_report(model, X, f"{folder}/report.html")
    ...     path.read_text(encoding="utf-8")[:15]
    '<!DOCTYPE html>'
    """
    path = Path(path)
    X = readable_documents(model, X)
    columns = columns_of(groups).items()
    labels = {f"groups[{name!r}]": values for name, values in columns}
    index = row_labels(X=X, texts=texts, theta=theta, ids=ids, **labels)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    texts = texts_of(X, texts, len(theta))
    ids = _checked_ids(ids, index, len(theta))
    terms = term_names(model, feature_names)
    _, last = split_pipeline(model)
    names = names_of_topics(last, terms)
    info = topic_info(last, counts, theta=theta, feature_names=terms, n_docs=0)
    K = theta.shape[1]
    shares = info.set_index("Topic")["Share"].reindex(range(K)).to_numpy()
    colors = topic_colors(K, shares)
    examples = {}
    if n_documents and texts is not None:
        examples = _examples(last, counts, theta, texts, ids, n_documents)
    cards = topic_sections(info, last, terms, examples, names, colors)
    sections = [
        ("summary", "Summary", summary_section(info, counts, last)),
        ("topics", "Topics", cards),
        ("map", "Map of the topics", map_section(last, theta, counts, terms)),
        *group_sections(last, counts, theta, names, groups, colors),
        ("quality", "Quality", quality_section(info, last, names)),
        ("fit", "How the model was fitted", fit_section(model)),
    ]
    title = title or f"{type(last).__name__}: {K} topic{'s' if K > 1 else ''}"
    path.write_text(page(title, sections), encoding="utf-8", newline="\n")
    return path


def _checked_ids(ids, index, n) -> list | None:
    if ids is None:
        return None if index is None else list(index)
    ids = list(ids)
    if len(ids) != n:
        raise ValueError(f"ids has {len(ids)} items, but X has {n} documents.")
    return ids


def _examples(model, counts, theta, texts, ids, n) -> dict[int, list]:
    """Topic -> pairs of the identifier (or None) and the text of its documents."""
    chosen = representative_documents(model, counts, theta=theta, n_documents=n)
    examples = {}
    for k, i in zip(chosen["Topic"], chosen["Document"], strict=True):
        pair = None if ids is None else ids[i], texts[i]
        examples.setdefault(k, []).append(pair)
    return examples
