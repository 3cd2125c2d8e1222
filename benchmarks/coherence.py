"""Coherence beside gensim's CoherenceModel.

    python benchmarks/coherence.py DATA

DATA is the folder of the corpora. Scores the K = 50 topics that TorchPoissonNMF finds
in etm_20ng, by documents and by windows of text (each document's words in random order:
the corpus has counts only). gensim runs in one process, ours too; interleaved, medians
of three. ``--record`` writes benchmarks/data/coherence.json, for the documentation.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from gensim.corpora import Dictionary
from gensim.models import CoherenceModel
from measures import CORPORA
from record import write_table

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
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    X, _, _ = CORPORA["etm_20ng"](args.data)
    words = np.array((args.data / "etm_20ng" / "vocab.txt").read_text().splitlines())
    words = words[: X.shape[1]]
    topics = TorchPoissonNMF(50, random_state=0).fit(X).components_
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
    table = [["npmi, documents", None, npmi, None]]
    for measure, name in MEASURES.items():
        rows = []
        for _ in range(args.repeats):
            (own, value), (peer, expected) = (
                timed(lambda m=measure: ours(m)),
                timed(lambda m=name: theirs(m)),
            )
            rows.append((own, peer, peer / own))
        columns = [list(column) for column in zip(*rows, strict=True)]
        table.append([measure, columns[1], columns[0], round(median(columns[2]))])
        own, peer, ratio = map(median, columns)
        print(
            f"{measure}: ours {own:.3f} s, gensim {peer:.2f} s, {ratio:.0f} x; mean "
            f"{value:.4f}, gensim {expected:.4f}",
            flush=True,
        )
    if args.record:
        command = "python benchmarks/coherence.py DATA"
        names = "measure", "gensim (s)", "sklearn_topics (s)", "ratio"
        write_table("coherence", command, names, table, ("gensim", "numpy", "numba"))


if __name__ == "__main__":
    main()
