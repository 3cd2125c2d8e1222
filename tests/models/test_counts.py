"""What is said of data that are not counts, and of corpora without a token."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from sklearn_topics import TorchBetaNMF, TorchDeepNMF, TorchETM, TorchPoissonNMF

pytestmark = pytest.mark.usefixtures("short_start")
ETM = {"max_iter": 1, "hidden_layer_sizes": (4,), "embedding_dim": 4}
MODELS = {
    "TorchPoissonNMF": lambda: TorchPoissonNMF(4, max_iter=2, random_state=0),
    "TorchETM": lambda: TorchETM(4, random_state=0, **ETM),
}
COUNT_MODELS = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())

CONTAINERS = {
    "csr": sp.csr_array,
    "dense": lambda X: X.toarray(),
    "float32": lambda X: X.astype(np.float32),
    "torch": lambda X: torch.from_numpy(X.toarray()),
}

NO_COUNTS = {
    "log1p": np.log1p,
    "shares": lambda X: normalize(X, norm="l1"),
    "TF-IDF": lambda X: TfidfTransformer().fit_transform(X),
    "halves": lambda X: X * 0.25,
}


def _mostly(X):
    """Counts, of which two in five are no integers."""
    X = X.astype(float)
    X.data[::5] += 0.5
    X.data[1::5] += 0.25
    return X


COUNTS = {
    "integers": lambda X: X,
    "integers as floats": lambda X: X.astype(np.float64),
    "presence": lambda X: X > 0,
    "large": lambda X: X * 2.0**40,
    "mostly integers": _mostly,
}


def said(make, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make().fit(X)
    return [w for w in caught if "not look like counts" in str(w.message)]


@COUNT_MODELS
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize("change", NO_COUNTS.values(), ids=NO_COUNTS.keys())
def test_what_is_not_counted_is_said(make, container, change, X):
    (warning,) = said(make, container(change(X.tocsr())))
    assert warning.filename == __file__


@COUNT_MODELS
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize("change", COUNTS.values(), ids=COUNTS.keys())
def test_nothing_is_said_of_counts(make, container, change, X):
    if container is CONTAINERS["float32"] and change is not COUNTS["mostly integers"]:
        container = CONTAINERS["csr"]
    assert said(make, container(change(X.tocsr()))) == []


def test_the_message_has_the_numbers(X):
    shares = normalize(X.astype(float), norm="l1")
    (warning,) = said(lambda: TorchPoissonNMF(50, max_iter=2), shares)
    for piece in (
        "a document has 1 on average",
        "the pseudocounts add 1 in fit",
        "and 5 in transform",
        "raw counts",
        "multiply each row by the length",
        "TorchBetaNMF",
    ):
        assert piece in str(warning.message)
    (warning,) = said(MODELS["TorchETM"], shares)
    assert "the output of the encoder counts as 20" in str(warning.message)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(270.4, "270"), (1e4, "10,000"), (1.04, "1"), (0.0312, "0.031"), (9.96, "10")],
)
def test_numbers_of_messages_have_no_exponent(X, number, expected):
    shares = normalize(X.astype(float), norm="l1") * number
    (warning,) = said(MODELS["TorchPoissonNMF"], shares)
    assert f"a document has {expected} on average" in str(warning.message)


def test_without_pseudocounts_the_scale_does_not_matter(X):
    names = "doc_topic", "topic_word", "transform"
    none = {f"{name}_pseudocount": 0 for name in names}
    options = {"max_iter": 20, "random_state": 0}
    shares = X.astype(float) * 0.3
    assert said(lambda: TorchPoissonNMF(4, **none, **options), shares) == []
    scaled = TorchPoissonNMF(4, **none, **options).fit(shares).components_
    plain = TorchPoissonNMF(4, **none, **options).fit(X.astype(float)).components_
    np.testing.assert_allclose(scaled, plain, rtol=1e-5, atol=1e-8)
    for name in names:
        some = {**none, f"{name}_pseudocount": 0.1}
        assert said(lambda some=some: TorchPoissonNMF(4, **some, **options), shares)


def test_factorisations_of_any_data_say_nothing(X):
    for Model in TorchBetaNMF, TorchDeepNMF:
        assert said(lambda Model=Model: Model(max_iter=2), np.log1p(X)) == []


# -------------------------------------------------------------------------- no tokens

NOTHING = {
    "dense": np.zeros((5, 80)),
    "integers": np.zeros((5, 80), int),
    "csr": sp.csr_array((5, 80)),
    "stored zeros": sp.csr_array(([0.0], ([1], [2])), shape=(5, 80)),
    "torch": torch.zeros(5, 80),
}


@COUNT_MODELS
@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_to_learn_from_is_refused(make, nothing, X):
    model = make()
    with pytest.raises(ValueError, match="X contains no tokens: all 5 documents"):
        model.fit(nothing)
    assert not hasattr(model, "n_features_in_")
    model.fit(X)
    for measure in model.score, model.perplexity:
        with pytest.raises(ValueError, match="X contains no tokens to score"):
            measure(nothing)
    np.testing.assert_allclose(np.asarray(model.transform(nothing)), 0.25)


def test_no_validation_tokens(X):
    with pytest.raises(ValueError, match="X_val contains no tokens"):
        MODELS["TorchETM"]().fit(X, X_val=np.zeros((3, 80)))


@pytest.mark.parametrize("init", ["random", "nndsvda"])
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_nmf_of_zeros_is_that_of_scikit_learn(init, solver):
    options = {"init": init, "solver": solver, "random_state": 0}
    ours = TorchBetaNMF(2, **options).fit(np.zeros((5, 4)))
    theirs = NMF(2, **options).fit(np.zeros((5, 4)))
    np.testing.assert_allclose(ours.components_, theirs.components_)
    assert ours.reconstruction_err_ == theirs.reconstruction_err_ == 0
