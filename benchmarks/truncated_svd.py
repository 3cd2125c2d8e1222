"""TorchTruncatedSVD beside scikit-learn's TruncatedSVD.

    python benchmarks/truncated_svd.py COUNTS.npz -k 50

Interleaved fits of the same random states, each package in a process of its own; the
ratio of the medians.
"""

import argparse
import time
from functools import lru_cache
from pathlib import Path
from statistics import median

import record
import scipy.sparse as sp
from processes import Processes


@lru_cache(maxsize=1)
def load(path, dtype):
    return sp.load_npz(path).tocsr().astype(dtype)


def fit(package, path, dtype, n_components, seed):
    """Seconds of a fit, and the share of the variance in its components."""
    if package == "ours":
        from sklearn_topics import TorchTruncatedSVD as Class
    else:
        from sklearn.decomposition import TruncatedSVD as Class
    X = load(path, dtype)
    model = Class(n_components, random_state=seed)
    begin = time.perf_counter()
    model.fit(X)
    return time.perf_counter() - begin, model.explained_variance_ratio_.sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.quick:
        args.k, args.repeats = 2, 2
    packages = "theirs", "ours"
    run, table = Processes(packages), []
    for dtype in ("float64", "float32"):
        rows = []
        for seed in range(args.repeats + 1):  # the first one loads the kernels
            problem = args.counts, dtype, args.k, seed
            rows.append([run(package, fit, package, *problem) for package in packages])
        theirs, ours = (
            [list(values) for values in zip(*column, strict=True)]
            for column in zip(*rows[1:], strict=True)
        )
        table.append([dtype, theirs[0], ours[0], theirs[1], ours[1]])
        show(args, dtype, *(map(median, (*theirs, *ours))))
    if args.record:
        write(args, table)


def show(args, dtype, their_time, their_variance, our_time, our_variance):
    print(
        f"{args.counts.parent.name}, K = {args.k}, {dtype}: scikit-learn "
        f"{their_time:.2f} s, ours {our_time:.2f} s, {their_time / our_time:.1f} x; "
        f"captured variance {their_variance:.6f}, {our_variance:.6f}",
        flush=True,
    )


def write(args, table):
    columns = {
        "dtype": "",
        "TruncatedSVD, s": ".3g",
        "TorchTruncatedSVD, s": ".3g",
        "variance explained by TruncatedSVD": ".4f",
        "by TorchTruncatedSVD": ".4f",
    }
    task = f"truncated SVD of NIPS papers, {args.k} components, {table[0][0]}"
    theirs, ours = table[0][1:3]
    pair = "scikit-learn TruncatedSVD", theirs, "TorchTruncatedSVD", ours
    summary = [record.comparison(task, *pair)]
    record.write_table("svd", args.record, columns, table, ("scikit-learn",), summary)


if __name__ == "__main__":
    main()
