"""scikit-learn's own tests, unmodified, with our classes in the places of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

# MiniBatchNMF, private functions and a private method of scikit-learn, and a keyword
# that scikit-learn 1.6 still had and warned of.
NOT_OURS = (
    "minibatch",
    "MiniBatch",
    "mbnmf",
    "initialize",
    "beta_divergence",
    "special_sparse_dot",
    "underflow",
    "Xt_deprecation",
    "preplexity_mismatch",
)
#: File -> least number of its tests. In scikit-learn 1.9 195, 56 and 44; fewer in 1.6.
FILES = {"test_nmf.py": 175, "test_online_lda.py": 40, "test_truncated_svd.py": 40}


@pytest.fixture(scope="module")
def sklearn_run():
    """scikit-learn's own tests in a process, as it has ended."""
    package = Path(sklearn.__file__).parent  # whose conftest.py has the fixtures
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider"),
        *("--rootdir", str(package), "-p", "in_place_of_sklearn"),
        *("-k", " and ".join(f"not {name}" for name in NOT_OURS)),
        *(str(package / "decomposition" / "tests" / file) for file in FILES),
    ]
    here = str(Path(__file__).parent)
    return subprocess.run(
        command,
        cwd=package,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                filter(None, (here, os.environ.get("PYTHONPATH")))
            ),
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("file", FILES)
def test_scikit_learns_own_tests_pass(sklearn_run, file):
    out = sklearn_run
    assert out.returncode == 0, out.stdout[-3000:] + out.stderr[-3000:]
    passed = re.findall(rf"^PASSED .*{re.escape(file)}::", out.stdout, re.M)
    assert len(passed) >= FILES[file]
