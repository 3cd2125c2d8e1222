"""The transpose and pair counts of a sparse X on the CPU: see `ops`.

Not ``parallel=True``: numba's thread layers abort when two threads launch a kernel or
kill a forked child. Each kernel releases the GIL and works on whole rows, so results
depend neither on the number of threads nor on the blocks.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..csr import CSR
from ..threads import thread_count
from .blocks import balanced_bounds, run_blocks
from .jit import arrays_of, kernel

#: Rows whose bits are in memory at once: about 4 MiB for 500 columns.
_PRESENCE_ROWS = 1 << 16


@kernel
def _transpose(
    first, last, blocks, rows, indptr, indices, data, places, t_indices, t_data
):
    # rows [blocks + 1]; places [blocks, m]
    for b in range(first, last):
        place = places[b]
        for i in range(rows[b], rows[b + 1]):
            for p in range(indptr[i], indptr[i + 1]):
                j = indices[p]
                t_indices[place[j]] = i
                t_data[place[j]] = data[p]
                place[j] += 1


def csr_transpose(X: CSR) -> CSR:
    """Sort the entries by counting; each block of rows has its places in a column."""
    n, m = X.shape
    indptr, indices, data = arrays_of(X)
    # The counters of all blocks together take less memory than X.
    n_blocks = max(1, min(thread_count(), X.nnz // max(4 * m, 1)))
    rows = np.array(balanced_bounds(indptr, n_blocks))
    blocks = np.arange(len(rows))
    signed = X.indices.numpy()
    counts = np.empty((len(rows) - 1, m), np.int64)  # none where X has no rows
    for block, (a, b) in enumerate(pairwise(indptr[rows])):
        counts[block] = np.bincount(signed[a:b], minlength=m)
    entries = torch.empty_like(X.indices), torch.empty_like(X.data)
    out = CSR(X.indptr.new_zeros(m + 1), *entries, (m, n))
    t_indptr, t_indices, t_data = arrays_of(out)
    np.cumsum(counts.sum(0), out=t_indptr[1:])
    places = t_indptr[:-1] + np.cumsum(counts, axis=0) - counts
    args = rows, indptr, indices, data, places, t_indices, t_data
    run_blocks(_transpose, blocks, X.nnz, *args)
    return out


@kernel
def _presence(first, last, starts, row, indptr, indices, data, places, bits):
    # places [m]; bits [words, columns + 1], a word for 64 rows
    one = np.uint64(1)
    for b in range(first, last):
        words = bits[b]
        words[:] = 0
        begin = row + b * 64
        for i in range(begin, min(begin + 64, len(indptr) - 1)):
            bit = one << np.uint64(i - begin)
            for p in range(indptr[i], indptr[i + 1]):
                if data[p] != 0:
                    words[places[indices[p]]] |= bit


@kernel
def _common_bits(first, last, work, pairs, bits, counts):
    # pairs [pairs, 2]; bits [columns + 1, words]; counts [pairs]
    # Sums of neighbouring bits, of pairs and of fours, then of a word's bytes.
    pairs_of_bits, fours = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    eights, ones = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
    for p in range(first, last):
        a, b = bits[pairs[p, 0]], bits[pairs[p, 1]]
        total = np.uint64(0)
        for w in range(len(a)):
            x = a[w] & b[w]
            x -= (x >> np.uint64(1)) & pairs_of_bits
            x = (x & fours) + ((x >> np.uint64(2)) & fours)
            x = (x + (x >> np.uint64(4))) & eights
            total += (x * ones) >> np.uint64(56)
        counts[p] += total


def csr_pair_counts(X: CSR, columns: Tensor, pairs: Tensor) -> Tensor:
    """Set a bit for each nonzero; count the common bits of two columns by words."""
    indptr, indices, data = arrays_of(X)
    pairs, counts = pairs.numpy(), np.zeros(len(pairs), np.int64)
    # All other columns share one last place, which is in no pair.
    places = np.full(X.shape[1], len(columns), np.int32)
    places[columns.numpy()] = np.arange(len(columns))
    bits = np.empty((_PRESENCE_ROWS // 64, len(columns) + 1), np.uint64)
    for row in range(0, X.shape[0], _PRESENCE_ROWS):
        last = min(row + _PRESENCE_ROWS, X.shape[0])
        starts = np.append(indptr[row:last:64], indptr[last]) - indptr[row]
        some = bits[: len(starts) - 1]
        run_blocks(_presence, starts, 1, row, indptr, indices, data, places, some)
        some = np.ascontiguousarray(some.T)
        work = np.arange(len(pairs) + 1)
        run_blocks(_common_bits, work, some.shape[1], pairs, some, counts)
    return torch.from_numpy(counts)
