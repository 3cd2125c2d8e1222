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
    args = parser.parse_args()
    packages = "theirs", "ours"
    run = Processes(packages)
    for dtype in ("float64", "float32"):
        rows = []
        for seed in range(args.repeats + 1):  # the first one loads the kernels
            problem = args.counts, dtype, args.k, seed
            rows.append([run(package, fit, package, *problem) for package in packages])
        theirs, ours = (
            [median(values) for values in zip(*column, strict=True)]
            for column in zip(*rows[1:], strict=True)
        )
        print(
            f"{args.counts.parent.name}, K = {args.k}, {dtype}: scikit-learn "
            f"{theirs[0]:.2f} s, ours {ours[0]:.2f} s, {theirs[0] / ours[0]:.1f} x; "
            f"captured variance {theirs[1]:.6f}, {ours[1]:.6f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
