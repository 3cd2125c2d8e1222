"""Initialisations of TorchPoissonNMF: perplexity, topics, and the time of a fit.

``python benchmarks/starts.py DATA [CORPUS ...]`` prints medians over three seeds: the
perplexity of the second halves of held-out documents, NPMI, diversity, agreement with
labels (NMI), and seconds of CPU time, which other work on the machine disturbs least.
"""

import argparse
import time
import warnings
from statistics import median

import measures
import record
from measures import CORPORA, completion_perplexity
from sklearn.metrics import normalized_mutual_info_score

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.metrics import coherence, topic_diversity

COLUMNS = {
    "Corpus": "",
    "Initialisation": "",
    "Perplexity (lower is better)": ".0f",
    "Coherence (NPMI)": ".3f",
    "NMI with labels": ".3f",
}
INITS = "random", "nndsvda", "kmeans", "auto"
#: Corpus -> numbers of topics; those of short texts have labels.
SHORT = {"snippets": (20,), "tweets": (20,)}
LONG = dict.fromkeys(CORPORA, (20, 50))


def load(folder, name):
    """Counts, the two halves of held-out documents, and labels or None."""
    if name in CORPORA:
        return *CORPORA[name](folder), None
    return *measures.SHORT[name](folder), measures.labels(folder, name)


def measured(X, first, second, labels, K, init, seed) -> list[float]:
    began = time.process_time()
    model = TorchPoissonNMF(K, init=init, random_state=seed).fit(X)
    seconds = time.process_time() - began
    theta = model.transform(first)
    agreement = float("nan")
    if labels is not None:
        strongest = model.transform(X).argmax(1)
        agreement = normalized_mutual_info_score(labels, strongest)
    perplexity = completion_perplexity(second, theta, model.components_)
    topics = float(coherence(model, X)), topic_diversity(model)
    return [perplexity, *topics, agreement, model.n_iter_, seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("corpora", nargs="*", default=[*SHORT, *LONG])
    parser.add_argument("--seeds", type=int, default=3)
    record.add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.corpora, arguments.seeds = ["tweets"], 2
    warnings.simplefilter("ignore")
    print(
        "corpus        K  init     perplexity   NPMI  diversity    NMI  n_iter  seconds"
    )
    table = []
    for name in arguments.corpora:
        data = load(arguments.folder, name)
        for K in {**SHORT, **LONG}[name]:
            # Interleaved, so that other work on the machine disturbs all alike.
            rows = {init: [] for init in INITS}
            K = 3 if arguments.quick else K
            measured(*data, 2, "random", 0)  # compiles
            for seed in range(arguments.seeds):
                for init, row in rows.items():
                    row.append(measured(*data, K, init, seed))
            for init, row in rows.items():
                ppl, *topics, n_iter, seconds = map(median, zip(*row, strict=True))
                npmi, diversity, nmi = (f"{value:6.3f}" for value in topics)
                line = f"{name:12s} {K:3d} {init:8s} {ppl:10.0f} {npmi} {diversity}"
                print(f"{line} {nmi} {n_iter:6.0f} {seconds:7.1f}", flush=True)
                ppl, npmi, diversity, nmi, _, _ = zip(*row, strict=True)
                nmi = None if data[3] is None else list(nmi)
                sizes = {**SHORT, **LONG}[name]
                label = name if len(sizes) == 1 else f"{name}, K = {K}"
                table.append([label, init, list(ppl), list(npmi), nmi])
    if arguments.record:
        record.write_table("starts", arguments.record, COLUMNS, table, ())


if __name__ == "__main__":
    main()
