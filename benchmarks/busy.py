"""Fits beside busy processes: seconds, and how many times the idle ones.

    python benchmarks/busy.py COUNTS.npz [--base FOLDER]

Fits TorchETM(10) and TorchPoissonNMF(10, solver="adam") to every second document of
COUNTS.npz (scipy's format, terms of three documents at least), alone, beside one and
beside two processes that do nothing but count. The package is that of PYTHONPATH; with
--base another copy of it, in FOLDER, takes turns with it. Every run is a process of its
own; the medians of interleaved repetitions are printed, and seconds of the processors.
"""

import argparse
import os
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from statistics import median

MODELS = "TorchETM", "adam"
BUSY = 0, 1, 2


def fit(model, counts):
    """Print the seconds of a fit, and those of the processors; compiled before."""
    import numpy as np
    import scipy.sparse as sp

    from sklearn_topics import TorchETM, TorchPoissonNMF

    warnings.simplefilter("ignore")
    X = sp.load_npz(counts).tocsr()[::2]
    X = X[:, np.asarray((X > 0).sum(0)).ravel() >= 3]
    if model == "TorchETM":
        estimator = TorchETM(10, random_state=0)
    else:
        estimator = TorchPoissonNMF(10, solver="adam", random_state=0)
    estimator.fit(X)
    begin, cpu = time.perf_counter(), time.process_time()
    estimator.fit(X)
    print(time.perf_counter() - begin, time.process_time() - cpu)


@contextmanager
def _busy_process():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(model, counts, n_busy, folder):
    path = {} if folder is None else {"PYTHONPATH": folder}
    with ExitStack() as stack:
        for _ in range(n_busy):
            stack.enter_context(_busy_process())
        out = subprocess.run(
            [sys.executable, __file__, counts, "--fit", model],
            env=os.environ | path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return [float(number) for number in out.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts")
    parser.add_argument("--base", help="a folder that holds another sklearn_topics")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--busy", nargs="+", type=int, default=BUSY)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--fit", choices=MODELS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit:
        fit(args.fit, args.counts)
        return
    folders = {"now": None} | ({"base": args.base} if args.base else {})
    ways = [
        (model, which, n_busy)
        for model in args.models
        for n_busy in args.busy
        for which in folders
    ]
    found = {way: [] for way in ways}
    for _ in range(args.repeats):
        for model, which, n_busy in ways:
            numbers = run(model, args.counts, n_busy, folders[which])
            found[model, which, n_busy].append(numbers)
    header = "model", "package", "busy", "seconds", "of idle", "CPU s", "least", "most"
    print(("{:>10}" * len(header)).format(*header))
    for (model, which, n_busy), rows in found.items():
        wall, cpu = zip(*rows, strict=True)
        idle = median(row[0] for row in found[model, which, args.busy[0]])
        numbers = median(wall), median(wall) / idle, median(cpu), min(wall), max(wall)
        print(
            f"{model:>10}{which:>10}{n_busy:>10}",
            *(f"{number:9.2f}" for number in numbers),
        )


if __name__ == "__main__":
    main()
