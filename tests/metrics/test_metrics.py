"""Diversity, held-out scores, alignment, labels, and scorers."""

import pickle
import warnings

import numpy as np
import pandas
import pytest
import torch
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    TorchBetaNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    metrics,
)
from sklearn_topics._boundary.top_terms import top_columns
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import dominant_topics, top_terms, topic_info
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
def known():
    return make_topic_corpus(300, 80, 4, doc_length=120, random_state=0)


@pytest.fixture(scope="module")
def fitted(known):
    return TorchPoissonNMF(4, random_state=0).fit(known[0])


# ------------------------------------------------------------------- diversity


def test_topic_diversity():
    weights = np.array([[3, 2, 1, 0], [3, 2, 0, 1]])
    assert topic_diversity(weights, n_terms=2) == 0.5
    assert topic_diversity(weights, n_terms=3) == 4 / 6
    assert topic_diversity([["a", "b"], ["c", "b"]]) == 0.75


def test_rbo_of_equal_and_of_disjoint_topics():
    assert rbo_diversity([[1, 2, 3], [1, 2, 3]]) == pytest.approx(0)
    assert rbo_diversity([[1, 2, 3], [4, 5, 6]]) == pytest.approx(1)
    assert rbo_diversity([[1, 2, 3]]) == 1


def test_rbo_by_its_sum():
    """Lists that agree in all further ranks as in the last one; p = 0.8."""
    a, b, p = [1, 2, 3, 4], [2, 1, 5, 3], 0.8
    agreement = [0, 1, 2 / 3, 3 / 4]
    endless = agreement + [3 / 4] * 2000
    expected = (1 - p) * sum(A * p**d for d, A in enumerate(endless))
    assert 1 - rbo_diversity([a, b], p=p) == pytest.approx(expected)


def test_rbo_weighs_first_ranks_most():
    base = [1, 2, 3, 4, 5]
    first, last = (
        rbo_diversity([base, [9, 2, 3, 4, 5]]),
        rbo_diversity([base, [1, 2, 3, 4, 9]]),
    )
    assert first > last
    with pytest.raises(ValueError, match="between 0 and 1"):
        rbo_diversity([base], p=1.0)


def test_quality_is_the_product(known):
    X, _, topics = known
    expected = coherence(topics, X).mean * topic_diversity(topics)
    assert topic_quality(topics, X) == pytest.approx(expected)


# ------------------------------------------------------------------- held-out


@pytest.mark.parametrize("Model", [TorchPoissonNMF, TorchETM])
def test_completion_is_the_models_own_score(known, Model):
    X = known[0]
    model = Model(4, random_state=0).fit(X)
    assert completion_score(model, X) == pytest.approx(model.score(X), rel=1e-5)
    assert perplexity(model, X) == pytest.approx(model.perplexity(X), rel=1e-4)
    dense = completion_score(model, X.toarray())
    assert dense == pytest.approx(completion_score(model, X), rel=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        LatentDirichletAllocation(4, random_state=0),
        NMF(4, solver="mu", beta_loss=1, random_state=0, max_iter=500),
        TorchBetaNMF(4, solver="scd", beta_loss=1, random_state=0, max_iter=500),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_models_are_near_the_truth(known, model):
    """Weights of any scale become proportions; the truth is a model, too."""
    X, _, topics = known
    score = completion_score(model.fit(X), X)
    ours = TorchPoissonNMF(4, random_state=0).fit(X).score(X)
    assert ours - 0.1 < score < ours + 0.05
    assert score > np.log(1 / 80) + 1


@pytest.mark.filterwarnings("error")
def test_frames_keep_their_names():
    X, _, _ = make_topic_corpus(60, 5, 2, random_state=0)
    frame = pandas.DataFrame(X.toarray(), columns=list("abcde"))
    model = TorchPoissonNMF(2, random_state=0).fit(frame)
    expected = model.score(frame)
    assert completion_score(model, frame) == pytest.approx(expected, rel=1e-5)


def test_scale_of_a_factorisation_does_not_matter(known):
    X = known[0]
    model = TorchBetaNMF(4, solver="scd", beta_loss=1, max_iter=500).fit(X)
    before = completion_score(model, X)
    model.components_ = model.components_ * np.array([[1.0], [5], [20], [0.2]])
    assert completion_score(model, X) == pytest.approx(before, abs=1e-3)


# ------------------------------------------------------------------- alignment


@pytest.mark.parametrize(
    "distance", ["hellinger", "total_variation", "jensen_shannon", "cosine"]
)
def test_a_shuffle_is_undone(known, distance):
    topics = known[2]
    order = np.array([2, 0, 3, 1])
    found = align_topics(topics, 7 * topics[order], distance=distance)
    np.testing.assert_array_equal(order[found.matched], np.arange(4))
    np.testing.assert_allclose(found.distance, 0, atol=1e-7)
    np.testing.assert_array_equal(found.reference, np.arange(4))


def test_distances_are_between_zero_and_one():
    for distance in ("hellinger", "total_variation", "jensen_shannon", "cosine"):
        (apart,) = align_topics([[1, 0]], [[0, 1]], distance=distance).distance
        assert apart == pytest.approx(1)


def test_hellinger_by_its_formula():
    p, q = np.array([0.2, 0.8]), np.array([0.5, 0.5])
    (found,) = align_topics([p], [q]).distance
    assert found == pytest.approx(np.sqrt(1 - np.sqrt(p * q).sum()))


def test_other_numbers_of_topics(known):
    X, _, topics = known
    found = align_topics(topics, TorchPoissonNMF(6, random_state=0).fit(X))
    assert len(found.matched) == len(set(found.matched)) == 4
    with pytest.raises(ValueError, match="80 and 3 terms"):
        align_topics(topics, np.ones((4, 3)))
    with pytest.raises(ValueError, match="must be one of"):
        align_topics(topics, topics, distance="manhattan")


def test_stability(known):
    X = known[0]
    right, wrong = (
        topic_stability([TorchPoissonNMF(k, random_state=s).fit(X) for s in range(3)])
        for k in (4, 7)
    )
    assert 0.95 < right <= 1
    assert wrong < right
    with pytest.raises(ValueError, match="list of at least two fits"):
        topic_stability([np.ones((2, 2))])


def test_sorted_documents():
    theta = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    ordered = theta[sort_documents(theta)]
    topic, top = ordered.argmax(1), ordered.max(1)
    assert (np.diff(topic) >= 0).all()
    assert (np.diff(top)[np.diff(topic) == 0] <= 0).all()


def test_labels():
    labels = ["a", "a", "b", "b"]
    theta = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    assert purity(labels, theta) == label_agreement(labels, theta) == 1
    assert purity(labels, [0, 1, 0, 1]) == 0.5
    assert label_agreement(labels, [0, 1, 0, 1]) == pytest.approx(0)


# ------------------------------------------------------------------- scorers


def test_multimetric_search_over_text():
    rng = np.random.default_rng(0)
    groups = [[f"a{i}" for i in range(8)], [f"b{i}" for i in range(8)]]
    texts = [" ".join(rng.choice(groups[i % 2], 30)) for i in range(60)]
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(random_state=0))
    names = ("completion", "perplexity", "npmi", "diversity", "quality", "purity")
    search = GridSearchCV(
        pipe,
        {"torchpoissonnmf__n_components": [1, 2]},
        scoring={name: topic_scorer(name) for name in names},
        refit="completion",
        cv=3,
        n_jobs=2,
    ).fit(texts, [i % 2 for i in range(60)])
    assert search.best_params_ == {"torchpoissonnmf__n_components": 2}
    assert search.cv_results_["mean_test_purity"].tolist() == [0.5, 1]
    # A search takes the greatest score: that of the smallest perplexity.
    assert search.cv_results_["rank_test_perplexity"].tolist() == [2, 1]
    for name in names:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()
    assert topic_scorer("completion")(search, texts) == pytest.approx(
        completion_score(search.best_estimator_, texts)
    )


@pytest.mark.filterwarnings("ignore:measure=.* is defined on windows")
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("completion", completion_score),
        ("completion_score", completion_score),
        ("perplexity", lambda model, X: -perplexity(model, X)),
        ("neg_perplexity", lambda model, X: -perplexity(model, X)),
        ("coherence", lambda model, X: coherence(model, X).mean),
        *(
            (name, lambda model, X, m=name: coherence(model, X, measure=m).mean)
            for name in ("npmi", "umass", "u_mass", "c_v", "c_uci", "c_npmi")
        ),
        ("diversity", lambda model, X: topic_diversity(model)),
        ("topic_diversity", lambda model, X: topic_diversity(model)),
        ("rbo_diversity", lambda model, X: rbo_diversity(model)),
        ("quality", topic_quality),
        ("topic_quality", topic_quality),
        *(
            (name, lambda model, X, f=f: f(np.arange(300) % 3, model.transform(X)))
            for name, f in (("purity", purity), ("label_agreement", label_agreement))
        ),
    ],
)
def test_scorers_have_the_names_of_the_metrics(known, fitted, name, function):
    X, _, _ = known
    found = topic_scorer(name)(fitted, X, np.arange(300) % 3)
    assert found == pytest.approx(function(fitted, X))


def test_every_score_of_a_model_has_a_scorer(known, fitted):
    """All functions of metrics, but those that return no number or compare models."""
    others = {"topic_stability", "topic_distances", "align_topics", "sort_documents"}
    others |= {"topic_scorer", "Coherence", "TopicAlignment"}
    for name in set(metrics.__all__) - others:
        score = topic_scorer(name)(fitted, known[0], np.arange(300) % 3)
        assert np.isfinite(score), name


def test_scorer_over_windows_of_tokens():
    texts = ["a b c", "c d a", "d a b", "b c d"] * 5
    pattern = CountVectorizer(token_pattern="[a-z]")
    pipe = make_pipeline(pattern, TorchPoissonNMF(2, random_state=0)).fit(texts)
    tokens = [text.split() for text in texts]
    expected = coherence(pipe, texts=tokens, measure="c_v", n_terms=3).mean
    for given in (tokens, iter(tokens)):
        scorer = topic_scorer("c_v", n_terms=3, texts=given)
        assert scorer(pipe, texts) == scorer(pipe, texts) == expected
    found = topic_scorer("quality", texts=tokens)(pipe, texts)
    assert found == topic_quality(pipe, texts=tokens)


def test_reference_corpus_and_pickle():
    texts = ["a b", "a b", "c d", "c d"] * 5
    pipe = make_pipeline(
        CountVectorizer(token_pattern="[a-z]"), TorchPoissonNMF(2, random_state=0)
    ).fit(texts)
    apart = ["a c", "b d", "a d", "b c"]
    own = topic_scorer("npmi", n_terms=2)
    other = pickle.loads(pickle.dumps(topic_scorer("npmi", n_terms=2, reference=apart)))
    assert own(pipe, texts) == 1
    assert other(pipe, texts) == -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": "cohrence"}, "must be one of completion.*mean 'coherence'"),
        ({"score": "c-v"}, "Did you mean 'c_v'"),
        ({"score": "topic_stability"}, "compares several fits"),
        (
            {"score": "diversity", "reference": ["a"]},
            "reference has no effect",
        ),
    ],
)
def test_what_is_wrong_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        topic_scorer(**arguments)


def test_completion_score_finds_the_number_of_topics():
    """A search over k, by cross-validation, on three corpora of eight topics."""
    found = []
    for seed in range(3):
        X, _, _ = make_topic_corpus(400, 120, 8, doc_length=150, random_state=seed)
        search = GridSearchCV(
            TorchPoissonNMF(random_state=0),
            {"n_components": [4, 6, 7, 8, 9, 12]},
            scoring=topic_scorer("completion"),
            cv=2,
        ).fit(X)
        found.append(search.best_params_["n_components"])
    assert all(7 <= k <= 9 for k in found), found


def test_negative_weights_are_no_topics(known):
    X, _, _ = known
    svd = TorchTruncatedSVD(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="TorchTruncatedSVD has topics with negative"):
        completion_score(svd, X)


def test_counts_have_the_dtype_of_the_model(known):
    """scikit-learn's NMF refuses other ones than it was fitted to."""
    X, _, _ = known
    model = NMF(3, init="random", random_state=0, max_iter=500)
    narrow = model.fit(X.astype(np.float32))
    score = completion_score(narrow, X.astype(np.float32))
    assert score == pytest.approx(completion_score(narrow, X), rel=1e-5)
    assert score == pytest.approx(completion_score(model.fit(X), X), rel=1e-2)


@pytest.mark.parametrize("n", [1, 3, 7, 8, 20])
def test_first_terms_are_those_of_a_stable_sort(n):
    weights = np.random.default_rng(0).integers(0, 4, (30, 8)).astype(float)
    weights[3] = 0
    for row, found in zip(weights, top_columns(weights, n), strict=True):
        order = np.argsort(-row, kind="stable")
        expected = order[row[order] > 0] if row.any() else order
        np.testing.assert_array_equal(found, expected[:n])


def test_terms_without_weight_are_of_no_topic():
    weights = np.zeros((2, 60))
    weights[0, 50:53], weights[1, 55:58] = 1, 1
    X = np.zeros((8, 60))
    X[:4, 50:53], X[4:, 55:58] = 1, 1
    assert topic_diversity(weights, n_terms=10) == 1
    assert rbo_diversity(weights) == pytest.approx(1)
    assert coherence(weights, X).per_topic.tolist() == [1, 1]


def test_words_need_no_columns_to_differ(known):
    words = [["x", "y"], ["z", "w"]]
    for topics in (words, np.array(words), np.array(words, dtype=object)):
        assert topic_diversity(topics) == rbo_diversity(topics) == 1
        assert coherence(topics, texts=[["x", "y"], ["z", "w"]]).mean == 1
    X, names = np.eye(4), np.array(["a", "b", "c", "d"])
    assert topic_quality(words, X, feature_names=names) == -1
    X, _, _ = known
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    names = np.array([f"t{j}" for j in range(80)])
    assert topic_quality(model, X, feature_names=names) == topic_quality(model, X)


def test_topics_and_counts_of_other_terms_are_refused(known):
    X, _, _ = known
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    with pytest.raises(ValueError, match="topics has 80 terms, but X has 79 columns"):
        coherence(model, X[:, :79])
    with pytest.raises(ValueError, match="has 10 terms, but X has 80 columns"):
        coherence(np.argsort(-model.components_)[:, :10], X)
    with pytest.raises(ValueError, match="topics contains column 80"):
        coherence([[0, 80]], X)
    with pytest.raises(ValueError, match="Pass feature_names"):
        coherence([[0, 1]], texts=[["cat", "dog"]])
    with pytest.raises(ValueError, match="window_size=3 has no effect with X"):
        coherence(model, X, window_size=3)
    with pytest.raises(ValueError, match="n_terms has no effect"):
        topic_scorer("completion", n_terms=3)


def test_models_that_are_not_fitted_or_stand_deep(known):
    X, _, _ = known
    with pytest.raises(NotFittedError):
        coherence(TorchPoissonNMF(2), X)
    search = GridSearchCV(TorchPoissonNMF(random_state=0), {"n_components": [2]}, cv=2)
    texts = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4
    pipe = make_pipeline(CountVectorizer(), search).fit(texts)
    best = search.best_estimator_
    assert topic_diversity(pipe, n_terms=2) == topic_diversity(best, n_terms=2)
    counts = pipe[0].transform(texts)
    assert coherence(pipe, texts).mean == coherence(best, counts).mean


def test_steps_without_names_of_terms(known):
    hashing = HashingVectorizer(n_features=32, alternate_sign=False, norm=None)
    pipe = make_pipeline(hashing, TorchPoissonNMF(2, random_state=0))
    texts = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4
    pipe.fit(texts)
    assert topic_scorer("npmi")(pipe, texts) == coherence(pipe, texts).mean
    assert len(topic_info(pipe, texts)) == 2


@pytest.mark.parametrize("container", [np.asarray, np.ndarray.tolist, pandas.DataFrame])
def test_narrow_nmf_takes_every_container(known, container):
    X = known[0].toarray()[:100]
    narrow = container(X.astype(np.float32))
    model = NMF(3, init="random", random_state=0, max_iter=500)
    model.fit(np.asarray(narrow, np.float32))
    found = dominant_topics(model, container(X))["Topic"]
    expected = dominant_topics(model, X.astype(np.float32))["Topic"]
    assert found.tolist() == expected.tolist()
    assert completion_score(model, narrow) < 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["dense", "coo", "csr"])
@pytest.mark.parametrize(
    "measure",
    [
        completion_score,
        perplexity,
        coherence,
        topic_quality,
        *map(topic_scorer, ("completion", "npmi", "quality")),
    ],
    ids=lambda measure: getattr(measure, "__name__", repr(measure)),
)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_tensors_are_counts_like_any(known, fitted, measure, layout, dtype):
    X, _, _ = known
    tensor = torch.from_numpy(X.toarray()).to(dtype)
    if layout != "dense":
        tensor = tensor.to_sparse(layout=getattr(torch, f"sparse_{layout}"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(fitted, tensor)
    expected = measure(fitted, X)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_tensors_as_topics_weights_and_reference(known):
    """Also for a model of scikit-learn, in its dtype; gradients are of no concern."""
    X, _, topics = known
    counts = torch.from_numpy(X.toarray()).double().requires_grad_()
    nmf = NMF(4, init="random", random_state=0, max_iter=500)
    nmf.fit(X.astype(np.float32))
    weights = torch.from_numpy(topics)
    theta = nmf.transform(X.astype(np.float32))
    scorer = topic_scorer("npmi", reference=counts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = completion_score(nmf, counts), scorer(nmf, X)
        assert topic_quality(weights, counts) == topic_quality(topics, X)
        assert topic_diversity(weights) == topic_diversity(topics)
        assert topic_stability([weights, weights]) == pytest.approx(1)
        order = sort_documents(torch.from_numpy(theta))
        purity(torch.arange(300) % 4, torch.from_numpy(theta))
    assert found[0] == pytest.approx(completion_score(nmf, X), rel=1e-5)
    assert found[1] == topic_scorer("npmi")(nmf, X)
    assert isinstance(order, torch.Tensor)
    np.testing.assert_array_equal(order, sort_documents(theta))
    between = topic_distances(weights)
    assert isinstance(between, torch.Tensor)
    np.testing.assert_array_equal(between, topic_distances(topics))
    assert isinstance(topic_distances(topics, weights), np.ndarray)


@pytest.mark.parametrize(
    "function",
    [
        lambda A: topic_distances(A),
        lambda A: topic_distances(A, A[:, :]),
        lambda A: align_topics(A, A).distance,
        lambda A: topic_stability([A, A]),
        lambda A: topic_diversity(A),
        lambda A: rbo_diversity(A),
        lambda A: coherence(A, A).per_topic,
        lambda A: sort_documents(A),
        lambda A: purity(A[:, 0] > 0, A),
        lambda A: label_agreement(A[:, 0] > 0, A),
        lambda A: top_terms(A, by="lift", topic_shares=A[:, 0]),
    ],
)
def test_tensors_that_numpy_cannot_read(function):
    """With a gradient, as one on a GPU."""
    A = np.array([[0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = function(torch.from_numpy(A).requires_grad_())
    assert np.asarray(found).tolist() == np.asarray(function(A)).tolist()
