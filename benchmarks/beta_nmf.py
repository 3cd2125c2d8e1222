"""TorchBetaNMF beside scikit-learn's NMF: seconds an iteration, from one start.

    python benchmarks/beta_nmf.py DATA [--only nips newsgroups4 scd]

DATA is the folder of the corpora. Prints

- for nips (sparse) and a dense TF-IDF of newsgroups4: the median over interleaved
  repeats of the time of an iteration (the difference of a long and a short fit) of
  each, and of their ratio;
- for Kullback-Leibler on nips: the time of "scd" to the objective that our own "mu"
  has after 500 iterations, and of "mu" itself.
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
from measures import random_start
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer

from sklearn_topics import TorchBetaNMF

#: solver, beta_loss, iterations of the long fit on nips
CASES = (("mu", 1, 40), ("mu", 2, 60), ("mu", 1.5, 6), ("cd", 2, 60))
DENSE_CASES = (("mu", 1, 4), ("mu", 2, 8), ("cd", 2, 8))


def fit(Class, X, K, start, **parameters):
    model = Class(K, init="custom", tol=0, **parameters)
    W, H = (factor.astype(X.dtype) for factor in start)
    begin = time.perf_counter()
    model.fit(X, W=W, H=H)
    return time.perf_counter() - begin, model


def step_time(Class, X, K, start, n_iter, **parameters):
    long, short = (
        fit(Class, X, K, start, max_iter=n, **parameters)[0] for n in (n_iter, 1)
    )
    return (long - short) / (n_iter - 1)


def compare(name, X, K, cases, repeats):
    start = random_start(X, K, 0)
    for solver, beta, n_iter in cases:
        options = {"solver": solver, "beta_loss": beta}
        rows = []
        for _ in range(repeats):
            theirs = step_time(NMF, X, K, start, max(n_iter // 4, 2), **options)
            ours = step_time(TorchBetaNMF, X, K, start, n_iter, **options)
            rows.append((theirs, ours, theirs / ours))
        theirs, ours, ratio = (median(column) for column in zip(*rows, strict=True))
        print(
            f"{name:12s} K = {K:3d} {X.dtype} {solver} beta {beta:<4g} "
            f"{theirs * 1e3:8.1f} ms {ours * 1e3:8.1f} ms {ratio:6.1f} x",
            flush=True,
        )


def time_to_objective(X, K, repeats, mu_iterations=500):
    """Seconds of "scd" and of "mu" to the same divergence."""
    start = random_start(X, K, 0)
    options = {"beta_loss": 1}
    mu_time, mu = fit(
        TorchBetaNMF, X, K, start, solver="mu", max_iter=mu_iterations, **options
    )
    target = mu.reconstruction_err_
    low, high = 0, 256
    while high - low > 1:  # the fewest iterations that reach it
        middle = (low + high) // 2
        _, scd = fit(
            TorchBetaNMF, X, K, start, solver="scd", max_iter=middle, **options
        )
        reached = scd.reconstruction_err_ <= target
        low, high = (low, middle) if reached else (middle, high)
    times = []
    for _ in range(repeats):
        scd_time, scd = fit(
            TorchBetaNMF, X, K, start, solver="scd", max_iter=high, **options
        )
        mu_time, _ = fit(
            TorchBetaNMF, X, K, start, solver="mu", max_iter=mu_iterations, **options
        )
        times.append((mu_time, scd_time, mu_time / scd_time))
    mu_time, scd_time, ratio = (median(column) for column in zip(*times, strict=True))
    print(
        f"nips K = {K} {X.dtype}: mu {mu_iterations} iterations {mu_time:.2f} s to "
        f"{target:.2f}, scd {high} iterations {scd_time:.2f} s to "
        f"{scd.reconstruction_err_:.2f}, {ratio:.1f} x",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parts = ("nips", "newsgroups4", "scd")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message=".*multiplicative update.*")
    nips = sp.load_npz(args.data / "nips" / "counts.npz").tocsr()
    for dtype in (np.float64, np.float32):
        X = nips.astype(dtype)
        for K in (10, 50):
            if "nips" in args.only:
                compare("nips", X, K, CASES, args.repeats)
            if "scd" in args.only:
                time_to_objective(X, K, args.repeats)
    if "newsgroups4" in args.only:
        counts = sp.load_npz(args.data / "newsgroups4" / "counts.npz")
        dense = TfidfTransformer().fit_transform(counts).toarray()
        for dtype in (np.float64, np.float32):
            X = dense.astype(dtype)
            compare("newsgroups4", X, 10, DENSE_CASES, args.repeats)


if __name__ == "__main__":
    main()
