"""Sequential coordinate descent on the CPU: see `ops.scd_rows`.

The weights of a row's terms are copied into a tile, [topics, entries], where the
weights of one topic lie side by side: LLVM makes vectors of the loops over entries.
Rows are padded to whole vectors, so that these loops have no scalar remainder.

Only topics whose weights can move are copied. The tile of a very long row holds a group
of them at a time, and each sweep gathers it anew for each group: the same operations in
the same order, hence the same bits.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..csr import CSR
from ..floors import SQUARE_FLOOR
from ..reference.descent import unit_exponents
from .blocks import run_blocks
from .jit import array_of, arrays_of, inlined, kernel, spliced
from .logarithms import sum_x_log_y
from .products import dots

_LANES = 8
_TILE = 1 << 25  # bytes of a thread's tile, which holds one topic at least
_LOG2 = np.log(2.0)


def csr_scd_rows(X: CSR, W, HT, u, share, *options):
    indptr, indices, data = arrays_of(X)
    factors = array_of(W), array_of(HT), array_of(u), array_of(share)
    prior, options, work, out, logs = _scd_arguments(W, *options)
    args = indices, data, *factors, prior, *options, out.numpy(), logs.numpy()

    def rows(first, last, indptr, *args):
        # Python allocates for each block: kernels without allocations compile faster.
        lines = _lines(np.diff(indptr[first : last + 1]).max(initial=0), data.dtype)
        whole = W.shape[1] * lines[0].size
        size = min(whole, max(_TILE // data.itemsize, lines[0].size))
        tiles, places = np.empty(size, data.dtype), np.empty(W.shape[1], np.int64)
        _csr_rows(first, last, indptr, *args, tiles, lines, places)

    run_blocks(rows, indptr, work, *args)
    return out, logs


def dense_scd_rows(X: Tensor, W, HT, u, share, *options):
    n, m = X.shape
    # The other factor is the tile of every row.
    tile = HT.new_zeros(HT.shape[1], -(-m // _LANES) * _LANES)
    tile[:, :m] = HT.T
    # X may be a transposed view: the kernel reads its rows with a stride.
    factors = X.numpy(), array_of(W), array_of(HT), array_of(u), array_of(share)
    prior, options, work, out, logs = _scd_arguments(W, *options)
    columns = tile.numpy(), np.arange(m)
    args = *factors, prior, *options, out.numpy(), logs.numpy(), *columns

    def rows(first, last, bounds, *args):
        lines, places = _lines(m, tile.numpy().dtype), np.empty(HT.shape[1], np.int64)
        _dense_rows(first, last, bounds, *args, lines, places)

    run_blocks(rows, np.arange(n + 1) * m, work, *args)
    return out, logs


def _lines(entries: int, dtype: np.dtype) -> np.ndarray:  # [2, padded]
    """Memory for x and y, for rows of at most this many entries."""
    return np.empty((2, -(-entries // _LANES) * _LANES), dtype)


def _scd_arguments(W: Tensor, pseudocount, l2, n_sweeps, tol, floor):
    """Pseudocounts, units and options of a kernel, its work per entry, its outputs.

    Pseudocounts are rows for all rows of W, or one row of zeros that all share. `tiny`
    and `least` are relative to a row's size: the largest weight that becomes zero, and
    the smallest reconstruction.
    """
    if isinstance(pseudocount, Tensor):
        prior, pseudocount = array_of(pseudocount), 0.0
    else:
        prior = np.zeros((1, W.shape[1]), W.numpy().dtype)
    tiny, least = torch.finfo(W.dtype).eps / 100, SQUARE_FLOOR[W.dtype]
    # All options have one type, so that there is less to compile.
    numbers = tuple(map(float, (pseudocount, l2, n_sweeps, tol, floor, tiny, least)))
    logs = W.new_empty(W.shape[0], dtype=torch.float64)
    work = W.shape[1] * (n_sweeps + 1)
    return prior, (_units(), numbers), work, torch.empty_like(W), logs


@cache
def _units() -> np.ndarray:  # [3, 2048]
    """The units of rows by the exponent bits of a size: exponent, power, inverse."""
    exponents = unit_exponents("cpu").numpy()
    return np.stack([exponents, np.ldexp(1.0, exponents), np.ldexp(1.0, -exponents)])


@kernel
def _csr_rows(
    first,
    last,
    indptr,
    indices,
    data,
    W,
    HT,
    u,
    share,
    prior,
    units,
    options,
    out,
    logs,
    tiles,
    lines,
    places,
):
    # W, out [n, K]; HT [m, K]; u, share [K]; prior [n or 1, K]; units [3, 2048];
    # logs [n]; places [K]
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        given, own = W[i], prior[min(i, len(prior) - 1)]
        moving = places[: _moving(u, own, places)]
        padded = (end - begin + _LANES - 1) // _LANES * _LANES
        topics = len(moving)
        if topics * padded > len(tiles):
            topics = len(tiles) // padded
        tile = tiles[: topics * padded].reshape(topics, padded)
        row = data[begin:end], given, out[i], own, lines
        columns, held = (indices[begin:end], HT), (tile, True)
        logs[i] = _descend(row, columns, moving, held, u, share, units, options)


@kernel
def _dense_rows(
    first,
    last,
    bounds,
    X,
    W,
    HT,
    u,
    share,
    prior,
    units,
    options,
    out,
    logs,
    tile,
    columns,
    lines,
    places,
):
    # X [n, m]; W, out [n, K]; HT [m, K]; u, share [K]; prior [n or 1, K];
    # units [3, 2048]; logs [n]; tile [K, padded]; columns [m]; places [K]
    for i in range(first, last):
        own = prior[min(i, len(prior) - 1)]
        moving = places[: _moving(u, own, places)]
        row, held = (X[i], W[i], out[i], own, lines), (tile, False)
        row_columns = columns, HT
        logs[i] = _descend(row, row_columns, moving, held, u, share, units, options)


@inlined
def _moving(u, prior, places):
    """The number of topics whose weights can move; they are put in their places."""
    count = 0
    for k in range(len(u)):
        places[count] = k
        # No branch: which topics move differs from row to row.
        count += not (u[k] <= 0 or prior[k] < 0)
    return count


@inlined
def gather(indices, HT, first, tile):
    """tile[t, j] = HT[indices[j], first + t], and zeros where the row is padded."""
    # indices [entries]; HT [m, K]; tile [topics, padded]
    topics, length = len(tile), len(indices)
    whole = length // 4 * 4
    for j in range(0, whole, 4):
        h0, h1 = HT[indices[j]], HT[indices[j + 1]]
        h2, h3 = HT[indices[j + 2]], HT[indices[j + 3]]
        for t in range(topics):
            line, k = tile[t], first + t
            line[j], line[j + 1] = h0[k], h1[k]
            line[j + 2], line[j + 3] = h2[k], h3[k]
    for j in range(whole, length):
        h = HT[indices[j]]
        for t in range(topics):
            tile[t, j] = h[first + t]
    for t in range(topics):
        line = tile[t]
        for j in range(length, len(line)):
            line[j] = 0


@inlined
def _gather_some(indices, HT, topics, tile):
    """`gather` of the topics that are named: tile[t, j] = HT[indices[j], topics[t]]."""
    for j in range(len(indices)):
        h = HT[indices[j]]
        for t in range(len(tile)):
            tile[t, j] = h[topics[t]]
    for t in range(len(tile)):
        line = tile[t]
        for j in range(len(indices), len(line)):
            line[j] = 0


@spliced
def _descend(row, columns, moving, held, u, share, units, options):
    """Descend on one row, from `given` to w; returns its sum of x log y.

    All numbers are in the row's unit meanwhile. `held` are a tile and whether it is to
    be gathered, for as many of the moving topics as it holds; or else it has all.
    """
    # data [entries]; given, w, prior [K]; lines [2, at least padded];
    # columns: indices [entries], HT [m, K]; moving [..]; tile [topics, padded]
    data, given, w, prior, lines = row
    tile, gathers = held
    pseudocount, l2, n_sweeps, tol, floor, tiny, least = options
    K, padded = len(w), tile.shape[1]
    x, y, real = lines[0][:padded], lines[1][:padded], w.dtype.type
    tokens = 0.0
    for j in range(len(data)):
        tokens += np.float64(data[j])
    size = tokens + pseudocount * K
    for k in range(K):
        size += max(np.float64(prior[k]), 0.0)
    # The exponent bits of the size are the place of the unit.
    place = np.float64(size if size > 0 else 1.0).view(np.int64) >> 52
    exponent, unit, back = units[0, place], real(units[1, place]), real(units[2, place])
    pseudocount, l2 = real(pseudocount) * unit, l2 / np.float64(unit)
    floor = max(real(floor) * unit, real(least))
    zero = floor - floor
    size = real(tokens * np.float64(unit))
    total = size
    for k in range(K):
        start = given[k] * unit
        # An empty topic explains nothing and gets no weight, but where it is fixed.
        w[k] = zero if u[k] <= 0 and prior[k] >= 0 else start
        total += pseudocount + max(prior[k], zero) * unit + share[k] * start
    complete = _reconstruct(columns, moving, held, w, y)
    _measure(data, unit, x, y)
    step, last = zero, 0
    for _ in range(int(n_sweeps)):
        moved, place = zero, -1
        for t in range(len(moving)):
            k = moving[t]
            place = _next_place(place, k, held)
            if place == 0 and not complete:
                if step != 0:  # y still needs a line that the next group replaces
                    _advance(y, tile[last], step, floor)
                    step = zero
                _gather_some(*columns, moving[t:], tile[: len(moving) - t])
                complete = len(tile) >= len(moving)
            S, q = _sums(x, y, tile[place], tile[last], step, floor)
            a = pseudocount + prior[k] * unit + share[k] * (given[k] * unit)
            wide = np.float64(w[k]), np.float64(S), np.float64(q), np.float64(u[k])
            # In the row's type: a float64 step would slow the loops over y down.
            new = real(_coordinate(*wide, a, l2))
            if a == 0 and new * u[k] < real(tiny) * size:
                new = zero
            step = new - w[k]
            w[k] = new
            last = place
            moved = max(moved, abs(step) * u[k])
        if moved <= real(tol) * total:
            break
    # In any case: this is where a row whose topics are all fixed meets the floor.
    _advance(y, tile[last] if len(tile) > 0 else x, step, floor)
    for k in range(K):
        w[k] = given[k] if prior[k] < 0 else w[k] * back
    # x and y are `unit` times their values: log y is larger by log(unit).
    logs = sum_x_log_y(x[: len(data)], y) / np.float64(unit)
    return logs - tokens * exponent * _LOG2


@inlined
def _measure(data, unit, x, y):
    """x = data in its unit; padding, x = 0 and y = 1, adds nothing."""
    for j in range(len(data)):
        x[j] = data[j] * unit
    for j in range(len(data), len(x)):
        x[j], y[j] = 0, 1


@inlined
def _next_place(place, k, held):
    """The place in the tile of topic k, the next one that moves."""
    tile, gathers = held
    after = 0 if place + 1 == len(tile) else place + 1
    return after if gathers else k


@spliced
def _reconstruct(columns, moving, held, w, y):
    """y = w HT; returns whether the tile holds all that moves."""
    # columns: indices [entries], HT [m, K]; moving [..]; w [K]; y [padded]
    (indices, HT), (tile, gathers) = columns, held
    if gathers and len(moving) < len(w):
        dots(w, HT, indices, y)
        return False
    for j in range(len(y)):
        y[j] = 0
    place = -1
    for k in range(len(w)):
        place = _next_place(place, k, held)
        if gathers and place == 0:
            gather(indices, HT, k, tile[: len(w) - k])
        line, wk = tile[place], w[k]
        if wk != 0:
            for j in range(len(y)):
                y[j] += wk * line[j]
    return not gathers or len(tile) >= len(w)


@inlined
def _advance(y, line, step, floor):
    """y takes the step of the coordinate whose line of the tile this is."""
    for j in range(len(y)):
        y[j] = max(y[j] + step * line[j], floor)


@inlined
def _sums(x, y, line, previous, step, floor):
    """S and q, summed while y takes the previous coordinate's step: one pass."""
    S = q = floor - floor
    for j in range(len(y)):
        v = max(y[j] + step * previous[j], floor)
        y[j] = v
        r = line[j] / v
        xr = x[j] * r
        S += xr
        q += xr * r
    return S, q


@inlined
def _coordinate(w, S, q, u, a, l2):
    """`reference.descent.coordinate_step` for one row, with all terms multiplied by q.

    Latency counts, because nothing else runs between two passes over a short row: one
    root is followed by one division, and the limit on steps down depends on neither.
    """
    if q <= 0:
        return a / u
    if l2 > 0:
        return _ridge_coordinate(w, S, q, u, l2)
    qw = q * w
    least = (qw * w + a) / (u - S + qw)
    if a == 0:
        new = max(w + S * (S - u) / (q * u), 0.0)
    else:
        qA = max(S - qw, 0.0)
        b = a * q + S * (S - u) + u * qw
        root = np.sqrt(b * b + 4 * u * q * a * qA)
        negative = b < 0
        above = 2 * a * qA if negative else b + root
        new = above / (root - b if negative else 2 * u * q)
    if new < w and new * w < least * least:
        new = least * least / w
    return new


@inlined
def _ridge_coordinate(w, S, q, u, l2):
    """`_coordinate` with a quadratic penalty and without a pseudocount."""
    gain = S * (S - u) / q + u * w  # C - u A
    new = 0.0
    if gain > 0:
        slope = u + l2 * max(S / q - w, 0.0)
        new = 2 * gain / (slope + np.sqrt(slope * slope + 4 * l2 * gain))
    p, c = u - S + q * w, q * w * w
    root = np.sqrt(p * p + 4 * l2 * c)
    least = 2 * c / (p + root) if p > 0 else (root - p) / (2 * l2)
    if new < w and new * w < least * least:
        new = least * least / w
    return new
