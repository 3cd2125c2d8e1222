"""Seconds of an iteration of solver "scd" beside "em", by length of documents and K.

    python benchmarks/iterations.py [--documents 200000] [--terms 15 60 300]
        [-k 10 50 200] [--repeats 3]

Draws documents of about so many terms of 20,000 from 50 topics, and fits them from
random starts with the default priors. An iteration's time is that of iterations 21 to
40, objectives included. The solvers take turns; prints the medians, their ratio, and
the gain of an "scd" iteration: the objective after 40 of them, less that of "em".
"""

import argparse
import os
from statistics import median

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus

_FROM, _TO = 20, 40


def iteration(X, K, solver):
    """Seconds of an iteration, and the objective at the end."""
    options = {"init": "random", "tol": 0, "max_iter": _TO, "random_state": 0}
    model = TorchPoissonNMF(K, solver=solver, **options).fit(X)
    history = model.loss_history_
    at = dict(zip(history["iteration"], history["seconds"], strict=True))
    return (at[_TO] - at[_FROM]) / (_TO - _FROM), history["objective"][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--terms", nargs="+", type=int, default=[15, 60, 300])
    parser.add_argument("-k", nargs="+", type=int, default=[10, 50, 200])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("nonzeros   K   em (s)  scd (s)  ratio   gain")
    for terms in args.terms:
        X, *_ = make_topic_corpus(
            args.documents, 20_000, 50, doc_length=terms, random_state=0
        )
        X = X.astype("float32")
        for K in args.k:
            found = {"em": [], "scd": []}
            for _ in range(args.repeats):
                for solver, measured in found.items():
                    measured.append(iteration(X, K, solver))
            seconds = {s: median(t for t, _ in found[s]) for s in found}
            ratio = median(
                b[0] / a[0] for a, b in zip(found["em"], found["scd"], strict=True)
            )
            gain = found["scd"][0][1] - found["em"][0][1]
            print(
                f"{X.nnz / X.shape[0]:8.0f} {K:3d} {seconds['em']:8.3f} "
                f"{seconds['scd']:8.3f} {ratio:6.2f} {gain:6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
