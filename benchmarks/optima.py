"""How good the optima are: final log-likelihoods, beside those of fastTopics.

    python benchmarks/optima.py DATA [--corpora nips pbmc_facs] [--seeds 10]

DATA is the folder of the corpora. Maximum likelihood, default settings otherwise. Those
of fastTopics (R) are its authors' own runs, which come with the corpora. Beside each
fit's seconds stand those of ten iterations of scikit-learn's NMF(mu, Kullback-Leibler),
measured between the fits.
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np
import record
import scipy.sparse as sp
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF

#: Corpus -> K, and the best log-likelihood of fastTopics with this K.
CASES = {"nips": (10, -7_725_608), "pbmc_facs": (6, -8_694_953)}
COLUMNS = {
    "Corpus": "",
    "Log-likelihood of TorchPoissonNMF": ".0f",
    "of fastTopics": ".0f",
    "Seconds of a fit": ".3g",
    "ten updates of scikit-learn, s": ".3g",
}


def seconds(function, *args):
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


def fits(X, K, seeds):
    """Log-likelihoods, seconds of the fits, and of ten iterations of scikit-learn."""
    wide = X.astype(np.float64)
    ml = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
    mu = {"solver": "mu", "beta_loss": "kullback-leibler", "init": "random", "tol": 0}
    TorchPoissonNMF(K, **ml, max_iter=20, tol=0).fit(X[:100])
    for seed in range(seeds):
        model = TorchPoissonNMF(K, **ml, random_state=seed)
        peer = NMF(K, max_iter=10, random_state=seed, **mu)
        own, other = seconds(model.fit, X), seconds(peer.fit, wide)
        print(
            f"{seed:4d}  {model.log_likelihood_:14,.0f}  {model.kkt_residual_:12.2f}  "
            f"{model.n_iter_:10d}  {own:7.2f}  {other:8.2f}",
            flush=True,
        )
        yield model.log_likelihood_, own, other


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--corpora", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, default=10)
    record.add_arguments(parser)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = []
    for corpus in args.corpora:
        K, fasttopics = CASES[corpus]
        X = sp.load_npz(f"{args.data}/{corpus}/counts.npz").tocsr()
        if args.quick:
            X, K, args.seeds = X[:150], 2, 2
        print(f"{corpus}, K = {K}; fastTopics {fasttopics:,}")
        print("seed  log-likelihood  KKT residual  iterations  seconds  10 of mu")
        found = fits(X, K, args.seeds)
        ends, times, peer = (list(column) for column in zip(*found, strict=True))
        print(f"median {median(ends):,.0f}, lowest {min(ends):,.0f}")
        rows.append([f"{corpus}, K = {K}", ends, fasttopics, times, peer])
    if args.record:
        record.write_table("optima", args.record, COLUMNS, rows, ("scikit-learn",))


if __name__ == "__main__":
    main()
