"""Variational inference of documents on CUDA: see `ops.lda_rows`.

A program makes all sweeps over one document, whose gamma and weights stay in registers.
A sweep passes over the entries in blocks and gathers each term's weights once; they
come from the L2 cache, since the sweeps of all documents share them. A document stops
by itself, and the host reads nothing.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..csr import CSR
from ..reference import lda as reference
from . import rows as row_plan
from .factors import _cells, _run_cells
from .launching import at_least, check_contiguous, in_quads, numbers_on, run
from .products import gather, tile_of
from .rows import plan

_EULER = tl.constexpr(0.5772156649015329)

#: Most topics. With more, a document's gamma does not fit into registers.
MOST = 4096
#: Classes up to here have one warp a document. Fewer than in `rows.launch`: the sweeps
#: over a document follow each other, and small batches wait for the longest.
_ONE_WARP = row_plan.LENGTHS.index(128) + 1
#: Topics that a warp has in registers, in float32, while there are warps.
_PER_WARP = 256


@triton.jit
def _digamma_parts(x):
    """z and r of psi(x) = log z + r; one quotient sums six numbers, as on the CPU."""
    z = at_least(x, 1e-30)
    above, below = tl.zeros_like(z), tl.zeros_like(z) + 1
    for _ in tl.static_range(6):
        low = z < 6
        above = tl.where(low, above * z + below, above)
        below = tl.where(low, below * z, below)
        z = tl.where(low, z + 1, z)
    inverse = 1 / (z * below)
    r = below * inverse
    r2 = r * r
    rest = -above * z * inverse - 0.5 * r
    return z, rest - r2 * (1 / 12 - r2 * (1 / 120 - r2 * (1 / 252)))


@triton.jit
def _exp_digamma(x, shift):
    """exp(psi(x) - shift), without a logarithm."""
    z, rest = _digamma_parts(x)
    return z * tl.exp(rest - shift)


@triton.jit
def _digamma(x):
    z, rest = _digamma_parts(x)
    return tl.where(x <= 1e-6, -_EULER - 1 / x, tl.log(z) + rest)


@triton.jit
def _cells_of_exp_digamma(A, shift, out, size, K, CELLS: tl.constexpr):
    # A, out [n, K]; shift [K]
    cell, k, inside = _cells(size, K, CELLS)
    a = tl.load(A + cell, mask=inside, other=1)
    s = tl.load(shift + k, mask=inside, other=0)
    tl.store(out + cell, _exp_digamma(a, s), mask=inside)


def dense_exp_digamma(A: Tensor, shift: Tensor) -> Tensor:
    A = A.contiguous()
    out = torch.empty_like(A)
    _run_cells(_cells_of_exp_digamma, A, shift.contiguous(), out)
    return out


def csr_lda_rows(X: CSR, gamma: Tensor, HT: Tensor, prior, n_sweeps, tol):
    K = gamma.shape[1]
    if K > MOST:
        return reference.csr_lda_rows(X, gamma, HT, prior, n_sweeps, tol)
    check_contiguous(gamma, HT)
    new, weights = torch.empty_like(gamma), torch.empty_like(gamma)
    eps = torch.finfo(gamma.dtype).eps
    numbers = numbers_on(gamma.device, gamma.dtype, prior, tol, eps)
    HT, quads = in_quads(HT)
    args = gamma, HT, numbers, new, weights, K, quads, int(n_sweeps)
    found, classes = plan(X), len(row_plan.LENGTHS) + 1
    size = triton.next_power_of_2(K) * gamma.dtype.itemsize // 4
    for lowest, highest, least in (_ONE_WARP, classes, 4), (0, _ONE_WARP, 1):
        grid, warps = (found.most_rows(lowest),), min(max(least, size // _PER_WARP), 8)
        if grid[0] > 0:
            run(
                *(_lda_rows, grid, found.order, found.starts),
                *(lowest, highest, X.indptr, X.indices, X.data, *args),
                num_warps=warps,
                **tile_of(K, gamma.dtype, warps),
            )
    return new, weights


@triton.jit
def _find_document(rows, marks, lowest, highest, indptr):
    """The document of this program and its range of entries, the longest first.

    A long one that began last would run alone. The document is -1 for a program beyond
    the last.
    """
    place = tl.load(marks + highest) - 1 - tl.program_id(0)
    inside = place >= tl.load(marks + lowest)
    row = tl.load(rows + place, mask=inside, other=-1)
    first = tl.load(indptr + row, mask=inside, other=0)
    return row, first, tl.load(indptr + row + 1, mask=inside, other=0)


@triton.jit
def _weights(g, inside):
    """exp(psi(gamma) - psi(sum gamma)) of the topics that there are."""
    return tl.where(inside, _exp_digamma(g, _digamma(tl.sum(g, 0))), 0)


@triton.jit(do_not_specialize=["n_sweeps"])
def _lda_rows(
    rows,
    marks,
    lowest,
    highest,
    indptr,
    indices,
    data,
    gamma,
    HT,
    numbers,
    new,
    weights,
    K,
    quads,
    n_sweeps,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    # gamma, new, weights [n, K]; HT [m, 4 quads]; numbers [3]
    row, first, last = _find_document(rows, marks, lowest, highest, indptr)
    if row < 0:
        return
    prior, tol, eps = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2)
    k = tl.arange(0, COLUMNS)
    g = tl.load(gamma + row * K + k, mask=k < K, other=0)
    w = _weights(g, k < K)
    sweep, moved = 0, tl.full([], float("inf"), g.dtype)
    while (sweep < n_sweeps) & (moved >= tol):  # NaN stops
        total = tl.zeros([ENTRIES, COLUMNS], g.dtype)
        for begin in range(first, last, ENTRIES):
            e = begin + tl.arange(0, ENTRIES)
            inside = e < last
            h = gather(indices, HT, e, inside, k, quads)
            x = tl.load(data + e, mask=inside, other=0)
            y = tl.sum(h * w[None, :], 1) + eps
            total += h * (x / y)[:, None]
        fresh = tl.where(k < K, w * tl.sum(total, 0) + prior, 0)
        moved = tl.sum(tl.abs(fresh - g), 0) / K
        g = fresh
        w = _weights(g, k < K)
        sweep += 1
    tl.store(new + row * K + k, g, mask=k < K)
    tl.store(weights + row * K + k, w, mask=k < K)
