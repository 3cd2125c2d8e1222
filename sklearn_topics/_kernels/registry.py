"""Which function runs an operation: by container and type of device.

One row an implementation. "any" is every device that has no row of its own; there the
plain-torch reference runs. A module is imported when one of its functions is first
chosen. ``python -m sklearn_topics._kernels`` prints the table.

The rows of "cuda" are Triton kernels. Without triton, which torch brings on Linux only,
they are missing, and CUDA devices run the reference; so they do for operations that
have no Triton kernel.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor

_SPARSE_PRODUCT = (
    "cpu.mkl:csr_spmm" if torch.backends.mkl.is_available() else "cpu.products:csr_spmm"
)

#: (operation, container, type of device) -> module:function, in this package.
IMPLEMENTATIONS = {
    # X, sparse
    ("transpose", "csr", "cpu"): "cpu.structure:csr_transpose",
    ("transpose", "csr", "any"): "reference.sparse:csr_transpose",
    ("row_sums", "csr", "cpu"): "cpu.row_sums:csr_row_sums",
    ("row_sums", "csr", "any"): "reference.sparse:csr_row_sums",
    ("pair_counts", "csr", "cpu"): "cpu.structure:csr_pair_counts",
    ("pair_counts", "csr", "any"): "reference.sparse:csr_pair_counts",
    ("sddmm", "csr", "cpu"): "cpu.products:csr_sddmm",
    ("sddmm", "csr", "any"): "reference.sparse:csr_sddmm",
    ("spmm", "csr", "cpu"): _SPARSE_PRODUCT,
    ("spmm", "csr", "any"): "reference.sparse:csr_spmm",
    ("ratio_product", "csr", "cpu"): "cpu.products:csr_ratio_product",
    ("ratio_product", "csr", "any"): "reference.sparse:csr_ratio_product",
    ("log_sums", "csr", "cpu"): "cpu.logarithms:csr_log_sums",
    ("log_sums", "csr", "any"): "reference.sparse:csr_log_sums",
    ("scd_rows", "csr", "cpu"): "cpu.descent:csr_scd_rows",
    ("scd_rows", "csr", "any"): "reference.sparse:csr_scd_rows",
    ("settled_scd_rows", "csr", "cpu"): "cpu.descent:csr_settled_scd_rows",
    ("coordinate_sums_", "csr", "cpu"): "cpu.shared_rows:csr_coordinate_sums_",
    ("coordinate_sums_", "csr", "any"): "reference.sparse:csr_coordinate_sums_",
    ("lda_rows", "csr", "cpu"): "cpu.lda:csr_lda_rows",
    ("lda_rows", "csr", "any"): "reference.lda:csr_lda_rows",
    # X, dense
    ("row_sums", "dense", "cpu"): "cpu.row_sums:dense_row_sums",
    ("row_sums", "dense", "any"): "reference.dense:dense_row_sums",
    ("spmm", "dense", "cpu"): "cpu.blas:dense_spmm",
    ("spmm", "dense", "any"): "reference.dense:dense_spmm",
    ("ratio_product", "dense", "cpu"): "cpu.dense:dense_ratio_product",
    ("ratio_product", "dense", "any"): "reference.dense:dense_ratio_product",
    ("log_sums", "dense", "any"): "reference.dense:dense_log_sums",
    ("scd_rows", "dense", "cpu"): "cpu.descent:dense_scd_rows",
    ("scd_rows", "dense", "any"): "reference.dense:dense_scd_rows",
    # Factors
    ("column_sums", "dense", "cpu"): "cpu.factors:dense_column_sums",
    ("column_sums", "dense", "any"): "reference.dense:dense_column_sums",
    ("gram", "dense", "cpu"): "cpu.factors:dense_gram",
    ("gram", "dense", "any"): "reference.dense:dense_gram",
    ("combine_columns", "dense", "cpu"): "cpu.factors:dense_combine_columns",
    ("combine_columns", "dense", "any"): "reference.dense:dense_combine_columns",
    ("multiplicative_step", "dense", "cpu"): "cpu.factors:dense_multiplicative_step",
    ("multiplicative_step", "dense", "any"): (
        "reference.dense:dense_multiplicative_step"
    ),
    ("settle", "dense", "cpu"): "cpu.factors:dense_settle",
    ("settle", "dense", "any"): "reference.dense:dense_settle",
    ("largest_violation", "dense", "cpu"): "cpu.factors:dense_largest_violation",
    ("largest_violation", "dense", "any"): "reference.dense:dense_largest_violation",
    ("extrapolate", "dense", "cpu"): "cpu.factors:dense_extrapolate",
    ("extrapolate", "dense", "any"): "reference.dense:dense_extrapolate",
    ("ratio_step", "dense", "cpu"): "cpu.factors:dense_ratio_step",
    ("ratio_step", "dense", "any"): "reference.dense:dense_ratio_step",
    ("hals_step", "dense", "cpu"): "cpu.factors:dense_hals_step",
    ("hals_step", "dense", "any"): "reference.dense:dense_hals_step",
    ("adam_step_", "dense", "cpu"): "cpu.adam:dense_adam_step_",
    ("adam_step_", "dense", "any"): "reference.dense:dense_adam_step_",
    ("log_sum", "dense", "cpu"): "cpu.logarithms:dense_log_sum",
    ("log_sum", "dense", "any"): "reference.dense:dense_log_sum",
    ("exp_digamma", "dense", "cpu"): "cpu.digamma:dense_exp_digamma",
    ("exp_digamma", "dense", "any"): "reference.lda:dense_exp_digamma",
}

if find_spec("triton"):
    IMPLEMENTATIONS |= {
        ("row_sums", "csr", "cuda"): "cuda.products:csr_row_sums",
        ("sddmm", "csr", "cuda"): "cuda.products:csr_sddmm",
        ("spmm", "csr", "cuda"): "cuda.products:csr_spmm",
        ("ratio_product", "csr", "cuda"): "cuda.products:csr_ratio_product",
        ("log_sums", "csr", "cuda"): "cuda.products:csr_log_sums",
        ("scd_rows", "csr", "cuda"): "cuda.descent:csr_scd_rows",
        ("lda_rows", "csr", "cuda"): "cuda.lda:csr_lda_rows",
        ("ratio_product", "dense", "cuda"): "cuda.dense:dense_ratio_product",
        ("log_sums", "dense", "cuda"): "cuda.dense:dense_log_sums",
        ("column_sums", "dense", "cuda"): "cuda.factors:dense_column_sums",
        ("multiplicative_step", "dense", "cuda"): (
            "cuda.factors:dense_multiplicative_step"
        ),
        ("largest_violation", "dense", "cuda"): "cuda.factors:dense_largest_violation",
        ("extrapolate", "dense", "cuda"): "cuda.factors:dense_extrapolate",
        ("ratio_step", "dense", "cuda"): "cuda.factors:dense_ratio_step",
        ("hals_step", "dense", "cuda"): "cuda.factors:dense_hals_step",
        ("log_sum", "dense", "cuda"): "cuda.factors:dense_log_sum",
        ("exp_digamma", "dense", "cuda"): "cuda.lda:dense_exp_digamma",
    }


def find(operation: str, X) -> Callable:
    """The implementation of an operation for a Tensor or a CSR, where it is."""
    container, device = _kind(X)
    found = _find(operation, container, device)
    if found is None:
        raise NotImplementedError(
            f"{operation} has no {container} version for {device}."
        )
    return found


def has(operation: str, X) -> bool:
    """Whether X has a version of an operation that only makes others faster."""
    return _find(operation, *_kind(X)) is not None


def _kind(X) -> tuple[str, str]:
    return "dense" if isinstance(X, Tensor) else "csr", X.device.type


@cache  # looking for it would take as long as a small kernel
def _find(operation: str, container: str, device: str) -> Callable | None:
    for kind in device, "any":
        place = IMPLEMENTATIONS.get((operation, container, kind))
        if place is not None:
            return load(place)
    return None


def load(place: str) -> Callable:
    """The function at a place of the table; its module is imported."""
    module, function = place.split(":")
    return getattr(import_module(f"{__package__}.{module}"), function)


def table() -> str:
    """A line for each implementation: operation, container, device, place."""
    rows = [(*key, place) for key, place in IMPLEMENTATIONS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
