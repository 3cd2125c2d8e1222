"""How long the differential terms of topics take, with their standard errors.

    python benchmarks/differential.py DATA

DATA is the folder of the corpora. K = 50 topics of etm_20ng; what the proportions of
the documents take (``transform``) is said apart. Medians of three.
"""

import argparse
import time
from pathlib import Path
from statistics import median

from measures import CORPORA

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.inspection import differential_terms


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    X, _, _ = CORPORA["etm_20ng"](args.data)
    model = TorchPoissonNMF(50, random_state=0).fit(X)
    rows = []
    for _ in range(args.repeats):
        transform = seconds(lambda: model.transform(X))
        rows.append((transform, seconds(lambda: differential_terms(model, X))))
    transform, whole = (median(column) for column in zip(*rows, strict=True))
    print(f"differential_terms: {whole:.2f} s, of which transform {transform:.2f} s")


if __name__ == "__main__":
    main()
