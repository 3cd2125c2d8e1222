"""Variational inference of documents on the CPU: see `ops.lda_rows`.

The weights of a document's terms are copied into a tile, [topics, entries], which all
sweeps over the document read: see `descent`. A sweep takes two passes over the tile,
the reconstructions y and the expected counts, each over the document's topics alone:
most topics leave a document after a few sweeps. What a topic that has left would add to
the y of any term stays below the rounding of y, by a bound that is kept up to date; if
the bound is passed, all topics return.

The tile of a very long document holds a chunk of its entries at a time, and each sweep
gathers it anew.
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
#: A topic leaves a document if it adds at most eps / _MARGIN to a term's y, relatively;
#: topics return if a y falls to 1 / _MARGIN of what it was since.
_MARGIN = 128.0


def csr_lda_rows(X: CSR, gamma: Tensor, HT: Tensor, prior, n_sweeps, tol):
    indptr, indices, data = arrays_of(X)
    K, eps = gamma.shape[1], torch.finfo(gamma.dtype).eps
    new, weights = torch.empty_like(gamma), torch.empty_like(gamma)
    # All options have one type, so that there is less to compile.
    options = tuple(map(float, (prior, n_sweeps, tol, eps, _MARGIN)))
    outputs = new.numpy(), weights.numpy()
    args = indices, data, array_of(gamma), array_of(HT), options, *outputs

    def rows(first, last, indptr, *args):
        # Python allocates for each block: kernels without allocations compile faster.
        longest = _padded(np.diff(indptr[first : last + 1]).max(initial=0))
        chunk = max(_TILE // (data.itemsize * K * _LANES), 1) * _LANES
        chunk = min(chunk, max(longest, _LANES))
        tile, lines = (
            np.empty(K * chunk, data.dtype),
            np.empty((3, longest), data.dtype),
        )
        topics, places = np.empty((5, _padded(K)), data.dtype), np.empty(K, np.int64)
        _rows(first, last, indptr, *args, chunk, tile, lines, topics, places)

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
    chunk,
    tile,
    lines,
    topics,
    places,
):
    # gamma, new, weights [n, K]; HT [m, K]; tile [K * chunk]; lines [3, longest];
    # topics [5, padded K]; places [K]
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        document = indices[begin:end], data[begin:end], HT, chunk, tile, lines
        _infer(document, gamma[i], options, topics, places, new[i], weights[i])


@inlined
def _infer(document, start, options, topics, places, new, weights):
    """Sweeps over one document, from `start` to its `new` gamma and their weights."""
    indices, data, HT, chunk, tile, lines = document
    prior, n_sweeps, tol, eps, margin = options
    K, real, length = len(start), start.dtype.type, len(data)
    padded = (length + _LANES - 1) // _LANES * _LANES
    g, w, c, s, shift = topics[0], topics[1], topics[2], topics[3], topics[4]
    x, y, highest = lines[0][:padded], lines[1][:padded], lines[2][:padded]
    smallest = _prepare(data, x)
    if padded <= chunk:
        gather(indices, HT, 0, tile[: K * padded].reshape(K, padded))
    moved, total = np.inf, _begin(start, g, places)
    growth, fewest, bound = real(0), real(0), real(eps / margin) * smallest
    active, returned = K, False
    for sweep in range(int(n_sweeps) + 1):
        shift[:] = real(digamma(total))
        exp_psi(g, shift, w)
        done = sweep == n_sweeps or moved / K < tol
        fell = active < K and growth > real(margin) * smallest
        if done or fell:
            _write(g, w, shift, prior, s, places, active, new, weights)
            if done:
                break
            for k in range(K):
                g[k], w[k], places[k] = new[k], weights[k], k
            active, returned = K, True
        elif sweep > 1 and fewest <= bound and not returned:
            # Not after the first sweep: a start may be below the prior, whose weight is
            # that of what has left.
            active = _leave(g, w, c, places, active, bound)
        growth = real(0)
        s[:] = 0
        for begin in range(0, padded, chunk):
            end = min(begin + chunk, padded)
            size = end - begin
            if padded > chunk:
                part = indices[begin : min(end, length)]
                gather(part, HT, 0, tile[: K * size].reshape(K, size))
            _reconstruct(w, tile, size, places, active, real(eps), y[begin:end])
            part_growth = ratios(
                x[begin:end], y[begin:end], highest[begin:end], active < K
            )
            growth = max(growth, part_growth)
            _add_counts(y[begin:end], tile, size, places, active, s)
        moved, total, fewest = 0.0, (K - active) * prior, bound + 1
        for k in range(active):
            c[k] = w[k] * s[k]
            fresh = c[k] + real(prior)
            moved += np.float64(abs(fresh - g[k]))
            total += np.float64(fresh)
            g[k] = fresh
            fewest = min(fewest, c[k])


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
def _reconstruct(w, tile, size, places, active, eps, y):
    """y = eps + the sum over topics of w times the topic's line of the tile."""
    for j in range(size):
        y[j] = eps
    whole = active // 4 * 4
    for k in range(0, whole, 4):
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        h0, h1 = line_of(tile, places[k], size), line_of(tile, places[k + 1], size)
        h2, h3 = line_of(tile, places[k + 2], size), line_of(tile, places[k + 3], size)
        for j in range(len(y)):
            y[j] += (w0 * h0[j] + w1 * h1[j]) + (w2 * h2[j] + w3 * h3[j])
    for k in range(whole, active):
        w0, h0 = w[k], line_of(tile, places[k], size)
        for j in range(len(y)):
            y[j] += w0 * h0[j]


@inlined
def line_of(tile, place, size):
    """A topic's line of the tile."""
    return tile[place * size : place * size + size]


def ratios(x, y, highest, left):
    """y = x / y; returns the largest x times the fall of a y since topics have left."""
    raise NotImplementedError


@overload(ratios, jit_options=INLINED)
def _ratios(x, y, highest, left):
    real = np.float64 if y.dtype == numba.float64 else np.float32
    # The largest of positive numbers is that of their bits: vectors have it for these.
    integer = np.int64 if y.dtype == numba.float64 else np.int32

    def impl(x, y, highest, left):
        growth = integer(0)
        if left:
            for j in range(len(y)):
                highest[j] = max(highest[j], y[j])
                y[j] = x[j] / y[j]
                growth = max(growth, real(highest[j] * y[j]).view(integer))
        else:
            for j in range(len(y)):
                highest[j] = y[j]
                y[j] = x[j] / y[j]
        return integer(growth).view(real)

    return impl


@inlined
def _add_counts(r, tile, size, places, active, s):
    """s += the sums of r times a line of the tile, by topic."""
    whole = active // 4 * 4
    for k in range(0, whole, 4):
        h0, h1 = line_of(tile, places[k], size), line_of(tile, places[k + 1], size)
        h2, h3 = line_of(tile, places[k + 2], size), line_of(tile, places[k + 3], size)
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
        h0, s0 = line_of(tile, places[k], size), r.dtype.type(0)
        for j in range(len(r)):
            s0 += r[j] * h0[j]
        s[k] += s0


@inlined
def _leave(g, w, c, places, active, bound):
    """Move the topics that stay to the front; returns their number."""
    stay = 0
    for k in range(active):
        if c[k] > bound:
            g[stay], w[stay], places[stay] = g[k], w[k], places[k]
            stay += 1
    return stay


@inlined
def _write(g, w, shift, prior, spare, places, active, new, weights):
    """The gamma and weights of all topics: those of the prior if they have left."""
    if active < len(new):
        spare[:] = prior
        exp_psi(spare, shift, spare)
        new[:], weights[:] = prior, spare[0]
    for k in range(active):
        new[places[k]], weights[places[k]] = g[k], w[k]
