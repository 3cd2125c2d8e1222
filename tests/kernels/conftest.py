"""Kernel fixtures: every implementation of an operation, ugly matrices, poison."""

import os
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from sklearn_topics._kernels import CSR, ops, registry

# Triton reads this when it is imported. Without a GPU its interpreter runs the kernels.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

#: Every implementation, also the one that another is faster than on this machine.
PLACES = {*registry.IMPLEMENTATIONS.items()} | {
    (("spmm", "csr", "cpu"), "cpu.products:csr_spmm"),
}
TYPES = {
    "csr": [("float32", "int32"), ("float64", "int64")],
    "dense": [("float32", ""), ("float64", "")],
}


def _to_csr(A: np.ndarray, index_dtype="int32") -> CSR:
    rows, columns = np.nonzero(A)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(A)))])
    return CSR(
        torch.from_numpy(indptr.astype(np.int64)),
        torch.from_numpy(columns.astype(index_dtype)),
        torch.from_numpy(A[rows, columns]),
        A.shape,
    )


def to(X: CSR, device: str) -> CSR:
    """X on a device."""
    parts = (A.to(device) for A in (X.indptr, X.indices, X.data))
    return CSR(*parts, X.shape)


@pytest.fixture
def to_csr():
    """A dense array's nonzeros as a CSR."""
    return _to_csr


@dataclass(frozen=True)
class Implementation:
    """One implementation of one operation, called through the public function."""

    operation: str
    place: str
    container: str
    dtype: str
    index_dtype: str

    @property
    def triton(self) -> bool:
        return self.place.startswith("cuda.")

    @property
    def device(self) -> str:
        return "cuda" if self.triton and torch.cuda.is_available() else "cpu"

    @property
    def id(self) -> str:
        parts = ["triton"] * self.triton + [self.operation, self.place, *self.types]
        return "-".join(filter(None, parts))

    @property
    def torch(self) -> torch.dtype:
        return getattr(torch, self.dtype)

    @property
    def types(self) -> tuple[str, str]:
        return self.dtype, self.index_dtype

    @property
    def eps(self) -> float:
        return float(np.finfo(self.dtype).eps)

    def round(self, *arrays):
        """float64 arrays whose values this implementation's dtype holds exactly."""
        return [np.asarray(A, self.dtype).astype(np.float64) for A in arrays]

    def load(self, X: np.ndarray):
        X = np.ascontiguousarray(X, self.dtype)
        if self.container == "csr":
            return to(_to_csr(X, self.index_dtype), self.device)
        return torch.from_numpy(X).to(self.device)

    def tensor(self, A) -> Tensor:
        return torch.tensor(A, dtype=self.torch, device=self.device)

    def __call__(self, X, *factors, **options):
        factors = [self.tensor(A) if isinstance(A, np.ndarray) else A for A in factors]
        out = getattr(ops, self.operation)(self.load(X), *factors, **options)
        if isinstance(out, tuple):
            return tuple(part.cpu().numpy() for part in out)
        return out.cpu().numpy() if isinstance(out, torch.Tensor) else to(out, "cpu")


def _implementations(operation: str) -> list[Implementation]:
    found = [
        Implementation(operation, place, container, *types)
        for (name, container, _), place in sorted(PLACES)
        if name == operation
        for types in TYPES[container]
    ]
    # Triton's interpreter takes minutes for a descent of one type.
    slow = operation == "scd_rows" and not torch.cuda.is_available()
    return [
        one for one in found if not (slow and one.triton and one.dtype != "float32")
    ]


_UNCACHED = registry._find.__wrapped__


def use(monkeypatch, one: Implementation, place: str) -> None:
    """Run the operation by what stands at this place, and no other operation."""
    key = one.operation, one.container, "any"
    monkeypatch.setattr(registry, "IMPLEMENTATIONS", {key: place})
    monkeypatch.setattr(registry, "_find", _UNCACHED)


def _fixture(operation: str):
    def run_only(request, monkeypatch):
        one = request.param
        use(monkeypatch, one, one.place)
        return one

    params = [
        pytest.param(one, id=one.id, marks=[pytest.mark.cuda] * one.triton)
        for one in _implementations(operation)
    ]
    return pytest.fixture(params=params, name=operation)(run_only)


transpose = _fixture("transpose")
column_sums = _fixture("column_sums")
row_sums = _fixture("row_sums")
sddmm = _fixture("sddmm")
spmm = _fixture("spmm")
pair_counts = _fixture("pair_counts")
ratio_product = _fixture("ratio_product")
log_sums = _fixture("log_sums")
multiplicative_step = _fixture("multiplicative_step")
settle = _fixture("settle")
largest_violation = _fixture("largest_violation")
extrapolate = _fixture("extrapolate")
adam_step_ = _fixture("adam_step_")
log_sum = _fixture("log_sum")
gram = _fixture("gram")
combine_columns = _fixture("combine_columns")
ratio_step = _fixture("ratio_step")
hals_step = _fixture("hals_step")
scd_rows = _fixture("scd_rows")
coordinate_sums_ = _fixture("coordinate_sums_")
exp_digamma = _fixture("exp_digamma")
lda_rows = _fixture("lda_rows")


@pytest.fixture(autouse=True)
def poisoned_outputs(monkeypatch):
    """New memory holds NaN (or an absurd integer), so that no gap goes unseen."""

    def poison(create):
        def poisoned(*args, **kwargs):
            out = create(*args, **kwargs)
            if out.is_floating_point():
                return out.fill_(torch.nan)
            return out.fill_(255 if out.dtype == torch.uint8 else -(2**30))

        return poisoned

    monkeypatch.setattr(torch, "empty_like", poison(torch.empty_like))
    monkeypatch.setattr(torch, "empty", poison(torch.empty))
    monkeypatch.setattr(torch.Tensor, "new_empty", poison(torch.Tensor.new_empty))


def _counts(n, m, *, density=0.3, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    counts = 1.0 + rng.poisson(2.0, (n, m))
    return counts * (rng.random((n, m)) < density)


def _empty_rows_and_columns():
    X = _counts(23, 19)
    X[[0, 7, 8, 22]] = 0
    X[:, [0, 3, 18]] = 0
    return X


def _long_rows():
    # Around the pads (8) and the chunks of the logarithm (256), and beyond both.
    lengths = [1, 7, 8, 9, 255, 256, 257, 264, 511, 1030]
    X = _counts(len(lengths), 1030, density=1)
    for i, length in enumerate(lengths):
        X[i, length:] = 0
    return X


MATRICES = {
    "plain": _counts(23, 17),
    "empty rows and columns": _empty_rows_and_columns(),
    "one row": _counts(1, 30),
    "one column": _counts(30, 1),
    "one cell": np.array([[3.0]]),
    "one empty row": np.zeros((1, 4)),
    "all empty": np.zeros((6, 5)),
    "long rows": _long_rows(),
    "long columns": _long_rows().T.copy(),
    "not integer": _counts(9, 11) * 0.37,
}


def interpreted(one: Implementation) -> bool:
    """Whether Triton's interpreter runs it, whose programs take milliseconds each."""
    return one.triton and one.device == "cpu"


def _for_what_runs(X, request):
    """X; an interpreted kernel gets 40 rows of it: a program is for a row or less."""
    params = request.node.callspec.params.values()
    several = any(isinstance(p, Implementation) and interpreted(p) for p in params)
    return X[:40] if several else X


# All matrices with K = 3, and some with K = 1 and with K beyond a pad.
PROBLEMS = [
    *((name, 3) for name in MATRICES),
    ("plain", 1),
    ("one cell", 1),
    ("empty rows and columns", 17),
    ("long rows", 17),
]


@pytest.fixture(params=PROBLEMS, ids=[f"{name}, K={K}" for name, K in PROBLEMS])
def problem(request):
    """An ugly X (dense, float64), and positive W (n x K) and HT (m x K)."""
    name, K = request.param
    X, rng = _for_what_runs(MATRICES[name], request), np.random.default_rng(1)
    return X, rng.random((X.shape[0], K)) + 0.01, rng.random((X.shape[1], K)) + 0.01


@pytest.fixture(
    params=[(23, 3), (1, 3), (30, 1), (23, 17), (1030, 3), (5, 150)], ids=str
)
def factor(request):
    """A positive factor, for what is done to a factor alone: no matrix matters."""
    return np.random.default_rng(1).random(request.param) + 0.01


@pytest.fixture(params=MATRICES.values(), ids=MATRICES.keys())
def matrix(request):
    """An ugly X alone."""
    return _for_what_runs(request.param, request)
