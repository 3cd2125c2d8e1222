"""Fits in which a process of a group fails."""

import os
import signal
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics._core.etm import ETMTrainer
from sklearn_topics._core.poisson_nmf import EM
from sklearn_topics._fit import checkpoint
from sklearn_topics._kernels import ranks
from sklearn_topics.callbacks import HistoryLogger, TensorBoardLogger
from sklearn_topics.distributed import _ranks, process_group

from .group_fits import COUNTS, RANDOM, TOPICS, join


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
    unfitted, fitted = TorchPoissonNMF(3), TorchPoissonNMF(3, max_iter=1, tol=0).fit(X)
    return {
        "negative": lambda: TorchPoissonNMF(3).fit(X - 2 * X if odd else X),
        "parameters": lambda: TorchPoissonNMF(3 + rank).fit(X),
        "invalid": lambda: TorchPoissonNMF(-1 if odd else 3).fit(X),
        "methods": lambda: unfitted.score(X) if odd else unfitted.fit(X),
        "order": lambda: fitted.score(X) if odd else fitted.fit(X),
        "W": lambda: custom.fit(X, W=W, H=TOPICS),
        "seeds": lambda: TorchPoissonNMF(
            3, random_state=np.random.RandomState(rank)
        ).fit(X),
        "frozen": lambda: TorchPoissonNMF(3, frozen_topics=[[1.0, 0]]).fit(X),
        "rank": lambda: TorchBetaNMF(60, init="nndsvd").fit(X),
        "components": lambda: TorchTruncatedSVD(60).fit(X),
        "validation": lambda: TorchETM(3).fit(X, X_val=None if odd else X),
        "negative validation": lambda: TorchETM(3).fit(X, X_val=-X if odd else X),
        "vectors": lambda: TorchETM(3, embeddings=np.ones((40, 2 + odd))).fit(X),
        "schedule": lambda: TorchETM(
            3,
            learning_rate_schedule="StepLR",
            schedule_params={"step_size": 1 + odd},
        ).fit(X),
        "afterwards": lambda: TorchPoissonNMF(3, max_iter=1).fit(X),
    }


def fail(rank, size):
    """Failures of rank 1, one after the other, the last of which is its end."""
    groups = [dist.new_group() for _ in range(4)]
    X, found = COUNTS[rank::size], {}
    fits = errors_of_some(rank, X)
    with process_group():
        for name, fit in fits.items():
            if name == "afterwards" and rank == 1:
                time.sleep(1.5)  # the others wait, and look for errors
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
        etm = TorchETM(3, max_iter=3, checkpoint="etm", random_state=0)
        if hasattr(etm, "set_callbacks"):
            etm.set_callbacks(TensorBoardLogger("etm board"))
        expected = clone(etm).set_params(checkpoint=None).fit(X).components_.tolist()
        before(ETMTrainer, "step", 2, raise_memory_error)
        with suppress(MemoryError):
            etm.fit(X)
        found["etm"] = etm.fit(X).components_.tolist() == expected
    found["files"] = [path.name for path in Path().glob(f"state*{rank}*")]
    return found


def end_often(rank, size):
    """Groups that end while their threads free what the last message has sent."""
    for number in range(50):
        join(f"end {number}", rank, size)
        with process_group():
            for _ in range(3):
                rows = ranks.gathered_rows(torch.ones(50, 50))
        dist.destroy_process_group()
    return len(rows)
