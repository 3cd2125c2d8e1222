"""Topic models compared: time of a fit, held-out perplexity, coherence, labels.

    python benchmarks/quality.py DATA                     # beside LDA and tomotopy
    python benchmarks/quality.py DATA --models random consensus LDA --corpora nips
    python benchmarks/quality.py DATA --grid              # how the defaults were chosen

DATA is the folder of the corpora. All settings are defaults. Every model infers the
topics of the first halves of held-out documents by its own ``transform``; the second
halves give the perplexity per token. NPMI uses the ten top terms of each topic,
diversity the 25 top terms, and NMI compares the strongest topics of held-out documents
with their labels. "random" is one fit of those that the consensus is made of. Models
take turns, each package in a process of its own. Peers that are not installed are left
out.
"""

import argparse
import time
import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import record
from measures import CORPORA, SHORT, completion_perplexity
from processes import Processes
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning

#: doc_topic_pseudocount and topic_word_pseudocount of the grid.
GRID = [(a, b) for b in (0.1, 0.2, 0.3) for a in (0.0, 0.02, 0.05, 0.1, 0.3)]
FOLD_IN = 0.02, 0.05, 0.1, 0.2
COLUMNS = {
    "Corpus": "",
    "Model": "",
    "Seconds of a fit": ".3g",
    "Perplexity (lower is better)": ".0f",
    "Coherence (NPMI)": ".3f",
    "Diversity": ".3f",
    "NMI with labels": ".3f",
}
TITLES = {
    "LDA": "scikit-learn LDA",
    "NMF": "scikit-learn NMF",
    "tomotopy": "tomotopy LDA",
}
PEERS = tuple(TITLES)


@lru_cache(maxsize=1)
def load(data, name):
    """Counts, the two halves of held-out documents, and labels of these or None."""
    labels = Path(data, name, "labels_test.txt")
    labels = labels.read_text().splitlines() if labels.exists() else None
    return *{**CORPORA, **SHORT}[name](data), labels


def make(label, K, seed):
    from sklearn_topics import (
        ConsensusTopics,
        TorchBetaNMF,
        TorchETM,
        TorchLDA,
        TorchPoissonNMF,
    )

    kl = {"beta_loss": "kullback-leibler", "init": "random"}
    return {
        "TorchPoissonNMF": lambda: TorchPoissonNMF(K, random_state=seed),
        "random": lambda: TorchPoissonNMF(K, init="random", random_state=seed),
        "consensus": lambda: ConsensusTopics(TorchPoissonNMF(K), random_state=seed),
        "TorchETM": lambda: TorchETM(K, random_state=seed),
        "TorchLDA": lambda: TorchLDA(K, random_state=seed),
        "TorchBetaNMF": lambda: TorchBetaNMF(K, solver="scd", random_state=seed, **kl),
        "NMF": lambda: NMF(K, solver="mu", random_state=seed, **kl),
        "LDA": lambda: LatentDirichletAllocation(K, random_state=seed),
        "tomotopy": lambda: Tomotopy(K, seed),
    }[label]()


MODELS = (
    *("LDA", "tomotopy", "TorchLDA", "TorchPoissonNMF", "TorchETM"),
    *("TorchBetaNMF", "NMF", "random", "consensus"),
)


def warm(label, X):
    """Compiled kernels and libraries are loaded before the measurement."""
    model = make(label, 2, 0)
    if hasattr(model, "max_iter"):
        model.set_params(max_iter=2)
    if label not in ("consensus", "tomotopy"):
        model.fit(X[:200])


def measure(data, corpus, label, K, seed, n_documents=None):
    """Seconds of fit, perplexity, NPMI, diversity, agreement with the labels."""
    from sklearn_topics.metrics import coherence, label_agreement, topic_diversity

    warnings.simplefilter("ignore", ConvergenceWarning)
    X, shown, held_out, labels = load(data, corpus)
    X = X[:n_documents]
    warm(label, X)
    model = make(label, K, seed)
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    agreement = None
    if labels is not None:
        theta = model.transform(shown + held_out)
        agreement = label_agreement(labels, theta.argmax(1))
    return (
        seconds,
        completion_perplexity(held_out, model.transform(shown), topics),
        coherence(topics, X).mean,
        topic_diversity(topics),
        agreement,
    )


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
    print(" ".join(f"{cell:>16}" for cell in cells), flush=True)


def compare(args):
    """Rows of the table: every figure as the list of those of the seeds."""
    run, rows = Processes(("theirs", "ours")), []
    show("corpus", "model", "seconds", "perplexity", "NPMI", "diversity", "NMI")
    for corpus in args.corpora or ("etm_20ng", "newsgroups20"):
        for K in args.k:
            name = corpus if len(args.k) == 1 else f"{corpus}, K = {K}"
            rows += compare_on(args, run, corpus, K, name)
    return rows


def compare_on(args, run, corpus, K, name):
    found = {label: [] for label in args.models}
    for seed in range(args.seeds):  # interleaved: the machine's speed drifts
        for label, values in found.items():
            problem = args.data, corpus, label, K, seed
            options = {"n_documents": 400} if args.quick else {}
            process = "theirs" if label in PEERS else "ours"
            values.append(run(process, measure, *problem, **options))
    for label, values in found.items():
        figures = [
            None if None in column else list(column)
            for column in zip(*values, strict=True)
        ]
        show(name, label, *(f and f"{median(f):.4g}" or "" for f in figures))
        yield [name, TITLES.get(label, label), *figures]


def summary(rows, K):
    """scikit-learn's LDA beside TorchPoissonNMF on the first corpus."""
    corpus = rows[0][0]
    by_model = {row[1]: row for row in rows if row[0] == corpus}
    pair = "scikit-learn LDA", "TorchPoissonNMF"
    if not set(pair) <= set(by_model):
        return
    theirs, ours = (by_model[name] for name in pair)
    task = f"{K} topics of 11,214 newsgroup posts: time of a fit"
    yield record.comparison(task, pair[0], theirs[2], pair[1], ours[2])
    task = "the same fits: perplexity of new posts (lower is better)"
    yield record.comparison(task, pair[0], theirs[3], pair[1], ours[3], unit="")


def write(args, rows):
    rows_of_summary = list(summary(rows, args.k[0]))
    packages = "scikit-learn", "tomotopy"
    record.write_table("quality", args.record, COLUMNS, rows, packages, rows_of_summary)


def grid(args):
    from sklearn_topics import TorchPoissonNMF
    from sklearn_topics.metrics import coherence, topic_diversity

    show("corpus", "K", "a", "b", *(f"at {a}" for a in FOLD_IN), "NPMI", "diversity")
    for name in args.corpora or ("newsgroups20", "nips", "docstrings"):
        X, shown, held_out, _ = load(args.data, name)
        for K in args.k:
            for a, b in GRID:
                model = TorchPoissonNMF(
                    K,
                    doc_topic_pseudocount=a,
                    topic_word_pseudocount=b,
                    random_state=0,
                ).fit(X)
                values = []
                for pseudocount in FOLD_IN:
                    model.set_params(transform_pseudocount=pseudocount)
                    theta = model.transform(shown)
                    value = completion_perplexity(held_out, theta, model.components_)
                    values.append(f"{value:.0f}")
                topics = coherence(model, X).mean, topic_diversity(model)
                show(name, K, a, b, *values, *(f"{value:.3f}" for value in topics))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--corpora", nargs="+", choices={**CORPORA, **SHORT})
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS[:5])
    parser.add_argument("-k", type=int, nargs="+", default=[50])
    parser.add_argument("--seeds", type=int, default=3)
    record.add_arguments(parser)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if find_spec("tomotopy") is None:
        args.models = [label for label in args.models if label != "tomotopy"]
    if args.quick:
        args.k, args.seeds, args.corpora = [4], 2, ["etm_20ng"]
    if args.grid:
        grid(args)
        return
    rows = compare(args)
    if args.record:
        write(args, rows)


if __name__ == "__main__":
    main()
