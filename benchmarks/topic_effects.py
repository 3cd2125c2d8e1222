"""Whether the intervals of topic_effects contain the true effects in 95 % of draws.

    python benchmarks/topic_effects.py [--draws 200] [--documents 400]

Each draw is a corpus whose proportions depend on two covariates: theta ~ Dirichlet(5
mu), where mu is linear in a number and in a label. The coverage is that of the 95 %
intervals of all topics, for documents of several lengths, with the true topics and with
topics that were fitted to the same documents.
"""

import argparse

import numpy as np
import pandas as pd
import record

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.inspection import topic_effects
from sklearn_topics.metrics import align_topics

#: Proportions at number 0 and label "a", and the changes by the covariates.
BASE = np.array([0.4, 0.3, 0.2, 0.1])
EFFECTS = {
    "number": np.array([-0.2, 0.1, 0.1, 0.0]),
    "label[T.b]": np.array([0.0, -0.1, 0.05, 0.05]),
}
N_TERMS, CONCENTRATION, LENGTHS = 200, 5.0, (20, 100, 500)


def draw(rng, n, length):
    """Counts, topics and covariates."""
    covariates = pd.DataFrame(
        {"number": rng.random(n), "label": rng.choice(["a", "b"], n)}
    )
    number, label = EFFECTS.values()
    mean = BASE + np.outer(covariates["number"], number)
    mean += np.outer(covariates["label"] == "b", label)
    theta = rng.standard_gamma(CONCENTRATION * mean)
    theta /= theta.sum(axis=1, keepdims=True)
    topics = rng.dirichlet(np.full(N_TERMS, 0.1), len(BASE))
    lengths = rng.poisson(length, n)
    return rng.multinomial(lengths, theta @ topics), topics, covariates


def covered(rng, n, length, *, fitted):
    """Whether each interval contains its effect, and the widths of the intervals."""
    X, topics, covariates = draw(rng, n, length)
    model = TorchPoissonNMF(len(BASE), random_state=0).fit(X)
    order = np.arange(len(BASE))
    if fitted:
        alignment = align_topics(topics, model)
        order[alignment.matched] = alignment.reference
    else:
        model.components_ = topics
    table = topic_effects(model, X, covariates)
    table = table[table["Covariate"] != "Intercept"]
    true = [
        EFFECTS[name][order[k]]
        for k, name in zip(table["Topic"], table["Covariate"], strict=True)
    ]
    inside = (table["Lower"] <= true) & (true <= table["Upper"])
    return inside, table["Upper"] - table["Lower"]


def coverage(n_draws, n_documents, length, *, fitted, seed=0) -> tuple[float, float]:
    """Share of intervals that contain the true effect, and their mean width."""
    rng = np.random.default_rng(seed)
    results = [covered(rng, n_documents, length, fitted=fitted) for _ in range(n_draws)]
    inside, width = (np.mean(values) for values in zip(*results, strict=True))
    return float(inside), float(width)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--documents", type=int, default=400)
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.quick:
        args.draws, args.documents = 2, 100
    print("tokens  topics  coverage  width")
    rows = []
    for length in LENGTHS:
        rows.append([length])
        for fitted in False, True:
            found = coverage(args.draws, args.documents, length, fitted=fitted)
            kind = "fitted" if fitted else "true"
            print("{:6}  {:6}  {:8.3f}  {:.3f}".format(length, kind, *found))
            rows[-1].append(100 * found[0])
    if args.record:
        known, same = "Topics known, %", "Topics fitted to the same documents, %"
        columns = {"Tokens of a document": "d", known: ".1f", same: ".1f"}
        record.write_table("topic_effects", args.record, columns, rows, ())


if __name__ == "__main__":
    main()
