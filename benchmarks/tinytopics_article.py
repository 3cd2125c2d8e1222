"""tinytopics' article, beside tinytopics itself.

    python benchmarks/tinytopics_article.py                  # its 200 epochs

5000 documents of 65,536 tokens over 1000 terms and 10 topics, all drawn from flat
Dirichlet distributions. tinytopics runs as in its article; ours with
several numbers of iterations. Likelihoods are relative to that of the true parameters.
Each package in a process of its own.
"""

import argparse
import time
from statistics import median

import numpy as np
import record
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


COLUMNS = {
    "": "",
    "Seconds of a fit": ".3g",
    "Log-likelihood less that of the truth": ".0f",
    "Correlation with the true topics": ".4f",
    "with the true proportions": ".4f",
}


class Judge:
    """What a fit is worth, from the corpus and its parameters."""

    def __init__(self, n):
        self.X, *self.true = corpus(n)
        self.best = log_likelihood(self.X, *self.true)

    def __call__(self, seconds, *found):
        value = log_likelihood(self.X, *found) - self.best
        return [seconds, value, *correlations(found, self.true)]


def rows(args, judge):
    """Each row: name, then the list of each figure over the repeats."""
    run = Processes(["tinytopics", "ours"])
    found = {}
    for _ in range(args.repeats):
        name = f"tinytopics, {args.epochs} epochs"
        fit = run("tinytopics", tinytopics, args.documents, args.epochs)
        found.setdefault(name, []).append(judge(*fit))
        for max_iter in args.iterations:
            name = f"TorchPoissonNMF, {max_iter} iterations"
            fit = run("ours", ours, args.documents, max_iter)
            found.setdefault(name, []).append(judge(*fit))
    for name, repeats in found.items():
        columns = [list(map(float, column)) for column in zip(*repeats, strict=True)]
        print(f"{name:>34}", *(f"{median(column):12.4f}" for column in columns))
        yield [name, *columns]


def summary(table, args):
    theirs, *all_ours = table
    for row in all_ours:
        if median(row[2]) >= median(theirs[2]):
            task = (
                f"10 topics of {args.documents:,} simulated documents: time to the "
                f"likelihood of {args.epochs} epochs"
            )
            pair = "tinytopics", theirs[1], "TorchPoissonNMF", row[1]
            yield record.comparison(task, *pair)
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--iterations", type=int, nargs="+", default=(30, 45, 60, 100))
    parser.add_argument("--repeats", type=int, default=1)
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.quick:
        args.epochs, args.documents, args.iterations = 3, 300, (5, 10)
    table = list(rows(args, Judge(args.documents)))
    if args.record:
        packages, found = ("tinytopics",), list(summary(table, args))
        record.write_table("tinytopics", args.record, COLUMNS, table, packages, found)


if __name__ == "__main__":
    main()
