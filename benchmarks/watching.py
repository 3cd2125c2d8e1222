"""What watching and checkpoints cost: ``python benchmarks/watching.py``.

Seconds of the same fit bare, under each callback, and with a checkpoint.
"""

import tempfile
import time
import warnings
from pathlib import Path

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics.callbacks import EarlyStopping, HistoryLogger, TensorBoardLogger
from sklearn_topics.datasets import make_topic_corpus

MODELS = [
    TorchPoissonNMF(50, tol=0, max_iter=50, random_state=0),
    TorchBetaNMF(50, init="random", tol=0, max_iter=50, random_state=0),
    TorchETM(50, max_iter=5, random_state=0),
]


def main():
    X, _, _ = make_topic_corpus(5000, 5000, 50, doc_length=100, random_state=0)
    X_valid, X = X[:500], X[500:]
    folder = Path(tempfile.mkdtemp())
    ways = {
        "bare": {},
        "HistoryLogger": {"callback": HistoryLogger(folder / "log.jsonl")},
        "TensorBoardLogger": {"callback": TensorBoardLogger(folder / "runs")},
        "TensorBoardLogger, every=10": {
            "callback": TensorBoardLogger(folder / "runs", every=10)
        },
        "EarlyStopping, every=10": {
            "callback": EarlyStopping(X_valid, every=10, patience=10**6)
        },
        "checkpoint": {"checkpoint": folder / "fit.npz"},
    }
    for model in MODELS:
        model.fit(X)  # compiles
        for name, way in ways.items():
            model.set_params(checkpoint=way.get("checkpoint"))
            model.set_callbacks(*[way["callback"]] * ("callback" in way))
            begin = time.perf_counter()
            model.fit(X)
            seconds = time.perf_counter() - begin
            print(f"{type(model).__name__:16} {name:28} {seconds:8.2f} s", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
