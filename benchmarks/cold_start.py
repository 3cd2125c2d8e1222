"""Time of the import, and of a first fit with an empty and with a full kernel cache.

    python benchmarks/cold_start.py

The model has default parameters. Every figure is the median of fresh processes.
"""

import os
import subprocess
import sys
import tempfile
from statistics import median

_LIBRARIES = (
    "import torch, sklearn, sklearn.base, scipy.sparse, sklearn.utils.validation"
)
_FIT = """
import time, numpy as np, scipy.sparse as sp
from sklearn_topics import TorchPoissonNMF
X = sp.random_array((500, 400), density=0.05, format="csr", rng=0)
X.data = np.ceil(X.data * 5).astype(np.int64)
model = TorchPoissonNMF()
for call in model.fit, model.transform, model.score:
    begin = time.perf_counter()
    call(X)
    print(time.perf_counter() - begin)
"""
_IMPORT = f"""
import time
{_LIBRARIES}
begin = time.perf_counter()
import sklearn_topics
print(time.perf_counter() - begin)
"""


def run(code, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    out = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return [float(seconds) for seconds in out.stdout.split()]


def main():
    with tempfile.TemporaryDirectory() as empty:
        imports = median(run(_IMPORT, empty)[0] for _ in range(5))
        compiled = any(files for _, _, files in os.walk(empty))
    print(f"import sklearn_topics after torch and scikit-learn: {imports:.2f} s")
    print(f"kernels compiled by the import: {'some' if compiled else 'none'}")
    cold, warm = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(run(_FIT, cache))
            warm.append(run(_FIT, cache))
    for name, times in ("empty", cold), ("full", warm):
        fit, transform, score = (median(column) for column in zip(*times, strict=True))
        print(f"{name} cache: fit {fit:.1f} s, transform {transform:.2f} s, ", end="")
        print(f"score {score:.2f} s")


if __name__ == "__main__":
    main()
