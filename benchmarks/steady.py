"""Whether an iteration takes as long at the 300th as at the first.

Factors that shrink towards zero pass through denormal numbers, on which a processor
takes up to a hundred times as long. Prints milliseconds an iteration, early and late,
for every iterative solver and module, in one process:

    python benchmarks/steady.py DATA/nips/counts.npz [--documents 800] [--dtype float32]
"""

import argparse
import time
import warnings

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_topics import TorchBetaNMF, TorchDeepNMF, TorchPoissonNMF
from sklearn_topics._boundary.transfer import to_device
from sklearn_topics._core.fold_in import fold_in
from sklearn_topics.nn import NMF, BetaMu

K, N_ITER, WINDOW = 10, 300, 20


def estimators():
    """Name -> estimator, to be run for `N_ITER` iterations."""
    shared = {"n_components": K, "max_iter": N_ITER, "tol": 0, "random_state": 0}
    plain = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
    for solver in "em", "scd", "adam":
        for name, options in ("", plain), (", pseudocounts", {}):
            model = TorchPoissonNMF(solver=solver, **options, **shared)
            yield f"TorchPoissonNMF {solver}{name}", model
    for solver, beta in (
        ("mu", 1),
        ("mu", 2),
        ("mu", 1.5),
        ("mu", 0.5),
        ("cd", 2),
        ("scd", 1),
        ("adam", 1),
        ("adam", 2),
    ):
        options = {"init": "random", "solver": solver, "beta_loss": beta}
        yield f"TorchBetaNMF {solver} {beta:g}", TorchBetaNMF(**options, **shared)
    deep = {"layer_sizes": (K, K // 2), **shared}
    del deep["n_components"]
    for beta in 1, 2:
        yield f"TorchDeepNMF {beta}", TorchDeepNMF(beta_loss=beta, **deep)


def estimator_times(model, X):
    """Seconds an iteration, from those at each look: [looks]."""
    model.fit(X)
    history = model.loss_history_
    return np.diff(history["seconds"]) / np.diff(history["iteration"])


def timed(step):
    """Seconds of each call."""
    found = []
    for _ in range(N_ITER):
        begin = time.perf_counter()
        step()
        found.append(time.perf_counter() - begin)
    return np.array(found).reshape(-1, 10).mean(1)


def module_times(X, beta, dtype):
    generator = torch.Generator().manual_seed(0)
    V = torch.tensor(X[:, : X.shape[1] // 4].toarray(), dtype=dtype)
    model = NMF(V.shape, rank=K, generator=generator, dtype=dtype)
    trainer = BetaMu(model.parameters(), beta=beta)
    yield f"nn.BetaMu {beta:g}", timed(lambda: trainer.step(lambda: (V, model())))
    model = NMF(V.shape, rank=K, generator=generator, dtype=dtype)
    V = V.to_sparse_csr() if beta in (1, 2) else V
    yield f"nn.NMF {beta:g}", timed(lambda: model.fit(V, beta, tol=0, max_iter=1))


def fold_in_times(X, topics):
    """Sweeps side by side: each is a call with that many."""
    data, B = to_device(X, torch.device("cpu")), torch.from_numpy(topics)
    ends = []
    for sweeps in 40, 280:
        begin = time.perf_counter()
        fold_in(data, B, pseudocount=0.0, max_sweeps=sweeps, tol=0)
        ends.append(time.perf_counter() - begin)
    early, late = ends[0] / 40, (ends[1] - ends[0]) / 240
    yield "fold-in", np.array([early, early, late, late])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    X = sp.csr_array(sp.load_npz(args.counts)).astype(args.dtype)
    X = X[: args.documents]
    warnings.simplefilter("ignore")
    print(f"{X.shape}, {args.dtype}: ms an iteration, early, late, slowest; late/early")

    def show(name, seconds):
        early, late = np.median(seconds[1:4]), np.median(seconds[-3:])
        numbers = (1e3 * v for v in (early, late, seconds[1:].max()))
        row = "".join(f"{v:9.2f}" for v in numbers)
        print(f"{name:32s}{row}{late / early:7.2f}", flush=True)

    for name, model in estimators():
        if args.only in name:
            show(name, estimator_times(model, X))
    for beta in 1, 2, 1.5:
        if args.only in "nn.":
            for name, seconds in module_times(X, beta, getattr(torch, args.dtype)):
                show(name, seconds)
    if args.only in "fold-in":
        model = TorchPoissonNMF(K, random_state=0, max_iter=50).fit(X)
        for name, seconds in fold_in_times(X, model.components_):
            show(name, seconds)


if __name__ == "__main__":
    main()
