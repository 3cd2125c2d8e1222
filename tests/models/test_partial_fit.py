"""TorchPoissonNMF.partial_fit: batches, what a model carries along, and refusals."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_topics import TorchPoissonNMF, curation, io, trusted_types
from sklearn_topics.datasets import make_topic_corpus

pytestmark = pytest.mark.usefixtures("one_thread")
N, M, K, SIZE = 300, 40, 4, 100


@pytest.fixture(scope="module")
def X():
    return sp.csr_array(make_topic_corpus(N + 100, M, K, random_state=0)[0])


def model(**options):
    return TorchPoissonNMF(K, **{"random_state": 0, **options})


def batches(X, size=SIZE, end=N):
    return [X[start : start + size] for start in range(0, end, size)]


def passed(X, estimator=None, **options):
    """The model after all batches."""
    estimator = model(**options) if estimator is None else estimator
    for batch in batches(X):
        estimator = estimator.partial_fit(batch)
    return estimator


def test_one_pass_is_nearly_a_fit(X):
    found, fitted = passed(X).perplexity(X[N:]), model().fit(X[:N]).perplexity(X[N:])
    assert found < 1.05 * fitted


@pytest.mark.parametrize("options", [{}, {"solver": "em"}, {"total_samples": 300}])
def test_attributes(X, options):
    fitted = passed(X, **options)
    assert fitted.n_batch_iter_ == 4
    assert fitted.n_samples_ == N
    tolerance = 0.05 if "total_samples" in options else 1e-6
    assert_allclose(fitted.topic_tokens_.sum(), X[:N].sum(), rtol=tolerance)
    assert fitted.components_.dtype == np.float32
    assert_allclose(fitted.components_.sum(axis=1), 1, rtol=1e-5)
    assert fitted.init_ == "kmeans"
    assert not hasattr(fitted, "n_iter_")


CONTAINERS = {
    "dense": lambda A: A.toarray(),
    "csc_matrix": sp.csc_matrix,
    "DataFrame": lambda A: pd.DataFrame(A.toarray()),
    "tensor": lambda A: torch.tensor(A.toarray()),
    "sparse tensor": lambda A: torch.tensor(A.toarray()).to_sparse_csr(),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_any_container(X, container):
    expected, found = passed(X), model()
    for batch in batches(X):
        found = found.partial_fit(container(batch))
    assert_allclose(found.components_, expected.components_, rtol=2e-3, atol=1e-6)


def test_files(X, tmp_path):
    """Blocks of a folder, and of a text format, are the batches."""
    folder = io.write_counts(tmp_path / "folder", X[:N])
    from_folder, in_memory, from_text = model(), model(), model()
    for (start, stop), batch in io.open_counts(folder.path).blocks(1000):
        from_folder.partial_fit(batch)
        in_memory.partial_fit(X[start:stop])
    assert from_folder.n_batch_iter_ > 3
    assert_array_equal(from_folder.components_, in_memory.components_)
    lines = [
        f"{len(row.data)} {' '.join(f'{j}:{x:g}' for j, x in pairs)}\n"
        for row in (X[[i]] for i in range(N))
        if (pairs := list(zip(row.indices, row.data, strict=True)))
    ]
    path = tmp_path / "corpus.ldac"
    path.write_text("".join(lines))
    for batch in io.iter_counts(path, n_features=M):
        from_text.partial_fit(batch)
    assert from_text.n_samples_ == len(lines)
    assert_allclose(from_text.topic_tokens_.sum(), X[:N].sum(), rtol=1e-5)


def test_seeds(X):
    assert_array_equal(passed(X).components_, passed(X).components_)
    other = passed(X, random_state=1).components_
    assert not np.allclose(passed(X).components_, other)


def _pickled(fitted, path):
    return pickle.loads(pickle.dumps(fitted))


def _skops(fitted, path):
    skops.io.dump(fitted, path)
    return skops.io.load(path, trusted=trusted_types())


@pytest.mark.parametrize("stored", [_pickled, _skops])
@pytest.mark.parametrize("options", [{}, {"total_samples": 1000}], ids=str)
def test_a_stored_model_continues(X, stored, options, tmp_path):
    fitted, expected = model(**options), passed(X, **options)
    for batch in batches(X):
        fitted = stored(fitted.partial_fit(batch), tmp_path / "model.skops")
    assert_array_equal(fitted.components_, expected.components_)
    assert_array_equal(fitted.topic_tokens_, expected.topic_tokens_)


def test_fit_begins_anew(X):
    fitted = passed(X).fit(X[:N])
    expected = model().fit(X[:N])
    assert vars(fitted).keys() == vars(expected).keys()
    assert_array_equal(fitted.components_, expected.components_)


def test_fit_may_come_first(X):
    fitted = model().fit(X[:200])
    tokens = fitted.topic_tokens_
    fitted.partial_fit(X[200:N])
    for name in ("log_likelihood_", "deviance_", "kkt_residual_", "loss_history_"):
        assert not hasattr(fitted, name)
    assert fitted.n_samples_ == N
    assert (fitted.topic_tokens_ > tokens).all()
    assert_allclose(fitted.topic_tokens_.sum(), X[:N].sum(), rtol=1e-3)
    assert fitted.perplexity(X[N:]) < 1.02 * model().fit(X[:N]).perplexity(X[N:])


def test_warm_start_continues(X):
    fitted = passed(X, warm_start=True)
    again = clone(fitted)
    again.partial_fit(X[:SIZE])
    assert again.n_samples_ == SIZE  # the first batch is no warm start
    fitted.fit(X[:N])
    assert fitted.init_ == "warm_start"


def test_merged_topics_continue(X):
    fitted = passed(X)
    merged = curation.merge_topics(fitted, [[0, 1]])
    merged.partial_fit(X[N:])
    assert merged.components_.shape == (K - 1, M)
    assert merged.n_samples_ == N + 100
    assert_allclose(merged.topic_tokens_.sum(), X.sum(), rtol=1e-5)


def test_what_is_known_about_topics_stays(X):
    _, _, topics = make_topic_corpus(N + 100, M, K, random_state=0)
    b = np.full((K, M), 0.2)
    b[0, topics[3].argsort()[-3:]] = 1000
    b[1, 5] = -1
    frozen = np.full((3, M), np.nan)
    frozen[2] = topics[1]
    fitted = model(topic_word_pseudocount=b, frozen_topics=frozen)
    for batch in batches(X):
        fitted.partial_fit(batch)
        assert_array_equal(fitted.components_[2], topics[1].astype(np.float32))
        assert fitted.components_[1, 5] == 0
        top = set(fitted.components_[0].argsort()[-3:])
        assert top == set(topics[3].argsort()[-3:])
    assert_allclose(fitted.topic_tokens_.sum(), X[:N].sum(), rtol=1e-5)
    # Whose tokens are counted: the frozen topic is not nearly empty.
    assert fitted.topic_tokens_[2] > 0.05 * X[:N].sum()


def test_names_of_topics(X):
    fitted = passed(X, topic_names=["a", "b"])
    assert fitted.topic_names_.tolist() == ["a", "b", "", ""]


def test_terms_that_come_later(X):
    """A term that the first batch does not contain enters the topics."""
    first = X[:SIZE].toarray()
    first[:, 7] = 0
    fitted = model().partial_fit(first)
    before = fitted.components_[:, 7].max()
    for batch in batches(X)[1:]:
        fitted.partial_fit(batch)
    found = fitted.topic_tokens_ @ fitted.components_[:, 7]
    share = X[:N, [7]].sum() / X[:N].sum()
    assert before < 1e-3
    assert found / fitted.topic_tokens_.sum() > 0.7 * share


def test_documents_without_tokens(X):
    empty = sp.csr_array((5, M))
    with pytest.raises(ValueError, match="no tokens"):
        model().partial_fit(empty)
    fitted = passed(X)
    topics = fitted.components_
    fitted.partial_fit(empty)
    assert fitted.n_samples_ == N + 5
    assert_allclose(fitted.components_, topics, rtol=1e-5)
    assert_allclose(fitted.topic_tokens_.sum(), X[:N].sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"topic_word_pseudocount": 0}, "topic_word_pseudocount > 0"),
        ({"topic_word_pseudocount": np.eye(K, M)}, "topic_word_pseudocount > 0"),
        ({"solver": "adam"}, "solver='scd' or 'em'"),
        ({"learning_rate": 0.1}, "solver='scd' or 'em'"),
    ],
    ids=str,
)
def test_parameters_without_partial_fit(X, parameters, reason):
    unable = model(**parameters)
    assert not hasattr(unable, "partial_fit")
    with pytest.raises(AttributeError) as error:
        unable.partial_fit(X)
    assert reason in str(error.value.__cause__)


def test_errors_leave_the_model_as_it_was(X):
    fitted = model().partial_fit(X[:SIZE])
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match="30 features.*expecting 40"):
        fitted.partial_fit(X[:, :30])
    with pytest.raises(ValueError, match="[Nn]egative"):
        fitted.partial_fit(-X)
    with pytest.raises(FloatingPointError, match="not finite"):
        fitted.partial_fit(np.full((3, M), 3e38, np.float32))
    assert vars(fitted) == before


def test_topics_that_cannot_continue(X):
    fitted = model().partial_fit(X[:SIZE])
    with pytest.raises(ValueError, match="4 topics, but n_components is 5"):
        clone_with(fitted, n_components=5).partial_fit(X)
    edited = clone_with(fitted, n_components=2)
    edited.components_ = fitted.components_[:2]
    with pytest.raises(ValueError, match="no valid topic_tokens_"):
        edited.partial_fit(X)


def clone_with(fitted, **parameters):
    return pickle.loads(pickle.dumps(fitted)).set_params(**parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"total_samples": 0}, {"learning_decay": 1.5}, {"learning_offset": 0}],
)
def test_parameters_are_validated(X, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        model(**parameters).partial_fit(X)
