"""Documents in any container, proportions known already, and scikit-learn's output."""

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse as sp
import sklearn
import torch
from numpy.testing import assert_allclose
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_topics import ConsensusTopics, TorchBetaNMF, TorchPoissonNMF
from sklearn_topics.plot import (
    ConvergenceDisplay,
    StabilityDisplay,
    StructureDisplay,
    TopicMapDisplay,
    TopicNumberDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
)

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 8


@pytest.fixture(scope="module")
def X():
    counts = np.random.default_rng(0).poisson(1.0, (60, 12))
    counts[[3, 30]] = 0  # without known terms
    return counts.astype(np.float64)


@pytest.fixture(scope="module")
def model(X):
    return TorchPoissonNMF(3, random_state=0).fit(X)


def read_only(X, path):
    array = np.memmap(path, X.dtype, "w+", shape=X.shape)
    array[:] = X
    array.flush()
    return np.memmap(path, X.dtype, "r", shape=X.shape)


def frame(X):
    index = np.random.default_rng(0).permutation(len(X))
    return pandas.DataFrame(
        X, index=index, columns=[f"t{j}" for j in range(X.shape[1])]
    )


CONTAINERS = {
    "list": lambda X: X.tolist(),
    "pandas": frame,
    "polars": lambda X: polars.DataFrame(X),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "coo_array": sp.coo_array,
    "csc_array": sp.csc_array,
    "tensor": torch.from_numpy,
    "sparse tensor": lambda X: torch.from_numpy(X).to_sparse(),
    "csr tensor": lambda X: torch.from_numpy(X).to_sparse_csr(),
    "gradient": lambda X: torch.from_numpy(X).requires_grad_(),
    "big-endian": lambda X: X.astype(">f8"),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
}
DENSE = [name for name in CONTAINERS if "cs" not in name and "sparse" not in name]
DENSE.remove("coo_array")


# Names of columns are of no use to a model that was fitted without.
@pytest.mark.filterwarnings("ignore:X has feature names", "ignore:Sparse CSR tensor")
@pytest.mark.parametrize("container", CONTAINERS)
def test_documents_in_any_container(model, X, container):
    expected = StructureDisplay.from_estimator(model, X, n_documents=25)
    given = CONTAINERS[container](X)
    display = StructureDisplay.from_estimator(model, given, n_documents=25)
    assert_allclose(display.theta, expected.theta, atol=1e-9)
    shares = TopicMapDisplay.from_estimator(model, given).shares
    assert_allclose(shares, TopicMapDisplay.from_estimator(model, X).shares, atol=1e-9)


def test_memory_maps(model, X, tmp_path):
    given = read_only(X, tmp_path / "X")
    display = StructureDisplay.from_estimator(model, given, n_documents=20)
    expected = StructureDisplay.from_estimator(model, X, n_documents=20)
    assert_allclose(display.theta, expected.theta)


@pytest.mark.parametrize("container", DENSE)
def test_proportions_that_are_known_in_any_container(model, X, container):
    theta = CONTAINERS[container](model.transform(X))
    groups = ["a", "b", None] * 20
    expected = StructureDisplay.from_estimator(model, X, groups=groups)
    for display in (
        StructureDisplay.from_estimator(model, X, theta=theta, groups=groups),
        StructureDisplay.from_estimator(model, theta=theta, groups=groups),
        StructureDisplay.from_predictions(theta, groups=groups),
    ):
        assert_allclose(display.theta, expected.theta)
        assert display.groups.tolist() == expected.groups.tolist()
    shares = TopicMapDisplay.from_estimator(model, X, theta=theta).shares
    assert_allclose(shares, TopicMapDisplay.from_estimator(model, X).shares)
    known = np.delete(model.transform(X), [3, 30], axis=0)
    alone = TopicMapDisplay.from_estimator(model, theta=theta).shares
    assert_allclose(alone, known.mean(axis=0))


@pytest.mark.parametrize("kind", [TorchBetaNMF, NMF, LatentDirichletAllocation])
def test_known_proportions_have_the_scale_of_the_model(kind, X):
    model = kind(3, random_state=0).fit(X)
    theta = model.transform(X)
    display = StructureDisplay.from_estimator(model, theta=theta)
    expected = StructureDisplay.from_estimator(model, X)
    assert_allclose(display.theta, expected.theta, atol=1e-12)


class Fussy:
    """A model that counts the documents that it transforms, and may refuse to."""

    def __init__(self, model, limit):
        self.components_, self._model, self._limit = model.components_, model, limit

    def transform(self, X):
        assert X.shape[0] <= self._limit
        return self._model.transform(X)


def test_only_what_is_drawn_is_transformed(model, X):
    display = StructureDisplay.from_estimator(Fussy(model, 10), X, n_documents=10)
    assert display.theta.shape == (10, 3)
    theta = model.transform(X)
    StructureDisplay.from_estimator(Fussy(model, 0), X, theta=theta)
    TopicMapDisplay.from_estimator(Fussy(model, 0), X, theta=theta)
    TopicMapDisplay.from_estimator(Fussy(model, 0), theta=theta)


@pytest.mark.parametrize(
    "container",
    [np.ndarray.tolist, torch.from_numpy, pandas.DataFrame, polars.DataFrame],
)
@pytest.mark.parametrize(
    "kind", [TopTermsDisplay, TopicMapDisplay, TopicSimilarityDisplay]
)
def test_topics_in_any_container(kind, container):
    topics = np.random.default_rng(0).dirichlet([0.3] * 9, 4)
    found, expected = (
        kind.from_estimator(container(topics)),
        kind.from_estimator(topics),
    )
    if kind is TopicSimilarityDisplay:
        assert_allclose(found.similarity, expected.similarity)
    elif kind is TopicMapDisplay:
        assert_allclose(found.places, expected.places)
    else:
        for row, other in zip(found.terms, expected.terms, strict=True):
            weights = [weight for _, weight in row]
            assert weights == pytest.approx([weight for _, weight in other])


# ------------------------------------------------------------------- no known terms


@pytest.mark.parametrize("groups", [None, ["a", "b"] * 30])
def test_documents_without_known_terms_are_the_last(model, X, groups):
    display = StructureDisplay.from_estimator(model, X, groups=groups)
    blank = np.isnan(display.theta).all(axis=1)
    assert blank.sum() == 2
    assert blank[-1]
    if groups is not None:  # document 3 is in group b, document 30 in group a
        assert blank[[29, 59]].all()
    hatched = [patch for patch in display.ax_.patches if patch.get_hatch()]
    assert sum(patch.get_width() for patch in hatched) == 2
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[-1] == "(no known terms)"
    assert len(legend) == 4
    known = display.theta[~blank]
    assert_allclose(known.sum(axis=1), 1)


def test_documents_without_known_terms_in_a_pipeline():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    pipe.fit(TEXTS)
    texts = [*TEXTS, "zebra", ""]
    display = StructureDisplay.from_estimator(pipe, texts)
    assert np.isnan(display.theta).all(axis=1).sum() == 2
    theta = pipe.transform(texts)
    display = StructureDisplay.from_estimator(pipe, texts, theta=theta)
    assert np.isnan(display.theta).all(axis=1).sum() == 2


@pytest.mark.parametrize("nothing", [1 / 3, 0, np.nan])
def test_rows_that_say_nothing(nothing):
    theta = np.vstack([np.eye(3), np.full((2, 3), nothing)])
    display = StructureDisplay.from_predictions(theta)
    assert np.isnan(display.theta).all(axis=1).tolist() == [False] * 3 + [True] * 2


def test_models_whose_empty_documents_have_a_topic(X):
    model = TorchPoissonNMF(3, random_state=0).fit(X)

    class Sure:
        components_ = model.components_

        def transform(self, X):
            return np.tile([0.8, 0.1, 0.1], (len(X), 1))

    display = StructureDisplay.from_estimator(Sure(), X)
    assert np.isnan(display.theta).all(axis=1).sum() == 2


# ------------------------------------------------------------------- set_output


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("named", [False, True])
def test_every_display_under_every_kind_of_output(X, output, named):
    X = frame(X) if named else X
    with sklearn.config_context(transform_output=output):
        model = TorchPoissonNMF(5, random_state=0).fit(X)
        theta = model.transform(X)
        StructureDisplay.from_estimator(model, X, groups=["a", "b"] * 30)
        StructureDisplay.from_estimator(model, theta=theta)
        StructureDisplay.from_predictions(theta)
        display = TopicMapDisplay.from_estimator(model, X)
        TopicMapDisplay.from_estimator(model, X, theta=theta)
        TopicSimilarityDisplay.from_estimator(model, model)
        TopTermsDisplay.from_estimator(model)
        ConvergenceDisplay.from_estimators(model)
        grid = {"n_components": [2, 3]}
        search = GridSearchCV(model, grid, cv=2).fit(X)
        TopicNumberDisplay.from_search(search)
        consensus = ConsensusTopics(model, n_fits=2, random_state=0)
        StabilityDisplay.from_estimator(consensus.fit(X))
    expected = TopicMapDisplay.from_estimator(model, X)
    assert_allclose(display.places, expected.places)
    assert_allclose(display.shares, expected.shares)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_pipelines_whose_steps_make_frames(X, output):
    pipe = make_pipeline(MinMaxScaler(), TorchPoissonNMF(4, random_state=0))
    pipe.set_output(transform=output).fit(frame(X))
    display = StructureDisplay.from_estimator(pipe, frame(X), n_documents=30)
    assert display.theta.shape == (30, 4)
    display = TopicMapDisplay.from_estimator(pipe, frame(X))
    assert display.shares.sum() == pytest.approx(1)
    terms = TopTermsDisplay.from_estimator(pipe).terms
    assert {name for row in terms for name, _ in row} <= set(frame(X).columns)


@pytest.mark.parametrize("container", [list, tuple, np.array, pandas.Series])
def test_texts_in_any_container(container):
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    pipe.fit(TEXTS)
    given = container(TEXTS)
    if container is pandas.Series:
        given.index = np.arange(len(TEXTS))[::-1]
    display = StructureDisplay.from_estimator(pipe, given, n_documents=10)
    expected = StructureDisplay.from_estimator(pipe, TEXTS, n_documents=10)
    assert_allclose(display.theta, expected.theta)
