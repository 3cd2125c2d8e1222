"""Functions of documents: equal results, whatever container they are in."""

import copy
import warnings
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
import torch
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import (
    differential_terms,
    dominant_topics,
    summary,
    to_pyldavis,
    topic_info,
)
from sklearn_topics.metrics import (
    coherence,
    completion_score,
    perplexity,
    topic_quality,
    topic_scorer,
)
from sklearn_topics.plot import StructureDisplay, TopicMapDisplay

NAMES = [f"t{j}" for j in range(20)]
SHUFFLED = np.random.default_rng(0).permutation(40)

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")


@pytest.fixture(scope="module")
def X():
    counts = make_topic_corpus(40, 20, 3, doc_length=40, random_state=0)[0].toarray()
    counts[[4, 7]] = 0
    return counts


@pytest.fixture(scope="module")
def model(X):
    return TorchPoissonNMF(3, random_state=0).fit(X)


def duplicated(X):
    coo = sp.coo_array(X)
    parts = np.tile(coo.data, 2), tuple(np.tile(axis, 2) for axis in coo.nonzero())
    parts[0][: coo.nnz] -= 1
    parts[0][coo.nnz :] = 1
    return sp.coo_array(parts, shape=X.shape)


def wide(X):
    csr = sp.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


def with_stored_zeros(X):
    csr = sp.csr_array(np.ones_like(X))
    csr.data[:] = X.ravel()
    return csr


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def tensor(layout):
    def make(X):
        X = torch.from_numpy(X.astype(np.float32))
        return X if layout is None else X.to_sparse(layout=layout)

    return make


CONTAINERS = {
    "fortran": np.asfortranarray,
    "read-only": read_only,
    "reversed": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "float16": lambda X: X.astype(np.float16),
    "big-endian": lambda X: X.astype(">f8"),
    "uint8": lambda X: X.astype(np.uint8),
    "masked array": lambda X: np.ma.array(X, mask=np.zeros(X.shape)),
    "lists": np.ndarray.tolist,
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc": sp.csc_array,
    "lil": sp.lil_array,
    "duplicates": duplicated,
    "int64 indices": wide,
    "stored zeros": with_stored_zeros,
    "float32": lambda X: sp.csr_matrix(X, dtype=np.float32),
    "DataFrame": lambda X: pd.DataFrame(X, SHUFFLED, NAMES),
    "nullable": lambda X: pd.DataFrame(X, columns=NAMES).astype("Int64"),
    "sparse DataFrame": lambda X: pd.DataFrame.sparse.from_spmatrix(
        sp.csr_array(X), SHUFFLED, NAMES
    ),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "tensor": tensor(None),
    # Which numpy cannot read, as it cannot read one on a GPU.
    "tensor with gradient": lambda X: tensor(None)(X).requires_grad_(),
    "COO tensor": tensor(torch.sparse_coo),
    "CSR tensor": tensor(torch.sparse_csr),
}


def prepared(model, X, **options):
    page = to_pyldavis(model, X, R=5, **options)
    return page.topic_coordinates.sort_index(axis=1)


def about(model, X, **options):
    return topic_info(model, X, **options).drop(columns="Representative_Docs")


TABLES = {
    "dominant_topics": lambda *args, **options: dominant_topics(
        *args, **options
    ).reset_index(drop=True),
    "topic_info": about,
    "summary": summary,
    "differential_terms": differential_terms,
    "to_pyldavis": prepared,
}
SCORES = {
    "completion_score": completion_score,
    "perplexity": perplexity,
    "coherence": lambda *args: coherence(*args).per_topic,
    "topic_quality": topic_quality,
    **{
        f"scorer {name}": topic_scorer(name)
        for name in ("completion", "perplexity", "npmi", "umass", "quality")
    },
}


def named(model, names):
    """The same model, fitted on columns of these names."""
    other = copy.deepcopy(model)
    other.feature_names_in_ = np.array(names, dtype=object)
    return other


def same(found, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5, atol=1e-6)
    elif isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.fixture(scope="module")
def expected(X, model):
    """Function of a function's name: its result for an array, or for its frame."""

    @cache
    def result(function, is_frame):
        return {**TABLES, **SCORES}[function](
            named(model, NAMES) if is_frame else model,
            pd.DataFrame(X, columns=NAMES) if is_frame else X,
        )

    return result


#: Every container with a table, a score and a co-occurrence, which read X each in a way
#: of their own; every function with what is furthest from an array.
FUNCTIONS = [*TABLES, *SCORES]
PAIRS = dict.fromkeys(
    [
        *product(CONTAINERS, ["topic_info", "completion_score", "coherence"]),
        *product(["csc", "nullable", "tensor with gradient"], FUNCTIONS),
    ]
)


@pytest.mark.parametrize(("container", "function"), PAIRS)
def test_every_container(X, model, expected, container, function):
    counts = CONTAINERS[container](X)
    is_frame = hasattr(counts, "columns")
    model = named(model, NAMES) if is_frame else model
    expected = expected(function, is_frame)
    function = {**TABLES, **SCORES}[function]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        same(function(model, counts), expected)
    np.testing.assert_array_equal(dense(counts), X)  # it was not written to


def dense(X):
    X = X.detach().to_dense() if isinstance(X, torch.Tensor) else X
    return X.toarray() if sp.issparse(X) else np.asarray(X)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_every_output_that_is_set(X, model, expected, function, output):
    expected = expected(function, False)
    function = {**TABLES, **SCORES}[function]
    with sklearn.config_context(transform_output=output), warnings.catch_warnings():
        warnings.simplefilter("error")
        same(function(model, X), expected)


@pytest.mark.parametrize(
    "Model", [TorchPoissonNMF, TorchETM, TorchBetaNMF, LatentDirichletAllocation, NMF]
)
@pytest.mark.parametrize(
    ("container", "dtype"),
    [("DataFrame", np.float64), ("sparse DataFrame", np.int64), ("polars", np.int64)],
)
def test_frames_and_every_model(X, Model, dtype, container):
    """A model of scikit-learn refuses another dtype than it was fitted to."""
    kind = Model(3, random_state=0, max_iter=20)
    narrow = CONTAINERS[container](X.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = kind.fit(narrow)
        counts = CONTAINERS[container](X.astype(dtype))
        found = dominant_topics(fitted, counts)
        score = completion_score(fitted, counts)
        expected = dominant_topics(fitted, narrow)
        assert score == pytest.approx(completion_score(fitted, narrow), rel=1e-4)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-3)
    assert found.index.tolist() == (
        list(range(40)) if container == "polars" else SHUFFLED.tolist()
    )


TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4


@pytest.mark.parametrize(
    "container", [list, tuple, np.array, pd.Series, pl.Series, iter], ids=str
)
def test_texts_in_a_pipeline(container):
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    pipe.fit(TEXTS)
    found = topic_info(pipe, container(TEXTS))
    pd.testing.assert_frame_equal(found, topic_info(pipe, TEXTS))
    assert type(found["Representative_Docs"][0][0]) is str
    same(completion_score(pipe, container(TEXTS)), completion_score(pipe, TEXTS))


def test_lazy_frames_are_refused(X, model):
    lazy = pl.LazyFrame(X, schema=NAMES)
    for function in dominant_topics, completion_score, coherence:
        with pytest.raises(ValueError, match=r"Pass X\.collect\(\)"):
            function(named(model, NAMES), lazy)


class _AnnData:
    X, obs, shape = np.ones((3, 3)), None, (3, 3)


REFUSED = {
    "AnnData": _AnnData(),
    "path": Path("counts.npz"),
    "str": "counts.npz",
    "generator": (row for row in np.ones((3, 20))),
    "masked": np.ma.array(np.ones((3, 20)), mask=np.eye(3, 20)),
    "masked rows": list(np.ma.array(np.ones((3, 20)), mask=np.eye(3, 20))),
    "lazy": pl.LazyFrame(np.ones((3, 20))),
    "texts": ["a text", "another"],
    "tokens": [["a", "text"], ["another", "one"]],
    "dicts": [{"a": 1}],
    "sparse rows": [sp.csr_array(np.ones((1, 20)))],
}
DISPLAYS = {
    "StructureDisplay": StructureDisplay.from_estimator,
    "TopicMapDisplay": TopicMapDisplay.from_estimator,
}


@pytest.mark.parametrize(
    ("container", "function"),
    dict.fromkeys(
        [
            *product(REFUSED, ["topic_info", "coherence"]),
            *product(["path", "masked"], [*FUNCTIONS, *DISPLAYS]),
        ]
    ),
)
def test_refused_as_in_fit(model, container, function):
    """What fit does not read is refused by all in the words of fit."""
    given = REFUSED[container]
    with pytest.raises((TypeError, ValueError)) as of_fit:
        copy.deepcopy(model).fit(given)
    with pytest.raises((TypeError, ValueError)) as found:
        {**TABLES, **SCORES, **DISPLAYS}[function](model, given)
    assert str(found.value)[:50] == str(of_fit.value)[:50]


@pytest.mark.parametrize("function", ["dominant_topics", "topic_info", "summary"])
def test_hidden_cells_are_unobserved_where_a_model_has_such(X, function):
    hidden = np.ma.array(X, mask=np.eye(*X.shape))
    options = {"solver": "mu", "missing": "mask", "max_iter": 5, "tol": 0}
    model = TorchBetaNMF(3, random_state=0, **options).fit(hidden)
    expected = TABLES[function](model, hidden.astype(float).filled(np.nan))
    same(TABLES[function](model, hidden), expected)


class _Untransformed:
    """A fitted model whose ``transform`` must not be called."""

    def __init__(self, model):
        self.components_ = model.components_

    def transform(self, X):
        raise AssertionError("transform was called")


THETAS = {
    "array": np.asarray,
    "list": np.ndarray.tolist,
    "float32": lambda theta: theta.astype(np.float32),
    "DataFrame": pd.DataFrame,
    "polars": lambda theta: pl.DataFrame(theta, schema=["a", "b", "c"]),
    "tensor": torch.from_numpy,
    "tensor with gradient": lambda theta: torch.from_numpy(theta).requires_grad_(),
    "sparse": sp.csr_array,
}


@pytest.mark.parametrize("function", TABLES)
@pytest.mark.parametrize("container", THETAS)
def test_proportions_that_are_given(X, model, function, container):
    theta = THETAS[container](model.transform(X).astype(np.float64))
    function = TABLES[function]
    expected = function(model, X)
    if isinstance(expected, str):
        expected = expected.replace("TorchPoissonNMF", "_Untransformed")
    same(function(_Untransformed(model), X, theta=theta), expected)


def test_weights_of_a_factorisation_become_proportions(X):
    nmf = NMF(3, init="random", random_state=0, max_iter=500).fit(X)
    for function in TABLES.values():
        same(function(nmf, X, theta=nmf.transform(X)), function(nmf, X))


def test_proportions_of_a_factorisation_depend_on_the_document_alone(X):
    """Also where its weights happen to sum to one, as those of proportions do."""
    nmf = NMF(3, init="random", random_state=0, max_iter=500).fit(X)
    row = X[:1] / nmf.transform(X[:1].astype(float)).sum()
    beside = np.vstack([row, X[1:]])
    alone = dominant_topics(nmf, row)
    pd.testing.assert_frame_equal(alone, dominant_topics(nmf, beside)[:1], rtol=1e-4)


def test_dominant_topics_of_proportions_alone(X, model):
    theta = model.transform(X)
    expected = dominant_topics(model, X)
    found = dominant_topics(_Untransformed(model), theta=theta)
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match="X and theta are both None"):
        dominant_topics(model)


@pytest.mark.parametrize("function", TABLES)
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda theta: theta[:-1], "theta must have a row for each of the 40"),
        (lambda theta: theta[:, :2], "a column for each of the 3 topics"),
        (lambda theta: theta - 1, "theta has negative"),
        (lambda theta: theta * np.nan, "theta contains NaN"),
        (lambda theta: theta[0], "theta must have 2 dimensions"),
        (lambda theta: [["a", "b", "c"]] * 40, "theta must contain numbers"),
        (lambda theta: pl.LazyFrame(theta), r"theta\.collect"),
    ],
)
def test_wrong_proportions_are_refused(X, model, function, wrong, complaint):
    with pytest.raises((TypeError, ValueError), match=complaint):
        TABLES[function](model, X, theta=wrong(model.transform(X)))
