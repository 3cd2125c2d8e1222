"""Bytes and launches: Triton kernels by formula, torch operations by their tensors."""

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_topics._kernels import registry

#: Pointers of a row, two of 8 bytes, and its place in the plan.
_ROW = 24


@contextmanager
def as_on_cuda():
    """The registry as CUDA devices see it, whatever the device."""
    table, found = registry.IMPLEMENTATIONS, registry._find
    rows = {
        (name, container, "any"): table.get((name, container, "cuda"), place)
        for (name, container, kind), place in table.items()
        if kind in ("any", "cuda")
    }
    registry.IMPLEMENTATIONS, registry._find = rows, found.__wrapped__
    try:
        yield
    finally:
        registry.IMPLEMENTATIONS, registry._find = table, found


@contextmanager
def pretended_device():
    """The device of the tests that needs no card; Triton's kernels do not run on it."""
    folder = str(Path(__file__).resolve().parents[1] / "tests" / "device")
    sys.path.append(folder)
    try:
        from pretended import DEVICE, PretendedDevice
    finally:
        sys.path.remove(folder)
    with as_on_cuda(), PretendedDevice(), intercepted(lambda *launch: None):
        yield DEVICE


@contextmanager
def intercepted(launch):
    """Within it Triton launches are calls of ``launch(kernel, run, args, options)``."""
    from triton.runtime.jit import KernelInterface

    original = KernelInterface.__getitem__

    def getitem(kernel, grid):
        run = original(kernel, grid)
        return lambda *args, **options: launch(kernel, run, args, options)

    KernelInterface.__getitem__ = getitem
    try:
        yield
    finally:
        KernelInterface.__getitem__ = original


@dataclass(frozen=True)
class Launch:
    """A launch, and the bytes that it reads and writes."""

    name: str
    triton: bool
    bytes: int


class Counter(TorchDispatchMode):
    """What is launched within it.

    Parameters
    ----------
    run : bool
        Whether Triton kernels are run, not only counted.

    Attributes
    ----------
    launches : list of Launch
    reads : int
        Numbers that the host waits for.
    unknown : set of str
        Triton kernels without a formula here, which count no bytes.
    """

    def __init__(self, run=True):
        super().__init__()
        self.launches, self.reads, self.unknown, self._run = [], 0, set(), run

    def __enter__(self):
        self._paused = False
        self._patch = intercepted(self._triton)
        self._patch.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._patch.__exit__(*error)

    def _triton(self, kernel, run, args, options):
        self._paused = True
        named = dict(zip(kernel.arg_names, args, strict=False)) | options
        formula = _FORMULAS.get(kernel.__name__)
        if formula is None:
            self.unknown.add(kernel.__name__)
        moved = 0 if formula is None else int(formula(_held(named)))
        self.launches.append(Launch(kernel.__name__, True, moved))
        if self._run:
            run(*args, **options)
        self._paused = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if not self._paused:
            name = function._schema.name.removeprefix("aten::")
            self.reads += name == "_local_scalar_dense"
            inputs = _tensors((args, kwargs))
            if _launches(function, name, inputs, _tensors(out)):
                moved = sum(map(_bytes, inputs)) + sum(map(_bytes, _tensors(out)))
                self.launches.append(Launch(name, False, moved))
        return out

    def total(self, triton=None) -> int:
        """Bytes of all launches, or of those of one kind."""
        kinds = (True, False) if triton is None else (triton,)
        return sum(one.bytes for one in self.launches if one.triton in kinds)

    def number(self, triton: bool) -> int:
        return sum(one.triton == triton for one in self.launches)


def _held(value):
    """Arguments with the tensors that those of the pretended device hold."""
    return {name: getattr(A, "held", A) for name, A in value.items()}


def _tensors(values) -> list:
    return [A for A in tree_leaves(values) if isinstance(A, torch.Tensor)]


def _bytes(A) -> int:
    A = getattr(A, "held", A)
    return min(A.numel() * A.element_size(), A.untyped_storage().nbytes())


def _launches(function, name, inputs, outputs) -> bool:
    """Whether a torch operation runs something on the device: views do not."""
    if name.startswith(("empty", "new_empty", "_local_scalar")) or not outputs:
        return False
    if function._schema.is_mutable:
        return True
    place = {getattr(A, "held", A).untyped_storage().data_ptr() for A in inputs}
    outputs = [getattr(A, "held", A).untyped_storage() for A in outputs]
    return any(A.nbytes() > 0 and A.data_ptr() not in place for A in outputs)


# -------------------------------------------------- bytes of a kernel, by its arguments


def _work(a) -> tuple[int, int]:
    """Rows (or parts), and entries, of a launch over `find_row`."""
    if not a.get("SPLIT", False):
        first, last = int(a["marks"][a["lowest"]]), int(a["marks"][a["highest"]])
        rows = a["rows"][first:last]
        lengths = a["indptr"][rows + 1] - a["indptr"][rows]
        return len(rows), int(lengths.sum())
    return _parts(a["rows"], a["marks"], a["indptr"], a["PART"])


def _parts(rows, begins, indptr, part) -> tuple[int, int]:
    rows, begins = rows[rows >= 0], begins[rows >= 0]
    lengths = (indptr[rows + 1] - begins).clamp(max=part)
    return len(rows), int(lengths.sum())


def _by_entry(gathers=0, entry=(), row=0, wide=0):
    """Bytes of a kernel over rows.

    `gathers` of K values and the arrays named in `entry` for each entry; `row` times K
    values, and `wide` bytes, for each row.
    """

    def formula(a):
        rows, entries = _work(a)
        K, value = a.get("K", 1), a["data"].element_size()
        per_entry = gathers * K * value + sum(a[name].element_size() for name in entry)
        return entries * per_entry + rows * (row * K * value + wide + _ROW)

    return formula


def _spmm(a):
    rows, entries = _work(a)
    K, value = a["K"], a["data"].element_size()
    again = -(-K // a["COLUMNS"])  # blocks of columns read the entries anew
    per_entry = again * (value + a["indices"].element_size()) + K * value
    return entries * per_entry + rows * (K * value + _ROW)


def _add_parts(a):
    n_parts = int(a["part_ends"][-1])
    return (n_parts + len(a["rows"])) * a["K"] * a["out"].element_size()


_FORMULAS = {
    "_ratio_product": _by_entry(1, ("indices", "data"), row=2),
    "_log_sums": _by_entry(1, ("indices", "data"), row=1, wide=8),
    "_sddmm": _by_entry(1, ("indices", "out"), row=1),
    "_row_sums": _by_entry(0, ("data",), wide=8),
    "row_sums_kernel": _by_entry(0, ("data",), wide=8),
    "_spmm": _spmm,
    "_add_parts": _add_parts,
}
