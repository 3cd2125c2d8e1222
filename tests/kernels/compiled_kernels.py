"""What every Triton kernel needs of a GPU: registers, shared memory, spills.

``python tests/kernels/compiled_kernels.py`` prints a table. No GPU is needed: a driver
that only names its architecture is put in Triton's place, the public operations are
called on small operands, and each kernel that they would launch is compiled, as it
would be there. Code that serves several K has one row, that of the first.

Triton's interpreter has to be off, so this is a process of its own.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

os.environ.pop("TRITON_INTERPRET", None)  # under it kernels cannot be compiled

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from sklearn_topics._kernels import CSR, ops, registry

CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
ARCHITECTURES = 80, 90
#: Components, dtype of the values, dtype of the indices.
VARIANTS = [
    *((K, "float32", "int32") for K in (10, 50, 100, 300, 1024)),
    *((K, "float64", "int64") for K in (10, 50, 100, 300)),
    (50, "float32", "int64"),
    # Triton makes other code for a number that is 1, and for multiples of 16.
    (1, "float32", "int32"),
    (64, "float32", "int32"),
]
_FLOOR = {"floor": 0.0}

#: Operation -> how it is called with X, W, HT, and u, a value for each component.
CALLS = {
    "row_sums": lambda X, W, HT, u: ops.row_sums(X),
    "sddmm": lambda X, W, HT, u: ops.sddmm(X, W, HT),
    "spmm": lambda X, W, HT, u: ops.spmm(X, HT),
    "ratio_product": lambda X, W, HT, u: [
        ops.ratio_product(A, W, HT, **_FLOOR) for A in (X, _dense(X))
    ],
    "log_sums": lambda X, W, HT, u: [
        ops.log_sums(A, W, HT, **_FLOOR) for A in (X, _dense(X))
    ],
    "column_sums": lambda X, W, HT, u: (ops.column_sums(HT), ops.column_sums(HT, HT)),
    "multiplicative_step": lambda X, W, HT, u: [
        ops.multiplicative_step(W, W, u, a) for a in (0.1, W)
    ],
    "settle": lambda X, W, HT, u: [ops.settle(W, W, u, a, u) for a in (0.1, W)],
    "largest_violation": lambda X, W, HT, u: [
        ops.largest_violation(W, W, u, a) for a in (0.1, W)
    ],
    "extrapolate": lambda X, W, HT, u: ops.extrapolate(W, W, 0.5, 0.5),
    "ratio_step": lambda X, W, HT, u: [
        ops.ratio_step(W, W, D, gamma=gamma, zero_denominator=1.0)
        for D in (W, u)
        for gamma in (0.5, 1.0)
    ],
    "hals_step": lambda X, W, HT, u: ops.hals_step(
        W, W, torch.diag(u), 0.1, torch.arange(len(u))
    ),
    # Every K has the step without a penalty, and one K the others.
    "scd_rows": lambda X, W, HT, u: [
        ops.scd_rows(X, W, HT, u, n_sweeps=1, **options)
        for options in (
            ({}, {"l2": 0.5}, {"pseudocount": W}) if len(u) == 50 else ({},)
        )
    ],
    "lda_rows": lambda X, W, HT, u: ops.lda_rows(
        X, W, HT, prior=0.1, n_sweeps=9, tol=1e-3
    ),
    "exp_digamma": lambda X, W, HT, u: ops.exp_digamma(W, u),
    "log_sum": lambda X, W, HT, u: (
        ops.log_sum(W),
        ops.log_sum(W, u > 0),
        ops.log_sum(W, u > 0, W),
    ),
}


def _dense(X: CSR) -> torch.Tensor:
    return torch.ones(X.shape, dtype=X.dtype)


class NamedDriver:
    """A driver of Triton for a GPU that is not there."""

    def __init__(self, architecture: int):
        self.architecture = architecture

    def get_current_device(self) -> int:
        return self.architecture  # what Triton keeps compiled kernels by

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.architecture, 32)


def operands(K: int, values: str, indices: str) -> tuple:
    """X with rows of every class of length, factors and costs."""
    lengths = torch.tensor([0, 20, 500, 2000, 4000, 9000])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    n, m, nnz = len(lengths), int(lengths.max()), int(lengths.sum())
    columns = torch.cat([torch.arange(length) for length in lengths.tolist()])
    dtype = getattr(torch, values)
    X = CSR(
        indptr,
        columns.to(getattr(torch, indices)),
        torch.ones(nnz, dtype=dtype),
        (n, m),
    )
    return X, *(torch.ones(*shape, dtype=dtype) for shape in ((n, K), (m, K), (K,)))


def compiled(architecture: int, variants=VARIANTS) -> dict[str, dict]:
    """The kernels that the operations launch, by their hash."""
    found, launch, case = {}, JITFunction.run, {}

    def run(kernel, *args, grid, warmup, **options):
        made = launch(kernel, *args, grid=grid, warmup=True, **options)
        row = {"kernel": made.name, **case, "warps": made.metadata.num_warps}
        found.setdefault(made.hash, row | {"cubin": made.asm["cubin"]})

    driver.set_active(NamedDriver(architecture))
    table = registry.IMPLEMENTATIONS
    kernels = {key: place for key, place in table.items() if key[2] == "cuda"}
    reference = {key: place for key, place in table.items() if key[2] == "any"}
    # The operands are on the CPU, the kernels of which are left out.
    registry.IMPLEMENTATIONS = reference | {
        (name, container, "cpu"): place
        for (name, container, _), place in kernels.items()
    }
    JITFunction.run = run
    try:
        for K, values, indices in variants:
            given = operands(K, values, indices)
            for operation, call in CALLS.items():
                case = {"operation": operation, "K": K, "values": values}
                case |= {"indices": indices, "architecture": architecture}
                call(*given)
    finally:
        JITFunction.run, registry.IMPLEMENTATIONS = launch, table
        registry._find.cache_clear()
    return found


def usage(cubin: bytes) -> dict[str, int]:
    """A thread's registers and bytes of stack, where spills are; shared memory."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [CUOBJDUMP, "-res-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True)
    names = {"REG": "registers", "SHARED": "shared", "STACK": "stack", "LOCAL": "local"}
    sizes = dict(re.findall(r"(\w+):(\d+)", text.stdout))
    return {name: int(sizes[key]) for key, name in names.items()}


def rows(architectures, variants=VARIANTS) -> list[dict]:
    """A row for each compiled kernel."""
    return [
        row | usage(row.pop("cubin"))
        for architecture in architectures
        for row in compiled(architecture, variants).values()
    ]


def text(rows: list[dict]) -> str:
    """The rows as a table, sorted."""
    values = sorted(tuple(row.values()) for row in rows)
    lines = [list(rows[0]), *([str(value) for value in row] for row in values)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("architectures", type=int, nargs="*", default=ARCHITECTURES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one-in", type=int, default=1, help="every N-th variant only")
    arguments = parser.parse_args()
    found = rows(arguments.architectures, VARIANTS[:: arguments.one_in])
    print(json.dumps(found) if arguments.json else text(found))


if __name__ == "__main__":
    main()
