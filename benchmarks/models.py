"""Every model by the same functions: time, completion, coherence, diversity, labels.

    python benchmarks/models.py DATA -k 50

scikit-learn's NMF and LatentDirichletAllocation beside TorchBetaNMF, TorchPoissonNMF
and TorchETM, default settings but for the loss of NMF, which is that of counts; medians
over the seeds. DATA is the folder of the corpora. scikit-learn's models run in a
process of their own.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from processes import Processes
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning

KL = {"beta_loss": "kullback-leibler", "init": "random"}


def make(name, K, seed):
    from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF

    return {
        "NMF": lambda: NMF(K, solver="mu", random_state=seed, **KL),
        "LDA": lambda: LatentDirichletAllocation(K, random_state=seed),
        "TorchBetaNMF": lambda: TorchBetaNMF(K, solver="scd", random_state=seed, **KL),
        "TorchPoissonNMF": lambda: TorchPoissonNMF(K, random_state=seed),
        "TorchETM": lambda: TorchETM(K, random_state=seed),
    }[name]()


MODELS = "NMF", "LDA", "TorchBetaNMF", "TorchPoissonNMF", "TorchETM"


def load(folder, corpus):
    folder = Path(folder) / corpus
    X, X_test = (sp.load_npz(folder / f"{n}.npz") for n in ("counts", "counts_test"))
    labels = folder / "labels_test.txt"
    labels = labels.read_text().splitlines() if labels.exists() else None
    return X.tocsr().astype(np.float32), X_test.tocsr().astype(np.float32), labels


def measure(folder, corpus, name, K, seed):
    """Seconds of fit, completion score, NPMI, diversity, NMI of held-out documents."""
    from sklearn_topics.inspection import dominant_topics
    from sklearn_topics.metrics import (
        coherence,
        completion_score,
        label_agreement,
        topic_diversity,
    )

    warnings.simplefilter("ignore", ConvergenceWarning)
    X, X_test, labels = load(folder, corpus)
    make(name, 2, 0).set_params(max_iter=2).fit(X[:100])  # loads compiled kernels
    model = make(name, K, seed)
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    nmi = np.nan
    if labels is not None:
        nmi = label_agreement(labels, dominant_topics(model, X_test)["Topic"])
    return (
        seconds,
        completion_score(model, X_test),
        coherence(model, X).mean,
        topic_diversity(model),
        nmi,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--corpora", nargs="+", default=["etm_20ng", "newsgroups20"], metavar="NAME"
    )
    args = parser.parse_args()
    run = Processes(["theirs", "ours"])
    columns = "seconds", "completion", "NPMI", "diversity", "NMI"
    for corpus in args.corpora:
        print(f"{corpus:>16}", *(f"{column:>10}" for column in columns), flush=True)
        for name in MODELS:
            process = "ours" if name.startswith("Torch") else "theirs"
            rows = [
                run(process, measure, args.data, corpus, name, args.k, seed)
                for seed in range(args.seeds)
            ]
            values = np.median(rows, axis=0)
            print(f"{name:>16}", *(f"{value:10.3f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
