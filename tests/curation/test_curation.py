"""Edited models: their topics, proportions, scores, tables and files are right."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import NMF, LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    trusted_types,
)
from sklearn_topics.curation import (
    drop_topics,
    merge_topics,
    reduce_topics,
    rename_topics,
    reorder_topics,
    split_topic,
    topic_hierarchy,
)
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import summary, topic_info

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
K = 5
X = sp.csr_matrix(make_topic_corpus(150, 40, K, random_state=0)[0].astype(np.float64))
KL = {"solver": "mu", "beta_loss": "kullback-leibler", "random_state": 0}
MODELS = {
    "TorchPoissonNMF": TorchPoissonNMF(K, random_state=0),
    "TorchBetaNMF": TorchBetaNMF(K, max_iter=500, tol=1e-6, **KL),
    "TorchETM": TorchETM(K, max_iter=2, hidden_layer_sizes=(10,), random_state=0),
    "TorchDeepNMF": TorchDeepNMF((8, K), random_state=0),
    "NMF": NMF(K, max_iter=500, tol=1e-6, **KL),
    "LDA": LatentDirichletAllocation(K, random_state=0),
}
EACH = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(model).fit(X) for name, model in MODELS.items()}


def weights(model):
    """Documents that weight the topics, for models that have no topic_tokens_."""
    return {"X": X} if isinstance(model, NMF) else {}


def distributions(model):
    return model.components_ / model.components_.sum(1, keepdims=True)


def assert_works(model, n_topics):
    """What a user does next: transform, score, names, tables, files."""
    theta = model.transform(X)
    assert theta.shape == (X.shape[0], n_topics)
    assert len(model.components_) == model.get_params().get("n_components", n_topics)
    assert len(model.get_feature_names_out()) == n_topics
    if hasattr(model, "score"):
        assert np.isfinite(model.score(X))
    assert len(topic_info(model, X)) >= n_topics
    assert f"{n_topics} topics of 40 terms" in summary(model, X)
    copies = pickle.loads(pickle.dumps(model)), skops_copy(model)
    for copy in copies:
        assert_array_equal(copy.transform(X), theta)


def skops_copy(model):
    return skops.io.loads(skops.io.dumps(model), trusted=trusted_types())


@EACH
def test_merged_topics(name, fitted):
    model = fitted[name]
    before, theta = deepcopy(vars(model)), model.transform(X)
    merged = merge_topics(model, [[3, 1]], **weights(model))
    assert_works(merged, K - 1)
    # The model itself has not changed.
    assert_array_equal(model.components_, before["components_"])
    assert vars(model).keys() == before.keys()
    # The merged topic takes the place of topic 3, after 0 and 2; it is between both.
    others = [0, 2, 4]
    assert_array_equal(merged.components_[[0, 1, 3]], model.components_[others])
    parts = distributions(model)[[1, 3]]
    found = distributions(merged)[2]
    assert (found >= parts.min(0) - 1e-6).all()
    assert (found <= parts.max(0) + 1e-6).all()
    new = merged.transform(X)[:, 2]
    if name != "TorchDeepNMF":  # whose topics overlap here
        assert np.abs(new - theta[:, [1, 3]].sum(1)).mean() < 0.4 * theta.mean()


@EACH
def test_merges_add_up_in_any_order(name, fitted):
    model = fitted[name]
    at_once = merge_topics(model, [[0, 1, 2]], **weights(model))
    if not isinstance(model, NMF):
        step = merge_topics(model, [[0, 1]])
        by_steps = merge_topics(step, [[0, 1]])
        assert_allclose(at_once.components_, by_steps.components_, rtol=1e-5)
        assert_allclose(
            getattr(at_once, "topic_tokens_", 0), getattr(by_steps, "topic_tokens_", 0)
        )
    other = merge_topics(model, [[0, 2, 1]], **weights(model))
    assert_allclose(at_once.components_, other.components_, rtol=1e-5)


# The topics of the other models come from an encoder or from finer topics.
@pytest.mark.parametrize("name", sorted({*MODELS} - {"TorchETM", "TorchDeepNMF"}))
def test_equal_topics_merge_into_themselves(name, fitted):
    """Two halves of one topic: the merged model is the one without the second half."""
    model = deepcopy(fitted[name])
    model.components_[1] = model.components_[0]
    merged = merge_topics(model, [[0, 1]], **weights(model))
    assert_allclose(distributions(merged)[0], distributions(model)[0], rtol=1e-5)


@EACH
def test_dropped_and_reordered_topics(name, fitted):
    model = fitted[name]
    theta = model.transform(X)
    order = [4, 2, 0, 1, 3]
    edited = reorder_topics(model, order)
    assert_works(edited, K)
    assert_array_equal(edited.components_, model.components_[order])
    assert_allclose(edited.transform(X), theta[:, order], atol=2e-2 * theta.max())
    back = reorder_topics(edited, np.argsort(order).tolist())
    # Sums over the components of scikit-learn's NMF depend on how they lie in memory.
    rtol = 1e-9 if name == "NMF" else 0
    assert_allclose(back.transform(X), theta, rtol=rtol, atol=rtol)
    dropped = drop_topics(model, [1, 3])
    assert_works(dropped, K - 2)
    assert_array_equal(dropped.components_, model.components_[[0, 2, 4]])
    described = "log_likelihood_", "reconstruction_err_", "bound_"
    assert all(hasattr(edited, a) == hasattr(model, a) for a in described)
    assert not any(hasattr(dropped, a) for a in described)


@EACH
def test_topics_by_share_and_by_similarity(name, fitted):
    model = fitted[name]
    edited = reorder_topics(model, **weights(model))
    if hasattr(edited, "topic_tokens_"):
        assert (np.diff(edited.topic_tokens_) <= 0).all()
    near = reorder_topics(model, "similarity", **weights(model))
    order = topic_hierarchy(model, **weights(model)).order()
    assert_array_equal(near.components_, model.components_[order])


@EACH
def test_a_split_topic_merges_back(name, fitted):
    model = fitted[name]
    if name in ("TorchETM", "TorchDeepNMF"):
        with pytest.raises(ValueError, match=f"A topic of {name} cannot be split"):
            split_topic(model, 1, X)
        return
    edited = split_topic(model, 1, X, 3)
    assert_works(edited, K + 2)
    parts = edited.components_[1:4]
    assert_array_equal(
        edited.components_[[0, 4, 5, 6]], model.components_[[0, 2, 3, 4]]
    )
    assert np.abs(np.diff(distributions(edited)[1:4], axis=0)).sum(1).min() > 0.1
    if name == "NMF":  # W is not known
        return
    back = merge_topics(edited, [[1, 2, 3]])
    assert_allclose(back.components_, model.components_, rtol=2e-5, atol=1e-7)
    if hasattr(model, "topic_tokens_"):
        assert_allclose(back.topic_tokens_, model.topic_tokens_, rtol=0.01)
    if name == "LDA":
        assert_allclose(parts.sum(0), model.components_[1])


@EACH
def test_reduced_topics(name, fitted):
    model = fitted[name]
    hierarchy = topic_hierarchy(model, **weights(model))
    assert hierarchy.groups(K) == [[k] for k in range(K)]
    assert hierarchy.groups(1) == [list(range(K))]
    first = sorted(map(int, hierarchy.linkage[0, :2]))
    reduced = reduce_topics(model, K - 1, **weights(model))
    merged = merge_topics(model, [first], **weights(model))
    assert_array_equal(reduced.components_, merged.components_)
    assert_works(reduce_topics(model, 2, **weights(model)), 2)


@EACH
def test_names_go_along(name, fitted):
    model = rename_topics(fitted[name], ["a", "b", "c", "d", ""])
    kw = weights(model)
    assert merge_topics(model, [["a", "d"]], **kw).topic_names_.tolist() == [
        *("a + d", "b", "c", "")
    ]
    assert drop_topics(model, ["b"]).topic_names_.tolist() == ["a", "c", "d", ""]
    edited = reorder_topics(model, ["d", 4, "a", "b", "c"])
    assert edited.topic_names_.tolist() == ["d", "", "a", "b", "c"]
    assert set(topic_info(edited, X)["Name"]) > {"a", "b", "c", "d"}
    renamed = rename_topics(model, {"a": "x", 4: "y", "b": None})
    assert renamed.topic_names_.tolist() == ["x", "", "c", "d", "y"]
    if hasattr(model, "topics") or "topic_names" in model.get_params():
        assert renamed.get_feature_names_out()[0] == "x"


def test_parameters_of_a_steered_model():
    """Seeds add up, frozen and excluded stay, and a fit from there still works."""
    rng = np.random.default_rng(0)
    b = np.full((K, 40), 0.2)
    b[0, 3] = b[1, 4] = 50
    b[0, 7] = b[1, 7] = b[2, 8] = -1
    frozen = np.full((5, 40), np.nan)
    frozen[3] = rng.dirichlet(np.ones(40))
    model = TorchPoissonNMF(
        K, topic_word_pseudocount=b, frozen_topics=frozen, random_state=0
    ).fit(X)
    merged = merge_topics(model, [[0, 1], [2, 4]])
    new = merged.topic_word_pseudocount
    assert new.shape == (3, 40)
    assert_allclose([new[0, 3], new[0, 4], new[0, 0]], [50.2, 50.2, 0.4])
    assert new[0, 7] == -1
    assert new[1, 8] == 0.2
    assert merged.components_[0, 7] == 0
    assert_array_equal(merged.frozen_topics[2], frozen[3])
    again = clone(merged).fit(X)
    assert_array_equal(again.components_[2], merged.components_[2])
    unfrozen = merge_topics(model, [[3, 4]])
    assert unfrozen.frozen_topics is None


def test_etm_sums_what_its_encoder_proposes(fitted):
    model = clone(fitted["TorchETM"]).set_params(inference="encoder").fit(X)
    theta = model.transform(X)
    merged = merge_topics(model, [[0, 2], [1, 4]])
    expected = np.column_stack(
        [theta[:, [0, 2]].sum(1), theta[:, [1, 4]].sum(1), theta[:, 3]]
    )
    assert_allclose(merged.transform(X), expected, rtol=1e-5)
    dropped = drop_topics(merged, [1])
    assert_allclose(
        dropped.transform(X),
        expected[:, [0, 2]] / expected[:, [0, 2]].sum(1, keepdims=True),
        rtol=1e-4,
    )
    assert merged.topic_neighbors(3).shape == (3, 3)


def test_deep_topics_are_mixtures_still(fitted):
    merged = merge_topics(fitted["TorchDeepNMF"], [[0, 1]])
    assert merged.layer_sizes == (8, K - 1)
    assert_allclose(merged.layers_[-1] @ merged.layers_[0], merged.components_)
    assert not hasattr(merged, "n_components")


def test_pipelines_and_searches():
    texts = ["red apple pie", "apple tart", "blue sky", "sky over green hills"] * 5
    steps = CountVectorizer(), TorchPoissonNMF(3, random_state=0)
    pipeline = make_pipeline(*steps).fit(texts)
    edited = merge_topics(pipeline, [[0, 1]], X=texts)
    assert edited.transform(texts).shape == (20, 2)
    assert pipeline.transform(texts).shape == (20, 3)
    assert edited[0] is pipeline[0]
    search = GridSearchCV(pipeline, {"torchpoissonnmf__n_components": [3]}, cv=2)
    edited = rename_topics(search.fit(texts), {0: "food"})
    assert edited.get_feature_names_out()[0] == "food"
    assert split_topic(pipeline, 0, texts).transform(texts).shape == (20, 4)


def test_a_warm_start_continues_from_merged_topics():
    model = TorchPoissonNMF(K, warm_start=True, random_state=0).fit(X)
    merged = merge_topics(model, [[0, 1]])
    before = merged.score(X)
    assert len(merged.fit(X).components_) == K - 1
    assert merged.score(X) > before - 0.05


MISTAKES = [
    (lambda m: merge_topics(m, [0, 1]), TypeError, r"\[\[0, 1\]\] for one group"),
    (lambda m: merge_topics(m, [[0, 1], [1, 2]]), ValueError, "a topic twice"),
    (lambda m: merge_topics(m, [[0, 5]]), ValueError, "5. Expected a number from 0"),
    (lambda m: merge_topics(m, [[]]), ValueError, "empty list"),
    (lambda m: drop_topics(m, range(5)), ValueError, "All topics would be dropped"),
    (lambda m: drop_topics(m, 3), TypeError, "must be a list of topics"),
    (lambda m: drop_topics(m, ["space"]), ValueError, "contains 'space'"),
    (lambda m: reorder_topics(m, [0, 1]), ValueError, "use drop_topics"),
    (lambda m: reorder_topics(m, "size"), ValueError, "share, similarity"),
    (lambda m: rename_topics(m, ["a"]), ValueError, "1 names, but the model has 5"),
    (lambda m: rename_topics(m, {0: "a", 1: "a"}), ValueError, "'a' twice"),
    (lambda m: reduce_topics(m, 6), ValueError, "there are 5 topics"),
    (lambda m: split_topic(m, 0, X, 1), ValueError, "at least 2"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), MISTAKES)
def test_mistakes_are_named(fitted, call, kind, message):
    with pytest.raises(kind, match=message):
        call(fitted["TorchPoissonNMF"])


def test_other_models_are_refused(fitted):
    with pytest.raises(TypeError, match="TruncatedSVD cannot be edited"):
        merge_topics(TruncatedSVD(2).fit(X), [[0, 1]])
    with pytest.raises(ValueError, match="NMF has no topic_tokens_.*X=X"):
        merge_topics(fitted["NMF"], [[0, 1]])
