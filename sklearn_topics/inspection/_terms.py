"""Top terms of topics, by probability, relevance or lift."""

import numpy as np

from .._boundary.arguments import check_choice, check_integer, check_number
from .._boundary.containers import readable
from .._boundary.top_terms import greatest
from .._boundary.topics import term_names, topic_distributions

_ORDERS = "probability", "relevance", "lift"


def top_terms(
    model,
    feature_names=None,
    n_terms=10,
    *,
    by="probability",
    relevance_weight=0.6,
    topic_shares=None,
) -> list[list[tuple[str, float]]]:
    r"""Find the top terms of each topic, with their weights.

    Parameters
    ----------
    model : fitted model, pipeline or search, or array-like
        The topic model, or an array of topic weights (n_topics x n_features).
    feature_names : sequence of str, default=None
        Names of the terms. If None, they come from the pipeline or from the data that
        the model was fitted on; without names, terms are column numbers.
    n_terms : int, default=10
        Number of terms per topic.
    by : {"probability", "relevance", "lift"}, default="probability"
        How terms are ranked. Let :math:`\phi_{kw}` be the probability of term w in
        topic k, and :math:`p_w` its probability in all topics:

        - "probability": :math:`\phi_{kw}`;
        - "lift": :math:`\phi_{kw} / p_w`, which prefers rare terms;
        - "relevance": :math:`\lambda \log \phi_{kw} + (1 - \lambda)
          \log(\phi_{kw} / p_w)`, a compromise between the two [1]_.
    relevance_weight : float, default=0.6
        The weight :math:`\lambda` in the relevance, between 0 and 1.
    topic_shares : array-like of shape (n_topics,), default=None
        Share of the corpus of each topic, from which :math:`p_w` is computed. If None,
        all topics have the same share.

    Returns
    -------
    terms : list of list of tuple
        The pairs (term, weight) of each topic, largest weight first. Terms with
        probability 0 are left out.

    References
    ----------
    .. [1] C. Sievert, K. Shirley, "LDAvis: a method for visualizing and interpreting
       topics", ACL workshop on interactive language learning, 2014, equation 1.

    Examples
    --------
    >>> from sklearn_topics.inspection import top_terms
    >>> top_terms([[3, 1, 0], [3, 0, 1]], ["the", "cat", "sun"], 2)[0]
    [('the', 0.75), ('cat', 0.25)]
    >>> top_terms([[3, 1, 0], [3, 0, 1]], ["the", "cat", "sun"], 1, by="lift")[0]
    [('cat', 2.0)]
    """
    by = check_choice(by, "by", _ORDERS)
    weight = check_number(relevance_weight, "relevance_weight", 0, 1, open=False)
    n_terms = check_integer(n_terms, "n_terms")
    topics = topic_distributions(model)
    names = term_names(model, feature_names)
    weights = _weights(topics, by, weight, topic_shares)
    return [
        [(names[j], float(row[j])) for j in greatest(row, n_terms) if topics[k, j] > 0]
        for k, row in enumerate(weights)
    ]


def _weights(topics, by, relevance_weight, topic_shares):
    if by == "probability":
        return topics
    if topic_shares is None:
        topic_shares = np.ones(len(topics))
    share = np.asarray(readable(topic_shares, "topic_shares"), np.float64)
    valid = share.shape == (len(topics),) and np.isfinite(share).all()
    if not (valid and share.min() >= 0 and share.sum() > 0):
        raise ValueError(
            f"topic_shares must contain {len(topics)} nonnegative numbers, one per "
            f"topic, that are not all zero. Got {topic_shares!r:.60}."
        )
    overall = share / share.sum() @ topics
    lift = topics / np.where(overall > 0, overall, 1)
    if by == "lift":
        return lift
    with np.errstate(divide="ignore"):  # terms with probability 0 are last
        logs = np.log(topics), np.log(lift)
    parts = zip((relevance_weight, 1 - relevance_weight), logs, strict=True)
    return sum(weight * log for weight, log in parts if weight > 0)
