"""One pass by `partial_fit`: TorchPoissonNMF, TorchLDA and scikit-learn's LDA.

    python benchmarks/partial_fit.py DATA [--corpora newsgroups20 etm_20ng] [-k 50]
        [--size 1000] [--seeds 0 1 2] [--models ours TorchLDA LDA]

DATA is the folder of the corpora. The training documents are shuffled, by the seed of
the model, and passed once in batches. Prints medians over the seeds of the perplexity
of held-out halves, NPMI, diversity and seconds (wall time of all calls), and the load
of the machine before.
"""

import argparse
import os
import time
from statistics import median

import numpy as np
from measures import CORPORA, SHORT, completion_perplexity
from sklearn.decomposition import LatentDirichletAllocation

from sklearn_topics import TorchLDA, TorchPoissonNMF
from sklearn_topics.metrics import coherence, topic_diversity

MODELS = {
    "ours": lambda K, n, seed: TorchPoissonNMF(K, random_state=seed),
    "ours, total": lambda K, n, seed: TorchPoissonNMF(
        K, total_samples=n, random_state=seed
    ),
    "TorchLDA": lambda K, n, seed: TorchLDA(K, total_samples=n, random_state=seed),
    "LDA": lambda K, n, seed: LatentDirichletAllocation(
        K, total_samples=n, random_state=seed
    ),
}


def measure(make, corpus, K, seed, size):
    """Perplexity, NPMI, diversity and seconds."""
    X, shown, held_out = corpus
    order = np.random.default_rng(seed).permutation(X.shape[0])
    batches = [X[order[i : i + size]] for i in range(0, len(order), size)]
    model = make(K, X.shape[0], seed)
    begin = time.perf_counter()
    for batch in batches:
        model.partial_fit(batch)
    seconds = time.perf_counter() - begin
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    return (
        completion_perplexity(held_out, model.transform(shown), topics),
        coherence(topics, X).mean,
        topic_diversity(topics),
        seconds,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    corpora = {**CORPORA, **SHORT}
    default = ["newsgroups20", "etm_20ng"]
    parser.add_argument("--corpora", nargs="+", choices=corpora, default=default)
    names = ["ours", "TorchLDA", "LDA"]
    parser.add_argument("--models", nargs="+", choices=MODELS, default=names)
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("corpus        model         perplexity   NPMI  diversity  seconds")
    for name in args.corpora:
        corpus = corpora[name](args.data)
        for label in args.models:
            make = MODELS[label]
            make(2, 100, 0).partial_fit(corpus[0][:100])  # loads the compiled kernels
            found = [measure(make, corpus, args.k, s, args.size) for s in args.seeds]
            perplexity, npmi, diversity, seconds = map(median, zip(*found, strict=True))
            print(
                f"{name:13} {label:13} {perplexity:10.0f} {npmi:6.3f} "
                f"{diversity:10.3f} {seconds:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
