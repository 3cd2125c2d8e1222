"""Every Triton kernel compiled for a GPU that is not here: no spills, few registers.

Nothing is run, so that the marker "cuda" is not for this file. Other architectures:
``python tests/kernels/compiled_kernels.py 80``.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sklearn_topics._kernels import registry

SCRIPT = Path(__file__).with_name("compiled_kernels.py")

#: Most registers of a thread, by kernel. An SM has 65,536: 16 warps of 128, or 9 of
#: 208. Warps in flight hide the latency of gathers. More registers than 128 are for a
#: tile of gathered rows and one of sums, for a tile of a factor, for logarithms in
#: float64, for blocks of a dense X, and for the entries of a whole row.
MOST_REGISTERS = 128
REGISTERS = {
    "_hals_step": 168,
    "_dense_log_sums": 168,
    "_dense_ratio_product": 208,
    "_lda_rows": 168,
    "_log_sums": 168,
    "_ratio_product": 168,
    "_scd_rows": 255,
    "_sum_parts": 168,
}
#: Bytes; more has to be asked for at launch.
MOST_SHARED = 48 * 1024


@pytest.fixture(scope="module")
def kernels(request):
    """A row for each kernel that an operation launches, on sm_90.

    Another version of Triton compiles one in N of the variants, as it runs of the cases
    of a test.
    """
    pytest.importorskip("triton", reason="triton is for Linux only")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    command = [sys.executable, SCRIPT, "90", "--json"]
    command += ["--one-in", str(request.config.getoption("--one-in"))]
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_every_operation_is_compiled(kernels):
    operations = {
        name for name, _, device in registry.IMPLEMENTATIONS if device == "cuda"
    }
    assert {row["operation"] for row in kernels} == operations


def test_a_kernel_fits_a_gpu(kernels):
    # The bounds are those of one compiler. Others give out registers otherwise, and
    # keep a few bytes on the stack where all are taken.
    pinned = version("triton").split(".")[:2] == ["3", "7"]
    most = {"local": 0, "shared": MOST_SHARED, "stack": 0 if pinned else 16}
    for row in kernels:
        registers = REGISTERS.get(row["kernel"], MOST_REGISTERS) if pinned else 255
        for name, bound in (most | {"registers": registers}).items():
            assert row[name] <= bound, row
