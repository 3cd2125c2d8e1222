"""Fits of every model in a forked child, after fits in the parent: run as a script.

    python forked_fits.py fits | import | compile

Prints nothing if the children's numbers are the parent's. `test_fork.py` runs it, with
a time limit.
"""

import multiprocessing
import sys
import threading
import time
import warnings

import numpy as np
import scipy.sparse as sp
import torch
from joblib import Parallel, delayed

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics.datasets import make_topic_corpus

#: torch's own number is 1 where MKL counts cores and two threads share one.
DEFAULT_THREADS, THREADS = torch.get_num_threads(), 2
FORK = multiprocessing.get_context("fork")
COUNTS = make_topic_corpus(200, 100, 3, doc_length=60, random_state=0)[0]
SEED = {"random_state": 0}
NET = {"embedding_dim": 8, "hidden_layer_sizes": (16,), "max_iter": 1}
MODELS = {
    "scd": TorchPoissonNMF(3, max_iter=20, tol=0, **SEED),
    "em": TorchPoissonNMF(3, solver="em", max_iter=10, tol=0, **SEED),
    "softmax adam": TorchPoissonNMF(3, solver="adam", max_iter=3, **SEED),
    "etm": TorchETM(3, **NET, **SEED),
    "cd": TorchBetaNMF(3, max_iter=5, **SEED),
    "mu": TorchBetaNMF(3, solver="mu", beta_loss=1, max_iter=5, **SEED),
    "beta scd": TorchBetaNMF(3, solver="scd", beta_loss=1, max_iter=5, **SEED),
    "beta adam": TorchBetaNMF(3, solver="adam", beta_loss=1, max_iter=5, **SEED),
    "deep": TorchDeepNMF((4, 2), max_iter=5, **SEED),
    "lda": TorchLDA(3, max_iter=5, **SEED),
    "svd": TorchTruncatedSVD(3, **SEED),
}
#: Their kernels give the same bits on any number of threads.
EXACT = "scd", "em"


def use_torch():
    """An operation on all threads: from here on there is a team of them."""
    torch.ones(1 << 20).exp()


def fit_all(X):
    """Components and coordinates of every model."""
    use_torch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        fits = {name: model.fit(X) for name, model in MODELS.items()}
        return {name: (m.components_, m.transform(X)) for name, m in fits.items()}


def transform_all(X, models):
    """Coordinates by models that the parent has fitted."""
    use_torch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: (model.transform(X),) for name, model in models.items()}


def fit_all_on_one_thread(X):
    """What a child is to find, which has one: threads change the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = fit_all(X)
    torch.set_num_threads(before)
    return found


def fit_one(X):
    """What the first model of them finds."""
    model = MODELS["scd"].fit(X)
    return {"scd": (model.components_, model.transform(X))}


def in_process(function, *args):
    queue = FORK.SimpleQueue()
    child = FORK.Process(target=lambda: queue.put(function(*args)))
    child.start()
    found = queue.get()
    child.join()
    return found


def in_pool(function, *args):
    with FORK.Pool(1) as pool:
        return pool.apply(function, args)


def in_joblib(function, *args):
    jobs = [delayed(function)(*args)] * 2
    return Parallel(n_jobs=2, backend="multiprocessing")(jobs)[1]


def in_thread(function, *args):
    """In a child that another thread than the main one forks."""
    found = []
    thread = threading.Thread(target=lambda: found.append(in_process(function, *args)))
    thread.start()
    thread.join()
    return found[0]


def compare(found, expected, exact):
    for name in expected:
        for ours, theirs in zip(found[name], expected[name], strict=True):
            if name in exact:
                np.testing.assert_array_equal(ours, theirs, name)
            else:
                np.testing.assert_allclose(ours, theirs, 0, 1e-6, err_msg=name)


def after_fits(X, *ways):
    one_thread = fit_all_on_one_thread(X)
    expected = fit_all(X)  # on all threads
    transformed = {name: arrays[1:] for name, arrays in expected.items()}
    exact = EXACT if sp.issparse(X) else ()
    for run in ways:
        compare(run(transform_all, X, MODELS), transformed, exact)
    found = run(fit_all, X)
    compare(found, one_thread, MODELS)
    compare(found, {name: expected[name] for name in exact}, exact)
    assert torch.get_num_threads() == THREADS, "the parent keeps its threads"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        # What is not forked has its own: joblib's loky among others.
        assert pool.apply(torch.get_num_threads) == DEFAULT_THREADS


def after_import():
    """The parent has used torch, but none of our models."""
    use_torch()
    compare(in_process(fit_all, COUNTS), fit_all_on_one_thread(COUNTS), MODELS)


def during_compilation():
    """Another thread compiles, as in a first fit, when the child is forked."""
    from numba.core.compiler_lock import global_compiler_lock

    import sklearn_topics._kernels.cpu.jit  # noqa: F401  as that thread has

    compiling, ended = threading.Event(), threading.Event()

    def compile_for_a_while():
        with global_compiler_lock:
            compiling.set()
            time.sleep(0.5)
            ended.set()

    other = threading.Thread(target=compile_for_a_while)
    other.start()
    assert compiling.wait(30)
    found = in_process(fit_one, COUNTS)
    assert ended.is_set()
    other.join()
    compare(found, fit_one(COUNTS), EXACT[:1])


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    kind = sys.argv[1]
    if kind == "import":
        after_import()
    elif kind == "compile":
        during_compilation()
    else:
        after_fits(COUNTS, in_process, in_thread, in_pool, in_joblib)
        after_fits(COUNTS.toarray(), in_process)
