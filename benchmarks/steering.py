"""Seed words, frozen topics and merging, measured on newsgroups.

    python benchmarks/steering.py DATA [--only seeds]

Seeds: four lists of five words on newsgroups4, K = 10. The figure is the share of a
seeded topic's documents that belong to its group; beside it stands the purest topic of
a fit without seeds. Frozen topics: their rows are compared bit by bit. Merging: the
column of the merged topic is compared with the sum of the two columns, by the mean over
documents. Background: a frozen topic holds the frequencies of the corpus; the figure is
the coherence of the other topics.
"""

import argparse
from pathlib import Path

import numpy as np
import record
import scipy.sparse as sp
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import merge_topics, seed_pseudocounts
from sklearn_topics.metrics import coherence, topic_distances, topic_diversity

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
    """The share of each topic's documents that belong to each group: [K, groups]."""
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
    return found, plain


def frozen(folder):
    X, _, vocabulary, _, _ = load(folder, "newsgroups4", 5)
    known = TorchPoissonNMF(4, random_state=0).fit(X).components_
    words = dict(zip(SEEDS, SEEDS.values(), strict=True))
    others = {name: [w for n, ws in words.items() if n != name for w in ws]
              for name in words}  # fmt: skip
    b = seed_pseudocounts(vocabulary, words, 8, excluded=others)
    # The four topics after the seeded ones are frozen.
    rows = np.vstack([np.full_like(known, np.nan), known])
    model = TorchPoissonNMF(
        8, topic_word_pseudocount=b, frozen_topics=rows, random_state=0
    ).fit(X)
    same = (model.components_[4:].view(np.int32) == known.view(np.int32)).all()
    print("frozen topics and excluded terms on newsgroups4, K = 8")
    print(f"  rows of 4 frozen topics equal to the last bit: {same}")
    print(f"  {(b < 0).sum()} excluded terms, largest probability: "
          f"{model.components_[b < 0].max()}")  # fmt: skip


def merging(folder):
    for name, K, min_df in (("newsgroups4", 10, 5), ("newsgroups20", 20, 1)):
        X, test, *_ = load(folder, name, min_df)
        rows = []
        for seed in range(3):
            model = TorchPoissonNMF(K, random_state=seed).fit(X)
            between = topic_distances(model)
            np.fill_diagonal(between, np.inf)
            a, b = sorted(np.unravel_index(between.argmin(), between.shape))
            merged = merge_topics(model, [[a, b]])
            theta, new = model.transform(X), merged.transform(X)
            rows.append(
                (
                    np.abs(new[:, a] - theta[:, a] - theta[:, b]).mean(),
                    (theta[:, a] + theta[:, b]).mean(),
                    merged.perplexity(test) / model.perplexity(test) - 1,
                )
            )
        apart, size, lost = np.median(rows, axis=0)
        print(f"merging the two most similar of {K} topics, {name}, median of 3 seeds")
        print(f"  merged column less the sum, mean over documents: {apart:.4f} "
              f"(sum {size:.3f}); perplexity {100 * lost:+.1f} %")  # fmt: skip


def background(folder):
    """A frozen topic with the frequencies of the corpus, beside K others."""
    cases = ("newsgroups4", 10, 5), ("newsgroups20", 20, 1)
    for name, K, min_df in cases:
        X, test, *_ = load(folder, name, min_df)
        overall = np.asarray(X.sum(0)).ravel() / X.sum()
        print(f"background topic, {name}, {K} other topics: medians of 3 seeds")
        for label, options in (
            ("without", {"n_components": K}),
            ("with", {"n_components": K + 1, "frozen_topics": overall[None]}),
        ):
            rows = []
            for seed in range(3):
                model = TorchPoissonNMF(random_state=seed, **options).fit(X)
                topics = model.components_[-K:]
                rows.append(
                    (
                        coherence(topics, X).mean,
                        topic_diversity(topics),
                        model.perplexity(test),
                    )
                )
            npmi, diversity, perplexity = np.median(rows, axis=0)
            print(f"  {label}: coherence {npmi:.3f}, diversity {diversity:.3f}, "
                  f"perplexity {perplexity:.0f}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="folder of the corpora")
    parser.add_argument("--only", choices=PARTS, help="one of the tables")
    record.add_arguments(parser)
    args = parser.parse_args()
    for name, part in PARTS.items():
        if args.only in (None, name):
            found = part(args.data)
            if args.record and name == "seeds":
                write(args.record, *found)


def write(folder, found, plain):
    """Percentages of each group, a list of those of the seeds."""
    columns = {"": ""} | dict.fromkeys(SEEDS, ".0f")
    rows = [
        [label, *(list(100 * values[:, g]) for g in range(len(SEEDS)))]
        for label, values in (
            ("seeded topic, %", np.array(found)),
            ("purest topic without seeds, %", np.array(plain)),
        )
    ]
    record.write_table("steering", folder, columns, rows, ())


PARTS = {f.__name__: f for f in (seeds, frozen, merging, background)}

if __name__ == "__main__":
    main()
