"""TorchBetaNMF beside scikit-learn's NMF: seconds an iteration, from one start.

    python benchmarks/beta_nmf.py DATA [--only nips newsgroups4 scd] [-k 10 50]

DATA is the folder of the corpora. Prints

- for nips (sparse) and a dense TF-IDF of newsgroups4: the median over interleaved
  repeats of the time of an iteration (the difference of a long and a short fit) of
  each, and of their ratio;
- for Kullback-Leibler on nips: the time of "scd" to the objective that our own "mu"
  has after 500 iterations, and of "mu" itself.

Each package runs in a process of its own, so that neither meets the other's threads.
"""

import argparse
import time
import warnings
from functools import lru_cache, partial
from pathlib import Path
from statistics import median

import record
import scipy.sparse as sp
from measures import random_start
from processes import Processes
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer

#: corpus -> solver, beta_loss, iterations of the long fit
CASES = {
    "nips": (("mu", 1, 30), ("mu", 2, 60), ("mu", 1.5, 6), ("cd", 2, 60)),
    "newsgroups4": (("mu", 1, 6), ("mu", 2, 10), ("cd", 2, 10)),
}


@lru_cache(maxsize=1)
def load(data, corpus, dtype, K):
    X = sp.load_npz(data / corpus / "counts.npz").tocsr()
    if corpus == "newsgroups4":
        X = TfidfTransformer().fit_transform(X).toarray()
    start = random_start(X, K, 0)
    return X.astype(dtype), [factor.astype(dtype) for factor in start]


def fit(package, problem, **parameters):
    """Seconds of a fit, and its error."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    if package == "ours":
        from sklearn_topics import TorchBetaNMF as Class
    else:
        from sklearn.decomposition import NMF as Class
    X, start = load(*problem)
    W, H = (factor.copy() for factor in start)
    model = Class(len(H), init="custom", tol=0, **parameters)
    begin = time.perf_counter()
    model.fit(X, W=W, H=H)
    return time.perf_counter() - begin, model.reconstruction_err_


class Runner:
    """Fits of both packages, one at a time, each in its own process."""

    def __init__(self):
        self.processes = Processes(("theirs", "ours"))

    def __call__(self, package, problem, **parameters):
        return self.processes(package, fit, package, problem, **parameters)

    def step(self, package, problem, n_iter, **parameters):
        """Seconds an iteration."""
        run = partial(self, package, problem, **parameters)
        long, short = (run(max_iter=n)[0] for n in (n_iter, 1))
        return (long - short) / (n_iter - 1)


LOSSES = {1: "Kullback-Leibler", 2: "Frobenius", 1.5: "beta 1.5"}


def medians(rows):
    return [median(column) for column in zip(*rows, strict=True)]


def compare(run, problem, repeats, quick):
    """Rows of the table: milliseconds of an iteration, of each repeat."""
    _, corpus, dtype, K = problem
    for solver, beta, n_iter in CASES[corpus]:
        n_iter = 3 if quick else n_iter
        options = {"solver": solver, "beta_loss": beta}
        run("ours", problem, max_iter=2, **options)  # loads the kernels
        rows = []
        for _ in range(repeats):
            theirs = run.step("theirs", problem, max(n_iter // 3, 3), **options)
            ours = run.step("ours", problem, n_iter, **options)
            rows.append((theirs, ours, theirs / ours))
        theirs, ours, ratio = medians(rows)
        print(
            f"{corpus:12s} K = {K:3d} {dtype} {solver} beta {beta:<4g} "
            f"{theirs * 1e3:8.1f} ms {ours * 1e3:8.1f} ms {ratio:6.1f} x",
            flush=True,
        )
        pairs = [[1e3 * value for value in row[:2]] for row in rows]
        yield [solver, LOSSES[beta], K, dtype, *map(list, zip(*pairs, strict=True))]


def time_to_objective(run, problem, repeats, mu_iterations=500):
    """Seconds of "scd" and of "mu" to the same divergence."""
    ours = partial(run, "ours", problem, beta_loss=1)
    _, target = ours(solver="mu", max_iter=mu_iterations)
    low, high = 0, 256
    while high - low > 1:  # the fewest iterations that reach it
        middle = (low + high) // 2
        reached = ours(solver="scd", max_iter=middle)[1] <= target
        low, high = (low, middle) if reached else (middle, high)
    rows = []
    for _ in range(repeats):
        mu_time, _ = ours(solver="mu", max_iter=mu_iterations)
        scd_time, error = ours(solver="scd", max_iter=high)
        rows.append((mu_time, scd_time, mu_time / scd_time))
    mu_time, scd_time, ratio = medians(rows)
    print(
        f"nips K = {problem[3]} {problem[2]}: mu {mu_iterations} iterations "
        f"{mu_time:.2f} s to {target:.2f}, scd {high} iterations {scd_time:.2f} s to "
        f"{error:.2f}, {ratio:.1f} x",
        flush=True,
    )


COLUMNS = {
    "Solver": "",
    "Loss": "",
    "K": "d",
    "dtype": "",
    "scikit-learn NMF, ms": ".3g",
    "TorchBetaNMF, ms": ".3g",
}


def write(folder, rows):
    def comparison(solver, loss):
        row = next(r for r in rows if r[:2] == [solver, loss] and r[3] == "float64")
        task = f'an iteration of "{solver}", {loss}, K = {row[2]}, on NIPS papers'
        pair = "scikit-learn NMF", row[4], "TorchBetaNMF", row[5]
        return record.comparison(task, *pair, unit="ms")

    summary = [comparison("mu", "Kullback-Leibler"), comparison("cd", "Frobenius")]
    record.write_table("nmf", folder, COLUMNS, rows, ("scikit-learn",), summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parts = ("nips", "newsgroups4", "scd")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("-k", type=int, nargs="+", default=(10, 50))
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.quick:
        args.k, args.repeats, args.only = (2,), 2, ("nips",)
    run, rows = Runner(), []
    for dtype in ("float64", "float32"):
        for K in args.k:
            problem = args.data, "nips", dtype, K
            if "nips" in args.only:
                rows += compare(run, problem, args.repeats, args.quick)
            if "scd" in args.only:
                time_to_objective(run, problem, args.repeats)
        if "newsgroups4" in args.only:
            problem = args.data, "newsgroups4", dtype, 10
            list(compare(run, problem, args.repeats, args.quick))
    if args.record:
        write(args.record, rows)


if __name__ == "__main__":
    main()
