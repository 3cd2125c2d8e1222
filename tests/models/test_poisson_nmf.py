"""TorchPoissonNMF as its users see it."""

import pickle
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import xlogy
from scipy.stats import poisson
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics._kernels import csr, registry
from sklearn_topics.datasets import make_topic_corpus

ML = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}


def model(n_components=4, **parameters):
    defaults = {"n_components": n_components, "random_state": 0, "tol": 1e-5}
    return TorchPoissonNMF(**{**defaults, **parameters})


def poisson_log_likelihood(X, theta, components):
    X = X.toarray()
    rates = X.sum(1, keepdims=True) * (theta @ components.astype(np.float64))
    return poisson.logpmf(X, rates).sum()


# ------------------------------------------------------------------- what it finds


SOLVERS = [
    {"solver": "scd"},
    {"solver": "em"},
    {"solver": "adam", "learning_rate": 0.2, "batch_size": 100, "max_iter": 100},
]
# Zeros of "nndsvd" and each solver, and the other starts with one solver.
STARTS = [(options, init) for options in SOLVERS for init in ("random", "nndsvd")]
STARTS += [({"solver": "scd"}, init) for init in ("nndsvda", "nndsvdar")]


@pytest.mark.parametrize(("options", "init"), STARTS)
def test_finds_the_known_topics(known, options, init):
    X, _, topics = known
    found = model(init=init, **{"max_iter": 500, **options}).fit(X).components_
    overlap = np.minimum(found[:, None], topics).sum(2)  # 1 - total variation
    # Sampling noise alone costs .06: 300 x 120 tokens for 4 x 80 probabilities.
    assert sorted(overlap.argmax(1)) == [0, 1, 2, 3]
    assert overlap.max(1).min() > 0.88


def test_solvers_reach_the_same_optimum(X):
    W, H = np.ones((300, 4)), np.random.default_rng(0).random((4, 80))
    ends = [
        model(init="custom", solver=solver, max_iter=600, tol=0).fit(
            X.astype(np.float64), W=W, H=H
        )
        for solver in ("scd", "em")
    ]
    assert (
        abs(
            ends[0].loss_history_["objective"][-1]
            / (ends[1].loss_history_["objective"][-1])
            - 1
        )
        < 1e-6
    )
    assert ends[0].kkt_residual_ < 1e-4


@pytest.mark.parametrize("solver", ["scd", "em"])
@pytest.mark.parametrize("pseudocounts", [(0, 0), (0.1, 0.1), (0.5, 0), (0, 0.5)])
def test_objective_never_falls(X, solver, pseudocounts):
    a, b = pseudocounts
    fitted = model(
        solver=solver, doc_topic_pseudocount=a, topic_word_pseudocount=b, tol=0
    ).fit(X.astype(np.float64))
    objective = fitted.loss_history_["objective"]
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[:-1])).all()


def test_log_likelihood_and_deviance(X):
    X = X[:100]
    fitted = model(max_iter=1500, tol=0, **ML).fit(X.astype(np.float64))
    fitted.set_params(transform_pseudocount=0)
    theta = fitted.transform(X.astype(np.float64))
    # theta of `transform` is at its optimum, that of the fit very near to it
    expected = poisson_log_likelihood(X, theta, fitted.components_)
    assert fitted.log_likelihood_ == pytest.approx(expected, rel=1e-5)
    saturated = poisson.logpmf(X.data, X.data).sum()
    assert fitted.deviance_ == pytest.approx(2 * (saturated - fitted.log_likelihood_))
    assert fitted.log_likelihood_ >= fitted.loss_history_["objective"][-1] - 1e-6


def test_smoothing_predicts_better_and_likelihood_fits_better():
    X, _, _ = make_topic_corpus(300, 1000, 4, doc_length=60, random_state=0)
    train, test = X[:200], X[200:]
    smooth = model(8, tol=1e-4).fit(train)
    plain = model(8, tol=1e-4, **ML).fit(train)
    assert smooth.score(test) > plain.score(test)
    assert plain.log_likelihood_ > smooth.log_likelihood_


def test_score_finds_the_number_of_topics(known):
    search = GridSearchCV(
        model(max_iter=100, tol=1e-4), {"n_components": [2, 4, 12]}, cv=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(known[0])
    assert search.best_params_ == {"n_components": 4}


# ------------------------------------------------------------- what "auto" chooses


@pytest.mark.parametrize(
    ("parameters", "chosen"),
    [
        ({}, {"solver": "scd"}),
        ({"learning_rate": 0.1}, {"solver": "adam", "learning_rate": 0.1}),
        (ML, {"solver": "scd", **ML}),
    ],
)
def test_auto(X, parameters, chosen):
    options = {"max_iter": 20, "tol": 0}
    auto = model(**options, **parameters).fit(X)
    named = model(**options, **chosen).fit(X)
    assert np.array_equal(auto.components_, named.components_)
    assert np.array_equal(auto.transform(X), named.transform(X))


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "em"},
        {"solver": "adam"},
        {"learning_rate": 0.01},
        {"learning_rate": 0.1, "batch_size": 50},
        {"learning_rate": 0.1, "learning_rate_schedule": "constant"},
        {"topic_word_pseudocount": 1.0},
        {"doc_topic_pseudocount": 1.0},
        {"random_state": 1},
    ],
)
def test_every_parameter_changes_the_topics(X, parameters):
    options = {"max_iter": 30, "tol": 0, "topic_word_pseudocount": 0.1}
    reference = model(**options)
    if "learning_rate" in parameters and len(parameters) > 1:
        reference.set_params(learning_rate=0.1)
    changed = clone(reference).set_params(**parameters)
    assert not np.array_equal(reference.fit(X).components_, changed.fit(X).components_)


def test_grid_over_learning_rate(known):
    search = GridSearchCV(
        model(max_iter=40, tol=0, batch_size=64, learning_rate=1.0),
        {"learning_rate": [1e-4, 0.2]},
        cv=2,
    ).fit(known[0])
    assert search.best_params_ == {"learning_rate": 0.2}


def test_transform_pseudocount(X):
    fitted = model().fit(X)
    entropies = [
        -xlogy(theta, theta).sum()
        for a in (0.0, 0.05, 1.0, 100.0)
        for theta in [fitted.set_params(transform_pseudocount=a).transform(X)]
    ]
    assert entropies == sorted(entropies)
    assert entropies[0] < 0.9 * entropies[2]
    topics = fitted.components_
    assert np.array_equal(model(transform_pseudocount=1.0).fit(X).components_, topics)


@pytest.mark.parametrize("seed", range(3))
def test_n_init_keeps_the_best(seed):
    X = make_topic_corpus(600, 300, 6, random_state=0)[0]
    options = {"max_iter": 20, "tol": 0, "n_components": 8, "random_state": seed}
    options["init"] = "random"  # whose ends differ more than those of "auto"
    several, single = model(**options, n_init=6).fit(X), model(**options).fit(X)
    ends = [m.loss_history_["objective"][-1] for m in (several, single)]
    assert ends[0] > ends[1] + 10
    assert several.n_iter_ == 20


def test_warm_start_goes_on(X):
    once = model(warm_start=True, max_iter=20, tol=0).fit(X)
    first, topics = once.loss_history_["objective"][-1], once.components_
    again = once.fit(X)
    assert again.loss_history_["objective"][0] >= first - 1e-6 * abs(first)
    cold = model(max_iter=20, tol=0).fit(X)
    assert np.array_equal(cold.components_, topics)
    # Topics keep their order on more data.
    grown = once.fit(sp.vstack([X, X[:50]])).components_
    assert (np.minimum(grown[:, None], topics).sum(2).argmax(1) == range(4)).all()


@pytest.mark.parametrize("solver", ["scd", "em"])
def test_warm_start_takes_in_new_terms(X, solver):
    before = X.tolil()
    before[:, 0] = 0
    options = {"warm_start": True, "solver": solver, "tol": 1e-4, **ML}
    grown = model(**options).fit(before).fit(X)
    cold = model(**options).fit(X)
    assert grown.log_likelihood_ > cold.log_likelihood_ - 0.01 * abs(
        cold.log_likelihood_
    )


def test_warm_start_is_one_start(X):
    fitted = model(warm_start=True, n_init=3, max_iter=20, tol=0).fit(X)
    first = fitted.loss_history_["objective"][-1]
    assert fitted.fit(X).loss_history_["objective"][0] > first - 1e-5 * abs(first)


def test_adam_cannot_continue(X):
    fitted = model(solver="adam", warm_start=True, max_iter=20).fit(X)
    with pytest.raises(ValueError, match="'adam' cannot continue"):
        fitted.fit(X)


def test_adam_runs_its_schedule_to_the_end(X):
    fitted = model(learning_rate=1e-4, max_iter=30, tol=0.1).fit(X)
    assert fitted.n_iter_ == 30
    constant = fitted.set_params(learning_rate_schedule="constant", tol=10.0).fit(X)
    assert constant.n_iter_ == 20


@pytest.mark.parametrize(
    "parameters",
    [
        {"transform_pseudocount": -0.5},
        {"transform_pseudocount": np.nan},
    ],
)
def test_parameters_set_after_fit_are_checked(X, parameters):
    fitted = model(max_iter=10, tol=0).fit(X)
    with pytest.raises(ValueError, match=next(iter(parameters))):
        fitted.set_params(**parameters).transform(X)


def test_what_fit_alone_uses_does_not_disturb_transform(X):
    fitted = model(max_iter=10, tol=0).fit(X)
    theta = fitted.transform(X)
    assert np.array_equal(fitted.set_params(batch_size=10).transform(X), theta)


def test_warm_start_needs_the_same_shape(X):
    fitted = model(warm_start=True, max_iter=20, tol=0).fit(X)
    topics = fitted.components_
    with pytest.raises(ValueError, match="4 topics, but n_components is 5"):
        fitted.set_params(n_components=5).fit(X)
    with pytest.raises(ValueError, match="50 features.*expecting 80"):
        fitted.set_params(n_components=4).fit(X[:, :50])
    assert fitted.components_ is topics
    assert fitted.n_features_in_ == 80


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": 0.1, "solver": "scd"}, "learning_rate .*'adam' only"),
        ({"batch_size": 10}, "batch_size .*'adam' only.*choose 'scd'"),
        ({"learning_rate_schedule": "cosine", "solver": "em"}, "schedule .*'adam'"),
        ({"n_init": 2, "init": "nndsvd"}, "needs a random initialisation"),
        ({"n_init": 2, "init": "custom"}, "needs a random initialisation"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"n_init": 0}, "n_init"),
        ({"transform_pseudocount": -0.1}, "transform_pseudocount"),
    ],
)
def test_parameters_that_cannot_be_used_together(X, parameters, message):
    with pytest.raises(ValueError, match=message):
        model(**parameters).fit(X)


# ---------------------------------------------------------- equivalent problems


@pytest.mark.parametrize("solver", ["scd", "em"])
def test_sparse_equals_dense(X, monkeypatch, solver):
    Xd = X.astype(np.float64)
    options = {"solver": solver}
    held = model(**options).fit(Xd.toarray())
    monkeypatch.setattr(csr, "_FEW", 0)  # the kernels for dense X
    assert_equal_fits(model(**options), Xd)
    dense = model(**options).fit(Xd.toarray())
    np.testing.assert_allclose(held.components_, dense.components_, atol=1e-9)


@pytest.mark.parametrize("density", [0.1, 0.4])
def test_fit_transform_of_dense_rows_is_transform_to_the_bit(density):
    rng = np.random.default_rng(0)
    X = rng.poisson(2.0, (80, 60)) * (rng.random((80, 60)) < density)
    fitted = model(max_iter=20, tol=0)
    np.testing.assert_array_equal(fitted.fit_transform(X), fitted.transform(X))


def assert_equal_fits(model, Xd):
    sparse, dense = clone(model).fit(Xd), clone(model).fit(Xd.toarray())
    assert sparse.n_iter_ == dense.n_iter_
    np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-9)
    np.testing.assert_allclose(
        sparse.transform(Xd), dense.transform(Xd.toarray()), atol=1e-9
    )
    assert sparse.score(Xd) == pytest.approx(dense.score(Xd.toarray()), rel=1e-9)


@pytest.mark.parametrize("solver", ["scd", "em"])
def test_duplicated_documents_change_nothing(X, solver):
    X = X.astype(np.float64)
    rng = np.random.default_rng(0)
    W, H = rng.random((300, 4)) + 0.1, rng.random((4, 80)) + 0.1
    options = dict(init="custom", solver=solver, max_iter=30, tol=0, **ML)
    once = model(**options).fit(X, W=W, H=H)
    twice = model(**options).fit(sp.vstack([X, X]), W=np.vstack([W, W]), H=H)
    np.testing.assert_allclose(once.components_, twice.components_, atol=1e-10)
    assert twice.log_likelihood_ == pytest.approx(2 * once.log_likelihood_)


def test_order_of_documents_and_terms_does_not_matter(X):
    X = X.astype(np.float64)
    rng = np.random.default_rng(0)
    W, H = rng.random((300, 4)) + 0.1, rng.random((4, 80)) + 0.1
    rows, columns = rng.permutation(300), rng.permutation(80)
    options = {"init": "custom", "max_iter": 30, "tol": 0}
    plain = model(**options).fit(X, W=W, H=H)
    mixed = model(**options).fit(X[rows][:, columns], W=W[rows], H=H[:, columns])
    np.testing.assert_allclose(
        plain.components_[:, columns], mixed.components_, atol=1e-10
    )


@pytest.mark.parametrize("pseudocounts", [{}, ML])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_array.toarray])
def test_other_devices_compute_the_same(known, monkeypatch, pseudocounts, container):
    """The plain-torch kernels, which run on any device, beside the compiled ones."""
    X = container(sp.csr_array(known[0][:60], dtype=np.float64))
    options = {"max_iter": 30, "tol": 0, **pseudocounts}
    compiled = model(**options)
    theta = compiled.fit_transform(X)
    reference = {k: v for k, v in registry.IMPLEMENTATIONS.items() if k[2] == "any"}
    monkeypatch.setattr(registry, "IMPLEMENTATIONS", reference)
    monkeypatch.setattr(registry, "_find", registry._find.__wrapped__)
    plain = model(**options)
    np.testing.assert_allclose(plain.fit_transform(X), theta, atol=1e-9)
    np.testing.assert_allclose(plain.components_, compiled.components_, atol=1e-10)
    assert plain.score(X) == pytest.approx(compiled.score(X), rel=1e-10)


def test_float32_is_enough(X):
    options = {"max_iter": 50, "tol": 0}
    narrow, wide = model(**options).fit(X), model(**options).fit(X.astype(np.float64))
    assert narrow.components_.dtype == np.float32
    assert wide.components_.dtype == np.float64
    assert narrow.log_likelihood_ == pytest.approx(wide.log_likelihood_, rel=1e-5)


def test_same_seed_same_bits(X):
    first, second = model().fit(X), model().fit(X)
    assert np.array_equal(first.components_, second.components_)
    assert not np.array_equal(
        first.components_, model(random_state=1).fit(X).components_
    )


def test_fit_transform_is_fit_then_transform(X):
    fitted = model()
    together = fitted.fit_transform(X)
    assert np.array_equal(together, fitted.transform(X))
    assert np.array_equal(together, model().fit(X).transform(X))


def test_threads_do_not_change_the_bits():
    """In a process of its own, which keeps the threads."""
    code = (
        "import hashlib, numpy as np, torch\n"
        "from sklearn_topics import TorchPoissonNMF\n"
        "from sklearn_topics.datasets import make_topic_corpus\n"
        "X = make_topic_corpus(2000, 500, 5, random_state=0)[0]\n"
        "for threads in 1, 2:\n"
        "    torch.set_num_threads(threads)\n"
        "    m = TorchPoissonNMF(20, random_state=0, max_iter=5, tol=0)\n"
        "    theta = m.fit_transform(X)\n"
        "    print(torch.get_num_threads(),"
        " hashlib.sha1(m.components_.tobytes() + theta.tobytes()).hexdigest())\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    outputs = dict(line.split() for line in out.stdout.splitlines())
    assert set(outputs) == {"1", "2"}
    assert outputs["1"] == outputs["2"]


# ----------------------------------------------------------------------- transform


def test_transform_gives_proportions(X):
    fitted = model().fit(X)
    theta = fitted.transform(X)
    assert theta.shape == (300, 4)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-6)
    assert theta.min() >= 0


def test_transform_of_a_document_does_not_depend_on_the_size_of_others(X):
    fitted = model().fit(X)
    dense = X.toarray().astype(np.float64)
    huge = np.vstack([dense, np.full((1, 80), 1e12)])
    assert np.array_equal(fitted.transform(dense), fitted.transform(huge)[:-1])


def test_transform_of_a_document_depends_on_it_alone(X):
    fitted = model().fit(X)
    whole = fitted.transform(X)
    alone = np.vstack([fitted.transform(X[i]) for i in range(0, 300, 50)])
    assert np.array_equal(whole[::50], alone)


@pytest.mark.parametrize("parameters", [{}, ML])
def test_empty_documents_are_uniform(X, parameters):
    X = X.tolil()
    X[[0, 5]] = 0
    theta = model(**parameters).fit_transform(X)
    np.testing.assert_allclose(theta[[0, 5]], 0.25)


def test_inverse_transform(X):
    fitted = model().fit(X)
    theta = fitted.transform(X)
    p = fitted.inverse_transform(theta)
    assert p.shape == X.shape
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(p, theta @ fitted.components_, atol=1e-6)
    with pytest.raises(
        ValueError, match="3 columns, but TorchPoissonNMF has 4 components"
    ):
        fitted.inverse_transform(theta[:, :3])


def test_perplexity_of_a_useless_model_is_the_vocabulary():
    X = np.random.default_rng(0).poisson(1.0, (200, 50))
    fitted = model(1).fit(X)
    assert fitted.perplexity(X) == pytest.approx(50, rel=0.02)
    assert np.log(fitted.perplexity(X)) == pytest.approx(-fitted.score(X))


def test_score_needs_tokens(X):
    fitted = model().fit(X)
    with pytest.raises(ValueError, match="no tokens to score"):
        fitted.score(X * 0)


# ----------------------------------------------------------------------- containers


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", ["dense", "coo", "csr"])
def test_torch_in_torch_out(X, layout):
    dense = torch.from_numpy(X.toarray())
    tensor = {
        "dense": lambda: dense,
        "coo": dense.to_sparse_coo,
        "csr": dense.to_sparse_csr,
    }[layout]()
    fitted = model()
    theta = fitted.fit_transform(tensor)
    assert isinstance(theta, torch.Tensor)
    expected = model().fit_transform(X.toarray() if layout == "dense" else X)
    assert np.array_equal(theta.numpy(), expected)
    assert isinstance(fitted.transform(tensor), torch.Tensor)
    assert isinstance(fitted.components_, np.ndarray)


def test_text_pipeline_and_names():
    texts = ["cats and dogs", "dogs chase cats", "stars and planets", "planets orbit"]
    topics = model(2).set_output(transform="pandas")
    pipeline = make_pipeline(CountVectorizer(), topics)
    theta = pipeline.fit_transform(texts)
    assert list(theta.columns) == ["torchpoissonnmf0", "torchpoissonnmf1"]
    assert len(clone(pipeline).fit(texts)[-1].components_) == 2


def test_pickle_round_trip(X):
    fitted = model().fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.transform(X), fitted.transform(X))


# ------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("parameters", "allowed"),
    [
        ({"n_components": 0}, r"in the range \[1, inf\)"),
        ({"solver": "newton"}, r"among \{.*'scd'"),
        ({"init": "zeros"}, "nndsvda"),
        ({"doc_topic_pseudocount": -1}, r"\[0.*inf\)"),
        ({"device": "tpu"}, "Available: auto, cpu"),
        ({"device": "cuda:99"}, "Available: auto, cpu"),
    ],
)
def test_bad_parameters_name_what_is_allowed(X, parameters, allowed):
    estimator = model(**parameters)
    with pytest.raises(ValueError, match=allowed):
        estimator.fit(X)
    assert not hasattr(estimator, "components_")


@pytest.mark.parametrize(
    ("W", "H", "init", "message"),
    [
        (None, None, "custom", "needs W, H or both"),
        (np.ones((3, 3)), None, "custom", "wrong second dimension"),
        (None, np.ones((2, 3)), "custom", "wrong second dimension"),
        (None, np.ones((2, 4)), "random", "^H was given, but init is 'random': set"),
        (np.ones((3, 2)), None, "nndsvda", "^W was given, but init is 'nndsvda'"),
        (np.ones((2, 2)), np.ones((2, 4)), "custom", "wrong first dimension"),
        (np.ones((3, 2)), -np.ones((2, 4)), "custom", "Negative values"),
        (np.zeros((3, 2)), np.ones((2, 4)), "custom", "full of zeros"),
        (
            np.ones((3, 2)),
            np.ones((2, 4)),
            "random",
            "W and H were given, but init",
        ),
        (None, None, "nndsvd", "n_components <= min"),
    ],
)
def test_bad_starts(W, H, init, message):
    K = 5 if init == "nndsvd" else 2
    with pytest.raises(ValueError, match=message):
        model(K, init=init).fit(np.ones((3, 4)), W=W, H=H)


def test_a_failed_fit_leaves_nothing(X):
    bad = X.astype(np.float64)
    bad.data[7] = np.nan
    fitted = model()
    with pytest.raises(ValueError, match="NaN: 1 entry at row"):
        fitted.fit(bad)
    assert vars(fitted) == vars(model())
    with pytest.raises(NotFittedError):
        fitted.transform(X)
    fitted.fit(X)
    with pytest.raises(ValueError, match="Negative values"):
        fitted.fit(-X[:, :50])
    assert fitted.transform(X).shape == (300, 4)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_raises_and_names_the_dtype():
    X = np.ones((4, 5), dtype=np.float32)
    with pytest.raises(FloatingPointError, match="float32"):
        model(2, init="custom", **ML).fit(
            X, W=np.full((4, 2), 1e38), H=np.full((2, 5), 1e38)
        )


@pytest.mark.parametrize(
    "X",
    [
        np.array([[3, 0, 2, 1]]),
        np.array([[3], [0], [2]]),
        np.array([[1.0]]),
    ],
    ids=["one document", "one term", "one cell"],
)
@pytest.mark.parametrize("solver", ["scd", "em"])
@pytest.mark.parametrize(
    "parameters", [{}, ML, {"doc_topic_pseudocount": 0}, {"topic_word_pseudocount": 0}]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_degenerate_data(X, solver, parameters):
    fitted = model(6, solver=solver, **parameters)
    theta = fitted.fit_transform(X)  # K > min(n, m) throughout
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(fitted.components_.sum(1), 1, rtol=1e-6)
    assert np.isfinite(fitted.log_likelihood_)
    assert np.isfinite(fitted.kkt_residual_)


def test_smoothing_does_not_fall_when_documents_outnumber_terms():
    """Where the objective grows with the scale of the topics (a n > b m)."""
    rng = np.random.default_rng(162)
    X = rng.poisson(0.3, (rng.integers(3, 40), rng.integers(2, 30))) * 1.0
    fitted = model(
        5, doc_topic_pseudocount=1.0, topic_word_pseudocount=0, max_iter=100, tol=0
    ).fit(X)
    objective = fitted.loss_history_["objective"]
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[:-1])).all()


def test_empty_terms_get_no_probability_without_smoothing(X):
    X = sp.hstack([X, sp.csr_array((300, 3), dtype=X.dtype)]).tocsr()
    plain, smooth = model(**ML).fit(X), model().fit(X)
    assert (plain.components_[:, -3:] == 0).all()
    assert (smooth.components_[:, -3:] > 0).all()


# -------------------------------------------------------------------- the fit itself


def test_history_and_convergence(X):
    fitted = model(tol=1e-4).fit(X)
    history = fitted.loss_history_
    assert set(history) == {"iteration", "seconds", "objective", "kkt"}
    assert history["iteration"][-1] == fitted.n_iter_
    assert (np.diff(history["seconds"]) > 0).all()
    gain = history["objective"][-1] - history["objective"][-2]
    assert gain / X.sum() < 1e-4
    with pytest.warns(ConvergenceWarning, match="max_iter=10"):
        model(tol=1e-12, max_iter=10).fit(X)


def test_verbose_shows_the_objective(X, capsys):
    model(verbose=1, max_iter=20, tol=0).fit(X)
    captured = capsys.readouterr()
    assert "20/20" in captured.err
    assert "objective" in captured.err
    assert captured.out == ""


def test_interruption_keeps_the_last_complete_iteration(X, ctrl_c):
    """Ctrl-C in the middle of a long fit."""
    fitted = model(max_iter=10**6, tol=0)
    timer = threading.Timer(1.0, signal.raise_signal, [ctrl_c])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fitted.fit(X)
    finally:
        timer.cancel()
    same = model(max_iter=fitted.n_iter_, tol=0).fit(X)
    assert np.array_equal(fitted.components_, same.components_)
    np.testing.assert_allclose(fitted.transform(X).sum(1), 1, atol=1e-6)


def test_two_threads_may_fit_at_once(X):
    results = {}

    def fit(seed):
        results[seed] = model(random_state=seed).fit(X).components_

    threads = [threading.Thread(target=fit, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, components in results.items():
        assert np.array_equal(components, model(random_state=seed).fit(X).components_)
    assert len(results) == 4


def test_callbacks_see_every_iteration_and_can_stop(X, stop_after):
    callback = stop_after(7)
    fitted = model(max_iter=50, tol=0).set_callbacks(callback).fit(X)
    assert fitted.n_iter_ == callback.begun == 7
    last = callback.models[-1]
    assert np.array_equal(last.components_, fitted.components_)
    assert np.array_equal(last.transform(X), fitted.transform(X))


# ------------------------------------------------------------------------ real data


@pytest.mark.parametrize("solver", ["scd", "em"])
def test_nips_likelihood_rises_past_scikit_learn(corpus, solver):
    """scikit-learn's mu is at -7,816,260 after 40 iterations from such a start."""
    X = corpus("nips")
    fitted = model(10, solver=solver, max_iter=60, tol=0, **ML).fit(X)
    assert fitted.log_likelihood_ > -7_800_000
    # fastTopics' best known maximum from 1000 EM steps and SCD; a likelihood far above
    # it would mean that the likelihood is wrong.
    assert fitted.log_likelihood_ < -7_690_000


def test_nips_optima(corpus):
    """fastTopics reaches -7,725,608 from one start, and -7,732,487 from another."""
    X = corpus("nips")
    ends = [
        TorchPoissonNMF(10, random_state=seed, **ML).fit(X).log_likelihood_
        for seed in range(3)
    ]
    assert min(ends) > -7_735_000
    assert max(ends) > -7_725_600


def test_single_cell_likelihood_is_that_of_fasttopics(corpus):
    fitted = TorchPoissonNMF(6, random_state=0, **ML).fit(corpus("pbmc_facs"))
    assert fitted.log_likelihood_ >= -8_694_952
    assert fitted.log_likelihood_ < -8_680_000


def test_defaults_predict_unseen_text(corpus):
    """The corpus that the defaults were not chosen on; LDA's perplexity is 1540."""
    X, shown, held_out = (
        corpus("etm_20ng", name)
        for name in ("counts", "counts_test_h1", "counts_test_h2")
    )
    fitted = TorchPoissonNMF(50, random_state=0).fit(X)
    p = (fitted.transform(shown) @ fitted.components_)[held_out.nonzero()]
    p = 0.999 * p + 0.001 / X.shape[1]
    tokens = np.asarray(held_out[held_out.nonzero()]).ravel()
    assert np.exp(-(tokens @ np.log(p)) / tokens.sum()) < 1440
    top = np.argsort(-fitted.components_)[:, :25]
    assert len(np.unique(top)) / top.size > 0.78
