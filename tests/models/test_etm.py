"""TorchETM as its users see it."""

import pickle
import signal
import threading

import numpy as np
import pandas
import pytest
import scipy.sparse as sp
import torch
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchETM, embedding_matrix
from sklearn_topics.datasets import make_topic_corpus


def model(n_components=4, **parameters):
    defaults = {"hidden_layer_sizes": (32,), "embedding_dim": 16, "random_state": 0}
    if "embeddings" in parameters:
        del defaults["embedding_dim"]
    return TorchETM(n_components, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def fitted_once(X):
    """The fit with the model's default parameters."""
    return model().fit(X)


@pytest.fixture
def fitted(fitted_once):
    """A copy of it, to be changed."""
    return pickle.loads(pickle.dumps(fitted_once))


@pytest.fixture(scope="module")
def few(X):
    """Documents where it does not matter how good the topics are."""
    return X[:90]


def distance(found, topics):
    """Of each true topic to the nearest one found, half the L1 distance; the worst."""
    pairs = np.abs(found[:, None] - topics).sum(2) / 2
    return pairs.min(0).max()


# ------------------------------------------------------------------- what it finds


@pytest.mark.parametrize(
    "parameters",
    [{}, {"init": "random", "max_iter": 150, "batch_size": 50, "learning_rate": 0.01}],
)
def test_finds_the_known_topics(known, parameters):
    X, theta, topics = known
    fitted = model(**parameters).fit(X)
    assert distance(fitted.components_, topics) < 0.15
    np.testing.assert_allclose(fitted.components_.sum(1), 1, rtol=1e-5)
    order = np.abs(fitted.components_[:, None] - topics).sum(2).argmin(0)
    for inference, error in [("refined", 0.1), ("encoder", 0.2)]:
        found = fitted.set_params(inference=inference).transform(X)
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
        assert np.abs(found[:, order] - theta).sum(1).mean() / 2 < error


def test_training_raises_the_bound(X):
    history = model(max_iter=30, learning_rate_schedule="constant").fit(X).loss_history_
    elbo = history["elbo"]
    assert elbo[-5:].mean() > elbo[:5].mean()
    np.testing.assert_allclose(elbo, -history["nll"] - history["kl"], rtol=1e-9)
    assert list(history["iteration"]) == list(range(1, 31))
    assert (np.diff(history["seconds"]) > 0).all()


def test_refinement_scores_better_than_the_encoder(X):
    fitted = model().fit(X[:200])
    refined = fitted.score(X[200:])
    assert refined > fitted.set_params(inference="encoder").score(X[200:])
    assert refined > np.log(1 / X.shape[1])


def test_score_finds_the_number_of_topics(known):
    scores = {k: model(k).fit(known[0][:200]).score(known[0][200:]) for k in (2, 4)}
    assert scores[4] > scores[2]


def test_heavy_encoder_outweighs_the_document(X, fitted):
    encoder = fitted.set_params(inference="encoder").transform(X)
    refined = fitted.set_params(inference="refined", encoder_weight=1e7).transform(X)
    np.testing.assert_allclose(refined, encoder, atol=1e-3)


def test_components_are_those_of_the_embeddings(fitted):
    logits = fitted.topic_embeddings_ @ fitted.embeddings_.T
    topics = np.exp(logits - logits.max(1, keepdims=True))
    topics /= topics.sum(1, keepdims=True)
    np.testing.assert_allclose(fitted.components_, topics, rtol=1e-3)
    assert fitted.embeddings_.shape == (80, 16)
    assert fitted.topic_embeddings_.shape == (4, 16)


@pytest.fixture(scope="module")
def topics(few):
    """The topics of the fit with the model's default parameters."""
    return model().fit(few).components_


@pytest.mark.filterwarnings("ignore:Topics .* coincide:UserWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 3},
        {"embedding_dim": 8},
        {"hidden_layer_sizes": (16, 16)},
        {"activation": "tanh"},
        {"batch_norm": False},
        {"dropout": 0.3},
        {"token_dropout": 0.2},
        {"prior_scale": 2.0},
        {"init": "random"},
        {"max_iter": 5},
        {"batch_size": 60},
        {"learning_rate": 0.01},
        {"topic_learning_rate": 0.01},
        {"learning_rate_schedule": "constant"},
        {"learning_rate_schedule": lambda epoch: 0.5 ** (epoch // 2)},
        {"weight_decay": 0.01},
        {"kl_warmup": 5},
        {"max_grad_norm": 0.01},
        {"early_stopping": True},
        {"random_state": 1},
    ],
)
def test_every_parameter_changes_the_topics(few, topics, parameters):
    changed = model(**parameters).fit(few).components_
    assert changed.shape != topics.shape or not np.allclose(
        changed, topics, rtol=1e-6, atol=0
    )


# ------------------------------------------------------------------- small corpora


def two_vocabularies(n, *, n_groups=2, n_words=9, length=12, shares=None, seed=0):
    """Documents of words of one group each, and the groups."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(n_groups, n, p=shares)
    words = rng.integers(n_words, size=(n, length)) + groups[:, None] * n_words
    counts = [np.bincount(row, minlength=n_groups * n_words) for row in words]
    return np.array(counts), groups


@pytest.mark.parametrize("max_iter", [1, 4])
@pytest.mark.parametrize(
    ("corpus", "options"),
    [
        ({"n": 60}, {}),
        ({"n": 60}, {"dropout": 0.5}),
        ({"n": 60}, {"batch_size": 60}),
        ({"n": 60}, {"batch_size": 1}),
        ({"n": 60}, {"batch_norm": False}),
        ({"n": 60}, {"n_components": 5}),
        ({"n": 60}, {"early_stopping": True}),
        ({"n": 20}, {}),
        ({"n": 300}, {}),
        ({"n": 40, "n_groups": 3}, {}),
        ({"n": 100, "n_groups": 3, "shares": [0.6, 0.2, 0.2]}, {}),
        ({"n": 50, "length": 200}, {}),
    ],
)
def test_encoder_of_a_small_corpus(corpus, options, max_iter):
    """Its few batches leave running averages behind; the encoder must not be."""
    X, groups = two_vocabularies(**corpus, seed=max_iter)
    new, expected = two_vocabularies(**corpus, seed=100)
    options = {"n_components": groups.max() + 1, "random_state": 0, **options}
    fitted = TorchETM(inference="encoder", max_iter=max_iter, **options).fit(X)
    assert fitted.score(new) > np.log(1 / X.shape[1]) + 0.3
    words = fitted.components_.reshape(len(fitted.components_), -1, 9).sum(2)
    found = words.argmax(1)[fitted.transform(new).argmax(1)]
    assert (found == expected).mean() > 0.95


def test_statistics_are_those_of_the_weights_in_every_model(X, stop_after):
    """Of the model that fit returns, of those of callbacks and of the validation."""
    callback = stop_after(3)
    options = {"learning_rate": 0.02, "max_iter": 6, "batch_size": 300}
    fitted = model(**options).set_callbacks(callback).fit(X[:200], X_val=X[200:])
    watched = [other.elbo(X[200:]) for other in callback.models]
    np.testing.assert_allclose(fitted.loss_history_["validation"], watched, rtol=1e-5)
    assert fitted.elbo(X[200:]) == watched[-1]


# ------------------------------------------------------------------- embeddings


def test_given_embeddings_frozen_and_trained(X):
    vectors = np.random.default_rng(0).normal(size=(80, 20))
    frozen = model(embeddings=vectors, train_embeddings=False).fit(X)
    np.testing.assert_array_equal(frozen.embeddings_, vectors.astype(np.float32))
    trained = model(embeddings=vectors).fit(X)
    moved = np.abs(trained.embeddings_ - vectors).max()
    assert moved > 0.01
    assert frozen.topic_embeddings_.shape == (4, 20)


def test_mapping_of_words_is_the_array(few):
    words = [f"w{j}" for j in range(80)]
    vectors = np.random.default_rng(0).normal(size=(80, 10)).astype(np.float32)
    mapping = dict(zip(words, vectors, strict=True))
    of_array = model(embeddings=vectors).fit(few)
    of_mapping = model(embeddings=mapping, vocabulary=words).fit(few)
    np.testing.assert_array_equal(of_array.components_, of_mapping.components_)


def test_neighbors(fitted):
    """Terms of one topic are each other's neighbours."""
    near = fitted.topic_neighbors(5)
    assert near.shape == (4, 5)
    cosines = fitted.embeddings_ @ fitted.topic_embeddings_.T
    cosines /= np.linalg.norm(fitted.embeddings_, axis=1, keepdims=True)
    np.testing.assert_array_equal(near[:, 0], cosines.argmax(0))
    neighbors = fitted.word_neighbors(near[:, 0], 3)
    assert neighbors.shape == (4, 3)
    assert not (neighbors == near[:, :1]).any()


def test_neighbors_by_name():
    counts, _, _ = make_topic_corpus(50, 6, 2, random_state=0)
    frame = pandas.DataFrame(counts.toarray(), columns=list("abcdef"))
    fitted = model(2).fit(frame)
    assert set(fitted.topic_neighbors(6)[0]) == set("abcdef")
    assert set(fitted.word_neighbors(["b"], 5)[0]) == set("acdef")
    with pytest.raises(ValueError, match="'z' is not a term"):
        fitted.word_neighbors(["z"])


def test_neighbors_of_unnamed_columns(fitted):
    with pytest.raises(ValueError, match="had no column names"):
        fitted.word_neighbors(["b"])


# ------------------------------------------------------------------- training


def test_early_stopping_returns_the_best_weights(X):
    options = {"max_iter": 100, "learning_rate": 0.02, "n_iter_no_change": 4}
    fitted = model(early_stopping=True, **options).fit(X[:200], X_val=X[200:])
    validation = fitted.loss_history_["validation"]
    assert fitted.n_iter_ == len(validation) < 100
    assert fitted.n_iter_ == validation.argmax() + 1 + 4
    np.testing.assert_allclose(fitted.elbo(X[200:]), validation.max(), rtol=1e-5)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_early_stopping_holds_a_fraction_out(X, fraction):
    """It is fitting the others, with these as X_val."""
    options = {"early_stopping": True, "max_iter": 4}
    fitted = model(validation_fraction=fraction, **options).fit(X)
    train, held_out = train_test_split(
        np.arange(300), test_size=fraction, random_state=0
    )
    assert len(held_out) == 300 * fraction
    same = model(**options).fit(X[np.sort(train)], X_val=X[np.sort(held_out)])
    np.testing.assert_array_equal(fitted.components_, same.components_)
    np.testing.assert_array_equal(
        fitted.loss_history_["validation"], same.loss_history_["validation"]
    )


def test_min_iter_outlasts_early_stopping(X):
    options = {"max_iter": 40, "learning_rate": 0.05, "early_stopping": True}
    short = model(n_iter_no_change=1, **options).fit(X).n_iter_
    longer = model(n_iter_no_change=1, min_iter=short + 5, **options).fit(X).n_iter_
    assert longer >= short + 5


def test_validation_documents_are_watched_without_stopping(X):
    fitted = model(max_iter=12).fit(X[:200], X_val=X[200:])
    assert len(fitted.loss_history_["validation"]) == 12
    alone = model(max_iter=12).fit(X[:200])
    np.testing.assert_array_equal(fitted.components_, alone.components_)


def test_warm_start_goes_on(X):
    fitted = model(warm_start=True, learning_rate_schedule="constant").fit(X)
    first = fitted.components_
    fitted.set_params(max_iter=1, topic_learning_rate=1e-9, learning_rate=1e-9).fit(X)
    np.testing.assert_allclose(fitted.components_, first, rtol=1e-3, atol=1e-7)
    fitted.set_params(hidden_layer_sizes=(5,))
    with pytest.raises(ValueError, match="with the encoder of the last fit"):
        fitted.fit(X)
    assert fitted.set_params(warm_start=False).fit(X).n_iter_ == 1


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}])
def test_divergence_of_the_last_update_is_seen(X, options):
    """Also of the validation documents; training's bound is from before it."""

    def explode(epoch):
        return 1e20 if epoch == 3 else 1.0

    fitted = model(learning_rate_schedule=explode, max_iter=4, **options)
    with pytest.raises(FloatingPointError, match=r"epoch 4: .*learning_rate=0\.002"):
        fitted.fit(X)
    assert fitted.n_iter_ == 3
    assert fitted.elbo(X) > 2 * X.sum() / 300 * np.log(1 / 80)


def test_a_failed_refit_changes_nothing(X, fitted):
    before = fitted.transform(X)
    narrow = X[:, :70]
    failures = [
        ({}, {"X_val": X}, r"X_val has the shape \(300, 80\), but X has 70 columns"),
        ({"embeddings": np.eye(80), "embedding_dim": None}, {}, "embeddings has 80"),
        ({"learning_rate": 1e30}, {}, "diverged in epoch 1"),
    ]
    for parameters, arguments, message in failures:
        own = fitted.get_params()
        with pytest.raises((ValueError, FloatingPointError), match=message):
            fitted.set_params(**parameters).fit(narrow, **arguments)
        fitted.set_params(**own)
        assert fitted.n_features_in_ == 80
        np.testing.assert_array_equal(fitted.transform(X), before)
    first = model(embeddings=np.eye(3))
    with pytest.raises(ValueError, match="embeddings has 3 rows"):
        first.fit(X)
    assert not hasattr(first, "n_features_in_")


def test_parameters_set_after_fit_do_not_change_the_model(X, fitted):
    theta, elbo = fitted.transform(X), fitted.elbo(X)
    fitted.set_params(activation="tanh", prior_scale=3.0, hidden_layer_sizes=(2, 2))
    fitted.set_params(n_components=9, batch_norm=False)
    np.testing.assert_array_equal(fitted.transform(X), theta)
    assert fitted.elbo(X) == elbo


def test_vectors_of_any_length_are_as_good(X):
    vectors = np.random.default_rng(0).normal(size=(80, 20))
    scores = [
        model(embeddings=scale * vectors).fit(X[:200]).score(X[200:])
        for scale in (1, 0.05)
    ]
    without = model().fit(X[:200]).score(X[200:])
    assert abs(scores[0] - scores[1]) < 0.1
    assert min(scores) > without - 0.3


def test_float32_and_float64_begin_alike(X):
    single, double = (model().fit(X.astype(t)).components_ for t in ("f4", "f8"))
    np.testing.assert_allclose(single, double, atol=0.02)


def test_callbacks_get_a_model_that_transforms(X, stop_after):
    callback = stop_after(5)
    fitted = model().set_callbacks(callback).fit(X)
    assert fitted.n_iter_ == len(callback.models) == 5
    last = callback.models[-1]
    np.testing.assert_array_equal(last.transform(X), fitted.transform(X))
    assert last.elbo(X) == fitted.elbo(X)


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_names_the_learning_rate_and_keeps_the_last_epoch(X):
    def explode(epoch):
        return 1.0 if epoch < 2 else 1e30

    fitted = model(learning_rate_schedule=explode)
    with pytest.raises(FloatingPointError, match=r"learning_rate=0\.002"):
        fitted.fit(X)
    assert fitted.n_iter_ == 2
    same = model(learning_rate_schedule=explode, max_iter=2).fit(X)
    np.testing.assert_array_equal(fitted.components_, same.components_)


def test_divergence_in_the_first_epoch_leaves_nothing(X):
    fitted = model(learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="Training diverged in epoch 1"):
        fitted.fit(X)
    with pytest.raises(NotFittedError):
        fitted.transform(X)


def test_interruption_keeps_the_last_complete_epoch(X, ctrl_c):
    options = {"learning_rate_schedule": "constant"}
    fitted = model(max_iter=10**6, **options)
    timer = threading.Timer(2.0, signal.raise_signal, [ctrl_c])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fitted.fit(X)
    finally:
        timer.cancel()
    same = model(max_iter=fitted.n_iter_, **options).fit(X)
    np.testing.assert_array_equal(fitted.components_, same.components_)


def test_collapsed_topics_are_warned_of():
    X = np.repeat([[3, 1, 2]], 20, axis=0)
    with pytest.warns(UserWarning, match=r"Topics 0 and 1.* coincide.*init='nmf'"):
        model(2, init="random", max_iter=1).fit(X)


# ------------------------------------------------------------------- invariances


def test_same_seed_same_bits_and_the_global_generator_untouched(few):
    before = torch.get_rng_state()
    first, second = (model(dropout=0.2).fit(few) for _ in range(2))
    np.testing.assert_array_equal(first.components_, second.components_)
    np.testing.assert_array_equal(first.transform(few), second.transform(few))
    assert torch.equal(torch.get_rng_state(), before)


def test_fit_transform_is_fit_then_transform(X, fitted):
    np.testing.assert_array_equal(model().fit_transform(X), fitted.transform(X))


@pytest.mark.parametrize(
    ("options", "validation"),
    [
        ({}, False),
        ({}, True),
        ({"token_dropout": 0.0}, False),
        ({"token_dropout": 0.3, "dropout": 0.4}, True),
        ({"early_stopping": True}, False),
        ({"batch_norm": False, "dropout": 0.2}, True),
        ({"init": "random", "batch_size": 50}, False),
        ({"embeddings": np.random.default_rng(1).normal(size=(80, 6))}, True),
        ({"kl_warmup": 2, "max_grad_norm": 1.0}, False),
    ],
)
@pytest.mark.filterwarnings("ignore:Topics .* coincide:UserWarning")
def test_sparse_equals_dense(X, options, validation):
    """What fit draws depends on the data alone."""
    X = X[:120].astype(np.float64)
    zeros = sp.csr_array(X.toarray() + 1)
    zeros.data -= 1
    fits = [
        model(max_iter=3, **options).fit(A[:90], X_val=A[90:] if validation else None)
        for A in (X, X.toarray(), zeros)
    ]
    assert zeros.nnz == 120 * 80  # stored zeros are left where they are
    for other in fits[1:]:
        np.testing.assert_allclose(other.components_, fits[0].components_, atol=1e-9)
        for name, value in fits[0].encoder_weights_.items():
            # Adam magnifies the rounding of gradients that are zero, of biases
            # before batch norm.
            np.testing.assert_allclose(other.encoder_weights_[name], value, atol=1e-6)
        for name in set(fits[0].loss_history_) - {"seconds"}:
            expected = fits[0].loss_history_[name]
            np.testing.assert_allclose(other.loss_history_[name], expected, rtol=1e-9)
        theta, dense = (
            fit.set_params(inference="encoder").transform(A)
            for fit, A in ((fits[0], X), (other, X.toarray()))
        )
        np.testing.assert_allclose(theta, dense, atol=1e-9)


def test_sparse_equals_dense_in_single_precision(X):
    sparse, dense = (model().fit(A.astype(np.float32)) for A in (X, X.toarray()))
    np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-4)


@pytest.mark.parametrize("unit", [1.0, 0.37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [sp.csr_array, np.asarray])
def test_transform_of_a_document_depends_on_it_alone(X, unit, dtype, container):
    X = container((sp.csr_array(X) * unit).toarray().astype(dtype))
    fitted = model().fit(X)
    whole = fitted.transform(X)
    for step in 1, 3, 15:
        parts = [fitted.transform(X[i : i + step]) for i in range(0, 30, step)]
        np.testing.assert_array_equal(np.vstack(parts), whole[:30])


@pytest.mark.parametrize("inference", ["refined", "encoder"])
def test_empty_documents_are_uniform(X, inference):
    fitted = model(inference=inference).fit(
        sp.vstack([X, sp.csr_array((2, 80), dtype=int)])
    )
    theta = fitted.transform(np.zeros((2, 80)))
    np.testing.assert_allclose(theta, 0.25)


@pytest.mark.filterwarnings("ignore:Topics .* coincide:UserWarning")
@pytest.mark.parametrize("init", ["nmf", "random"])
@pytest.mark.parametrize(
    "counts",
    [
        np.eye(6),
        np.repeat([[3, 1, 2, 0]], 9, axis=0),
        np.arange(6)[:, None],
        np.array([[10**6, 1, 3]]),
        np.array([[10**6, 0], [0, 1], [2, 0]]),
    ],
    ids=["one-word", "equal", "one term", "one document", "very long"],
)
@pytest.mark.parametrize("K", [1, 3])
def test_degenerate_data(counts, init, K):
    fitted = model(K, init=init).fit(counts)
    theta = fitted.transform(counts)
    np.testing.assert_allclose(fitted.components_.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    assert np.isfinite(fitted.elbo(counts))


def test_text_pipeline_and_pickle():
    texts = ["cat dog cat", "dog cat", "sun moon", "moon sun sun"] * 10
    words = ["cat", "dog", "moon", "sun"]
    vectors = {
        word: np.random.default_rng(i).normal(size=5) for i, word in enumerate(words)
    }
    pipe = make_pipeline(
        CountVectorizer(vocabulary=words),
        model(2, embeddings=embedding_matrix(words, vectors)),
    )
    theta = pipe.fit_transform(texts)
    assert (theta.argmax(1)[:2] != theta.argmax(1)[2:4]).all()
    again = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(again.transform(texts), pipe.transform(texts))


def test_grid_over_topics_and_learning_rate(X):
    grid = GridSearchCV(
        model(),
        {"n_components": [2, 4], "learning_rate": [0.001, 0.005]},
        cv=2,
    ).fit(X)
    scores = grid.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert grid.best_params_["n_components"] == 4
    assert len(set(scores)) == 4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (3, 0)}, "positive integers only"),
        ({"train_embeddings": False}, "train_embeddings=False needs embeddings"),
        ({"activation": "sine"}, "activation"),
        ({"embeddings": np.eye(80), "embedding_dim": 3}, "Use embedding_dim=None"),
    ],
)
def test_parameters_that_cannot_be(X, parameters, message):
    with pytest.raises(ValueError, match=message):
        TorchETM(2, **parameters).fit(X)


def test_newsgroups_quality(corpus):
    """At three epochs of half of it, short of the figures of benchmarks/etm.py."""
    X = corpus("etm_20ng")[::2]
    shown, held_out = (corpus("etm_20ng", f"counts_test_h{half}") for half in (1, 2))
    fitted = TorchETM(50, random_state=0, max_iter=3).fit(X)
    tokens = held_out.tocoo()
    theta, terms = fitted.transform(shown), fitted.components_.T
    p = (theta[tokens.row] * terms[tokens.col]).sum(1, dtype=np.float64)
    p = 0.999 * p + 0.001 / X.shape[1]
    assert np.exp(-(tokens.data @ np.log(p)) / tokens.data.sum()) < 1400
    top = np.argsort(-fitted.components_, axis=1)[:, :25]
    assert len(np.unique(top)) / top.size > 0.7
