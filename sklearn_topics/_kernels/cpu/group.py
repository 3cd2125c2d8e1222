"""Coordinate descent on a group of rows: the pieces of `descent`'s kernels.

A group has a row in each lane, or the same row in all. Its memory, which the kernels
get from Python, is by lane, or by topic and lane; numbers are in the unit of the row.

The compact tile of a very long row holds some topics at a time, and is gathered anew
whenever others are needed: the same operations in the same order, hence the same bits.
"""

import numpy as np

from .jit import inlined, spliced
from .lanes import gather_ratios, read_ratios, spread_first, step_sums, sum_lanes
from .prefetch import distance

#: The memory is rows, kept, numbers, topics, weights, places, count, nothing, spare and
#: wide.
#: rows [lanes]: the row in each lane, and -1 for none. weights [lanes, padded K].
#: places [3, K]: see below. count [2, padded K]: 0, 1, .., and the same with -1 from K
#: on. nothing: zeros.
#: spare [4, padded K]: lines of a pass whose results nobody needs, or of a moment.
#: wide [K], in float64.

#: kept [3, lanes], in float64
TOKENS, LOG_UNIT, BACK = range(3)
#: numbers [10, lanes]; the last two are sums of a pass
UNIT, _FLOOR, _LEAST, _BOUND, _L2, _ACTIVE, _MOVED, _STEP, _SUMS = range(9)
#: topics [4, at least K and lanes, lanes]
WEIGHT, PRIOR, NUMERATOR, NOTHING = range(4)
#: places [3, K]: the topics that move in any lane, and each one's line of the tile; the
#: line of each topic in a gather.
MOVING, LINE, _GATHERED = range(3)

RUN = 64  # entries of a row alone that are read, and added up, at a time
_MOST = 1e100  # of a curvature: squares of its products are numbers


@spliced
def enter(alone, members, W, u, prior, units, options, memory):
    """Weights and pseudocounts of a group, from its rows and their tokens."""
    # members [at most lanes]; W [n, K]; u [K]; prior [n or 1, K]; units [3, 2048]
    rows, kept, numbers, topics, _, _, count, nothing, spare, _ = memory
    w, b, real, L = topics[WEIGHT], topics[PRIOR], W.dtype.type, len(rows)
    for lane in range(L):
        source = 0 if alone else lane
        rows[lane] = members[source] if source < len(members) else -1
        kept[TOKENS, lane] = kept[TOKENS, source] if source < len(members) else 0.0
        kept[BACK, lane] = kept[TOKENS, lane]
    passed = spare[0, :L], spare[1, :L], spare[2], spare[3], spare
    zeros, count = topics[NOTHING], count[0, : len(u)]
    gather_ratios(rows, W, nothing, 0, count, w, zeros, *passed, 0)
    if len(prior) > 1:
        gather_ratios(rows, prior, nothing, 0, count, b, zeros, *passed, 0)
    for k in range(len(u)):
        for lane in range(L):
            own = b[k, lane] if len(prior) > 1 else prior[0, k]
            b[k, lane] = own
            kept[BACK, lane] += np.float64(max(own, real(0)))
    for lane in range(L):
        _enter_lane(lane, units, options, memory)
    for k in range(len(u)):
        is_empty = u[k] <= 0
        for lane in range(L):
            value, own, unit = w[k, lane], b[k, lane], numbers[UNIT, lane]
            # An empty topic explains nothing and gets no weight, but where it is fixed.
            value = real(0) if is_empty & (own >= 0) else value * unit
            # Times the zeros where a lane has no entry, infinity would be NaN in some
            # groups only: it is NaN in all.
            w[k, lane] = value + (value - value)
            b[k, lane] = own * unit
            topics[NUMERATOR, k, lane] = 0


@inlined
def _enter_lane(lane, units, options, memory):
    """The unit of a row, and numbers in it."""
    rows, kept, numbers, topics, _, _, _, _, _, _ = memory
    l2, _, _, floor, tiny, least, _ = options
    real = topics.dtype.type
    size, tokens = kept[BACK, lane], kept[TOKENS, lane]
    # The exponent bits of the size are the place of the unit.
    place = np.float64(size if size > 0 else 1.0).view(np.int64) >> 52
    unit = real(units[1, place])
    # Until here `BACK` was the row's size.
    kept[LOG_UNIT, lane] = tokens * units[0, place] * np.log(2.0)
    kept[BACK, lane] = units[2, place]
    tokens = real(tokens * np.float64(unit))
    numbers[UNIT, lane], numbers[_ACTIVE, lane] = unit, rows[lane] >= 0
    numbers[_FLOOR, lane] = max(real(floor) * unit, real(least))
    numbers[_LEAST, lane], numbers[_BOUND, lane] = real(tiny) * tokens, tokens
    numbers[_L2, lane], numbers[_STEP, lane] = real(l2 / np.float64(unit)), 0


@spliced
def gather_group(alone, group, tile, memory, wanted):
    """y += weights times the other factor, which becomes a tile of all topics.

    And the numerators of a step of EM, if they are `wanted`: 1 or 0.
    """
    columns, HT, x, y, ratios = group
    _, _, numbers, topics, _, _, count, nothing, _, _ = memory
    args = count[0, : HT.shape[1]], tile, topics[WEIGHT], x, y, numbers[_FLOOR], ratios
    gather_ratios(columns, HT, nothing, 0, *args, topics[NUMERATOR], wanted)
    if alone and wanted:
        for k in range(HT.shape[1]):
            sum_lanes(topics[NUMERATOR, k])


@spliced
def read_alone(columns, HT, x, rows, memory):
    """The numerators of a step of EM of a row alone, and its rows of HT.

    `rows` are those of all entries, or, where they are too many, are overwritten.
    """
    _, _, numbers, topics, weights, _, _, nothing, spare, wide = memory
    w, sums, K = weights[0], spare[0], HT.shape[1]
    for k in range(len(w)):
        w[k] = topics[WEIGHT, k, 0] if k < K else 0
    wide[:] = 0
    # A sum of many float32 would lose digits.
    for first in range(0, len(x), RUN):
        some = x[first : first + RUN]
        begin = first if len(x) <= len(rows) else 0
        sums[:] = 0
        args = distance(HT) // 4 * 4, w, some, numbers[_FLOOR], rows[begin:], sums
        read_ratios(columns[first:], HT, nothing, *args)
        for k in range(K):
            wide[k] += np.float64(sums[k])
    for k in range(K):
        for lane in range(topics.shape[2]):
            topics[NUMERATOR, k, lane] = wide[k]


@spliced
def gather_moving(kind, first, n_moving, group, tile, memory):
    """A tile of some topics that move, from the `first` one on.

    `kind` is WEIGHT, to add all topics to y, or NOTHING where it is complete. The last
    line of the tile takes what is not needed.
    """
    columns, HT, x, y, ratios = group
    _, _, numbers, topics, _, places, _, nothing, _, _ = memory
    moving, gathered, n_lines = places[MOVING], places[_GATHERED], len(tile) - 1
    last = min(first + n_lines, n_moving)
    gathered[:] = n_lines
    for t in range(first, last):
        gathered[moving[t]] = t - first
    begin, end = 0, places.shape[1]
    if kind == NOTHING:
        begin, end = moving[first], moving[last - 1] + 1
    args = gathered[begin:end], tile, topics[kind, begin:end], x, y, numbers[_FLOOR]
    gather_ratios(columns, HT, nothing, begin, *args, ratios, topics[NUMERATOR], 0)


@inlined
def settle(compact, u, share, inverse, options, memory):
    """Weights that settle take their step, and all is ready for sweeps.

    The tile is to be `compact`, with lines for topics that move, or has one for each.

    A topic's prior becomes what its steps need, and negative where it is at rest.
    Returns how many topics move in any lane; `places` say which.
    """
    # u, share, inverse [K]
    _, _, numbers, topics, _, places, _, _, _, _ = memory
    w, b, N = topics[WEIGHT], topics[PRIOR], topics[NUMERATOR]
    _, _, tol, _, _, _, settles = options
    real, n_moving = w.dtype.type, 0
    tol, settles = real(tol), real(settles)
    for k in range(len(u)):
        is_empty, share_k, inverse_k = u[k] <= 0, share[k], inverse[k]
        for lane in range(w.shape[1]):
            value, own = w[k, lane], b[k, lane]
            full, explained = own + share_k * value, value * N[k, lane]
            settled = (own * settles > 0) & (explained < full) & (not is_empty)
            new = (explained + full) * inverse_k if settled else value
            w[k, lane] = new
            fixed = settled | (own < 0)
            numbers[_BOUND, lane] += (real(0) if fixed else own) + share_k * new
            rests = fixed | is_empty | (numbers[_ACTIVE, lane] == 0)
            b[k, lane] = real(-1) if rests else full
        moves = 0
        for lane in range(w.shape[1]):
            moves += not b[k, lane] < 0
        places[MOVING, n_moving] = k
        places[LINE, n_moving] = n_moving if compact else k
        n_moving += moves > 0
    for lane in range(w.shape[1]):
        numbers[_BOUND, lane] *= tol
    return n_moving


@spliced
def sweep(alone, n_lines, n_moving, group, tile, u, options, memory):
    """Sweeps over the topics of a group; y becomes its reconstructions.

    A tile with fewer lines than topics that move holds the first ones.
    """
    _, _, x, y, _ = group
    _, _, numbers, _, _, places, _, _, _, _ = memory
    floors, sums = numbers[_FLOOR], numbers[_SUMS:]
    # There is no line yet: the first step is zero.
    last, held = x, 0
    # All lanes of a row alone would take the same step: the first one does.
    n_lanes = 1 if alone else len(floors)
    _, n_sweeps, _, _, _, _, _ = options
    for _sweep in range(int(n_sweeps)):
        for lane in range(len(floors)):
            numbers[_MOVED, lane] = 0
        for t in range(n_moving):
            part, k = t // n_lines, places[MOVING, t]
            if alone and part != held:
                # y takes the step of a line that is about to go.
                step_sums(x, y, x, last, numbers[_STEP], floors, sums)
                for lane in range(len(floors)):
                    numbers[_STEP, lane] = 0
                held = part
                gather_moving(NOTHING, part * n_lines, n_moving, group, tile, memory)
            line = tile[places[LINE, t] - part * n_lines]
            step_sums(x, y, line, last, numbers[_STEP], floors, sums)
            if alone:
                sum_lanes(sums[0])
                sum_lanes(sums[1])
            _step(k, u[k], n_lanes, options, memory)
            if alone:
                spread_first(numbers[_STEP])
            last = line
        n_active = 0
        for lane in range(n_lanes):
            stops = numbers[_MOVED, lane] <= numbers[_BOUND, lane]
            numbers[_ACTIVE, lane] = (numbers[_ACTIVE, lane] > 0) & (not stops)
            n_active += numbers[_ACTIVE, lane] > 0
        if n_active == 0:
            break
    # In any case: this is where a row whose topics are all fixed meets the floor.
    step_sums(x, y, x, last, numbers[_STEP], floors, sums)


@inlined
def _step(k, u, n_lanes, options, memory):
    """A step of one coordinate in each lane, from the sums of a pass."""
    numbers, topics = memory[2], memory[3]
    w, b, S, q = topics[WEIGHT, k], topics[PRIOR, k], numbers[_SUMS], numbers[_SUMS + 1]
    l2, _, _, _, _, _, _ = options
    real, cost, ridge = w.dtype.type, np.float64(u), l2 > 0
    for lane in range(n_lanes):
        value, own = w[lane], b[lane]
        # In the rows' type the squares of a large row would overflow.
        wide = np.float64(value), np.float64(S[lane]), np.float64(q[lane]), cost
        if ridge:
            new = real(_ridge_coordinate(*wide, np.float64(numbers[_L2, lane])))
        else:
            new = real(_coordinate(*wide, np.float64(own)))
        new = real(0) if (own == 0) & (new * u < numbers[_LEAST, lane]) else new
        moves = (numbers[_ACTIVE, lane] > 0) & (not own < 0)
        step = new - value if moves else real(0)
        step += step - step  # NaN where it is infinite, as in `enter`
        numbers[_STEP, lane] = step
        w[lane] = new if moves else value
        numbers[_MOVED, lane] = max(numbers[_MOVED, lane], abs(step) * u)


@inlined
def _coordinate(w, S, q, u, a):
    """`reference.descent.coordinate_step` for one row, with all terms multiplied by q.

    Latency counts, because nothing else runs between two passes over a group: one root
    is followed by one division, and the limit on steps down depends on neither. Choices
    are no branches, so that all lanes take them together.
    """
    q = min(q, _MOST)  # infinite where a square overflows in the rows' type
    qw, slope = q * w, S * (S - u)
    qA = max(S - qw, 0.0)
    b = a * q + slope + u * qw
    root = np.sqrt(b * b + 4 * u * q * a * qA)
    above = 2 * a * qA if b < 0 else b + root
    below = root - b if b < 0 else 2 * u * q
    # Without a pseudocount it is the same, but for the rounding of a root.
    above = above if a != 0 else max(slope + u * qw, 0.0)
    new = above / (below if a != 0 else u * q)
    # No further down than the square of the upper bound, above / below, over w.
    above, below = qw * w + a, u - S + qw
    above, below = above * above, below * below * w
    new = above / below if (new < w) & (new * below < above) else new
    return a / u if q <= 0 else new


@inlined
def _ridge_coordinate(w, S, q, u, l2):
    """`_coordinate` with a quadratic penalty and without a pseudocount."""
    if q <= 0:
        return 0.0
    q = min(q, _MOST)
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


@spliced
def rows_of_weights(memory):
    """Put the weights of each lane side by side: weights [lanes, padded K]."""
    _, _, _, topics, weights, _, count, nothing, spare, _ = memory
    lines = count[0, : len(weights)], weights, topics[NOTHING]
    args = spare[0], spare[1], spare[2], spare[3], spare, 0
    gather_ratios(count[1], topics[WEIGHT], nothing, 0, *lines, *args)


@inlined
def clear(y, columns):
    """y = 0 at entries, and 1 where there is none: there x = 0 adds nothing."""
    for s in range(len(y)):
        y[s] = columns[s] < 0


@inlined
def leave(given, own, weights, back, out):
    """The weights of a row; those that are fixed stay as they were."""
    # given, own, out [K]; weights [at least K]
    back = out.dtype.type(back)
    for k in range(len(out)):
        out[k] = given[k] if own[k] < 0 else weights[k] * back
