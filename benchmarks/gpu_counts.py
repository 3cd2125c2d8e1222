"""Bytes and launches: Triton kernels by formula, torch operations by their tensors."""

import math
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
#: Bytes that the device reads at least.
_SECTOR = 32


@contextmanager
def as_on_cuda():
    """The registry as CUDA devices see it, whatever the device."""
    table = registry.IMPLEMENTATIONS
    rows = {
        (name, container, "any"): table.get((name, container, "cuda"), place)
        for (name, container, kind), place in table.items()
        if kind in ("any", "cuda")
    }
    with _registry_of(rows):
        yield


@contextmanager
def as_specified():
    """The reference in place of all other implementations: nothing is compiled."""
    table = registry.IMPLEMENTATIONS
    with _registry_of({key: place for key, place in table.items() if key[2] == "any"}):
        yield


@contextmanager
def _registry_of(rows):
    table, found = registry.IMPLEMENTATIONS, registry._find
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
    moved: "Moved"


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
        Triton kernels over X without a formula here: each array counts once.
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
        formula = _FORMULAS.get(kernel.__name__, _arrays)
        if formula is _arrays and "indices" in named:
            self.unknown.add(kernel.__name__)
        moved = formula(_held(named))
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
                moved = _streamed(sum(map(_bytes, [*inputs, *_tensors(out)])))
                self.launches.append(Launch(name, False, moved))
        return out

    def total(self, triton=None, sectors=False) -> float:
        """Bytes of all launches, or of those of one kind."""
        kinds = (True, False) if triton is None else (triton,)
        moved = (one.moved for one in self.launches if one.triton in kinds)
        return sum(one.sectors if sectors else one.bytes for one in moved)

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


# ------------------------------------- bytes of a kernel, by its arguments


@dataclass(frozen=True)
class Moved:
    """Bytes, and the same with gathers in the whole sectors that the device reads."""

    bytes: float = 0
    sectors: float = 0

    def __add__(self, other):
        return Moved(self.bytes + other.bytes, self.sectors + other.sectors)

    def __mul__(self, number):
        return Moved(self.bytes * number, self.sectors * number)


def _streamed(size) -> Moved:
    return Moved(size, size)


def _arrays(a) -> Moved:
    """Each array once: of kernels over the cells of factors."""
    return _streamed(sum(map(_bytes, _tensors(a))))


def _gathered(size) -> Moved:
    """One row of a factor, of `size` bytes, from anywhere in it."""
    # It begins at a multiple of this in a sector, each as often.
    step = math.gcd(size, _SECTOR)
    return Moved(size, size + _SECTOR - step)


def _gathered_in_order(a, rows, entries) -> Moved:
    """A value for each entry of long rows, of one topic, whose terms ascend."""
    value = a["data"].element_size()
    if entries == 0:
        return Moved()
    lengths = (a["indptr"][rows + 1] - a["indptr"][rows]).double()
    density, per_sector = (lengths / a["m"]).clamp(max=1), _SECTOR // value
    touched = (1 - (1 - density) ** per_sector) / (per_sector * density)  # an entry
    # Parts have about as many entries each.
    return Moved(entries * value, float(touched.mean()) * entries * _SECTOR)


def _sizes(a, *names):
    return sum(a[name].element_size() for name in names)


def _work(a):
    """Rows, or for each part its row, and the number of entries of a launch."""
    indptr = a["indptr"]
    if "begins" in a or a.get("SPLIT"):
        begins = a["begins"] if "begins" in a else a["marks"]
        valid = a["rows"] >= 0
        rows = a["rows"][valid]
        lengths = (indptr[rows + 1] - begins[valid]).clamp(max=a["PART"])
    else:
        first, last = int(a["marks"][a["lowest"]]), int(a["marks"][a["highest"]])
        rows = a["rows"][first:last]
        lengths = indptr[rows + 1] - indptr[rows]
    return rows, int(lengths.sum())


def _by_entry(entry=(), gathers=0, row=0, wide=0):
    """The formula of a kernel over rows.

    For each entry the arrays named in `entry` and `gathers` of K values; for each row
    `row` times K values, and `wide` bytes.
    """

    def formula(a):
        rows, entries = _work(a)
        per_row = row * a.get("K", 1) * _sizes(a, "data") + wide + _ROW
        moved = _streamed(entries * _sizes(a, *entry) + len(rows) * per_row)
        if gathers:
            row_bytes = 4 * a["quads"] * _sizes(a, "data")
            moved += _gathered(row_bytes) * (gathers * entries)
        return moved

    return formula


def _spmm(a):
    rows, entries = _work(a)
    K, value = a["K"], _sizes(a, "data")
    again = -(-K // a["COLUMNS"])  # blocks of columns read the entries anew
    moved = _streamed(entries * again * _sizes(a, "indices", "data"))
    moved += _gathered(4 * a["quads"] * value) * entries
    return moved + _streamed(len(rows) * (K * value + _ROW))


def _add_parts(a):
    n_parts = int(a["part_ends"][-1])
    return _streamed((n_parts + len(a["rows"])) * a["K"] * _sizes(a, "out"))


def _scd_rows(a):
    # Y before the sweep, and each sweep, gather the other factor; W, the result, and
    # the result again by each sweep.
    sweeps = a["n_sweeps"]
    entry, gathers, row = ("indices", "data"), 1 + sweeps, 2 + sweeps
    return _by_entry(entry, gathers, row, wide=8)(a)


def _reconstruct(a):
    rows, entries = _work(a)
    value = _sizes(a, "y")
    moved = _streamed(entries * _sizes(a, "indices"))
    moved += _streamed(len(rows) * (2 * a["PART"] + a["K"]) * value)
    return moved + _gathered(4 * a["quads"] * value) * entries


def _sum_parts(a):
    rows, entries = _work(a)
    moved = _streamed(entries * _sizes(a, "indices", "data"))
    # Y and the values of a topic are read and written.
    moved += _streamed(len(rows) * (4 * a["PART"] * _sizes(a, "y") + 16 + _ROW))
    return moved + _gathered_in_order(a, rows, entries)


def _log_parts(a):
    rows, entries = _work(a)
    moved = _streamed(entries * _sizes(a, "data"))
    return moved + _streamed(len(rows) * (2 * a["PART"] * _sizes(a, "y") + 8 + _ROW))


def _over_long_rows(part=0, row=0):
    """Numbers of parts and of rows, in bytes."""

    def formula(a):
        n_parts = int(a["part_ends"][-1])
        return _streamed(n_parts * part + len(a["rows"]) * row)

    return formula


def _begin_rows(a):
    row = 2 * a["K"] * _sizes(a, "W")
    return _over_long_rows(part=8, row=row + 64)(a)


_FORMULAS = {
    "_ratio_product": _by_entry(("indices", "data"), 1, row=2),
    "_log_sums": _by_entry(("indices", "data"), 1, row=1, wide=8),
    "_sddmm": _by_entry(("indices", "out"), 1, row=1),
    "row_sums_kernel": _by_entry(("data",), wide=8),
    "_spmm": _spmm,
    "_add_parts": _add_parts,
    "_scd_rows": _scd_rows,
    "_begin_rows": _begin_rows,
    "_reconstruct": _reconstruct,
    "_sum_parts": _sum_parts,
    "_log_parts": _log_parts,
    "_step_rows": _over_long_rows(part=16, row=96),
    "_add_logs": _over_long_rows(part=8, row=32),
}
