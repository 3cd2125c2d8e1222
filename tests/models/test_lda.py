"""TorchLDA beside scikit-learn's LatentDirichletAllocation."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import LatentDirichletAllocation

from sklearn_topics import TorchLDA
from sklearn_topics._core.lda import BatchBayes, Inference
from sklearn_topics._kernels.csr import as_csr
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.metrics import completion_score

CORPORA = "etm_20ng", "newsgroups20", "nips"
ONLINE = {"learning_method": "online", "max_iter": 1}


def both(X, K=3, **options):
    """scikit-learn's model and ours, fitted."""
    options = {"random_state": 0, **options}
    return [
        Model(K, **options).fit(X) for Model in (LatentDirichletAllocation, TorchLDA)
    ]


def assert_equal_models(peer, ours, X, rtol=1e-6):
    for name in "components_", "exp_dirichlet_component_", "bound_":
        assert_allclose(
            getattr(ours, name), getattr(peer, name), rtol=rtol, atol=1e-290
        )
    for name in "n_iter_", "n_batch_iter_", "doc_topic_prior_", "topic_word_prior_":
        assert getattr(ours, name) == getattr(peer, name)
    assert ours.components_.dtype == peer.components_.dtype
    for normalize in True, False:
        found, expected = (m.transform(X, normalize=normalize) for m in (ours, peer))
        assert_allclose(found, expected, rtol=rtol)
    assert_allclose(ours.score(X), peer.score(X), rtol=rtol)
    for sub_sampling in True, False:
        found, expected = (m.perplexity(X, sub_sampling) for m in (ours, peer))
        assert_allclose(found, expected, rtol=rtol)
    # The next numbers are the same: as many have been drawn.
    assert ours.random_state_.random() == peer.random_state_.random()


@pytest.mark.parametrize("K", [20, 50])
@pytest.mark.parametrize("options", [{}, ONLINE], ids=["batch", "online"])
@pytest.mark.parametrize("name", CORPORA)
def test_real_corpora(corpus, name, options, K):
    X = corpus(name)[:: 60 if name == "nips" else 100].astype(np.float64)
    assert_equal_models(*both(X, K, **options), X[:40])


@pytest.mark.parametrize(
    "options",
    [
        {"doc_topic_prior": 0.9, "topic_word_prior": 0.01},
        {"mean_change_tol": 0.1, "max_doc_update_iter": 7},
        {"max_doc_update_iter": 0},
        {"max_iter": 0},
        {**ONLINE, "batch_size": 17, "learning_offset": 3.0, "learning_decay": 0.9},
        {**ONLINE, "max_iter": 3, "learning_decay": 0.0, "batch_size": 1000},
        {"evaluate_every": 2, "perp_tol": 0.0, "max_iter": 5},
        {"n_jobs": 1},
    ],
    ids=str,
)
def test_options(X, options):
    X = X[:60].astype(np.float64)
    assert_equal_models(*both(X, 4, **options), X)


def test_float32(X):
    X = X[:100].astype(np.float32)
    peer, ours = both(X, 4, mean_change_tol=1e-2)
    assert ours.components_.dtype == ours.transform(X).dtype == np.float32
    assert_allclose(ours.components_, peer.components_, rtol=1e-2, atol=1e-2)


def test_partial_fit(X):
    X = X.astype(np.float64)
    models = [
        Model(4, random_state=0, batch_size=32, total_samples=500)
        for Model in (LatentDirichletAllocation, TorchLDA)
    ]
    for part in X[:100], X[100:110], X[110:]:
        for model in models:
            model.partial_fit(part)
        peer, ours = models
        assert_allclose(ours.components_, peer.components_, rtol=1e-8)
        assert ours.n_batch_iter_ == peer.n_batch_iter_
        assert ours.n_iter_ == peer.n_iter_ == 0
    assert_allclose(ours.transform(X), peer.transform(X), rtol=1e-7)


def test_an_interrupted_partial_fit_changes_nothing(X, monkeypatch):
    models = [TorchLDA(3, batch_size=32, random_state=0) for _ in range(2)]
    for model in models:
        model.partial_fit(X[:64])
    infer, calls = Inference.__call__, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return infer(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Inference, "__call__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            models[0].partial_fit(X[64:])
    for model in models:
        model.partial_fit(X[64:])
    assert_array_equal(models[0].components_, models[1].components_)
    assert models[0].n_batch_iter_ == models[1].n_batch_iter_


def test_partial_fit_continues_a_fit(X):
    X = X[:90].astype(np.float64)
    peer, ours = both(X, 4, max_iter=2)
    for model in peer, ours:
        model.partial_fit(X[:50])
    assert_allclose(ours.components_, peer.components_, rtol=1e-8)


def test_a_fit_that_perp_tol_stops(X):
    X = X[:90].astype(np.float64)
    options = {"evaluate_every": 1, "perp_tol": 0.1, "max_iter": 60}
    peer, ours = both(X, 4, **options)
    assert_allclose(ours.components_, peer.components_, rtol=1e-6)
    # scikit-learn does not count the last iteration.
    assert ours.n_iter_ == peer.n_iter_ + 1 == ours.n_batch_iter_ - 1 < 60
    history = ours.loss_history_
    assert history["iteration"].tolist() == list(range(1, ours.n_iter_ + 1))
    change = np.abs(np.diff(history["perplexity"]))
    assert change[-1] < 0.1 <= change[:-1].min()
    assert history["perplexity"][-1] == ours.bound_
    assert_allclose(history["objective"][-1], ours.score(X), rtol=1e-12)


@pytest.mark.parametrize("options", [{}, ONLINE, {"max_doc_update_iter": 3}])
def test_containers_and_threads_change_nothing(X, options):
    model = TorchLDA(4, random_state=0, max_iter=3).set_params(**options)
    expected = clone(model).fit(X)
    dense = X.toarray()
    for other in dense, np.asfortranarray(dense), sp.coo_array(X), dense.tolist():
        found = clone(model).fit(other)
        assert_array_equal(found.components_, expected.components_)
        assert_array_equal(found.transform(other), expected.transform(X))
    found = clone(model).set_params(n_jobs=3).fit(X)
    assert_array_equal(found.components_, expected.components_)


def test_fit_transform_is_transform(X):
    model = TorchLDA(4, random_state=0, max_iter=3)
    theta = model.fit_transform(X)
    assert_array_equal(theta, model.transform(X))
    gamma = clone(model).fit_transform(X, normalize=False)
    assert_array_equal(gamma, model.transform(X, normalize=False))
    assert_allclose(theta, gamma / gamma.sum(1, keepdims=True), rtol=1e-14)
    assert_array_equal(model.transform(X[5:6])[0], theta[5])


def test_known_topics_are_found(known):
    X, _, topics = known
    models = [TorchLDA(4, random_state=seed, max_iter=30).fit(X) for seed in range(6)]
    model = min(models, key=lambda model: model.bound_)
    found = model.components_ / model.components_.sum(1, keepdims=True)
    distances = np.abs(found[:, None] - topics).sum(2) / 2
    assert distances.min(0).max() < 0.15
    assert completion_score(model, X) > -np.log(X.shape[1])
    B = model.inverse_transform(np.eye(4))
    assert_allclose(B, found, rtol=1e-12)


def test_a_document_without_tokens_has_the_prior(X):
    model = TorchLDA(4, random_state=0, max_iter=2).fit(X)
    assert_allclose(model.transform(np.zeros((1, X.shape[1]))), 0.25, rtol=1e-12)
    gamma = model.transform(np.zeros((1, X.shape[1])), normalize=False)
    assert_allclose(gamma, 0.25, rtol=1e-12)


def test_relaxed_steps_end_higher_after_as_many_iterations(X):
    options = {"max_iter": 5, "random_state": 0}
    bounds = [
        TorchLDA(4, relaxation=eta, **options).fit(X).score(X) for eta in (1, 1.7)
    ]
    assert bounds[1] > bounds[0] + 1e-4 * abs(bounds[0])


def test_relaxed_steps_end_where_others_stay(X):
    """A fixed point of the relaxed updates is one of the plain update."""
    options = {"mean_change_tol": 1e-9, "max_doc_update_iter": 500, "random_state": 0}
    end = TorchLDA(4, relaxation=1.7, max_iter=300, **options).fit(X)
    counts = as_csr(torch.from_numpy(X.astype(np.float64).toarray()))
    draw = lambda n, drawn: torch.ones(n, 4, dtype=torch.float64)  # noqa: E731
    update = BatchBayes(Inference(1 / 4, 500, 1e-9), 1 / 4, draw)
    before = torch.from_numpy(end.components_.T.copy())
    after = update.step(counts, {"components": before, "n_updates": 9, "drawn": 0})
    assert_allclose(after["components"].T, end.components_, rtol=1e-4)


@pytest.mark.parametrize("n_iter", [3, 5, 10])
def test_relaxed_fits_return_a_posterior(X, n_iter):
    """Expected counts of all tokens, and the prior."""
    model = TorchLDA(4, relaxation=1.7, max_iter=n_iter, random_state=0).fit(X)
    expected = X.sum() + 4 * X.shape[1] * 0.25
    assert_allclose(model.components_.sum(), expected, rtol=1e-5)
    assert model.components_.min() >= 0.25


@pytest.mark.parametrize("prior", [0.0, 1e-300, 1e-5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relaxed_steps_of_counts_that_vanish(prior, dtype):
    X = make_topic_corpus(70, 30, 3, random_state=0)[0].astype(dtype)
    options = {"topic_word_prior": prior, "max_iter": 30, "random_state": 0}
    model = TorchLDA(4, relaxation=1.99, **options).fit(X)
    assert_allclose(model.components_.sum(), X.sum(), rtol=1e-3)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_online_steps_are_not_relaxed(X, method):
    model = TorchLDA(4, learning_method="online", relaxation=1.5)
    with pytest.raises(ValueError, match="relaxation=1.5, but partial_fit"):
        getattr(model, method)(X)
    assert not hasattr(model, "components_")


@pytest.mark.parametrize(
    "options",
    [{"learning_method": "online", "batch_size": 20}, {"relaxation": 1.7}],
    ids=["online", "relaxed"],
)
def test_a_resumed_fit_draws_on(tmp_path, monkeypatch, options):
    X = make_topic_corpus(70, 30, 3, random_state=0)[0]
    model = TorchLDA(3, random_state=5, max_iter=6, checkpoint=tmp_path / "state")
    model.set_params(**options)
    expected = clone(model).fit(X)
    from sklearn_topics._fit import checkpoint
    from sklearn_topics._fit.run import Run

    step = Run.step

    def interrupted(run):
        if run.n_iter == 4:
            raise KeyboardInterrupt
        step(run)

    monkeypatch.setattr(checkpoint, "_PAUSE", -1)
    monkeypatch.setattr(Run, "step", interrupted)
    stopped = clone(model)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X)
    assert stopped.n_iter_ == 4
    monkeypatch.setattr(Run, "step", step)
    found = clone(model).fit(X)
    assert_array_equal(found.components_, expected.components_)
    assert found.random_state_.random() == expected.random_state_.random()


def test_lines_are_printed_as_by_scikit_learn(X, capsys):
    options = {"verbose": 1, "evaluate_every": 2, "max_iter": 3}
    both(X[:50].astype(np.float64), 4, **options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == lines[3:]
    assert lines[1].startswith("iteration: 2 of max_iter: 3, perplexity: ")


def test_wrong_parameters_and_data(X):
    for name, value in [
        ("doc_topic_prior", 1.5),
        ("learning_offset", 0.5),
        ("learning_method", "minibatch"),
        ("n_components", 0),
        ("batch_size", 0),
        ("max_iter", -1),
        ("relaxation", 2.0),
    ]:
        with pytest.raises(ValueError, match=name):
            TorchLDA(**{name: value}).fit(X)
    with pytest.raises(ValueError, match="Negative values in data passed to TorchLDA"):
        TorchLDA().partial_fit(-np.ones((3, 4)))
    model = TorchLDA(2, max_iter=1).fit(X)
    for method in model.transform, model.partial_fit, model.score, model.perplexity:
        with pytest.raises(ValueError, match="79 features, but TorchLDA is expecting"):
            method(X[:, 1:])
