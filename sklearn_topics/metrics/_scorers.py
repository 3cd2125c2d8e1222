"""Scorers for GridSearchCV and cross_validate, over pipelines that begin with text."""

from dataclasses import dataclass, field

from ._coherence import coherence
from ._diversity import topic_diversity, topic_quality
from ._heldout import completion_score
from ._models import split_pipeline

_SCORES = "completion", "npmi", "diversity", "quality"


@dataclass(frozen=True, eq=False)
class _TopicScorer:
    """A callable of (estimator, X, y), which can be pickled."""

    name: str
    n_terms: int
    reference: object = field(default=None, repr=False)

    def __call__(self, estimator, X, y=None):
        if self.name == "completion":
            return completion_score(estimator, X)
        if self.name == "diversity":
            return topic_diversity(split_pipeline(estimator)[1], n_terms=self.n_terms)
        corpus = X if self.reference is None else self.reference
        if self.name == "npmi":
            return coherence(estimator, corpus, n_terms=self.n_terms).mean
        return topic_quality(estimator, corpus, n_terms=self.n_terms)


def topic_scorer(score, *, n_terms=None, reference=None):
    """A scorer for ``scoring=`` of searches and cross-validation.

    Parameters
    ----------
    score : {"completion", "npmi", "diversity", "quality"}
        - "completion": :func:`completion_score` of the validation documents;
        - "npmi": mean :func:`coherence` of the topics;
        - "diversity": :func:`topic_diversity`;
        - "quality": :func:`topic_quality`.
    n_terms : int, default=None
        First terms of each topic. None is 10, and 25 for "diversity".
    reference : {array-like, sparse matrix, torch.Tensor} or list of str, default=None
        Documents in which terms co-occur, for "npmi" and "quality": what goes into the
        pipeline. None takes the validation documents, so that nothing that was fitted
        on has a say; with few of them pass a corpus of its own.

    Returns
    -------
    scorer : callable
        Of (estimator, X, y); greater is better. The estimator is a fitted topic model,
        or a pipeline that ends in one.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.metrics import topic_scorer
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> scoring = {name: topic_scorer(name) for name in ("completion", "npmi")}
    >>> found = cross_validate(TorchPoissonNMF(3, random_state=0), X, scoring=scoring)
    >>> sorted(found)
    ['fit_time', 'score_time', 'test_completion', 'test_npmi']
    """
    if score not in _SCORES:
        raise ValueError(f"score must be one of {', '.join(_SCORES)}. Got {score!r}.")
    if n_terms is not None and score == "completion":
        raise ValueError("n_terms is for the first terms; 'completion' looks at all.")
    if reference is not None and score in ("completion", "diversity"):
        raise ValueError(
            f"reference is for co-occurrence, in 'npmi' and 'quality'; the score is "
            f"{score!r}."
        )
    if n_terms is None:
        n_terms = 25 if score == "diversity" else 10
    return _TopicScorer(score, n_terms, reference)
