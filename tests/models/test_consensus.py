"""ConsensusTopics: the topics that many fits agree on."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    ConsensusTopics,
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
)
from sklearn_topics.inspection import top_terms, topic_info
from sklearn_topics.metrics import (
    align_topics,
    coherence,
    completion_score,
    topic_stability,
)

#: Any model with components_ that can start from given topics, and LDA.
ESTIMATORS = {
    "poisson": TorchPoissonNMF(4),
    "beta": TorchBetaNMF(4),
    "kl": TorchBetaNMF(4, solver="mu", beta_loss=1, max_iter=400),
    "nmf": NMF(4, max_iter=400),
    "minibatch": MiniBatchNMF(4, batch_size=100, random_state=0),
    "lda": LatentDirichletAllocation(4, max_iter=5),
    "torch_lda": TorchLDA(4, max_iter=5),
}
EACH = pytest.mark.parametrize("name", ESTIMATORS)


def consensus(estimator, **options):
    return ConsensusTopics(clone(estimator), **{"n_fits": 4, **options}, random_state=0)


@pytest.fixture(scope="module")
def fitted(X):
    return {name: consensus(model).fit(X) for name, model in ESTIMATORS.items()}


@EACH
def test_known_topics_are_found(name, fitted, known):
    X, _, topics = known
    model = fitted[name]
    alignment = align_topics(topics, model, distance="total_variation")
    few = "lda" in name  # whose iterations are not enough for all topics
    assert np.sort(alignment.distance)[-2 if few else -1] < 0.35
    assert model.labels_.shape == model.densities_.shape == (4, 4)
    assert model.distances_.shape == (16, 16)
    assert (model.topic_support_ >= (0.5 if few else 1)).all()
    assert np.isfinite(model.errors_).all()
    assert len(set(model.errors_)) > 1
    assert (0.2 if few else 0.5) < model.stability_ <= 1
    assert model.topic_stability_.mean() == pytest.approx(model.stability_, abs=0.1)
    assert (np.diff(model.topic_stability_) <= 0).all()


@EACH
def test_the_final_fit_does_the_work(name, fitted, X):
    model = fitted[name]
    last = model.estimator_
    np.testing.assert_array_equal(model.transform(X), last.transform(X))
    assert model.components_ is last.components_
    assert model.n_components_ == 4
    for method in ("score", "perplexity", "inverse_transform"):
        assert hasattr(model, method) == hasattr(last, method)
        if hasattr(last, method) and method != "inverse_transform":
            assert getattr(model, method)(X) == getattr(last, method)(X)
    W = model.transform(X[:5])
    if "lda" not in name:
        np.testing.assert_allclose(model.inverse_transform(W), W @ model.components_)
    names = model.get_feature_names_out()
    assert names.tolist() == [f"consensustopics{k}" for k in range(4)]


@EACH
def test_equal_seeds_and_any_number_of_jobs_give_equal_bits(name, fitted, X):
    again = consensus(ESTIMATORS[name], n_jobs=2)
    W = again.fit_transform(X)
    np.testing.assert_array_equal(again.components_, fitted[name].components_)
    np.testing.assert_array_equal(again.labels_, fitted[name].labels_)
    assert W.shape == (X.shape[0], 4)
    other = clone(again).set_params(random_state=1).fit(X)
    assert not np.array_equal(other.errors_, again.errors_)


def test_lda_has_the_means_as_topics_with_consistent_weights(fitted, X):
    model = fitted["lda"].estimator_
    assert model.components_.sum() > X.sum() * 0.5  # counts, not probabilities
    again = clone(model).set_params(max_iter=1).fit(X)
    # scikit-learn's own update from these topics starts from the same weights.
    again.components_ = model.components_
    again.exp_dirichlet_component_ = model.exp_dirichlet_component_
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    shares = model.components_ / model.components_.sum(1, keepdims=True)
    weights = model.exp_dirichlet_component_
    np.testing.assert_allclose(
        weights / weights.sum(1, keepdims=True), shares, atol=0.03
    )


@pytest.mark.parametrize("container", [sp.csc_array, np.asarray, torch.tensor, "frame"])
def test_containers(container, fitted, X):
    dense = X.toarray()
    given = (
        pd.DataFrame(dense, columns=[f"t{j}" for j in range(80)])
        if container == "frame"
        else container(X if container is sp.csc_array else dense)
    )
    model = consensus(ESTIMATORS["poisson"]).fit(given)
    np.testing.assert_allclose(
        model.components_, fitted["poisson"].components_, atol=1e-5
    )
    W = model.transform(given)
    assert isinstance(W, torch.Tensor) == (container is torch.tensor)
    if container == "frame":
        assert model.feature_names_in_.tolist() == given.columns.tolist()
        with pytest.raises(ValueError, match="feature names"):
            model.transform(given.rename(columns={"t0": "u0"}))


def test_topics_of_data_without_topics_are_not_stable(X):
    coo, rng = X.tocoo(), np.random.default_rng(0)
    rows, columns = np.repeat(coo.row, coo.data), np.repeat(coo.col, coo.data)
    tokens = np.ones(len(rows), int), (rows, rng.permutation(columns))
    shuffled = sp.csr_array(sp.coo_array(tokens, shape=X.shape))
    without = consensus(ESTIMATORS["poisson"], n_fits=8).fit(shuffled)
    assert without.stability_ < 0.25
    assert consensus(ESTIMATORS["poisson"], n_fits=8).fit(X).stability_ > 0.8


def test_stability_is_that_of_the_fits(X):
    model = consensus(ESTIMATORS["poisson"], density_threshold=1).fit(X)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4)
    fits = [
        TorchPoissonNMF(4, init="random", random_state=int(seed)).fit(X)
        for seed in seeds
    ]
    assert topic_stability(fits) == pytest.approx(model.stability_, abs=1e-6)
    np.testing.assert_allclose(model.errors_, [fit.deviance_ for fit in fits])


def test_inspection_reads_the_final_fit(fitted, X):
    model = fitted["nmf"]
    assert top_terms(model) == top_terms(model.estimator_)
    pd.testing.assert_frame_equal(topic_info(model, X), topic_info(model.estimator_, X))
    assert coherence(model, X).mean == coherence(model.estimator_, X).mean
    assert completion_score(model, X) == completion_score(model.estimator_, X)


def test_pipelines_and_searches():
    texts = ["red apple", "apple pie", "pie and tart", "blue sky", "sky and sea"] * 20
    model = consensus(TorchPoissonNMF(2), n_fits=3)
    model.set_output(transform="pandas")
    pipe = make_pipeline(CountVectorizer(), model)
    assert pipe.fit_transform(texts).columns[0] == "consensustopics0"
    assert len(top_terms(pipe, n_terms=2)) == 2
    grid = {"consensustopics__estimator__n_components": [2, 3]}
    search = GridSearchCV(pipe, grid, cv=2).fit(texts)
    assert completion_score(search, texts) < 0


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (TorchPoissonNMF(init="nndsvd"), ValueError, "Use init='random'"),
        (NMF(init="nndsvda"), ValueError, "Use init='random'"),
        (TorchPoissonNMF(init="custom"), ValueError, "Use init='random'"),
        (TorchPoissonNMF(checkpoint="file"), ValueError, "Set checkpoint=None"),
        (TorchETM(), TypeError, "cannot fit TorchETM from the consensus"),
        (TorchDeepNMF(), TypeError, "cannot fit TorchDeepNMF from the consensus"),
        (CountVectorizer(), TypeError, "no parameter random_state"),
        (4, ValueError, "'estimator' parameter"),
        (TorchPoissonNMF(tol=-1), ValueError, "'tol' parameter"),
    ],
)
def test_errors(estimator, error, message, X):
    with pytest.raises(error, match=message):
        ConsensusTopics(estimator, n_fits=2).fit(X)


def test_a_warning_where_no_topics_are_near(X):
    coo, rng = X.tocoo(), np.random.default_rng(0)
    cells = coo.data, (coo.row, rng.permutation(coo.col))
    shuffled = sp.csr_array(sp.coo_array(cells, shape=X.shape))
    model = consensus(TorchPoissonNMF(10), density_threshold=0.01)
    with pytest.warns(UserWarning, match="have neighbors within density_threshold"):
        model.fit(shuffled)
    assert (model.labels_ >= 0).all()


def test_the_estimator_is_not_changed(X):
    estimator = TorchPoissonNMF(3, random_state=5)
    before = estimator.get_params()
    model = ConsensusTopics(estimator, n_fits=2, random_state=0).fit(X)
    assert estimator.get_params() == before
    assert not hasattr(estimator, "components_")
    assert model.estimator_.init_ == "custom"


class Rows:
    """Rows as another library holds them, and how many of them were read."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.n_read = X, X.shape, X.dtype, 0

    def __getitem__(self, rows):
        found = self.X[rows]
        self.n_read += found.shape[0]
        return found


def test_rows_of_other_libraries_are_read_once_for_all_fits(known):
    X = sp.csr_array(known[0])
    rows = Rows(X)
    model = consensus(TorchPoissonNMF(3, max_iter=5)).fit(rows)
    assert rows.n_read <= X.shape[0] + 10  # some looks at the first row
    expected = consensus(TorchPoissonNMF(3, max_iter=5)).fit(X)
    np.testing.assert_array_equal(model.components_, expected.components_)
