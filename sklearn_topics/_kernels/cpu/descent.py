"""Sequential coordinate descent on the CPU: see `ops.scd_rows`.

The weights of a row's terms are copied into a tile, [topics, padded], where those of
one topic lie side by side, in vectors. A long row descends alone: a vector holds
several of its entries. Where topics are many, its tile is compact: it holds those that
move, from a copy of the rows of the other factor, and a last line for the rest. Between
two passes over a short row the step of one coordinate runs, and nothing else can, so
that short rows descend in groups, each in a lane of its own: a vector holds one entry
of each. Passes and steps are the same for both, see `group`. Whether a row is short
depends on that row alone.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..csr import CSR
from ..floors import SQUARE_FLOOR
from ..reference.descent import unit_exponents
from .blocks import run_blocks
from .factors import inverse_of
from .group import (
    BACK,
    LOG_UNIT,
    NOTHING,
    RUN,
    TOKENS,
    UNIT,
    WEIGHT,
    clear,
    enter,
    gather_group,
    gather_moving,
    leave,
    read_alone,
    rows_of_weights,
    settle,
    sweep,
)
from .jit import array_of, arrays_of, kernel
from .lanes import add_lines
from .logarithms import sum_x_log_y
from .vectors import aligned, lanes, padded

_TILE = 1 << 25  # bytes of a thread's tile, which has two lines at least
#: Bytes of a thread's copy of a row's part of the other factor: longer rows have none.
_COPY = 1 << 23
#: Entries times topics of the longest row that is short, whose tile stays in the second
#: cache; and its entries at most: each lane adds them up one by one.
_SHORT, _FEW = 1 << 14, 1 << 9
#: Topics from which on a row alone has a compact tile: of fewer, most move, and a
#: second pass to leave out the others costs more than they do.
_MANY = 128
_WINDOW = 512  # rows of which those of equal length descend together


def csr_scd_rows(X: CSR, W, HT, u, share, *options, settles: bool = False):
    indptr, indices, data = arrays_of(X)
    factors = array_of(W), array_of(HT), array_of(u), array_of(share)
    prior, options, work, out, logs = _arguments(W, *options, settles)
    args = *factors, array_of(inverse_of(u)), prior, *options, out.numpy(), logs.numpy()
    dtype, K = data.dtype, W.shape[1]

    # Entries of the longest row with a tile of all topics: other rows do not change it.
    full = _TILE // dtype.itemsize // (K + 1) if K < _MANY else 0

    def rows(first, last, indptr, *args):
        # Python allocates for each block: kernels without allocations compile faster.
        short, lengths = min(_SHORT // K, _FEW), np.diff(indptr[first : last + 1])
        order, begins, longest = _groups(lengths, short, dtype)
        groups = begins, first + order, short, full, indptr
        memory = _entries(longest, full, dtype, K, settles), _memory(dtype, K)
        _csr_rows(0, len(begins) - 1, *groups, *args, *memory)

    run_blocks(rows, indptr, work, indices, data, *args)
    return out, logs


def csr_settled_scd_rows(*args):
    return csr_scd_rows(*args, settles=True)


def dense_scd_rows(X: Tensor, W, HT, u, share, *options):
    n, m = X.shape
    dtype, K = HT.numpy().dtype, HT.shape[1]
    # The other factor is the tile of every row.
    tile = aligned((K, padded(m, dtype)), dtype)
    tile[:, :m], tile[:, m:] = HT.numpy().T, 0
    factors = array_of(W), array_of(u), array_of(share)
    prior, options, work, out, logs = _arguments(W, *options, False)
    # X may be a transposed view: the kernel reads its rows with a stride.
    args = X.numpy(), *factors, prior, *options, out.numpy(), logs.numpy(), tile

    def rows(*args):
        _dense_rows(*args, aligned((2, tile.shape[1]), dtype), _memory(dtype, K))

    run_blocks(rows, np.arange(n + 1) * m, work, *args)
    return out, logs


def _groups(lengths: np.ndarray, short: int, dtype):
    """The order of rows, where each group begins, the longest short and long row."""
    n, long = len(lengths), short + 1
    n_windows = -(-n // _WINDOW)
    windows = np.full((n_windows, _WINDOW), long, np.int16)
    windows.ravel()[:n] = np.minimum(lengths, long)
    order = windows.argsort(axis=1, kind="stable")
    alone = np.take_along_axis(windows, order, 1) == long
    begins = alone | (np.arange(_WINDOW) % lanes(dtype) == 0)
    order += _WINDOW * np.arange(n_windows)[:, None]
    # The last window is filled up with rows that do not exist: they are its last.
    order, alone, begins = (array.ravel()[:n] for array in (order, alone, begins))
    lengths = lengths[order]
    longest = lengths[~alone].max(initial=0), lengths[alone].max(initial=0)
    return order, np.append(np.flatnonzero(begins), n), longest


def _entries(longest: tuple[int, int], full: int, dtype, K: int, settles: bool):
    """Memory of a group by entry: the tile; x, y and two more; columns.

    And of compact tiles: 0, 1, .. and copies of the rows of HT.
    """
    # With an odd number of vectors, which may be one more.
    L, width, most = lanes(dtype), padded(K, dtype), _TILE // np.dtype(dtype).itemsize
    short, long = (longest[0] + 1) * L, padded(longest[1], dtype) + L
    # A compact tile has a line for topics that it does not need.
    tile = aligned((max(K * short, min((K + 1) * long, max(most, 2 * long))),), dtype)
    held = max(_COPY // np.dtype(dtype).itemsize // width, RUN)
    copies = max(min(long, held), L) if settles and long > full else 0
    copies = aligned((copies, width), dtype)
    lines, counted = aligned((4, max(short, long)), dtype), np.arange(len(copies))
    columns = np.empty(lines.shape[1], np.int64)
    return tile, lines, columns, counted.astype(np.int64), copies


def _memory(dtype, K: int):
    """Memory of a group by lane and by topic, as `group` names it."""
    L, padded_K = lanes(dtype), padded(K, dtype)
    topics = aligned((4, max(K, L), L), dtype)
    topics[NOTHING] = 0
    count = np.tile(np.arange(padded_K, dtype=np.int64), (2, 1))
    count[1, K:] = -1
    numbers, weights = aligned((10, L), dtype), aligned((L, padded_K), dtype)
    # Also of gathers that only transpose.
    nothing, spare = np.zeros(max(K, L), dtype), aligned((4, padded_K), dtype)
    spare[:] = 1
    rows, kept = np.empty(L, np.int64), np.empty((3, L))
    places = np.empty((3, K), np.int64)
    own = rows, kept, numbers, topics, weights, places, count
    return *own, nothing, spare, np.empty(K)


def _arguments(W: Tensor, pseudocount, l2, n_sweeps, tol, floor, settles):
    """Pseudocounts, units and options of a kernel, its work per entry, its outputs.

    Pseudocounts are rows for all rows of W, or one row that all share. `tiny` and
    `least` are relative to a row's size: the largest weight that becomes zero, and the
    smallest reconstruction.
    """
    if isinstance(pseudocount, Tensor):
        prior = array_of(pseudocount)
    else:
        prior = np.full((1, W.shape[1]), pseudocount, W.numpy().dtype)
    tiny, least = torch.finfo(W.dtype).eps / 100, SQUARE_FLOOR[W.dtype]
    # All options have one type, so that there is less to compile.
    options = l2, n_sweeps, tol, floor, tiny, least, settles
    options = tuple(map(float, options))
    logs = W.new_empty(W.shape[0], dtype=torch.float64)
    work = W.shape[1] * (n_sweeps + 1 + 2 * settles)
    return prior, (_units(), options), work, torch.empty_like(W), logs


@cache
def _units() -> np.ndarray:  # [3, 2048]
    """The units of rows by the exponent bits of a size: exponent, power, inverse."""
    exponents = unit_exponents("cpu").numpy()
    return np.stack([exponents, np.ldexp(1.0, exponents), np.ldexp(1.0, -exponents)])


@kernel
def _csr_rows(
    first,
    last,
    begins,
    order,
    short,
    full,
    indptr,
    indices,
    data,
    W,
    HT,
    u,
    share,
    inverse,
    prior,
    units,
    options,
    out,
    logs,
    entries,
    memory,
):
    # first, last: of groups; begins, order: see `_groups`; short: entries of the
    # longest short row; full: of those whose tile has all topics.
    # W, out [n, K]; HT [m, K]; u, share, inverse [K]; prior [n or 1, K];
    # units [3, 2048]; logs [n]; for the rest, see `_entries` and `_memory`
    tiles, lines, columns, counted, copies = entries
    _, kept, numbers, topics, weights, _, count, _, _, _ = memory
    _, _, _, _, _, _, settling = options
    settles, L, K = settling > 0, topics.shape[2], len(u)
    for g in range(first, last):
        members = order[begins[g] : begins[g + 1]]
        end = members[-1]
        length = indptr[end + 1] - indptr[end]
        alone = length > short
        width = 1 if alone else L
        # An odd number of vectors: lines would compete for the same places of a cache.
        size = (((length + L - 1) // L) | 1) * L if alone else (length | 1) * L
        x, y, places = lines[0][:size], lines[1][:size], columns[:size]
        shape = size // width, width
        x2, y2, places2 = x.reshape(shape), y.reshape(shape), places.reshape(shape)
        for s in range(size):
            x[s], places[s] = 0, -1
        for lane in range(len(members)):
            begin, end = indptr[members[lane]], indptr[members[lane] + 1]
            row, terms, tokens = data[begin:end], indices[begin:end], 0.0
            for j in range(len(row)):
                x2[j, lane], places2[j, lane] = row[j], terms[j]
                tokens += np.float64(row[j])
            kept[TOKENS, lane] = tokens
        enter(alone, members, W, u, prior, units, options, memory)
        for j in range(len(x2)):
            for lane in range(width):
                x2[j, lane] *= numbers[UNIT, lane]
        compact = alone and size > full
        n_lines = min(K, len(tiles) // size - compact)
        tile = tiles[: (n_lines + compact) * size].reshape(n_lines + compact, size)
        group = places, HT, x, y, lines[2][:size]
        if not compact:
            clear(y, places)
            gather_group(alone, group, tile, memory, int(settles))
        elif settles:
            read_alone(places, HT, x, copies[:size], memory)
            if size <= len(copies):
                # From now on, the row's part of the other factor lies side by side.
                group = counted[:size], copies, x, y, lines[2][:size]
        n_moving = settle(compact, u, share, inverse, options, memory)
        if compact:
            clear(y, places)
            gather_moving(WEIGHT, 0, n_moving, group, tile, memory)
        elif settles:
            clear(y, places)
            add_lines(y, tile, topics[WEIGHT], count[0, :K])
        sweep(alone, n_lines, n_moving, group, tile, u, options, memory)
        rows_of_weights(memory)
        for lane in range(len(members)):
            i = members[lane]
            n, own = indptr[i + 1] - indptr[i], prior[min(i, len(prior) - 1)]
            leave(W[i], own, weights[lane], kept[BACK, lane], out[i])
            row_x, row_y = lines[2][:n], lines[3][:n]
            for j in range(n):
                row_x[j], row_y[j] = x2[j, lane], y2[j, lane]
            # x and y are their values in the row's unit.
            logs[i] = (
                sum_x_log_y(row_x, row_y) * kept[BACK, lane] - kept[LOG_UNIT, lane]
            )


@kernel
def _dense_rows(
    first,
    last,
    bounds,
    X,
    W,
    u,
    share,
    prior,
    units,
    options,
    out,
    logs,
    tile,
    lines,
    memory,
):
    # X [n, m]; W, out [n, K]; u, share [K]; prior [n or 1, K]; units [3, 2048];
    # logs [n]; tile [K, padded]; lines [2, padded]; for the rest, see `_memory`
    x, y, m = lines[0], lines[1], X.shape[1]
    members, kept, numbers, topics, weights, _, count, _, _, _ = memory
    for i in range(first, last):
        tokens = 0.0
        for j in range(m):
            x[j] = X[i, j]
            tokens += np.float64(x[j])
        members[0], kept[TOKENS, 0] = i, tokens
        enter(True, members, W, u, prior, units, options, memory)
        for j in range(m):
            x[j], y[j] = x[j] * numbers[UNIT, 0], 0
        for j in range(m, len(x)):
            x[j], y[j] = 0, 1
        add_lines(y, tile, topics[WEIGHT], count[0, : len(u)])
        n_moving = settle(False, u, share, u, options, memory)
        # The tile is complete: nothing is gathered.
        group = members, tile, x, y, x
        sweep(True, len(u), n_moving, group, tile, u, options, memory)
        own = prior[min(i, len(prior) - 1)]
        rows_of_weights(memory)
        leave(W[i], own, weights[0], kept[BACK, 0], out[i])
        logs[i] = sum_x_log_y(x[:m], y[:m]) * kept[BACK, 0] - kept[LOG_UNIT, 0]
