"""Run by test_checkpoint.py: fits of CASES, each in a process that kills itself."""

import os
import signal
import sys
import warnings

import torch
from sklearn.base import clone

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics._boundary import checkpoint
from sklearn_topics.datasets import make_topic_corpus

NETWORK = {"embedding_dim": 6, "hidden_layer_sizes": (8,), "max_iter": 6}
KL = {"beta_loss": "kullback-leibler", "init": "random"}

CASES = {
    "scd": TorchPoissonNMF(3, tol=0, max_iter=25),
    "starts": TorchPoissonNMF(3, solver="em", n_init=3, tol=0, max_iter=12),
    "variational": TorchPoissonNMF(3, inference="variational", tol=0, max_iter=12),
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
    "etm": TorchETM(3, early_stopping=True, n_iter_no_change=9, **NETWORK),
    "etm, plateau": TorchETM(
        3,
        init="random",
        learning_rate_schedule="ReduceLROnPlateau",
        schedule_params={"patience": 0, "threshold": 1.0},
        **NETWORK,
    ),
}


def corpus():
    return make_topic_corpus(90, 30, 3, doc_length=40, random_state=0)[0]


def model_of(name, path=None):
    return clone(CASES[name]).set_params(random_state=7, checkpoint=path)


def kill_within_write(number):
    """Have this process killed between writing its n-th checkpoint and its renaming."""
    replace, writes = os.replace, []

    def counted(part, path):
        writes.append(path)
        if len(writes) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(part, path)

    checkpoint._PAUSE = 0.0
    os.replace = counted


def main(folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # no threads that a fork would lose
    torch.optim.SGD([torch.zeros(1)], lr=1.0)  # imports much, once for all
    X = corpus()
    for name in CASES:
        number = 15 if name == "starts" else 4
        process = os.fork()
        if process == 0:
            kill_within_write(number)
            model_of(name, os.path.join(folder, name)).fit(X)
            os._exit(1)  # it was to be killed
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(
            name, "killed" if killed else f"ended with {status}", sep="\t", flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1])
