"""Seeds, frozen topics, excluded terms and names of topics in the models."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_topics import TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.metrics import topic_distances

pytestmark = pytest.mark.usefixtures("one_thread")
N, M, K = 150, 40, 4


@pytest.fixture(scope="module")
def corpus_and_topics():
    X, _, topics = make_topic_corpus(N, M, K, random_state=0)
    return sp.csr_array(X), topics


def steered(topics, **options):
    """Topic 0 is seeded, topic 2 frozen; topic 1 excludes a term."""
    b = np.full((K, M), 0.2)
    b[0, topics[3].argsort()[-3:]] = 1000
    b[1, 5] = -1
    frozen = np.full((3, M), np.nan)
    frozen[2] = topics[1]
    options = {"random_state": 0, "tol": 0, "max_iter": 60, **options}
    return TorchPoissonNMF(K, topic_word_pseudocount=b, frozen_topics=frozen, **options)


SOLVERS = pytest.mark.parametrize(
    "options",
    [{}, {"solver": "em"}, {"init": "nndsvd"}, {"init": "random"}],
    ids=str,
)  # fmt: skip


@SOLVERS
def test_steered_topics(corpus_and_topics, options):
    X, topics = corpus_and_topics
    model = steered(topics, **options).fit(X)
    dtype = model.components_.dtype
    assert_array_equal(model.components_[2], topics[1].astype(dtype))
    assert model.components_[1, 5] == 0
    top = set(model.components_[0].argsort()[-3:])
    assert top == set(topics[3].argsort()[-3:])
    assert_allclose(model.topic_tokens_.sum(), X.sum(), rtol=1e-5)
    assert model.score(X) > -np.log(M)


def test_sparse_and_dense_agree(corpus_and_topics):
    X, topics = corpus_and_topics
    sparse, dense = (steered(topics).fit(A) for A in (X, X.toarray()))
    assert_allclose(sparse.components_, dense.components_, rtol=1e-3, atol=1e-6)


def test_the_start_takes_the_order_of_the_seeds(corpus_and_topics):
    """A permutation of the pseudocounts permutes the topics."""
    X, topics = corpus_and_topics
    b = 0.2 + 300 * topics
    found = [
        TorchPoissonNMF(K, topic_word_pseudocount=b[order], random_state=0).fit(X)
        for order in ([0, 1, 2, 3], [2, 3, 0, 1])
    ]
    first, second = (model.components_ for model in found)
    assert_allclose(first[[2, 3, 0, 1]], second, atol=1e-3)
    assert topic_distances(first, topics).argmin(1).tolist() == [0, 1, 2, 3]


def test_a_start_without_seeds_stays_as_it_is(corpus_and_topics):
    """Excluded terms, and priors that differ by topic alone, name no documents."""
    X, topics = corpus_and_topics
    plain = TorchPoissonNMF(K, random_state=0).fit(X)
    unlikely = plain.components_[1].argmin()
    b = np.tile([[0.2], [0.25], [0.3], [0.2]], M)
    b[1, unlikely] = -1
    model = TorchPoissonNMF(K, topic_word_pseudocount=b, random_state=0).fit(X)
    assert topic_distances(model, plain).argmin(1).tolist() == [0, 1, 2, 3]
    assert_allclose(model.components_, plain.components_, atol=0.03)


def test_all_topics_frozen(corpus_and_topics):
    X, topics = corpus_and_topics
    model = TorchPoissonNMF(K, frozen_topics=topics, random_state=0).fit(X)
    assert_array_equal(model.components_, topics.astype(model.components_.dtype))
    free = TorchPoissonNMF(K, random_state=0).fit(X)
    assert model.log_likelihood_ < free.log_likelihood_


def test_a_warm_start_keeps_what_is_known(corpus_and_topics):
    X, topics = corpus_and_topics
    model = steered(topics, warm_start=True).fit(X)
    before = model.components_
    again = model.fit(X).components_
    assert_array_equal(again[2], before[2])
    assert again[1, 5] == 0
    assert_allclose(again, before, atol=0.02)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_resumed_fit_is_the_same(corpus_and_topics, tmp_path, monkeypatch):
    X, topics = corpus_and_topics
    expected = steered(topics).fit(X).components_
    path = tmp_path / "fit.npz"
    model = steered(topics, checkpoint=path)
    from sklearn_topics._fit.checkpoint import Checkpoint

    written = Checkpoint.write

    def write_and_stop(self, content):
        written(self, content)
        if content["outcome"]["n_iter"] >= 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sklearn_topics._fit.checkpoint._PAUSE", 0)
        patch.setattr(Checkpoint, "write", write_and_stop)
        with pytest.raises(KeyboardInterrupt):
            clone(model).fit(X)
    assert path.exists()
    other = clone(model).set_params(topic_word_pseudocount=np.full((K, M), 0.3))
    with pytest.raises(ValueError, match="topic_word_pseudocount was"):
        other.fit(X)
    assert_array_equal(clone(model).fit(X).components_, expected)


def nan_rows(*rows):
    out = np.full((K, M), np.nan)
    for k, row in enumerate(rows):
        out[k] = row
    return out


ONE = np.eye(M)[0]
B = np.full((K, M), 0.2)
UNUSED = np.where(np.arange(M) == 5, -1.0, B)
MISTAKES = [
    ({"topic_word_pseudocount": B[:2]}, r"a row for each of the 4 topics.*\(2, 40\)"),
    ({"topic_word_pseudocount": B * np.nan}, "at least 0, or -1"),
    ({"topic_word_pseudocount": B - 1}, "at least 0, or -1"),
    ({"topic_word_pseudocount": np.vstack([B[:3], 0 * B[:1] - 1])}, "from topic 3"),
    ({"topic_word_pseudocount": UNUSED}, "1 terms of X have probability 0 in every"),
    ({"frozen_topics": np.ones((K, M))}, "Row 0 of frozen_topics is not a distrib"),
    ({"frozen_topics": nan_rows(np.where(ONE, 1, np.nan))}, "Row 0 of frozen_topics"),
    ({"frozen_topics": np.ones((K + 1, M))}, "at most 4 rows"),
    ({"frozen_topics": np.ones((1, M + 1))}, "at most 4 rows"),
    ({"frozen_topics": ONE[None], "solver": "adam"}, "solver='adam' cannot keep"),
    ({"topic_names": ["a", "b", "c", "d", "e"]}, "5 names for 4 topics"),
    ({"topic_names": ["a", "a"]}, "name 'a' twice"),
    ({"topic_names": ["a", 3]}, "must contain texts. Got 3"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_are_named(corpus_and_topics, options, message):
    X, _ = corpus_and_topics
    model = TorchPoissonNMF(K, **options)
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    assert not hasattr(model, "components_")


def test_adam_takes_seeds(corpus_and_topics):
    X, topics = corpus_and_topics
    b = 0.2 + 1000 * topics
    options = {"solver": "adam", "random_state": 0, "max_iter": 50}
    model = TorchPoissonNMF(K, topic_word_pseudocount=b, **options).fit(X)
    assert topic_distances(model.components_, topics).argmin(1).tolist() == [0, 1, 2, 3]


def test_etm_begins_at_the_seeds(corpus_and_topics):
    X, topics = corpus_and_topics
    options = {"random_state": 0, "max_iter": 2, "hidden_layer_sizes": (10,)}
    b = 0.2 + 1000 * topics
    model = TorchETM(
        K, topic_word_pseudocount=b, topic_names=["one"], **options
    ).fit(X)  # fmt: skip
    assert topic_distances(model.components_, topics).argmin(1).tolist() == [0, 1, 2, 3]
    assert model.get_feature_names_out()[0] == "one"
    assert_allclose(model.topic_tokens_.sum(), X.sum(), rtol=1e-5)
    with pytest.raises(ValueError, match="cannot exclude"):
        TorchETM(
            K, topic_word_pseudocount=np.where(ONE, [[-1], [1], [1], [1]], 1), **options
        ).fit(X)
    with pytest.raises(ValueError, match="init='nmf' only"):
        TorchETM(K, init="random", topic_word_pseudocount=0.1, **options).fit(X)


def test_names_are_the_columns(corpus_and_topics):
    X, _ = corpus_and_topics
    model = TorchPoissonNMF(K, topic_names=["a", None, "c"], random_state=0).fit(X)
    names = ["a", "torchpoissonnmf1", "c", "torchpoissonnmf3"]
    assert model.get_feature_names_out().tolist() == names
    frame = model.set_output(transform="pandas").transform(X[:3])
    assert frame.columns.tolist() == names
    # A fit without names forgets them.
    model.set_params(topic_names=None).fit(X)
    assert not hasattr(model, "topic_names_")
    model.topic_names_ = np.array(["x"])
    with pytest.raises(ValueError, match="1 names, but components_ has 4"):
        model.get_feature_names_out()
