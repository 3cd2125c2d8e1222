"""Collect what a report shows, and write it."""

from pathlib import Path

from .._boundary.documents import row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import term_names
from ..inspection import representative_documents, top_terms, topic_info
from ..inspection._texts import readable_documents, texts_of
from ..plot._documents import ranked_terms
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

#: Number of terms of a topic, and of its distinctive terms.
_TERMS, _DISTINCTIVE = 12, 6


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
    by="probability",
    n_documents=3,
    verbose=0,
) -> Path:
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
        of a dict or DataFrame has a section. Dates are shown as curves: datetime64, or
        texts such as "2020-05-31".
    ids : sequence of shape (n_samples,), default=None
        Identifiers of the documents, shown with the examples. If None, the index of X
        if it is a pandas DataFrame or Series.
    title : str, default=None
        Title of the report. If None, the name of the model and the number of topics.
    by : {"probability", "relevance", "lift", "differential"}, default="probability"
        Weight by which the terms in the names of the topics are chosen, as in
        :meth:`sklearn_topics.plot.TopTermsDisplay.from_estimator`. "differential"
        suits data in which the same terms are frequent in all topics, such as counts of
        genes.
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
    FileNotFoundError
        If the folder of `path` does not exist.
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
    if not path.parent.is_dir():  # before the documents are transformed
        raise FileNotFoundError(
            f"There is no folder {str(path.parent)!r} for the report. Create it first."
        )
    X = readable_documents(model, X)
    columns = columns_of(groups).items()
    labels = {f"groups[{name!r}]": values for name, values in columns}
    index = row_labels(X=X, texts=texts, theta=theta, ids=ids, **labels)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    texts = texts_of(X, texts, len(theta))
    ids = _checked_ids(ids, index, len(theta))
    terms = term_names(model, feature_names)
    _, last = split_pipeline(model)
    common = top_terms(last, terms, _TERMS)
    special = _distinctive(last, terms, counts, theta, by)
    labelling = special if by == "differential" else ranked_terms(last, terms, 3, by)
    names = names_of_topics(last, labelling)
    info = topic_info(last, counts, theta=theta, feature_names=terms, n_documents=0)
    K = theta.shape[1]
    shares = info.set_index("Topic")["Share"].reindex(range(K)).to_numpy()
    colors = topic_colors(K, shares)
    examples = {}
    if n_documents and texts is not None:
        examples = _examples(last, counts, theta, texts, ids, n_documents)
    cards = topic_sections(info, common, special, examples, names, colors)
    sections = [
        ("summary", "Summary", summary_section(info, counts, model)),
        ("topics", "Topics", cards),
        ("map", "Map of the topics", map_section(last, shares, labelling)),
        *group_sections(last, counts, theta, names, groups, colors),
        ("quality", "Quality", quality_section(info, last, names)),
        ("fit", "How the model was fitted", fit_section(model)),
    ]
    title = title or f"{type(last).__name__}: {K} topic{'s' if K > 1 else ''}"
    path.write_text(page(title, sections), encoding="utf-8", newline="\n")
    return path


def _checked_ids(ids, index, n) -> list | None:
    if ids is None:
        given = index is not None and len(index) == n
        return list(index) if given else None
    ids = list(ids)
    if len(ids) != n:
        raise ValueError(f"ids has {len(ids)} items, but X has {n} documents.")
    return ids


def _distinctive(model, terms, counts, theta, by) -> list:
    """The terms that a topic does not share: differential, or by relevance."""
    if by == "differential":
        return ranked_terms(model, terms, _DISTINCTIVE, by, X=counts, theta=theta)
    order = {"by": "relevance", "relevance_weight": 0.3}
    return top_terms(model, terms, _DISTINCTIVE, **order)


def _examples(model, counts, theta, texts, ids, n) -> dict[int, list]:
    """Topic -> pairs of the identifier (or None) and the text of its documents."""
    chosen = representative_documents(model, counts, theta=theta, n_documents=n)
    examples = {}
    for k, i in zip(chosen["Topic"], chosen["Document"], strict=True):
        pair = None if ids is None else ids[i], texts[i]
        examples.setdefault(k, []).append(pair)
    return examples
