"""How good the optima are: final log-likelihoods from several random starts.

    python benchmarks/optima.py COUNTS.npz -k 10 --seeds 10

Maximum likelihood, default tolerance. Beside each fit's seconds stand those of ten
iterations of scikit-learn's NMF(mu, Kullback-Leibler), measured between the fits.
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF


def seconds(function, *args):
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X = sp.load_npz(args.counts).tocsr()
    wide = X.astype(np.float64)
    ml = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
    TorchPoissonNMF(args.k, **ml, max_iter=20, tol=0).fit(X[:100])
    ends, times, peer_times = [], [], []
    print("seed  log-likelihood  KKT residual  iterations  seconds  10 of mu")
    for seed in range(args.seeds):
        model = TorchPoissonNMF(args.k, **ml, random_state=seed)
        peer = NMF(
            args.k,
            init="random",
            solver="mu",
            beta_loss="kullback-leibler",
            tol=0,
            max_iter=10,
            random_state=seed,
        )
        times.append(seconds(model.fit, X))
        peer_times.append(seconds(peer.fit, wide))
        ends.append(model.log_likelihood_)
        print(
            f"{seed:4d}  {ends[-1]:14,.0f}  {model.kkt_residual_:12.2f}  "
            f"{model.n_iter_:10d}  {times[-1]:7.2f}  {peer_times[-1]:8.2f}",
            flush=True,
        )
    print(f"median {median(ends):,.0f}, lowest {min(ends):,.0f}")
    print(
        f"seconds: median {median(times):.2f}, longest {max(times):.2f}; "
        f"10 iterations of scikit-learn {median(peer_times):.2f}"
    )


if __name__ == "__main__":
    main()
