"""Run by test_checkpoint.py: fits of CASES, in processes that kill themselves."""

import os
import signal
import sys
import warnings
from functools import partial

import joblib
import torch
from sklearn.base import clone

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
)
from sklearn_topics._fit import checkpoint
from sklearn_topics._fit.run import Run
from sklearn_topics.datasets import make_topic_corpus

NETWORK = {"embedding_dim": 6, "hidden_layer_sizes": (8,), "max_iter": 6}
KL = {"beta_loss": "kullback-leibler", "init": "random"}

CASES = {
    "scd": TorchPoissonNMF(3, tol=0, max_iter=25),
    "starts": TorchPoissonNMF(3, solver="em", n_init=3, tol=0, max_iter=12),
    "softmax adam": TorchPoissonNMF(3, solver="adam", batch_size=40, max_iter=12),
    "mu": TorchBetaNMF(3, solver="mu", beta_loss=1.5, tol=0, max_iter=15),
    "cd": TorchBetaNMF(3, shuffle=True, init="random", tol=0, max_iter=15),
    "kl": TorchBetaNMF(3, solver="scd", tol=0, max_iter=15, **KL),
    "adam": TorchBetaNMF(
        3,
        solver="adam",
        max_iter=15,
        learning_rate_schedule="StepLR",
        schedule_params={"step_size": 4},
    ),
    "deep": TorchDeepNMF((6, 3), tol=0, max_iter=15),
    "lda": TorchLDA(3, evaluate_every=2, perp_tol=0, max_iter=9),
    "online lda": TorchLDA(3, learning_method="online", batch_size=20, max_iter=9),
    "etm": TorchETM(3, early_stopping=True, n_iter_no_change=9, **NETWORK),
}


def corpus():
    return make_topic_corpus(90, 30, 3, doc_length=40, random_state=0)[0]


def model_of(name, path=None):
    return clone(CASES[name]).set_params(random_state=7, checkpoint=path)


def kill_within_write(number):
    """Have this process killed between writing its n-th checkpoint and its renaming."""
    replace, writes = os.replace, []

    def counted(part, path):
        if str(part).endswith(".part"):  # numba's cache replaces files, too
            writes.append(path)
        if len(writes) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(part, path)

    checkpoint._PAUSE = 0.0
    os.replace = counted


def start(work) -> int:
    """A process that works."""
    process = os.fork()
    if process == 0:
        work()
        os._exit(0)
    return process


def status_of(process) -> int:
    """That of its end: 0 if it did all of its work."""
    return os.waitpid(process, 0)[1]


def fit_to_the_end(name, path):
    """Resumed and not, and print how many iterations the killed one had kept."""
    restored = []
    restore = Run.restore

    def noted(self, content):
        restored.append(content["outcome"]["n_iter"])
        restore(self, content)

    Run.restore = noted
    for file, where in (f"{path}.resumed", path), (f"{path}.whole", None):
        model = model_of(name, where).fit(corpus())
        joblib.dump({k: v for k, v in vars(model).items() if k.endswith("_")}, file)
    print(name, "went on from", *restored, flush=True)


def kill_and_go_on(name, path):
    def fit():
        kill_within_write(15 if name == "starts" else 4)
        model_of(name, path).fit(corpus())

    status = status_of(start(fit))
    assert os.WIFSIGNALED(status), name
    assert os.WTERMSIG(status) == signal.SIGKILL, name
    assert os.path.exists(path), name
    assert status_of(start(partial(fit_to_the_end, name, path))) == 0, name


def main(folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # no threads that a fork would lose
    torch.optim.SGD([torch.zeros(1)], lr=1.0)  # imports much, once for all
    for name in CASES:  # compile and load kernels once for all
        model_of(name).fit(corpus())
    names = list(CASES)
    for first in range(0, len(names), 2):
        pair = names[first : first + 2]
        works = [partial(kill_and_go_on, n, os.path.join(folder, n)) for n in pair]
        processes = [start(work) for work in works]
        assert [status_of(process) for process in processes] == [0] * len(pair), pair


if __name__ == "__main__":
    main(sys.argv[1])
