"""Every Triton kernel compiled for GPUs that are not here: no spills, few registers."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sklearn_topics._kernels import registry

pytestmark = pytest.mark.cuda
SCRIPT = Path(__file__).with_name("compiled_kernels.py")

#: Most registers of a thread, by kernel. An SM has 65,536, which are 12 warps of 168 or
#: 21 of 96. Warps in flight hide the latency of gathers; what holds a tile of gathered
#: rows and one of sums, a tile of factors, or takes logarithms in float64, needs more.
#: `_scd_rows` keeps Y, x and places of up to eight entries a thread.
REGISTERS = {"_ratio_product": 168, "_log_sums": 168, "_hals_step": 168}
REGISTERS["_scd_rows"] = 208
MOST_REGISTERS = 96
#: Bytes; more has to be asked for at launch.
MOST_SHARED = 48 * 1024


@pytest.fixture(scope="module", params=[80, 90], ids="sm_{}".format)
def kernels(request):
    """A row for each kernel that an operation launches."""
    pytest.importorskip("triton", reason="triton is for Linux only")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    command = [sys.executable, SCRIPT, str(request.param), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_operation_is_compiled(kernels):
    operations = {
        name for name, _, device in registry.IMPLEMENTATIONS if device == "cuda"
    }
    assert {row["operation"] for row in kernels} == operations


def test_a_kernel_fits_a_gpu(kernels):
    # Compilers of older versions keep a few bytes for the subroutines of float64.
    most = {"local": 0, "shared": MOST_SHARED, "stack": 16}
    if tuple(map(int, version("triton").split(".")[:2])) >= (3, 9):
        most["stack"] = 0
    for row in kernels:
        registers = REGISTERS.get(row["kernel"], MOST_REGISTERS)
        for name, bound in (most | {"registers": registers}).items():
            assert row[name] <= bound, row
