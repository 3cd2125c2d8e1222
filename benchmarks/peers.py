"""Traces of TorchPoissonNMF and of what pip can install instead, from one start.

    pip install -c constraints.txt -r benchmarks/requirements.txt
    python benchmarks/peers.py COUNTS.npz -k 50 --seconds 30

For 1, 2, 4, ... iterations, as long as a fit lasts less than the given seconds, every
model is fitted anew. Its log-likelihood on the fitted counts is Poisson, with the
-log x! term and each document at its size, computed here in float64 for all but ours,
which computes the same (the tests compare it with scipy's). Models that take a start
get the same W and H; the others draw their own. Peers that are not installed are named
and left out. ``--record`` writes the traces for the documentation, which draws them
(benchmarks/traces.py).
"""

import argparse
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import record
import scipy.sparse as sp
import torch
from measures import product_at, random_start
from scipy.special import gammaln
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF

from sklearn_topics import TorchPoissonNMF

#: Rates below this, relative to the mean count, are raised to it: models with zeros
#: where there are tokens would otherwise have no likelihood at all.
_RELATIVE_FLOOR = 1e-10

PEERS = {}


def peer(name, needs=None):
    """Registers a function of (X, start, n_iter).

    It returns the seconds of the fit and what the fit leaves: theta and topics, or a
    log-likelihood.
    """

    def register(function):
        PEERS[name] = function, needs
        return function

    return register


def timed(function, *args, **options):
    begin = time.perf_counter()
    result = function(*args, **options)
    return time.perf_counter() - begin, result


def topic_model(W, H):
    """The topic model of a factorisation."""
    W, H = np.asarray(W, np.float64), np.asarray(H, np.float64)
    u = H.sum(1)
    W = W * u
    size = W.sum(1, keepdims=True)
    theta = np.where(size > 0, W / np.where(size > 0, size, 1), 1 / W.shape[1])
    return theta, H / np.where(u > 0, u, 1)[:, None]


def _ours(X, start, n_iter, **parameters):
    W, H = start
    model = TorchPoissonNMF(len(H), init="custom", max_iter=n_iter, tol=0, **parameters)
    seconds, _ = timed(model.fit, X, W=W, H=H)
    # Of the factors that the fit ended with: `transform` would improve on them.
    return seconds, model.log_likelihood_


ML = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}


@peer("TorchPoissonNMF")
def ours_scd(X, start, n_iter):
    return _ours(X, start, n_iter, **ML)


@peer("TorchPoissonNMF, em")
def ours_em(X, start, n_iter):
    return _ours(X, start, n_iter, solver="em", **ML)


@peer("TorchPoissonNMF, adam")
def ours_adam(X, start, n_iter):
    return _ours(X, start, n_iter, solver="adam", **ML)


def _nmf(model, X, start):
    W, H = (factor.copy() for factor in start)
    seconds, W = timed(model.fit_transform, X.astype(np.float64), W=W, H=H)
    return seconds, *topic_model(W, model.components_)


@peer("scikit-learn NMF, mu")
def nmf_mu(X, start, n_iter):
    options = {"solver": "mu", "beta_loss": "kullback-leibler", "init": "custom"}
    model = NMF(len(start[1]), max_iter=n_iter, tol=0, **options)
    return _nmf(model, X, start)


@peer("scikit-learn NMF, cd (Frobenius)")
def nmf_cd(X, start, n_iter):
    model = NMF(len(start[1]), solver="cd", init="custom", max_iter=n_iter, tol=0)
    return _nmf(model, X, start)


@peer("scikit-learn MiniBatchNMF")
def minibatch_nmf(X, start, n_iter):
    model = MiniBatchNMF(
        len(start[1]),
        beta_loss="kullback-leibler",
        init="custom",
        max_iter=n_iter,
        tol=0,
        max_no_improvement=None,
    )
    return _nmf(model, X, start)


@peer("scikit-learn LDA")
def lda(X, start, n_iter):
    model = LatentDirichletAllocation(len(start[1]), max_iter=n_iter, random_state=0)
    seconds, _ = timed(model.fit, X)
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    return seconds, model.transform(X), topics


@peer("torchnmf", needs="torchnmf")
def torchnmf(X, start, n_iter):
    from torchnmf.nmf import NMF as TorchNMF

    W, H = (torch.tensor(factor, dtype=torch.float32) for factor in start)
    coo = X.tocoo()
    where = torch.tensor(np.stack([coo.row, coo.col]))
    values = torch.tensor(coo.data, dtype=torch.float32)
    V = torch.sparse_coo_tensor(where, values, X.shape).coalesce()
    # Its W is our H, transposed, and the other way round.
    model = TorchNMF(W=H.T.contiguous(), H=W)
    seconds, _ = timed(model.fit, V, beta=1, max_iter=n_iter, tol=0)
    return seconds, *topic_model(model.H.detach(), model.W.detach().T)


@peer("tinytopics", needs="tinytopics")
def tinytopics(X, start, n_iter):
    from tinytopics.fit import fit_model

    dense = torch.tensor(X.toarray(), dtype=torch.float32)  # it takes no other
    options = {"num_epochs": n_iter, "device": torch.device("cpu")}
    seconds, (model, _) = timed(fit_model, dense, len(start[1]), **options)
    theta, topics = model.get_normalized_L(), model.get_normalized_F()
    return seconds, theta.detach().numpy(), topics.detach().numpy()


@peer("tomotopy LDA", needs="tomotopy")
def tomotopy(X, start, n_iter):
    import tomotopy as tp

    model = tp.LDAModel(k=len(start[1]), seed=0)
    terms = np.arange(X.shape[1]).astype(str)
    for i in range(X.shape[0]):
        row = slice(X.indptr[i], X.indptr[i + 1])
        words = np.repeat(terms[X.indices[row]], X.data[row])
        if len(words):
            model.add_doc(words.tolist())
    model.train(0)
    seconds, _ = timed(model.train, n_iter)
    order = np.array([int(word) for word in model.used_vocabs])
    topics = np.full((model.k, X.shape[1]), 1e-12)
    topics[:, order] = [model.get_topic_word_dist(k) for k in range(model.k)]
    theta = np.full((X.shape[0], model.k), 1 / model.k)
    filled = np.flatnonzero(np.diff(X.indptr))
    theta[filled] = [document.get_topic_dist() for document in model.docs]
    return seconds, theta, topics


def log_likelihood(X, theta, topics):
    coo, size = X.tocoo(), np.asarray(X.sum(1)).ravel()
    rates = product_at(X, theta, topics) * size[coo.row]
    rates = np.maximum(rates, _RELATIVE_FLOOR * coo.data.mean())
    return coo.data @ np.log(rates) - size.sum() - gammaln(coo.data + 1.0).sum()


def trace(fit, X, start, budget):
    points, n_iter = [], 1
    while not points or points[-1]["seconds"] < budget:
        seconds, *left = fit(X, start, n_iter)
        value = left[0] if len(left) == 1 else log_likelihood(X, *left)
        points.append({"n_iter": n_iter, "seconds": seconds, "log_likelihood": value})
        n_iter *= 2
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only", nargs="+", choices=PEERS)
    record.add_arguments(parser)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    X = sp.load_npz(args.counts).tocsr()
    if args.quick:
        X, args.seconds, args.k = X[:200], 0.02, 3
    start = random_start(X, args.k, args.seed)
    title = f"{args.counts.parent.name}: {X.shape[0]} x {X.shape[1]}, K = {args.k}"
    print(f"{title}, {X.nnz} nonzeros")
    traces = {}
    for name in args.only or PEERS:
        fit, needs = PEERS[name]
        if needs is not None and find_spec(needs) is None:
            print(f"{name}: not installed")
            continue
        small = X[:60]
        fit(small, (start[0][:60], start[1]), 1)  # compiles and loads
        traces[name] = trace(fit, X, start, args.seconds)
        print(name)
        for point in traces[name]:
            print(
                f"  {point['n_iter']:5d} iterations {point['seconds']:8.2f} s "
                f"{point['log_likelihood']:16,.0f}",
                flush=True,
            )
    if args.record:
        write(args.record, traces)


def write(folder, traces):
    columns = {
        "Program": "",
        "Iterations": "d",
        "Seconds of a fit": ".3g",
        "Log-likelihood": ".0f",
    }
    rows = [
        [name, *(point[key] for key in ("n_iter", "seconds", "log_likelihood"))]
        for name, points in traces.items()
        for point in points
    ]
    packages = "scikit-learn", "torchnmf", "tinytopics", "tomotopy"
    record.write_table("traces", folder, columns, rows, packages)


if __name__ == "__main__":
    main()
