"""Held-out perplexity, coherence and diversity, beside LatentDirichletAllocation.

    python benchmarks/quality.py DATA                     # defaults beside LDA
    python benchmarks/quality.py DATA --models random consensus tomotopy
    python benchmarks/quality.py DATA --grid              # how the defaults were chosen

DATA is the folder of the corpora. Every model folds in the first halves of the held-out
documents by its own ``transform``; the second halves give the perplexity. "random" is
one fit of those that the consensus is made of.
"""

import argparse
import time
import warnings

import numpy as np
from measures import CORPORA, SHORT, completion_perplexity
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics.metrics import coherence, topic_diversity

#: doc_topic_pseudocount and topic_word_pseudocount of the grid.
GRID = [(a, b) for b in (0.1, 0.2, 0.3) for a in (0.0, 0.02, 0.05, 0.1, 0.3)]
FOLD_IN = 0.02, 0.05, 0.1, 0.2


def measure(model, corpus):
    """Seconds of fit, then perplexity by the model's own transform, NPMI, diversity."""
    X, shown, held_out = corpus
    begin = time.process_time()
    model.fit(X)
    seconds = time.process_time() - begin
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    return {
        "seconds": seconds,
        "perplexity": completion_perplexity(held_out, model.transform(shown), topics),
        "npmi": coherence(topics, X).mean,
        "diversity": topic_diversity(topics),
    }


class Tomotopy:
    """Gibbs sampling: alpha begins with .1 and is learned, eta is .01; two threads."""

    def __init__(self, K, seed, iterations=500):
        self.K, self.seed, self.iterations = K, seed, iterations

    def fit(self, X):
        import tomotopy

        self.model = tomotopy.LDAModel(k=self.K, alpha=0.1, eta=0.01, seed=self.seed)
        for words in _words(X):
            if words:
                self.model.add_doc(words)
        self.model.train(self.iterations, workers=2)
        columns = [int(word) for word in self.model.used_vocabs]
        self.components_ = np.zeros((self.K, X.shape[1]))
        for k in range(self.K):
            self.components_[k, columns] = self.model.get_topic_word_dist(k)
        return self

    def transform(self, X):
        theta = np.full((X.shape[0], self.K), 1 / self.K)
        known = [
            (i, self.model.make_doc(words))
            for i, words in enumerate(_words(X))
            if any(word in self.model.used_vocabs for word in words)
        ]
        rows, documents = zip(*known, strict=True)
        theta[list(rows)] = self.model.infer(documents, workers=1)[0]
        return theta


def _words(X):
    """The column numbers of each document, as text, each as often as it occurs."""
    names = np.array([str(j) for j in range(X.shape[1])])
    for row in range(X.shape[0]):
        span = slice(*X.indptr[row : row + 2])
        yield np.repeat(names[X.indices[span]], X.data[span]).tolist()


def show(*cells):
    print(" ".join(f"{cell:>12}" for cell in cells), flush=True)


def models_by_name(K, seed, names):
    makers = {
        "ours": lambda: TorchPoissonNMF(K, random_state=seed),
        "random": lambda: TorchPoissonNMF(K, init="random", random_state=seed),
        "consensus": lambda: ConsensusTopics(TorchPoissonNMF(K), random_state=seed),
        "LDA": lambda: LatentDirichletAllocation(K, random_state=seed),
        "tomotopy": lambda: Tomotopy(K, seed),
    }
    return {name: makers[name]() for name in names}


def beside_others(corpora, sizes, seed, names):
    show("corpus", "K", "model", "CPU seconds", "perplexity", "NPMI", "diversity")
    for name, corpus in corpora.items():
        for K in sizes:
            for label, model in models_by_name(K, seed, names).items():
                found = measure(model, corpus)
                seconds, perplexity, *topics = found.values()
                quality = [f"{value:.3f}" for value in topics]
                show(name, K, label, f"{seconds:.1f}", f"{perplexity:.0f}", *quality)


def grid(corpora, sizes, seed):
    perplexities = [f"at {a}" for a in FOLD_IN]
    show("corpus", "K", "a", "b", *perplexities, "NPMI", "diversity")
    for name, corpus in corpora.items():
        for K in sizes:
            for a, b in GRID:
                model = TorchPoissonNMF(
                    K,
                    doc_topic_pseudocount=a,
                    topic_word_pseudocount=b,
                    random_state=seed,
                )
                found = measure(model, corpus)
                _, shown, held_out = corpus
                values = []
                for pseudocount in FOLD_IN:
                    model.set_params(transform_pseudocount=pseudocount)
                    theta = model.transform(shown)
                    value = completion_perplexity(held_out, theta, model.components_)
                    values.append(f"{value:.0f}")
                quality = f"{found['npmi']:.3f}", f"{found['diversity']:.3f}"
                show(name, K, a, b, *values, *quality)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--corpora", nargs="+", choices={**CORPORA, **SHORT})
    known = "ours", "random", "consensus", "LDA", "tomotopy"
    parser.add_argument("--models", nargs="+", choices=known, default=["ours", "LDA"])
    parser.add_argument("-k", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # The check, etm_20ng, has no part in the choice.
    names = args.corpora or (
        ["newsgroups20", "nips", "docstrings"]
        if args.grid
        else ["etm_20ng", "newsgroups20", "nips"]
    )
    loaders = {**CORPORA, **SHORT}
    corpora = {name: loaders[name](args.data) for name in names}
    small = next(iter(corpora.values()))[0][:100]
    TorchPoissonNMF(2, max_iter=12, tol=0).fit(small)  # loads the compiled kernels
    if args.grid:
        grid(corpora, args.k, args.seed)
    else:
        beside_others(corpora, args.k, args.seed, args.models)


if __name__ == "__main__":
    main()
