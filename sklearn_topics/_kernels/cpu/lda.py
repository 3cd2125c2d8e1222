"""Variational inference of documents on the CPU: see `ops.lda_rows`.

The weights of a document's terms are copied into a tile, [topics, entries], which all
sweeps over the document read: see `descent`. A sweep takes two passes over the tile,
the reconstructions y and the expected counts.

Most topics come to rest after a few sweeps: their expected counts c in the document are
so few that their weight is that of the prior, but for a part psi'(prior) c of it. What
they add to each y is added once, to a base, and sweeps pass over the other topics
alone. The counts of topics at rest are computed at the end; or when a y has fallen so
far that they may have grown, and then all topics return.

The tile of a very long document holds a chunk of its entries at a time, and each sweep
gathers it anew. None of its topics rest.
"""

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .descent import gather
from .digamma import digamma, exp_psi
from .jit import INLINED, array_of, arrays_of, inlined, kernel

_LANES = 8
_TILE = 1 << 25  # bytes of a thread's tile
_SWEEPS = 32  # over a document, or so
#: A topic rests with at most `_REST` tokens, and if it adds at most that share of each
#: y; topics return if a y falls to 1 / `_MARGIN` of what it was. The mean change of
#: gamma, which ends the sweeps below 1e-3 or so, is without changes of c below `_REST`.
_REST, _MARGIN = 1e-8, 32.0


def csr_lda_rows(X: CSR, gamma: Tensor, HT: Tensor, prior, n_sweeps, tol):
    indptr, indices, data = arrays_of(X)
    K, eps = gamma.shape[1], torch.finfo(gamma.dtype).eps
    new, weights = torch.empty_like(gamma), torch.empty_like(gamma)
    # All options have one type, so that there is less to compile.
    options = tuple(map(float, (prior, n_sweeps, tol, eps, _REST, _MARGIN)))
    outputs = new.numpy(), weights.numpy()
    args = indices, data, array_of(gamma), array_of(HT), options, *outputs

    def rows(first, last, indptr, *args):
        # Python allocates for each block: kernels without allocations compile faster.
        longest = _padded(np.diff(indptr[first : last + 1]).max(initial=0))
        size = K * max(min(longest, _TILE // (data.itemsize * K)), _LANES)
        tile, lines = np.empty(size, data.dtype), np.empty((4, longest), data.dtype)
        topics, places = np.empty((5, _padded(K)), data.dtype), np.empty(K, np.int64)
        _rows(first, last, indptr, *args, tile, lines, topics, places)

    run_blocks(rows, indptr, _SWEEPS * K, *args)
    return new, weights


def _padded(length: int) -> int:
    return -(-int(length) // _LANES) * _LANES


@kernel
def _rows(
    first,
    last,
    indptr,
    indices,
    data,
    gamma,
    HT,
    options,
    new,
    weights,
    tile,
    lines,
    topics,
    places,
):
    # gamma, new, weights [n, K]; HT [m, K]; tile [..]; lines [4, longest];
    # topics [5, padded K]; places [K]
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        document = indices[begin:end], data[begin:end], HT, tile, lines
        _infer(document, gamma[i], options, topics, places, new[i], weights[i])


@inlined
def _infer(document, start, options, topics, places, new, weights):
    """Sweeps over one document, from `start` to its `new` gamma and their weights."""
    indices, data, HT, memory, lines = document
    prior, n_sweeps, tol, eps, rest, margin = options
    K, real, length = len(start), start.dtype.type, len(data)
    padded = (length + _LANES - 1) // _LANES * _LANES
    chunk = min(padded, len(memory) // (K * _LANES) * _LANES)
    g, w, c, s, shift = topics[0], topics[1], topics[2], topics[3], topics[4]
    x, y, highest = lines[0][:padded], lines[1][:padded], lines[2][:padded]
    base, tile = lines[3][:padded], memory[: K * chunk].reshape(K, chunk)
    smallest, total = _prepare(data, x), _begin(start, g, places)
    if padded == chunk:
        gather(indices, HT, 0, tile)
    base[:] = real(eps)
    moved, fell, fewest, bound = np.inf, False, real(0), real(rest) * min(smallest, 1)
    active, returned, level, known = K, padded > chunk, real(0), -1.0
    for sweep in range(int(n_sweeps) + 1):
        done = sweep == n_sweeps or moved / K < tol
        # Constant but for rounding, since all tokens of a document are in topics. With
        # reconstructions of about eps they are not.
        drifted = abs(total - known) > max(64 * eps, rest if active < K else 0) * total
        if active < K and (done or fell or drifted):
            total += _return(y, tile, g, w, c, s, places, active, prior)
            base[:] = real(eps)
            active, returned, drifted = K, True, True
        if drifted:
            level, known = real(digamma(total)), total
        lanes = (active + _LANES - 1) // _LANES * _LANES
        shift[:lanes] = level
        exp_psi(g[:lanes], shift, w[:lanes])
        if done:
            break
        if sweep > 1 and fewest <= bound and not (returned or drifted):
            # Not after the first sweep: a start may be below the prior.
            active = _rest(tile, base, g, w, c, places, active, bound)
        fell, s[:] = False, 0
        for begin in range(0, padded, max(chunk, 1)):
            end = min(begin + chunk, padded)
            part = memory[: K * (end - begin)].reshape(K, end - begin)
            if padded > chunk:
                gather(indices[begin : min(end, length)], HT, 0, part)
            _reconstruct(base[begin:end], w, part, places, active, y[begin:end])
            lines_of_part = x[begin:end], y[begin:end], highest[begin:end]
            fell |= ratios(*lines_of_part, margin, active < K)
            _add_counts(y[begin:end], part, places, active, s)
        moved, total, fewest = 0.0, (K - active) * prior, bound + 1
        for k in range(active):
            c[k] = w[k] * s[k]
            fresh = c[k] + real(prior)
            moved += np.float64(abs(fresh - g[k]))
            total += np.float64(fresh)
            g[k] = fresh
            fewest = min(fewest, c[k])
    for k in range(K):
        new[places[k]], weights[places[k]] = g[k], w[k]


@inlined
def _prepare(data, x):
    """x = data, padded with zeros; returns the smallest entry."""
    smallest = x.dtype.type(0)
    if len(data) > 0:
        smallest = data[0]
    for j in range(len(data)):
        x[j] = data[j]
        smallest = min(smallest, data[j])
    for j in range(len(data), len(x)):
        x[j] = 0
    return smallest


@inlined
def _begin(start, g, places):
    """g = start, padded with ones, and all topics in their places; returns the sum."""
    total = 0.0
    for k in range(len(start)):
        g[k], places[k] = start[k], k
        total += np.float64(start[k])
    for k in range(len(start), len(g)):
        g[k] = 1
    return total


@inlined
def _reconstruct(base, w, tile, places, active, y):
    """y = base + the sum over topics of w times the topic's line of the tile."""
    for j in range(len(y)):
        y[j] = base[j]
    whole = active // 4 * 4
    for k in range(0, whole, 4):
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        h0, h1 = tile[places[k]], tile[places[k + 1]]
        h2, h3 = tile[places[k + 2]], tile[places[k + 3]]
        for j in range(len(y)):
            y[j] += (w0 * h0[j] + w1 * h1[j]) + (w2 * h2[j] + w3 * h3[j])
    for k in range(whole, active):
        w0, h0 = w[k], tile[places[k]]
        for j in range(len(y)):
            y[j] += w0 * h0[j]


def ratios(x, y, highest, margin, some_rest):
    """y = x / y; returns whether a y is below 1 / margin of what it was.

    Of the highest since topics rest, that is.
    """
    raise NotImplementedError


@overload(ratios, jit_options=INLINED)
def _ratios(x, y, highest, margin, some_rest):
    wide = y.dtype == numba.float64
    integer, real = (np.int64, np.float64) if wide else (np.int32, np.float32)

    def impl(x, y, highest, margin, some_rest):
        signs, limit = integer(0), real(margin)
        if some_rest:
            for j in range(len(y)):
                highest[j] = max(highest[j], y[j])
                y[j] = x[j] / y[j]
                # Vectors have no test that ends a loop, but the sign is a bit.
                signs |= real(limit * x[j] - highest[j] * y[j]).view(integer)
        else:
            for j in range(len(y)):
                highest[j] = y[j]
                y[j] = x[j] / y[j]
        return signs < 0

    return impl


@inlined
def _add_counts(r, tile, places, active, s):
    """s += the sums of r times a line of the tile, by topic."""
    whole = active // 4 * 4
    for k in range(0, whole, 4):
        h0, h1 = tile[places[k]], tile[places[k + 1]]
        h2, h3 = tile[places[k + 2]], tile[places[k + 3]]
        s0 = s1 = s2 = s3 = r.dtype.type(0)
        for j in range(len(r)):
            s0 += r[j] * h0[j]
            s1 += r[j] * h1[j]
            s2 += r[j] * h2[j]
            s3 += r[j] * h3[j]
        s[k] += s0
        s[k + 1] += s1
        s[k + 2] += s2
        s[k + 3] += s3
    for k in range(whole, active):
        h0, s0 = tile[places[k]], r.dtype.type(0)
        for j in range(len(r)):
            s0 += r[j] * h0[j]
        s[k] += s0


@inlined
def _rest(tile, base, g, w, c, places, active, bound):
    """Move the topics that stay to the front, add the others to `base`.

    Returns the number of those that stay.
    """
    stay = 0
    for k in range(active):
        if c[k] > bound:
            g[stay], g[k] = g[k], g[stay]
            w[stay], w[k] = w[k], w[stay]
            places[stay], places[k] = places[k], places[stay]
            stay += 1
    _reconstruct(base, w[stay:], tile, places[stay:], active - stay, base)
    return stay


@inlined
def _return(r, tile, g, w, c, s, places, active, prior):
    """gamma of topics at rest, by the last ratios; returns its sum above prior."""
    resting, above = len(places) - active, 0.0
    s[:resting] = 0
    _add_counts(r, tile, places[active:], resting, s)
    for k in range(resting):
        fresh = w[active + k] * s[k]
        g[active + k] = fresh + c.dtype.type(prior)
        above += np.float64(fresh)
    return above
