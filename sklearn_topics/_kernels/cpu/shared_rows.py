"""Sums for descent on rows that processes share, on the CPU: `ops.coordinate_sums_`."""

from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .jit import array_of, arrays_of, kernel

#: Work per entry, in the multiplications of other kernels.
_WORK = 4


@kernel
def _coordinate_sums(
    first, last, indptr, indices, data, y, h, previous, step, floors, S, q
):
    # y [nnz]; h, previous [m]; step, floors, S, q [n]
    for i in range(first, last):
        delta, floor = step[i], floors[i]
        Si = qi = floor - floor
        for p in range(indptr[i], indptr[i + 1]):
            v = max(y[p] + delta * previous[indices[p]], floor)
            y[p] = v
            r = h[indices[p]] / v
            xr = data[p] * r
            Si += xr
            qi += xr * r
        S[i], q[i] = Si, qi


def csr_coordinate_sums_(X: CSR, y: Tensor, *vectors: Tensor):
    indptr, indices, data = arrays_of(X)
    S, q = (y.new_empty(X.shape[0]) for _ in range(2))
    arrays = (array_of(A) for A in (y, *vectors))
    run_blocks(
        _coordinate_sums, indptr, _WORK, indices, data, *arrays, S.numpy(), q.numpy()
    )
    return S, q
