"""Write the golden files of this version: ``python tests/golden/make.py``.

A folder for each version holds a model of each kind as a skops file, and documents with
what the model gave for them then. To be run once for each release; `test_golden.py`
loads them ever after.
"""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import skops.io

from sklearn_topics import (
    ConsensusTopics,
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    __version__,
)
from sklearn_topics.datasets import make_topic_corpus

MODELS = [
    TorchPoissonNMF(3, random_state=0),
    TorchBetaNMF(3, init="random", tol=1e-3, max_iter=500, random_state=0),
    TorchETM(3, embedding_dim=6, hidden_layer_sizes=(8,), max_iter=4, random_state=0),
    TorchDeepNMF((6, 3), tol=1e-3, max_iter=500, random_state=0),
    TorchTruncatedSVD(3, random_state=0),
    TorchLDA(3, random_state=0),
    ConsensusTopics(TorchPoissonNMF(3), n_fits=4, random_state=0),
]


def main():
    folder = Path(__file__).parent / __version__
    folder.mkdir(exist_ok=True)
    X, _, _ = make_topic_corpus(120, 40, 3, doc_length=50, random_state=0)
    for model in MODELS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X[:100])
        new = X[100:]
        name = type(model).__name__
        expected = {"X": new.toarray(), "transformed": model.transform(new)}
        if hasattr(model, "score"):
            expected["score"] = model.score(new)
        np.savez_compressed(folder / f"{name}.npz", **expected)
        file = folder / f"{name}.skops"
        skops.io.dump(model, file, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
