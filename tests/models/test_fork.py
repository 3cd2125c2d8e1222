"""Forked children: the default of multiprocessing on Linux up to Python 3.13."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("forked_fits.py")


def run(*command):
    """A process of its own, on two threads, which a hang does not outlive."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", *command],
        env=os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        start_new_session=True,
    )


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork here"
)
@pytest.mark.parametrize("kind", ["fits", "import", "compile"])
def test_a_forked_child_finds_what_its_parent_finds(kind):
    result = run(SCRIPT, kind)
    assert result.returncode == 0, result.stderr
