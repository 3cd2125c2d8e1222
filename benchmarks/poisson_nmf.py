"""TorchPoissonNMF beside scikit-learn's NMF(mu, Kullback-Leibler), from one start.

    python benchmarks/poisson_nmf.py COUNTS.npz -k 10

Prints, from interleaved repeats on this machine,

- the time of scikit-learn for 200 iterations, the log-likelihood it reaches, and the
  time of a whole ``fit`` of ours that passes it;
- seconds an iteration of each (the difference of a long and a short fit);
- the peak memory of ``fit`` above X and the factors, from a process of its own.

Every fit begins from the same random W and H; nothing is smoothed. Log-likelihoods
are computed here, in float64, from what the estimators return.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import record
import scipy.sparse as sp
from measures import product_at, random_start
from memory import peak_above
from scipy.special import gammaln
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF


def log_likelihood(X, W, H):
    """Poisson log-likelihood of W H, float64, with the -log x! term."""
    x = X.tocoo().data
    fitted = x @ np.log(product_at(X, W, H)) - W.sum(0) @ H.sum(1)
    return fitted - gammaln(x + 1.0).sum()


class Peer:
    """scikit-learn, in the dtype that it computes fastest in: float64."""

    def __init__(self, X, K, start):
        self.X, self.K, self.start = X.astype(np.float64), K, start

    def fit(self, n_iter):
        model = NMF(
            self.K,
            init="custom",
            solver="mu",
            beta_loss="kullback-leibler",
            tol=0,
            max_iter=n_iter,
        )
        W, H = (factor.copy() for factor in self.start)
        begin = time.perf_counter()
        W = model.fit_transform(self.X, W=W, H=H)
        return time.perf_counter() - begin, W, model.components_


class Ours:
    def __init__(self, X, K, start, **parameters):
        self.X, self.start = X, start
        self.parameters = {
            "n_components": K,
            "init": "custom",
            "doc_topic_pseudocount": 0,
            "topic_word_pseudocount": 0,
            "tol": 0,
        }
        self.parameters.update(parameters)

    def fit(self, n_iter):
        model = TorchPoissonNMF(**self.parameters, max_iter=n_iter)
        W, H = self.start
        begin = time.perf_counter()
        model.fit(self.X, W=W, H=H)
        return time.perf_counter() - begin, model

    def first_to_reach(self, target, most=200):
        """The fewest iterations whose log-likelihood is at least `target`."""
        if self.fit(most)[1].log_likelihood_ < target:
            raise SystemExit(f"{most} iterations do not reach {target:,.0f}.")
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            reached = self.fit(middle)[1].log_likelihood_ >= target
            low, high = (low, middle) if reached else (middle, high)
        return high


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-iterations", type=int, default=200)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    record.add_arguments(parser)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X = sp.load_npz(args.counts).tocsr()
    if args.memory:
        print(json.dumps(memory_of_fit(X, args.k)))
        return
    if args.quick:
        X, args.peer_iterations, args.repeats = X[:200], 20, 2
    start = random_start(X, args.k, args.seed)
    peer, ours = Peer(X, args.k, start), Ours(X, args.k, start)
    ours.fit(2)  # loads the compiled kernels

    print(f"{args.counts}: {X.shape[0]} x {X.shape[1]}, {X.nnz} nonzeros, K = {args.k}")
    _, W, H = peer.fit(args.peer_iterations)
    target = log_likelihood(X, W, H)
    needed = ours.first_to_reach(target)
    model = ours.fit(needed)[1]
    print(f"scikit-learn after {args.peer_iterations} iterations: {target:,.0f}")
    print(f"ours after {needed} iterations: {model.log_likelihood_:,.0f}")

    found = {}
    for _ in range(args.repeats):  # interleaved: the machine's speed drifts
        for name, value in interleaved(peer, ours, needed, args.peer_iterations):
            found.setdefault(name, []).append(value)
    found["memory"] = memory(args)
    show(found)
    if args.record:
        write(args, found, target, needed, X)


def interleaved(peer, ours, needed, peer_iterations):
    theirs_short, theirs = peer.fit(5)[0], peer.fit(peer_iterations)[0]
    short, reach, long = (ours.fit(n)[0] for n in (10, needed, 110))
    yield from {
        "theirs": theirs,
        "ours": reach,
        "theirs_step": (theirs - theirs_short) / (peer_iterations - 5),
        "ours_step": (long - short) / 100,
    }.items()


def memory(args):
    """Peak bytes of a fit above X and the factors, in a process of its own."""
    command = [sys.executable, __file__, str(args.counts), "-k", str(args.k)]
    command.append("--memory")
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def show(found):
    for theirs, ours, what in (
        ("theirs", "ours", "seconds to that likelihood"),
        ("theirs_step", "ours_step", "seconds an iteration"),
    ):
        pair = median(found[theirs]), median(found[ours])
        print(
            f"{what}: scikit-learn {pair[0]:.4g}, ours {pair[1]:.4g}, "
            f"1/{pair[0] / pair[1]:.1f}"
        )
    peak, stored = found["memory"]["peak"], found["memory"]["X"]
    print(
        f"peak memory of fit above X and the factors: {peak / 1e6:.1f} MB, "
        f"{peak / stored:.2f} x the {stored / 1e6:.1f} MB of X"
    )


def write(args, found, target, needed, X):
    columns = {"": "", "scikit-learn NMF": ".3g", "TorchPoissonNMF": ".3g"}
    reached = f"seconds to a log-likelihood of {target:,.0f}"
    memory = f"peak memory in addition to X ({found['memory']['X'] / 1e6:.0f} MB), MB"
    rows = [
        [reached, found["theirs"], found["ours"]],
        ["iterations to it", args.peer_iterations, needed],
        ["seconds of an iteration", found["theirs_step"], found["ours_step"]],
        [memory, None, found["memory"]["peak"] / 1e6],
    ]
    task = (
        f"{args.k} topics of {X.shape[0]:,} NIPS papers: time to the likelihood of "
        f"{args.peer_iterations} multiplicative updates"
    )
    pair = "scikit-learn NMF", found["theirs"], "TorchPoissonNMF", found["ours"]
    packages, summary = ("scikit-learn",), [record.comparison(task, *pair)]
    record.write_table("likelihood", args.record, columns, rows, packages, summary)


def memory_of_fit(X, K):
    tiny = sp.random_array((20, 30), density=0.3, format="csr", random_state=0)
    parameters = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0, "tol": 0}
    # Compiled kernels and libraries are in memory before the measurement.
    for data in (tiny.astype(np.float32), X[:50]):
        TorchPoissonNMF(K, **parameters, max_iter=2).fit(data)
    peak = peak_above(TorchPoissonNMF(K, **parameters, max_iter=20).fit, X)
    factors = 4 * K * sum(X.shape)
    stored = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    return {"peak": peak - factors, "X": stored}


if __name__ == "__main__":
    main()
