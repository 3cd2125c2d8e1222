"""Does the completion score find the number of topics of synthetic corpora?

    python benchmarks/number_of_topics.py --topics 8 --seeds 10

GridSearchCV over n_components, all else at its default, on make_topic_corpus data.
"""

import argparse
import time

from sklearn.model_selection import GridSearchCV

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--topics", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--solver", default="auto")
    args = parser.parse_args()
    sizes = [2, 4, 5, 6, 7, 8, 9, 10, 12, 16]
    near = 0
    for seed in range(args.seeds):
        X, _, _ = make_topic_corpus(
            args.samples, args.features, args.topics, random_state=seed
        )
        begin = time.perf_counter()
        model = TorchPoissonNMF(solver=args.solver, random_state=0)
        search = GridSearchCV(model, {"n_components": sizes}, cv=3).fit(X)
        best = search.best_params_["n_components"]
        near += abs(best - args.topics) <= 1
        scores = " ".join(f"{s:.4f}" for s in search.cv_results_["mean_test_score"])
        seconds = time.perf_counter() - begin
        print(f"seed {seed}: {best:3d} topics, {seconds:.1f} s; {scores}", flush=True)
    print(f"within one of {args.topics}: {near} of {args.seeds}")


if __name__ == "__main__":
    main()
