"""tinytopics' article, beside tinytopics itself.

    python benchmarks/tinytopics_article.py                  # its 200 epochs

5000 documents of 65,536 tokens over 1000 terms and 10 topics, all drawn from flat
Dirichlet distributions. tinytopics runs as in its article; ours with 10, 20, 30, ...
iterations until it has tinytopics' likelihood, and then as far as it goes. Each package
in a process of its own.
"""

import argparse
import time

import numpy as np
from processes import Processes

from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.metrics import align_topics

K = 10


def corpus(n):
    X, theta, topics = make_topic_corpus(
        n,
        1000,
        K,
        doc_length=256 * 256,
        vocabulary="dirichlet",
        doc_topic_prior=1,
        topic_word_prior=1,
        random_state=42,
    )
    return X.toarray(), theta, topics


def tinytopics(n, epochs):
    import torch
    from tinytopics.fit import fit_model
    from tinytopics.utils import set_random_seed

    X = torch.tensor(corpus(n)[0], dtype=torch.float32)
    set_random_seed(42)
    begin = time.perf_counter()
    model, _ = fit_model(X, K, num_epochs=epochs, device=torch.device("cpu"))
    seconds = time.perf_counter() - begin
    theta, topics = model.get_normalized_L(), model.get_normalized_F()
    return seconds, theta.detach().numpy(), topics.detach().numpy()


def ours(n, max_iter):
    from sklearn_topics import TorchPoissonNMF

    X = corpus(n)[0]
    model = TorchPoissonNMF(
        K,
        doc_topic_pseudocount=0,
        topic_word_pseudocount=0,
        transform_pseudocount=0,
        max_iter=max_iter,
        tol=0,
        random_state=0,
    )
    TorchPoissonNMF(2, max_iter=12, tol=0).fit(X[:50])  # loads the compiled kernels
    begin = time.perf_counter()
    theta = model.fit_transform(X)
    return time.perf_counter() - begin, theta, model.components_


def log_likelihood(X, theta, topics):
    """Of all tokens under the topic model, but for the multinomial coefficients."""
    p = np.asarray(theta, np.float64) @ np.asarray(topics, np.float64)
    return float((X * np.log(p)).sum())


def correlations(found, true):
    theta, topics = (np.asarray(part, np.float64) for part in found)
    order = align_topics(true[1], topics).matched
    pairs = zip(true[1], topics[order], strict=True)
    of_topics = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
    pairs = zip(true[0].T, theta.T[order], strict=True)
    return of_topics, np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--documents", type=int, default=5000)
    args = parser.parse_args()
    n = args.documents
    X, *true = corpus(n)
    best = log_likelihood(X, *true)
    print(f"{'':>26} {'seconds':>8} {'likelihood':>12} {'topics':>8} {'documents':>10}")

    def show(name, seconds, *found):
        value = log_likelihood(X, *found)
        of_topics, of_documents = correlations(found, true)
        print(
            f"{name:>26} {seconds:8.2f} {value - best:12.0f} {of_topics:8.4f} "
            f"{of_documents:10.4f}",
            flush=True,
        )
        return value

    run = Processes(["tinytopics", "ours"])
    seconds, *found = run("tinytopics", tinytopics, n, args.epochs)
    reached = show(f"tinytopics, {args.epochs} epochs", seconds, *found)
    ratio = None
    for max_iter in (10, 20, 30, 40, 45, 50, 60, 100):
        needed, *found = run("ours", ours, n, max_iter)
        value = show(f"ours, {max_iter} iterations", needed, *found)
        if ratio is None and value >= reached:
            ratio = seconds / needed
    print("likelihood: above that of the truth; others: mean correlations with it")
    print(f"to tinytopics' likelihood: {ratio and round(ratio, 1)} times as fast")


if __name__ == "__main__":
    main()
