"""Coherence beside gensim's CoherenceModel.

    python benchmarks/coherence.py DATA

DATA is the folder of the corpora. Scores the K = 50 topics that TorchPoissonNMF finds
in etm_20ng, by documents and by windows of text (each document's words in random order:
the corpus has counts only). gensim runs in one process, ours too; interleaved, medians
of three.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import record
from gensim.corpora import Dictionary
from gensim.models import CoherenceModel
from measures import CORPORA

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.metrics import coherence

#: Ours and gensim's names.
MEASURES = {"umass": "u_mass", "c_uci": "c_uci", "c_npmi": "c_npmi", "c_v": "c_v"}


def timed(function):
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def texts_of(X, words):
    rng = np.random.default_rng(0)
    for row in X:
        yield rng.permutation(np.repeat(words[row.indices], row.data)).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    record.add_arguments(parser)
    args = parser.parse_args()
    X, _, _ = CORPORA["etm_20ng"](args.data)
    if args.quick:
        X, args.repeats = X[:300], 2
    words = np.array((args.data / "etm_20ng" / "vocab.txt").read_text().splitlines())
    words = words[: X.shape[1]]
    topics = TorchPoissonNMF(3 if args.quick else 50, random_state=0).fit(X).components_
    listed = [words[row].tolist() for row in np.argsort(-topics, axis=1)[:, :10]]
    texts = list(texts_of(X, words))
    dictionary = Dictionary([words.tolist()])
    corpus = [dictionary.doc2bow(text) for text in texts]

    def theirs(measure):
        data = {"corpus": corpus} if measure == "u_mass" else {"texts": texts}
        options = {"topics": listed, "dictionary": dictionary, "processes": 1, **data}
        return CoherenceModel(coherence=measure, **options).get_coherence()

    def ours(measure):
        data = {"X": X} if measure == "umass" else {"texts": texts}
        found = coherence(listed, measure=measure, feature_names=words, **data)
        return found.mean

    npmi = [timed(lambda: coherence(topics, X).mean)[0] for _ in range(args.repeats)]
    print(f"npmi of documents: ours {median(npmi):.3f} s")
    table = [["NPMI in documents", None, npmi]]
    for measure, name in MEASURES.items():
        rows = []
        for _ in range(args.repeats):
            (own, value), (peer, expected) = (
                timed(lambda m=measure: ours(m)),
                timed(lambda m=name: theirs(m)),
            )
            rows.append((own, peer, peer / own))
        columns = [list(column) for column in zip(*rows, strict=True)]
        table.append([f"{measure} in texts", columns[1], columns[0]])
        own, peer, ratio = map(median, columns)
        print(
            f"{measure}: ours {own:.3f} s, gensim {peer:.2f} s, {ratio:.0f} x; mean "
            f"{value:.4f}, gensim {expected:.4f}",
            flush=True,
        )
    if args.record:
        write(args.record, table)


def write(folder, table):
    columns = {"Measure": "", "gensim, s": ".3g", "sklearn_topics, s": ".3g"}
    _, theirs, ours = table[-1]
    task = "coherence (C_V) of 50 topics in 11,214 texts"
    pair = "gensim CoherenceModel", theirs, "metrics.coherence", ours
    summary = [record.comparison(task, *pair)]
    packages = "gensim", "numba"
    record.write_table("coherence", folder, columns, table, packages, summary)


if __name__ == "__main__":
    main()
