"""tinytopics' distributed mode beside ours: one process, and two on the same data.

    python benchmarks/tinytopics_processes.py

The documents of tinytopics' article, dense, with fewer tokens. For each: seconds of an
epoch (an iteration), the log-likelihood less that of the true parameters, the numbers
that a process holds and trains, and the bytes that it sends in an epoch (an iteration).
tinytopics sends its gradients after each batch, those of all documents' weights
included; it counts none, so these are the number of its parameters times its batches.
"""

import argparse
import json
import os
import time
import warnings
from statistics import median

import groups
from tinytopics_article import log_likelihood

from sklearn_topics.datasets import make_topic_corpus

TERMS, K = 1000, 10


def corpus(n):
    X, theta, topics = make_topic_corpus(
        n,
        TERMS,
        K,
        doc_length=1000,
        vocabulary="dirichlet",
        doc_topic_prior=1,
        topic_word_prior=1,
        random_state=42,
    )
    return X.toarray(), theta, topics


def tinytopics(args, X, size):
    import torch
    from tinytopics.fit import fit_model
    from tinytopics.fit_distributed import fit_model_distributed
    from tinytopics.utils import set_random_seed

    set_random_seed(42)
    X, n = torch.tensor(X, dtype=torch.float32), len(X)
    begin = time.perf_counter()
    if size == 1:
        options = {"num_epochs": args.epochs, "device": torch.device("cpu")}
        model, _ = fit_model(X, K, **options)
    else:
        options = {"num_epochs": args.epochs, "save_path": None}
        model, _ = fit_model_distributed(X, K, **options)
    seconds = (time.perf_counter() - begin) / args.epochs
    numbers = sum(p.numel() for p in model.parameters())
    theta, topics = model.get_normalized_L(), model.get_normalized_F()
    batches = -(-n // (16 * size))
    return {
        "seconds": seconds,
        "numbers": numbers,
        "bytes": 4 * numbers * batches if size > 1 else 0,
        "likelihood": log_likelihood(X.numpy(), theta.detach(), topics.detach()),
    }


def ours(args, X, size):
    from sklearn_topics import TorchPoissonNMF
    from sklearn_topics._kernels import ranks
    from sklearn_topics.distributed import process_group

    n, rank = len(X), int(os.environ["RANK"])
    own = X[n * rank // size : n * (rank + 1) // size]
    options = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0, "tol": 0}
    options |= {"transform_pseudocount": 0, "random_state": 0}
    warnings.simplefilter("ignore")  # of convergence
    TorchPoissonNMF(2, max_iter=12, tol=0).fit(X[:50])  # loads the compiled kernels
    with process_group():
        begin = time.perf_counter()
        model = TorchPoissonNMF(K, max_iter=args.epochs, **options).fit(own)
        seconds = (time.perf_counter() - begin) / args.epochs
        sent = ranks.current().sent_bytes / args.epochs if size > 1 else 0
    return {
        "seconds": seconds,
        "numbers": len(own) * K + TERMS * K,
        "bytes": sent,
        "likelihood": log_likelihood(X, model.transform(X), model.components_),
    }


PROGRAMS = {"tinytopics": tinytopics, "ours": ours}


def work(args):
    """In a process of its own."""
    size, rank = (int(os.environ[name]) for name in ("WORLD_SIZE", "RANK"))
    X, *true = corpus(args.documents)
    found = PROGRAMS[args.program](args, X, size)
    found["likelihood"] -= log_likelihood(X, *true)
    print()
    print(json.dumps(found) if rank == 0 else json.dumps(None), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--program", choices=PROGRAMS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.program:
        work(args)
        return
    found = {(name, size): [] for name in PROGRAMS for size in (1, 2)}
    for _ in range(args.repeats):
        for (name, size), repeats in found.items():
            command = [__file__, "--program", name, "--epochs", args.epochs]
            command += ["--documents", args.documents]
            own = [
                {"LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"}
                for rank in range(size)
            ]
            group = groups.start(command, size, 2 // size, own)
            repeats.append(groups.results(group)[0])
    for (name, size), repeats in found.items():
        figures = (median(one[key] for one in repeats) for key in repeats[0])
        seconds, numbers, sent, likelihood = figures
        print(
            f"{name:10} {size} process{'es' * (size > 1):2} {seconds:9.4f} s "
            f"{numbers:9,.0f} numbers {sent:13,.0f} bytes {likelihood:12,.0f}"
        )


if __name__ == "__main__":
    main()
