"""Arguments that make no sense: each is named, or has a result that is documented."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import (
    differential_terms,
    dominant_topics,
    summary,
    to_pyldavis,
    top_terms,
    topic_info,
    topic_neighbors,
    topic_words,
    word_neighbors,
)
from sklearn_topics.metrics import (
    align_topics,
    coherence,
    completion_score,
    label_agreement,
    perplexity,
    purity,
    rbo_diversity,
    sort_documents,
    topic_distances,
    topic_diversity,
    topic_quality,
    topic_scorer,
    topic_stability,
)


@pytest.fixture(scope="module")
def X():
    return make_topic_corpus(40, 20, 3, doc_length=40, random_state=0)[0].toarray()


@pytest.fixture(scope="module")
def model(X):
    return TorchPoissonNMF(3, random_state=0).fit(X)


@pytest.fixture(scope="module")
def etm(X):
    return TorchETM(3, embedding_dim=4, random_state=0, max_iter=2).fit(X)


OF_TOPICS = {
    "topic_distances": topic_distances,
    "align_topics": lambda topics: align_topics(topics, topics),
    "topic_stability": lambda topics: topic_stability([topics, topics]),
    "topic_words": topic_words,
    "top_terms": top_terms,
    "topic_diversity": topic_diversity,
    "rbo_diversity": rbo_diversity,
    "coherence": lambda topics: coherence(topics, np.eye(3)),
    "topic_quality": lambda topics: topic_quality(topics, np.eye(3)),
    "coherence of texts": lambda topics: coherence(topics, texts=[["a"]]),
}
OF_DOCUMENTS = {
    "dominant_topics": dominant_topics,
    "topic_info": topic_info,
    "summary": summary,
    "differential_terms": differential_terms,
    "to_pyldavis": to_pyldavis,
    "completion_score": completion_score,
    "perplexity": perplexity,
    "coherence": coherence,
    "topic_quality": topic_quality,
    **{
        f"scorer {name}": topic_scorer(name)
        for name in ("completion", "perplexity", "npmi", "umass", "quality")
    },
}
#: Which count cells above zero, of any others.
CO_OCCURRENCE = {"coherence", "topic_quality"}
CO_OCCURRENCE |= {f"scorer {name}" for name in ("npmi", "umass", "quality")}

OF_THETA = {
    "sort_documents": sort_documents,
    "purity": lambda theta: purity(["a", "b"], theta),
    "label_agreement": lambda theta: label_agreement(["a", "b"], theta),
}


def raises_and_names(function, name, *args, **options):
    __tracebackhide__ = True
    given = ", ".join(f"{type(value).__name__} {value!r:.60}" for value in args)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        try:
            function(*args, **options)
        except (TypeError, ValueError) as error:
            assert re.search(name, str(error)), given  # noqa: PT017
            return
    pytest.fail(f"taken without a word: {given}")


NO_TOPICS = [
    [],
    [[]],
    [["a"], []],
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.ones(3),
    "cat",
    ["cat", "dog"],
    [["a", None]],
    [[1.0, 2.0], [1.0]],
    [[1.0, np.nan, 0.0]],
    [[1.0, np.inf, 0.0]],
    None,
    3,
]


@pytest.mark.parametrize("function", OF_TOPICS)
def test_topics(function):
    name = "topics|models" if function == "topic_stability" else "topics"
    for topics in NO_TOPICS:
        raises_and_names(OF_TOPICS[function], name, topics)


@pytest.mark.parametrize("function", OF_DOCUMENTS)
def test_documents(model, X, function):
    for wrong in (
        X[:0],
        X[:, :0],
        X[:, :10],
        X[0],
        sp.csr_array(X)[:0],
        X.astype(str),
        X.astype(complex),
        ["a text", "one other"],
        [[1, 2], [3]],
        None,
        3,
    ):
        raises_and_names(OF_DOCUMENTS[function], r"\bX\b", model, wrong)


@pytest.mark.parametrize("function", OF_DOCUMENTS)
def test_models(X, function):
    for model in (3, None, "model", np.ones(20), CountVectorizer()):
        raises_and_names(OF_DOCUMENTS[function], "model|topics|not fitted", model, X)


@pytest.mark.parametrize("function", sorted(set(OF_DOCUMENTS) - CO_OCCURRENCE))
def test_cells(model, X, function):
    for value in (np.nan, np.inf, -1):
        X = X.astype(float)
        X[3, 2] = value
        raises_and_names(OF_DOCUMENTS[function], "X|data passed", model, X)


@pytest.mark.parametrize("function", OF_DOCUMENTS)
def test_documents_without_tokens_and_a_single_one(model, X, function):
    """A number, or an error that says it: never a division by zero."""
    for documents in (X * 0, X[:1]):
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            try:
                found = OF_DOCUMENTS[function](model, documents)
            except ValueError as error:
                assert "token" in str(error)  # noqa: PT017
                assert not documents.any()
                continue
        if isinstance(found, float):
            assert np.isfinite(found)


@pytest.mark.parametrize("function", OF_THETA)
@pytest.mark.parametrize(
    "theta",
    [
        [],
        [[], []],
        np.zeros((0, 2)),
        [[1.0, np.nan], [1, 0]],
        [["a", "b"], ["c", "d"]],
        np.ones((2, 2, 2)),
        3,
        None,
    ],
    ids=repr,
)
def test_theta(function, theta):
    raises_and_names(OF_THETA[function], "theta", theta)


@pytest.mark.parametrize("score", [purity, label_agreement])
@pytest.mark.parametrize(
    "labels", [[], ["a"], ["a", None, "b"], [1.0, np.nan, 2], [["a"], ["b"], ["c"]], 3]
)
def test_labels(score, labels):
    raises_and_names(score, "labels", labels, [[0.9, 0.1], [0.2, 0.8], [1, 0]])


OF_NUMBERS = {
    "topic_diversity": lambda model, X, n: topic_diversity(model, n_terms=n),
    "rbo_diversity": lambda model, X, n: rbo_diversity(model, n_terms=n),
    "coherence": lambda model, X, n: coherence(model, X, n_terms=n),
    "topic_quality": lambda model, X, n: topic_quality(model, X, n_terms=n),
    "topic_scorer": lambda model, X, n: topic_scorer("npmi", n_terms=n),
    "top_terms": lambda model, X, n: top_terms(model, n_terms=n),
    "topic_info": lambda model, X, n: topic_info(model, X, n_terms=n),
    "summary": lambda model, X, n: summary(model, X, n_terms=n),
    "differential_terms": lambda model, X, n: differential_terms(model, X, n_terms=n),
    "word_neighbors": lambda model, X, n: word_neighbors(model, [0], n_terms=n),
    "topic_neighbors": lambda model, X, n: topic_neighbors(model, n_terms=n),
    "TorchETM.word_neighbors": lambda model, X, n: model.word_neighbors([0], n),
    "TorchETM.topic_neighbors": lambda model, X, n: model.topic_neighbors(n),
}


@pytest.mark.parametrize("function", OF_NUMBERS)
def test_n_terms(etm, X, function):
    for n in (0, -1, 2.5, "3", True, np.nan):
        raises_and_names(OF_NUMBERS[function], "n_terms", etm, X, n)


@pytest.mark.parametrize("function", OF_NUMBERS)
def test_more_terms_than_there_are(etm, X, function):
    """All of them."""
    found = OF_NUMBERS[function](etm, X, 1000)
    whole = OF_NUMBERS[function](etm, X, 20)
    if isinstance(found, float):
        assert found == whole
    elif isinstance(found, np.ndarray):
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize(
    ("function", "options", "name"),
    [
        (topic_info, {"n_documents": -1}, "n_documents"),
        (topic_info, {"n_documents": 1.5}, "n_documents"),
        (topic_info, {"texts": ["a", "b"]}, "texts"),
        (topic_info, {"texts": "abc"}, "texts"),
        (topic_info, {"feature_names": "abc"}, "feature_names"),
        (topic_info, {"feature_names": ["abc"]}, "feature_names"),
        (summary, {"feature_names": ["abc"]}, "feature_names"),
        (differential_terms, {"feature_names": 3}, "feature_names"),
        (differential_terms, {"pseudocount": np.nan}, "pseudocount"),
        (differential_terms, {"pseudocount": np.inf}, "pseudocount"),
        (differential_terms, {"pseudocount": "1"}, "pseudocount"),
        (differential_terms, {"against": True}, "against"),
        (differential_terms, {"against": -1}, "against"),
        (differential_terms, {"against": None}, "against"),
        (coherence, {"feature_names": ["abc"]}, "feature_names"),
        (coherence, {"measure": None}, "measure"),
        (coherence, {"measure": "c_umass"}, "mean .*umass"),
        (coherence, {"window_size": 3}, "window_size"),
    ],
)
def test_other_arguments_of_documents(model, X, function, options, name):
    raises_and_names(function, name, model, X, **options)


@pytest.mark.parametrize(
    ("function", "args", "options", "name"),
    [
        (top_terms, (np.eye(2),), {"by": "weight"}, "by"),
        (top_terms, (np.eye(2),), {"relevance_weight": np.nan}, "relevance_weight"),
        (top_terms, (np.eye(2),), {"relevance_weight": "1"}, "relevance_weight"),
        (
            top_terms,
            (np.eye(2),),
            {"by": "lift", "topic_shares": [1, np.nan]},
            "topic_shares",
        ),
        (top_terms, (np.eye(2),), {"by": "lift", "topic_shares": 1}, "topic_shares"),
        (rbo_diversity, (np.eye(2),), {"p": 1}, r"\bp\b"),
        (rbo_diversity, (np.eye(2),), {"p": np.nan}, r"\bp\b"),
        (rbo_diversity, (np.eye(2),), {"p": "a"}, r"\bp\b"),
        (topic_distances, (np.eye(2),), {"distance": "hellinge"}, "mean 'hellinger'"),
        (topic_distances, (np.eye(2),), {"distance": None}, "distance"),
        (topic_distances, (np.eye(2), np.eye(3)), {}, "2 and 3 terms"),
        (topic_scorer, (None,), {}, "score"),
        (topic_scorer, ("purity",), {"n_terms": 3}, "n_terms"),
        (topic_scorer, ("npmi",), {"reference": [1], "texts": [[1]]}, "reference"),
        (coherence, ([["a"]],), {"texts": []}, "texts is empty"),
        (coherence, ([["a"]],), {"texts": 3}, "texts"),
        (coherence, ([["a"]],), {"texts": [None]}, "texts"),
        (coherence, ([["a"]],), {"texts": [["a"]], "window_size": 0}, "window_size"),
        (
            coherence,
            (np.eye(3),),
            {"texts": [["a"]], "feature_names": ["a"]},
            "feature_names",
        ),
        (
            coherence,
            ([[0, 3]],),
            {"texts": [["a"]], "feature_names": ["a"]},
            "topics",
        ),
        (topic_stability, (np.eye(2),), {}, "list of at least two fits"),
        (topic_stability, ([[1, 0], [0, 1]],), {}, "list of at least two fits"),
        (topic_stability, ([np.eye(2)],), {}, "list of at least two fits"),
        (topic_stability, ([],), {}, "list of at least two fits"),
        (topic_stability, (None,), {}, "list of at least two fits"),
    ],
)
def test_other_arguments(function, args, options, name):
    raises_and_names(function, name, *args, **options)


def test_one_model_has_no_stability(model):
    for one in (model, make_pipeline(CountVectorizer(), model), [model]):
        with pytest.raises(ValueError, match="list of at least two fits"):
            topic_stability(one)
    assert topic_stability((model, model)) == topic_stability([model, model])
    assert topic_stability(np.stack([np.eye(3)] * 2)) == 1
