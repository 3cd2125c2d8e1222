"""GridSearchCV with n_jobs=2, by loky and by threads, beside n_jobs=1.

    python benchmarks/threads.py

The same search four ways, each in a process of its own, interleaved: on one thread, on
all threads with n_jobs=1, and with n_jobs=2 by either backend. Ideal is half of the
time on one thread. Printed too: the numbers of torch's threads that fits saw.
"""

import argparse
import os
import subprocess
import sys
import time
import warnings
from statistics import median

WAYS = "one thread", "n_jobs=1", "loky", "threading"


def threads_seen(estimator, X, y=None):
    import torch

    return float(torch.get_num_threads())


def search(way):
    import joblib
    import numpy as np
    from sklearn.model_selection import GridSearchCV

    from sklearn_topics import TorchPoissonNMF
    from sklearn_topics.datasets import make_topic_corpus

    warnings.simplefilter("ignore")
    X, _, _ = make_topic_corpus(8000, 4000, 20, doc_length=150, random_state=0)
    model = TorchPoissonNMF(max_iter=60, tol=0, random_state=0)
    grid = {"n_components": [20, 30, 40, 50]}
    backend = way if way in ("loky", "threading") else "threading"
    n_jobs = 2 if way in ("loky", "threading") else 1
    with joblib.parallel_config(backend, n_jobs=n_jobs):

        def run(data, **parameters):
            scoring = {"score": lambda m, X, y=None: m.score(X), "seen": threads_seen}
            return GridSearchCV(
                model, parameters or grid, cv=2, scoring=scoring, refit=False
            ).fit(data)

        run(X[:200], n_components=[2], max_iter=[3])  # workers, compiled kernels
        begin = time.perf_counter()
        found = run(X).cv_results_
        seconds = time.perf_counter() - begin
    print(seconds, int(np.max(found["mean_test_seen"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        search(args.way)
        return
    times, seen = {way: [] for way in WAYS}, {}
    for _ in range(args.repeats):
        for way in WAYS:
            one = {"OMP_NUM_THREADS": "1"} if way == "one thread" else {}
            out = subprocess.run(
                [sys.executable, __file__, "--way", way],
                env=os.environ | one,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
            times[way].append(float(out[0]))
            seen[way] = out[1]
    ideal = median(times["one thread"]) / 2
    for way in WAYS:
        seconds = median(times[way])
        ratio = f"{seconds / ideal:.2f} of the ideal, {seen[way]} threads a fit"
        print(f"{way:>12}: {seconds:.1f} s, {ratio}")


if __name__ == "__main__":
    main()
