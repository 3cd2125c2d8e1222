"""What importing costs, and a first fit with a cold and with a warm kernel cache.

    python benchmarks/cold_start.py

Every figure is the median of fresh processes.
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
def fit():
    begin = time.perf_counter()
    TorchPoissonNMF(5, max_iter=20, tol=0, random_state=0).fit_transform(X)
    return time.perf_counter() - begin
first = fit()
print(first - min(fit() for _ in range(3)))
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
    return float(out.stdout.split()[-1])


def main():
    with tempfile.TemporaryDirectory() as cache:
        imports = median(run(_IMPORT, cache) for _ in range(5))
        compiled = any(files for _, _, files in os.walk(cache))
        cold = run(_FIT, cache)
        warm = median(run(_FIT, cache) for _ in range(5))
    print(f"import sklearn_topics after torch and scikit-learn: {imports:.2f} s")
    print(f"kernels compiled by the import: {'some' if compiled else 'none'}")
    print(f"first fit over a later one: cold cache {cold:.1f} s, warm {warm:.2f} s")


if __name__ == "__main__":
    main()
