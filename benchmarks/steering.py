"""Seed words, frozen topics and merging, measured on newsgroups.

    python benchmarks/steering.py --data DATA_FOLDER

Seeds: four lists of five words on newsgroups4, K = 10. Of the documents whose strongest
topic is a seeded one, the share in its group; without seeds, that of the topic that the
same fit without seeds has nearest to the group. Frozen topics: bits. Merging: the
column of the merged topic against the sum of the two, mean over documents.
"""

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import seed_pseudocounts

SEEDS = {
    "alt.atheism": ["atheism", "atheists", "islam", "argument", "morality"],
    "comp.graphics": ["graphics", "image", "files", "software", "windows"],
    "sci.space": ["space", "nasa", "orbit", "launch", "moon"],
    "talk.religion.misc": ["jesus", "christ", "bible", "church", "christian"],
}


def load(folder, name, min_df):
    """Counts, test counts, vocabulary, labels and test labels; without stop words."""
    folder = Path(folder) / name
    X, test = (sp.load_npz(folder / f"counts{p}.npz").tocsr() for p in ("", "_test"))
    read = [(folder / f"{f}.txt").read_text() for f in ("vocab", "labels")]
    vocabulary, labels = (np.array(text.splitlines()) for text in read)
    test_labels = np.array((folder / "labels_test.txt").read_text().splitlines())
    keep = np.asarray((X > 0).sum(0)).ravel() >= min_df
    keep &= ~np.isin(vocabulary, list(ENGLISH_STOP_WORDS))
    return X[:, keep], test[:, keep], vocabulary[keep], labels, test_labels


def shares(theta, X, labels, groups):
    """Of the documents of each topic, the share in each group: [K, groups]."""
    known = np.asarray(X.sum(1)).ravel() > 0
    strongest, labels = theta.argmax(1)[known], labels[known]
    rows = [
        [np.mean(labels[strongest == k] == g) if (strongest == k).any() else 0
         for g in groups]
        for k in range(theta.shape[1])
    ]  # fmt: skip
    return np.array(rows)


def seeds(folder, **options):
    X, test, vocabulary, labels, _ = load(folder, "newsgroups4", 5)
    seeded = seed_pseudocounts(vocabulary, SEEDS, 10, **options)
    found, plain, lost = [], [], []
    for seed in range(3):
        with_seeds = TorchPoissonNMF(
            10, topic_word_pseudocount=seeded, topic_names=list(SEEDS),
            random_state=seed,
        ).fit(X)  # fmt: skip
        without = TorchPoissonNMF(10, random_state=seed).fit(X)
        found.append(np.diag(shares(with_seeds.transform(X), X, labels, SEEDS)))
        plain.append(shares(without.transform(X), X, labels, SEEDS).max(0))
        scores = [m.perplexity(test) for m in (with_seeds, without)]
        lost.append(scores[0] / scores[1] - 1)
        for name, topic in zip(SEEDS, with_seeds.components_[:4], strict=True):
            print(f"  {seed} {name}: {' '.join(vocabulary[topic.argsort()[:-9:-1]])}")
    print("seeds on newsgroups4, K = 10: share of the documents in the group, median")
    for g, name in enumerate(SEEDS):
        print(f"  {name}: seeded {np.median(found, 0)[g]:.2f} "
              f"{np.round(found, 2)[:, g]}, purest topic without seeds "
              f"{np.median(plain, 0)[g]:.2f}")  # fmt: skip
    print(f"  perplexity with seeds: {np.round(100 * np.array(lost), 2)} % more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the corpora")
    args = parser.parse_args()
    seeds(args.data)


if __name__ == "__main__":
    main()
