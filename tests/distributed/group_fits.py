"""Groups of processes that fit models: run as a script by `test_distributed.py`.

    python group_fits.py FOLDER

The processes are forked, so that they import torch once. Those of a group meet at a
file in the folder. What each ends with is written there too, as JSON.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics._core.poisson_nmf import EM
from sklearn_topics._fit import checkpoint, race
from sklearn_topics._kernels import ops, ranks
from sklearn_topics.callbacks import HistoryLogger, TensorBoardLogger
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.distributed import _ranks, process_group

COUNTS = make_topic_corpus(90, 40, 3, doc_length=30, random_state=0)[0].astype("f8")
#: Rows of the ranks by their number: uneven, and one without documents.
BOUNDS = {1: (0, 90), 2: (0, 61, 90), 3: (0, 50, 50, 90)}
SEED = {"random_state": 0}
RANDOM = {"init": "random", **SEED}
TOPICS = np.random.default_rng(5).random((3, 40))
SEEDED = np.full((3, 40), 0.2)
SEEDED[0, :5], SEEDED[1, 7] = 30, -1

#: Name -> model, arguments of fit.
CASES = {
    "em": (TorchPoissonNMF(3, solver="em", **RANDOM), {}),
    "em 30": (TorchPoissonNMF(3, solver="em", tol=0, max_iter=30, **RANDOM), {}),
    "scd": (TorchPoissonNMF(3, **RANDOM), {}),
    "scd 30": (TorchPoissonNMF(3, tol=0, max_iter=30, **RANDOM), {}),
    "scd, likelihood": (
        TorchPoissonNMF(
            3,
            doc_topic_pseudocount=0,
            topic_word_pseudocount=0,
            tol=0,
            max_iter=25,
            **RANDOM,
        ),
        {},
    ),
    "scd, documents' prior": (
        TorchPoissonNMF(3, doc_topic_pseudocount=2, tol=0, max_iter=20, **RANDOM),
        {},
    ),
    "auto": (TorchPoissonNMF(3, max_iter=20, tol=0, **SEED), {}),
    "two starts": (
        TorchPoissonNMF(3, init="kmeans", n_init=2, max_iter=17, tol=0, **SEED),
        {},
    ),
    "auto, from a sample": (TorchPoissonNMF(3, max_iter=17, tol=0, **SEED), {}),
    "custom": (TorchPoissonNMF(3, init="custom", max_iter=17), {"H": TOPICS}),
    "seeded": (
        TorchPoissonNMF(3, topic_word_pseudocount=SEEDED, max_iter=17, **SEED),
        {},
    ),
}
for name, model in {
    "beta cd": TorchBetaNMF(3, max_iter=20, tol=0, shuffle=True, **RANDOM),
    "beta mu": TorchBetaNMF(3, solver="mu", tol=1e-3, alpha_H=0.01, **SEED),
    "beta mu, kl": TorchBetaNMF(
        3, solver="mu", beta_loss=1, max_iter=20, alpha_W=0.01, l1_ratio=0.5, **RANDOM
    ),
    "beta scd": TorchBetaNMF(
        3, solver="scd", beta_loss=1, max_iter=20, alpha_W=0.01, **RANDOM
    ),
    "svd": TorchTruncatedSVD(3, n_iter=20, **SEED),
}.items():
    CASES[name] = model, {}
#: Cases that are fitted to dense X too.
DENSE = "em", "scd 30", "auto", "beta mu, kl", "svd"
#: Cases that are fitted to fewer documents than terms too.
WIDE = "beta mu", "svd"
ATTRIBUTES = (
    "components_",
    "topic_tokens_",
    "n_iter_",
    "n_samples_",
    "log_likelihood_",
    "deviance_",
    "init_",
    "reconstruction_err_",
    "feature_means_",
    "singular_values_",
    "explained_variance_",
    "explained_variance_ratio_",
)


def shard(rank, size, name=""):
    """The rows of a rank for a case."""
    X = sp.csr_array(COUNTS.T if name.endswith("wide") else COUNTS)
    begin, end = (b * X.shape[0] // 90 for b in BOUNDS[size][rank : rank + 2])
    return X[begin:end].toarray() if name.endswith("dense") else X[begin:end]


def fitted(name, X):
    """What a fit sets, as JSON."""
    model, arguments = CASES[name.removesuffix(", dense").removesuffix(", wide")]
    race._SAMPLE = 50 if name.endswith("sample") else 20_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        model.fit(X, **arguments)
        theta = model.transform(X) if X.shape[0] else np.empty((0, 3))
        score = model.score(X) if hasattr(model, "score") else 0.0
    found = {key: getattr(model, key) for key in ATTRIBUTES if hasattr(model, key)}
    if "n_iter_" in found:
        found["objective"] = model.loss_history_["objective"]
    found |= {"transformed": theta, "score": score}
    return {key: np.asarray(value).tolist() for key, value in found.items()}


def names():
    dense, wide = (
        (f"{name}, dense" for name in DENSE),
        (f"{name}, wide" for name in WIDE),
    )
    return [*CASES, *dense, *wide]


def thirds(X):
    n = X.shape[0]
    return [X[b * n // 3 : (b + 1) * n // 3] for b in range(3)]


def fitted_in_batches(batches):
    """What partial_fit sets, for all ways to count documents."""
    found = {}
    for total in None, 90:
        model = TorchPoissonNMF(3, total_samples=total, **SEED)
        for X in batches:
            model.partial_fit(X)
        for name in "components_", "topic_tokens_", "n_samples_", "n_batch_iter_":
            found[f"{name}, {total}"] = np.asarray(getattr(model, name)).tolist()
    return found


def fit_all(rank, size):
    found = {}
    with process_group():
        found["partial_fit"] = fitted_in_batches(thirds(shard(rank, size)))
        for name in names():
            before = ranks.current().messages
            found[name] = fitted(name, shard(rank, size, name))
            found[name]["messages"] = ranks.current().messages - before
    return found


def outcome(fit):
    """What a fit raises, and after how many seconds."""
    begin = time.monotonic()
    try:
        fit()
    except (Exception, KeyboardInterrupt) as error:
        text = f"{type(error).__name__}: {error}"
        return {"error": text, "seconds": time.monotonic() - begin}
    return {"error": "", "seconds": time.monotonic() - begin}


ENDLESS = TorchPoissonNMF(3, solver="em", max_iter=10**6, tol=0, **RANDOM)


def errors_of_some(rank, X):
    """Fits with errors, on rank 1 alone or on all ranks; the last one succeeds."""
    odd = rank == 1
    custom = TorchPoissonNMF(3, init="custom")
    W = np.full((X.shape[0], 3), -1.0 if odd else 1.0)
    unfitted = TorchPoissonNMF(3)
    return {
        "negative": lambda: TorchPoissonNMF(3).fit(X - 2 * X if odd else X),
        "parameters": lambda: TorchPoissonNMF(3 + rank).fit(X),
        "invalid": lambda: TorchPoissonNMF(-1 if odd else 3).fit(X),
        "methods": lambda: unfitted.score(X) if odd else unfitted.fit(X),
        "W": lambda: custom.fit(X, W=W, H=TOPICS),
        "seeds": lambda: TorchPoissonNMF(
            3, random_state=np.random.RandomState(rank)
        ).fit(X),
        "frozen": lambda: TorchPoissonNMF(3, frozen_topics=[[1.0, 0]]).fit(X),
        "rank": lambda: TorchBetaNMF(60, init="nndsvd").fit(X),
        "components": lambda: TorchTruncatedSVD(60).fit(X),
        "afterwards": lambda: TorchPoissonNMF(3, max_iter=1).fit(X),
    }


def fail(rank, size):
    """Failures of rank 1, one after the other, the last of which is its end."""
    groups = [dist.new_group() for _ in range(4)]
    X, found = COUNTS[rank::size], {}
    with process_group():
        for name, fit in errors_of_some(rank, X).items():
            found[name] = outcome(fit)
        stream = np.random.RandomState(0)
        shuffled = {"init": "random", "shuffle": True, "max_iter": 2}
        TorchBetaNMF(3, random_state=stream, **shuffled).fit(X)
        found["drawn afterwards"] = int(stream.randint(10**9))
        if rank == 1:
            threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
        found["interrupt"] = outcome(lambda: ENDLESS.fit(X))
        found["interrupt"]["n_iter"] = ENDLESS.n_iter_

    def with_an_error():
        with process_group(groups[0]):
            if rank == 1:
                raise OSError("the disk is full")
            ENDLESS.fit(X)

    def with_an_error_that_is_caught():
        with process_group(groups[1]):
            if rank == 1:
                before(EM, "advance", 5, raise_memory_error)
            with suppress(MemoryError):
                ENDLESS.fit(X)
            TorchPoissonNMF(3).fit(X)

    def without_a_rank():
        with process_group(groups[2]):
            if rank != 1:
                TorchPoissonNMF(3).fit(X)

    def with_a_killed_rank():
        with process_group(groups[3]):
            if rank == 1:
                threading.Timer(1, os.kill, (os.getpid(), signal.SIGKILL)).start()
            ENDLESS.fit(X)

    found["error"] = outcome(with_an_error)
    found["caught"] = outcome(with_an_error_that_is_caught)
    found["without"] = outcome(without_a_rank)
    _ranks._PATIENCE = 3
    found["killed"] = outcome(with_a_killed_rank)
    return found


def raise_memory_error():
    raise MemoryError("no room")


def before(owner, name, call, action):
    """Do something before a call of a function, by number."""
    function, numbers = getattr(owner, name), count(1)

    def patched(*args, **kwargs):
        if next(numbers) == call:
            action()
        return function(*args, **kwargs)

    setattr(owner, name, patched)


def wait(rank, size):
    """Rank 1 is killed while rank 2 computes for longer than others have patience."""
    _ranks._PATIENCE = 3
    if rank == 2:
        before(EM, "advance", 5, lambda: time.sleep(7))
    if rank == 1:
        before(EM, "advance", 5, lambda: os.kill(os.getpid(), signal.SIGKILL))

    def fit():
        with process_group():
            ENDLESS.fit(COUNTS[rank::size])

    return {"killed": outcome(fit)}


#: Cases of which each rank must have the same bits on any processor.
SAME_BITS = (
    "em",
    "scd",
    "auto",
    "seeded",
    "beta cd",
    "beta mu",
    "beta mu, wide",
    "beta mu, kl",
    "beta scd",
    "svd",
    "svd, wide",
)


#: Operations whose results another processor may round in another way.
ROUNDED = (
    "column_sums",
    "combine_columns",
    "extrapolate",
    "gram",
    "multiplicative_step",
    "ratio_step",
    "sddmm",
)


def round_otherwise(rank, size):
    """Fits with a processor in rank 1 that rounds, and decomposes, in another way."""
    if rank == 1:
        torch.linalg.cholesky_ex = rounding(torch.linalg.cholesky_ex)
        torch.linalg.svd = rounding(torch.linalg.svd, sign=-1)
        torch.linalg.qr = rounding(torch.linalg.qr, sign=-1)
        for name in ROUNDED:
            setattr(ops, name, rounding(getattr(ops, name)))
    with process_group():
        return {name: fitted(name, shard(rank, size, name)) for name in SAME_BITS}


def rounding(function, sign=1):
    """The function with other last bits, and another sign of matrices."""

    def changed(A):
        if not A.is_floating_point():
            return A
        return A * (1 + 2**-51) * (sign if A.ndim > 1 else 1)

    def patched(*args, **kwargs):
        found = function(*args, **kwargs)
        return changed(found) if torch.is_tensor(found) else tuple(map(changed, found))

    return patched


def resume(rank, size):
    """A fit in which rank 1 fails, and which goes on from its checkpoint afterwards."""
    groups = [dist.new_group() for _ in range(4)]
    X, found = COUNTS[rank::size], {}
    model = TorchPoissonNMF(3, solver="em", max_iter=30, tol=0, **RANDOM)
    with process_group(groups[0]):
        if hasattr(model, "set_callbacks"):
            loggers = HistoryLogger("log.jsonl"), TensorBoardLogger("board", every=30)
            model.set_callbacks(*loggers)
        found["expected"] = model.fit(X).components_.tolist()
        log = Path("log.jsonl")
        found["log"] = log.read_text().count("\n") if log.exists() else 0
        found["boards"] = len([*Path("board").glob("*")])
    checkpoint._PAUSE = 0
    model = TorchPoissonNMF(**model.get_params()).set_params(checkpoint="state")
    if rank == 1:
        before(EM, "advance", 20, raise_memory_error)
    with suppress(MemoryError, RuntimeError), process_group(groups[1]):
        model.fit(X)
    if rank == 1:  # as if it had been killed while it wrote
        os.replace("state.rank1.before", "state.rank1")
    before(EM, "advance", 13, raise_memory_error)  # 12 iterations are left
    with process_group(groups[2]):
        found["other"] = outcome(lambda: clone(model).set_params(tol=1).fit(X))
    with process_group(groups[3]):
        found["resumed"] = model.fit(X).components_.tolist()
    found["files"] = [path.name for path in Path().glob(f"state*{rank}*")]
    return found


#: Jobs, and the sizes of the groups that do them.
GROUPS = (
    (fit_all, 2),
    (fit_all, 3),
    (fail, 3),
    (wait, 3),
    (round_otherwise, 2),
    (resume, 2),
)


def run(job, rank, size, folder):
    """Do a job as a rank of a group."""
    os.chdir(folder)
    name = f"{job.__name__} {size}"
    store = dist.FileStore(str(folder / name), size)
    options = {"rank": rank, "world_size": size, "timeout": timedelta(seconds=100)}
    dist.init_process_group("gloo", store=store, **options)
    found = json.dumps(job(rank, size))
    (folder / f"{name} {rank}.json").write_text(found)


def main(folder):
    torch.set_num_threads(1)
    processes = []
    for job, size in GROUPS:
        for rank in range(size):
            processes.append(os.fork())
            if processes[-1] == 0:
                try:
                    run(job, rank, size, folder)
                except BaseException:
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(0)
    for process in processes:
        os.waitpid(process, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
