"""Topic proportions of groups of documents, and over time."""

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from .._boundary.documents import count_tokens, row_labels
from .._boundary.inputs import count_rows
from .._boundary.proportions import proportions_and_counts
from ._frames import data_frame, name_column, start_of_periods
from ._groups import number_groups
from ._intervals import quantile, wilson

if TYPE_CHECKING:
    from ._frames import DataFrame


def topics_by(
    model, X, groups, *, freq=None, theta=None, confidence_level=0.95, verbose=0
) -> "DataFrame":
    r"""Tabulate the topic proportions of groups of documents, or of periods.

    Use it to compare topics between sources, authors or cell types, and to follow
    topics over time.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    groups : array-like of shape (n_samples,)
        Label of each document: texts, numbers, categories, or dates. A pandas index
        must equal that of the documents.
    freq : {"year", "quarter", "month", "week", "day", "hour"}, default=None
        If given, `groups` contains dates, which are grouped by period. Weeks begin on
        Monday. pandas' aliases, such as "M", are accepted.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    confidence_level : float, default=0.95
        Level of the intervals, between 0 and 1.
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    table : DataFrame of shape (n_groups * n_topics, 7)
        One row per group and topic: "Group" (the label, or the start of the period),
        "Topic", "Share" (share of the topic among the tokens of the group),
        "Lower" and "Upper" (limits of its confidence interval), "Documents" and
        "Tokens" (their numbers in the group). Groups are sorted, or in the order of the
        categories of a pandas Categorical; documents without a label are the last
        group, a missing value. If topics have names, the last column is "Name".

    See Also
    --------
    topic_effects : Regression of the proportions on several covariates.
    sklearn_topics.plot.TopicGroupsDisplay : Plot of the table.

    Notes
    -----
    The share of topic k in a group is
    :math:`\hat p_k = \sum_i s_i \theta_{ik} / \sum_i s_i`, where :math:`s_i` is the
    number of tokens of document i: long documents count more. Documents, and not
    tokens, are taken as independent draws. The variance is that of the linearised ratio
    [1]_, :math:`\frac{n}{n - 1} \sum_i s_i^2 (\theta_{ik} - \hat p_k)^2 / (\sum_i
    s_i)^2`, which a bootstrap of the documents approximates. The interval is Wilson's
    for the effective number of tokens of this variance [2]_. The variance
    between documents also contains the errors of :math:`\theta`. A group with one
    document has no interval (NaN).

    References
    ----------
    .. [1] W. G. Cochran, "Sampling techniques", Wiley, 1977, chapter 6.
    .. [2] E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with small
       expected number of positive counts estimated from survey data", Survey
       Methodology 24, 1998.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import topics_by
    >>> X, _, _ = make_topic_corpus(200, 50, 2, random_state=0)
    >>> model = TorchPoissonNMF(2, random_state=0).fit(X)
    >>> table = topics_by(model, X, ["old", "new"] * 100)
    >>> table[["Group", "Topic", "Documents"]]
      Group  Topic  Documents
    0   new      0        100
    1   new      1        100
    2   old      0        100
    3   old      1        100
    """
    z = quantile(confidence_level, 1)  # fails early
    row_labels(X=X, theta=theta, groups=groups)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    names, number = _numbered(groups, freq, len(theta))
    tokens = count_tokens(counts, axis=1)
    documents, share, variance = _moments(theta, tokens, number, len(names))
    z = quantile(confidence_level, documents - 1)[:, None]
    lower, upper = wilson(share, variance, documents[:, None], z)
    G, K = share.shape
    topic = np.tile(np.arange(K), G)
    columns = {
        "Group": np.repeat(names, K),
        "Topic": topic,
        "Share": share.ravel(),
        "Lower": lower.ravel(),
        "Upper": upper.ravel(),
        "Documents": np.repeat(documents, K),
        "Tokens": np.repeat(np.bincount(number, tokens, G), K),
        **name_column(model, topic),
    }
    return data_frame(columns)


def _numbered(groups, freq, n):
    """The groups in order, and the number of the group of each document."""
    if count_rows(groups) != n:
        raise ValueError(
            f"groups has {count_rows(groups)} labels, but there are {n} documents. "
            "Pass one label per document."
        )
    if freq is None:
        return number_groups(groups)
    # NaT is the largest date, so that it comes last.
    return np.unique(start_of_periods(groups, freq), return_inverse=True)


def _moments(theta, tokens, number, n_groups):
    """Numbers of documents [G]; token-weighted means and their variances [G, K].

    Documents without tokens are left out: nothing is known of them.
    """
    rows = np.arange(len(theta))
    members = sp.csr_array((tokens, (number, rows)), shape=(n_groups, len(theta)))
    total = members.sum(axis=1)[:, None]
    documents = np.bincount(number[tokens > 0], minlength=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN for groups without any
        share = members @ theta / total
        # s_i (theta_ik - p_k) without an array of its size for each group.
        members.data **= 2
        squares = np.zeros(share.shape)
        for k, column in enumerate(theta.T):
            squares[:, k] = members @ (column - share[number, k]) ** 2
        n = np.where(documents > 1, documents, np.nan)[:, None]
        return documents, share, n / (n - 1) * squares / total**2
