"""TorchTruncatedSVD beside scikit-learn's TruncatedSVD.

    python benchmarks/truncated_svd.py COUNTS.npz -k 50

Interleaved fits of the same random state; the ratio of the medians.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD

from sklearn_topics import TorchTruncatedSVD


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    counts = sp.load_npz(args.counts).tocsr()
    for dtype in (np.float64, np.float32):
        X = counts.astype(dtype)
        TorchTruncatedSVD(args.k, random_state=0).fit(X[:200])
        times = {TruncatedSVD: [], TorchTruncatedSVD: []}
        captured = {}
        for seed in range(args.repeats):
            for Class, seconds in times.items():
                model = Class(args.k, random_state=seed)
                begin = time.perf_counter()
                model.fit(X)
                seconds.append(time.perf_counter() - begin)
                captured[Class] = model.explained_variance_ratio_.sum()
        theirs, ours = (median(seconds) for seconds in times.values())
        print(
            f"{args.counts.parent.name}, K = {args.k}, {np.dtype(dtype)}: scikit-learn "
            f"{theirs:.2f} s, ours {ours:.2f} s, {theirs / ours:.1f} x; captured "
            f"variance {captured[TruncatedSVD]:.6f}, {captured[TorchTruncatedSVD]:.6f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
