"""Scorers for GridSearchCV and cross_validate, including pipelines that read text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .._boundary.arguments import check_choice, check_integer
from .._boundary.documents import row_labels
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts, strongest_topics
from ._coherence import ALIASES, coherence
from ._diversity import rbo_diversity, topic_diversity, topic_quality
from ._heldout import completion_score, perplexity
from ._labels import label_agreement, purity

_MEASURES = "npmi", "umass", "c_v", "c_uci", "c_npmi"
_DIVERSITIES = {"diversity": topic_diversity, "rbo_diversity": rbo_diversity}
_LABELLED = {"purity": purity, "label_agreement": label_agreement}
_CO_OCCURRENCE = *_MEASURES, "quality"
_HELD_OUT = "completion", "perplexity"
_SCORES = *_HELD_OUT, "coherence", *_CO_OCCURRENCE, *_DIVERSITIES, *_LABELLED

#: Names of the functions, and names in other packages.
_ALIASES = {
    **ALIASES,
    "coherence": "npmi",
    "completion_score": "completion",
    "neg_perplexity": "perplexity",
    "topic_diversity": "diversity",
    "topic_quality": "quality",
    "nmi": "label_agreement",
}


@dataclass(frozen=True, eq=False)
class _TopicScorer:
    """A callable with arguments (estimator, X, y) that can be pickled."""

    name: str
    n_terms: int
    reference: object = field(default=None, repr=False)
    texts: object = field(default=None, repr=False)

    def __call__(self, estimator, X, y=None):
        if self.name == "completion":
            return completion_score(estimator, X)
        if self.name == "perplexity":
            return -perplexity(estimator, X)
        if self.name in _DIVERSITIES:
            _, model = split_pipeline(estimator)
            return _DIVERSITIES[self.name](model, n_terms=self.n_terms)
        if self.name in _LABELLED:
            return self._agreement(estimator, X, y)
        corpus = X if self.reference is None else self.reference
        options = {"texts": self.texts, "n_terms": self.n_terms}
        corpus = corpus if self.texts is None else None
        if self.name == "quality":
            return topic_quality(estimator, corpus, **options)
        return coherence(estimator, corpus, measure=self.name, **options).mean

    def _agreement(self, estimator, X, y):
        if y is None:
            raise ValueError(
                f"score={self.name!r} needs labels to compare with. Pass them as y to "
                "the fit method of the search, or to cross_validate."
            )
        if not _may_be_folds(X, y):
            row_labels(X=X, y=y)
        topics, _ = strongest_topics(*proportions_and_counts(estimator, X))
        return _LABELLED[self.name](y, topics)


def _may_be_folds(X, y) -> bool:
    """Whether an index may be part of a default index, which does not identify rows.

    Integer indexes may be; but the same integers in another order identify rows.
    """
    if not (hasattr(X, "iloc") and hasattr(y, "iloc")):
        return False
    kinds = X.index.dtype.kind, y.index.dtype.kind
    return "i" in kinds and set(X.index) != set(y.index)


def topic_scorer(
    score, *, n_terms=None, reference=None, texts=None
) -> Callable[..., float]:
    """Make a scorer for the ``scoring`` argument of searches and cross-validation.

    Parameters
    ----------
    score : str
        Name of a function of :mod:`sklearn_topics.metrics`, or a short name:

        - "completion" or "completion_score": :func:`completion_score` of the
          validation documents;
        - "perplexity" or "neg_perplexity": the negative :func:`perplexity` of the
          validation documents, because a search maximises the score, as for
          scikit-learn's "neg_log_loss";
        - "coherence" or "npmi", "umass" or "u_mass", "c_v", "c_uci", "c_npmi": the mean
          :func:`coherence` of the topics by this measure;
        - "diversity" or "topic_diversity": :func:`topic_diversity`;
        - "rbo_diversity": :func:`rbo_diversity`;
        - "quality" or "topic_quality": :func:`topic_quality`;
        - "purity", "label_agreement" or "nmi": :func:`purity` or
          :func:`label_agreement` of the validation documents and their labels y.
    n_terms : int, default=None
        Number of top terms per topic. If None, 25 for "diversity" and 10 otherwise.
    reference : {array-like, sparse matrix, torch.Tensor} or list of str, default=None
        Documents in which co-occurrences are counted, for the measures of coherence and
        "quality"; with a pipeline, the pipeline's input. If None, the validation
        documents are used, which the model was not fitted on. Pass a reference corpus
        if there are few of them.
    texts : iterable of list of str, default=None
        Tokenised documents, an alternative to `reference`. Co-occurrences are counted
        in sliding windows, as gensim defines "c_v", "c_uci" and "c_npmi".

    Returns
    -------
    scorer : callable
        A function of (estimator, X, y); higher is better. The estimator is a fitted
        topic model or a pipeline that ends in one.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.metrics import topic_scorer
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> scoring = {name: topic_scorer(name) for name in ("completion", "npmi")}
    >>> model = TorchPoissonNMF(3, random_state=0)
    >>> sorted(cross_validate(model, X, scoring=scoring))
    ['fit_time', 'score_time', 'test_completion', 'test_npmi']
    """
    if score in ("topic_stability", "stability"):
        raise ValueError(
            f"score={score!r} compares several fits, but a scorer gets a single fit. "
            "Call sklearn_topics.metrics.topic_stability with a list of fits."
        )
    score = check_choice(score, "score", _SCORES, _ALIASES)
    if n_terms is None:
        n_terms = 25 if score == "diversity" else 10
    elif score not in (*_CO_OCCURRENCE, *_DIVERSITIES):
        raise ValueError(
            f"n_terms has no effect with score={score!r}, which does not use top "
            "terms. Leave n_terms out."
        )
    if score not in _CO_OCCURRENCE and not (reference is None and texts is None):
        name = "texts" if reference is None else "reference"
        raise ValueError(
            f"{name} has no effect with score={score!r}, which does not count "
            f"co-occurrences. Leave {name} out."
        )
    if reference is not None and texts is not None:
        raise ValueError(
            "Both reference and texts are given. Pass either of them to count "
            "co-occurrences."
        )
    if isinstance(texts, Iterator):  # every call of the scorer reads the texts
        texts = list(texts)
    return _TopicScorer(score, check_integer(n_terms, "n_terms"), reference, texts)
