"""Does memory grow over many fits in one process?

    python benchmarks/stress.py [--fits 100]

Each estimator is fitted anew, on a corpus of its own each time; resident memory is read
after every fit (Linux with glibc), once freed memory that the allocator keeps has been
given back: what it keeps goes up and down by a fifth. Printed are the means of the
second ten and of the last ten.
"""

import argparse
import ctypes
import gc
import os
import warnings
from pathlib import Path

import numpy as np

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics.datasets import make_topic_corpus

MODELS = [
    TorchPoissonNMF(8),
    TorchPoissonNMF(8, solver="adam", max_iter=10),
    TorchBetaNMF(8, init="random"),
    TorchBetaNMF(8, init="random", solver="mu", beta_loss=1.5, max_iter=30),
    TorchETM(8, embedding_dim=32, hidden_layer_sizes=(64,), max_iter=3),
    TorchDeepNMF((16, 8), max_iter=30),
    TorchTruncatedSVD(8),
]


def resident():
    """MiB of this process that are in memory and in use."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fits", type=int, default=100)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for model in MODELS:
        seen = []
        for seed in range(args.fits):
            X, _, _ = make_topic_corpus(600, 400, 8, random_state=seed)
            model.set_params(random_state=seed).fit(X).transform(X)
            seen.append(resident())
        early, late = np.mean(seen[10:20]), np.mean(seen[-10:])
        print(f"{early:8.1f} {late:8.1f} MiB {late / early - 1:+6.1%}  {model}")


if __name__ == "__main__":
    main()
