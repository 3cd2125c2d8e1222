"""What importing the package does not do."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

import sklearn_topics

# Runs in an interpreter of its own: in this one, tests have loaded everything.
_SCRIPT = """
import json, random, sys
import numpy as np
import sklearn, sklearn.decomposition, torch

def state():
    return repr(
        [
            random.getstate(),
            np.random.get_state(),
            torch.get_rng_state(),
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
        ]
    )

np.set_printoptions(threshold=sys.maxsize)
torch.set_printoptions(threshold=sys.maxsize)
before, state_before = set(sys.modules), state()
import sklearn_topics
from sklearn_topics import *
loaded = set(sys.modules) - before
print(
    json.dumps(
        {
            "packages": sorted({name.partition(".")[0] for name in loaded}),
            "same_state": state() == state_before,
            "cuda": torch.cuda.is_initialized(),
        }
    )
)
"""


@pytest.fixture(scope="module")
def after_import():
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_import_loads_nothing_beside_scikit_learn_and_torch(after_import):
    """No numba, whose import compiles, no matplotlib, pandas or triton."""
    loaded = set(after_import["packages"]) - sys.stdlib_module_names
    below = {"sklearn", "scipy", "numpy", "torch"}  # some more of their own modules
    assert loaded - below == {"sklearn_topics"}


def test_import_leaves_random_states_and_thread_counts_alone(after_import):
    assert after_import["same_state"]


def test_import_does_not_initialise_cuda(after_import):
    assert not after_import["cuda"]


def test_public_names_are_found_when_asked_for():
    """Importing the package alone loads no torch: the command line's help is fast."""
    script = (
        "import sys, sklearn_topics as s; s.trusted_types(); "
        "assert not {'numpy', 'sklearn', 'torch'} & set(sys.modules); "
        "assert {'TorchETM', 'metrics'} <= set(dir(s)); "
        "assert s.TorchETM is s.models._etm.TorchETM; s.metrics.coherence; "
        "assert 'TorchETM' in vars(s) and not hasattr(s, 'TorchEMT')"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    for name in sklearn_topics.__all__:
        assert getattr(sklearn_topics, name) is not None


def test_version_is_that_of_the_installed_distribution():
    try:
        installed = importlib.metadata.version("sklearn_topics")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("sklearn_topics is not installed")
    assert installed == sklearn_topics.__version__
