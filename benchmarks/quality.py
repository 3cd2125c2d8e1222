"""Held-out perplexity, coherence and diversity, beside LatentDirichletAllocation.

    python benchmarks/quality.py DATA                     # defaults beside LDA
    python benchmarks/quality.py DATA --grid              # how the defaults were chosen

DATA is the folder of the corpora. Every model folds in the first halves of the held-out
documents by its own ``transform``; the second halves give the perplexity.
"""

import argparse
import time
import warnings

from measures import CORPORA, completion_perplexity
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.metrics import coherence, topic_diversity

#: doc_topic_pseudocount, topic_word_pseudocount of the grid, and how documents are held
GRID = [
    *(("map", a, b) for b in (0.1, 0.2, 0.3) for a in (0.0, 0.02, 0.05, 0.1, 0.3)),
    *(("variational", a, b) for a, b in [(0.5, 0.1), (0.5, 0.5), (0.3, 0.1)]),
]
FOLD_IN = 0.02, 0.05, 0.1, 0.2


def measure(model, corpus):
    """Seconds of fit, then perplexity by the model's own transform, NPMI, diversity."""
    X, shown, held_out = corpus
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    return {
        "seconds": seconds,
        "perplexity": completion_perplexity(held_out, model.transform(shown), topics),
        "npmi": coherence(topics, X).mean,
        "diversity": topic_diversity(topics),
    }


def show(*cells):
    print(" ".join(f"{cell:>12}" for cell in cells), flush=True)


def beside_lda(corpora, sizes, seed):
    show("corpus", "K", "model", "seconds", "perplexity", "NPMI", "diversity")
    for name, corpus in corpora.items():
        for K in sizes:
            models = {
                "ours": TorchPoissonNMF(K, random_state=seed),
                "LDA": LatentDirichletAllocation(K, random_state=seed),
            }
            for label, model in models.items():
                found = measure(model, corpus)
                show(
                    name,
                    K,
                    label,
                    f"{found['seconds']:.2f}",
                    f"{found['perplexity']:.0f}",
                    f"{found['npmi']:.3f}",
                    f"{found['diversity']:.3f}",
                )


def grid(corpora, sizes, seed):
    perplexities = [f"at {a}" for a in FOLD_IN]
    show("corpus", "K", "inference", "a", "b", *perplexities, "NPMI", "diversity")
    for name, corpus in corpora.items():
        for K in sizes:
            for inference, a, b in GRID:
                model = TorchPoissonNMF(
                    K,
                    inference=inference,
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
                show(name, K, inference, a, b, *values, *quality)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA)
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
    corpora = {name: CORPORA[name](args.data) for name in names}
    small = next(iter(corpora.values()))[0][:100]
    TorchPoissonNMF(2, max_iter=12, tol=0).fit(small)  # loads the compiled kernels
    (grid if args.grid else beside_lda)(corpora, args.k, args.seed)


if __name__ == "__main__":
    main()
