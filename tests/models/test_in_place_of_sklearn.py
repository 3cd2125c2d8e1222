"""scikit-learn's own tests, unmodified, with our classes in the places of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

# Of test_nmf.py: MiniBatchNMF, private functions of scikit-learn, and a keyword that
# scikit-learn 1.6 still had and warned of.
NOT_OURS = (
    "minibatch",
    "MiniBatch",
    "mbnmf",
    "initialize",
    "beta_divergence",
    "special_sparse_dot",
    "underflow",
    "Xt_deprecation",
)


@pytest.mark.parametrize(
    ("file", "left_out", "least"),
    [
        ("test_nmf.py", NOT_OURS, 175),
        # It calls a private method.
        ("test_online_lda.py", ("preplexity_mismatch",), 40),
        ("test_truncated_svd.py", (), 40),
    ],
)
def test_scikit_learns_own_tests_pass(file, left_out, least):
    package = Path(sklearn.__file__).parent  # whose conftest.py has the fixtures
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("--rootdir", str(package), "-p", "in_place_of_sklearn"),
        *("-k", " and ".join(f"not {name}" for name in left_out)),
        str(package / "decomposition" / "tests" / file),
    ]
    here = str(Path(__file__).parent)
    out = subprocess.run(
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
    assert out.returncode == 0, out.stdout[-3000:] + out.stderr[-3000:]
    # In scikit-learn 1.9 195 and 46; fewer in 1.6.
    assert int(re.search(r"^(\d+) passed", out.stdout, re.M)[1]) >= least
