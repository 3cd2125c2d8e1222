"""Variational inference of documents on the CPU: see `ops.lda_rows`.

The weights of a document's terms are copied into a tile that all sweeps over the
document read: see `lines`. A sweep computes the reconstructions y from the weights of
topics, and from the ratios of counts and y the expected counts of topics.

Most topics come to rest after a few sweeps: their expected counts c in the document are
so few that their weight is that of the prior, but for a part psi'(prior) c of it. What
they add to each y is added once, to a base, and sweeps pass over the other topics
alone. The counts of topics at rest are computed at the end; or when a y has fallen so
far that they may have grown, and then all topics return.

The tile of a very long document holds a chunk of its entries at a time, and each sweep
gathers it anew. None of its topics rest.
"""

import numpy as np
import torch
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .digamma import digamma, exp_psi
from .jit import array_of, arrays_of, inlined, kernel, spliced
from .lines import add_dots, add_line, gather, part_width, ratio_sums
from .vectors import aligned, lanes, padded

_TILE = 1 << 25  # bytes of a thread's tile
_SWEEPS = 32  # over a document, or so
#: A topic rests with at most `_REST` tokens, and if it adds at most that share of each
#: y. Topics return if a y falls below 1 / `_MARGIN` of what it was when one came to
#: rest, so that none has more than `_MARGIN` * `_REST` tokens. The mean change of
#: gamma, which ends the sweeps below 1e-3 or so, leaves out those of topics at rest.
_REST, _MARGIN = 1e-8, 32.0


def csr_lda_rows(X: CSR, gamma: Tensor, HT: Tensor, prior, n_sweeps, tol):
    indptr, indices, data = arrays_of(X)
    K, eps, dtype = gamma.shape[1], torch.finfo(gamma.dtype).eps, data.dtype
    new, weights = torch.empty_like(gamma), torch.empty_like(gamma)
    # All options have one type, so that there is less to compile.
    options = tuple(map(float, (prior, n_sweeps, tol, eps, _REST, _MARGIN)))
    outputs = new.numpy(), weights.numpy()
    args = indices, data, array_of(gamma), array_of(HT), options, *outputs

    def rows(first, last, indptr, *args):
        # Python allocates for each block: kernels without allocations compile faster.
        longest = padded(np.diff(indptr[first : last + 1]).max(initial=0), dtype)
        entries = max(min(longest, _TILE // (data.itemsize * K)), lanes(dtype))
        tile, lines = aligned((K * entries,), dtype), aligned((4, longest), dtype)
        topics, places = aligned((4, padded(K, dtype)), dtype), np.empty(K, np.int64)
        counts = aligned((K, lanes(dtype)), dtype)
        _rows(first, last, indptr, *args, tile, lines, topics, places, counts)

    run_blocks(rows, indptr, _SWEEPS * K, *args)
    return new, weights


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
    counts,
):
    # gamma, new, weights [n, K]; HT [m, K]; tile [..]; lines [4, longest];
    # topics [4, padded K]; places [K]; counts [K, lanes]
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        document = indices[begin:end], data[begin:end], HT, tile, lines
        own = topics, places, counts
        _infer(document, gamma[i], options, own, new[i], weights[i])


@spliced
def _infer(document, start, options, own, new, weights):
    """Sweeps over one document, from `start` to its `new` gamma and their weights."""
    data, memory, lines = document[1], document[3], document[4]
    topics, places, counts = own
    prior, n_sweeps, tol, eps, rest, margin = options
    K, real, lanes = len(start), start.dtype.type, counts.shape[1]
    padded = (len(data) + lanes - 1) // lanes * lanes
    held = min(padded, len(memory) // (K * lanes) * lanes)
    g, w, c, shift = topics[0], topics[1], topics[2], topics[3]
    lines = lines[:, :padded]
    x, base, lowest, r = lines[0], lines[1], lines[2], lines[3]
    smallest, total = _prepare(data, x), _begin(start, g, places)
    if padded == held:
        _gather(document[0], document[2], memory, padded, lanes)
    base[:], lowest[:] = real(eps), 0
    moved, fell, fewest, bound = np.inf, False, real(0), real(rest) * min(smallest, 1)
    active, returned, level, known = K, padded > held, real(0), -1.0
    for sweep in range(int(n_sweeps) + 1):
        # The sum of gamma is constant but for rounding, since all tokens of a document
        # are in topics; unless reconstructions are about eps. And a small drift changes
        # all weights and each y by one factor, but no count.
        drifted = abs(total - known) > max(64 * eps, rest) * total
        done = sweep == n_sweeps or moved / K < tol
        if active < K and (done or fell or drifted):
            grown = _return(r, memory, g, w, counts, places, active, prior)
            total += grown
            if fell:
                moved += grown
                done = sweep == n_sweeps or moved / K < tol
            base[:] = real(eps)
            active, returned, drifted = K, True, True
        if drifted or done:
            level, known = real(digamma(total)), total
        some = (active + lanes - 1) // lanes * lanes
        shift[:some] = level
        exp_psi(g[:some], shift, w[:some])
        if done:
            break
        # Not after the first sweep: a start may be below the prior.
        resting = sweep > 1 and fewest <= bound and not (returned or drifted)
        if resting:
            # By the y that these counts were computed with, not by those to come.
            _set_lowest(x, r, lowest, real(margin))
            active = _rest(memory, base, g, w, c, places, active, bound)
        fell = _sweep(document, lines, held, w[:active], places, counts)
        moved, change, fewest = _update(g, w, c, counts, active, prior)
        total = change + (K - active) * prior
    for k in range(K):
        new[places[k]], weights[places[k]] = g[k], w[k]


@spliced
def _sweep(document, lines, held, w, places, counts):
    """The sums of ratios by active topic; returns whether a y fell too far."""
    indices, _, HT, memory, _ = document
    K, lanes, padded, fell = len(places), counts.shape[1], lines.shape[1], False
    counts[: len(w)] = 0
    for begin in range(0, padded, max(held, 1)):
        end = min(begin + held, padded)
        if held < padded:
            _gather(indices[begin:], HT, memory, end - begin, lanes)
        x, base, lowest, r = lines[0], lines[1], lines[2], lines[3]
        rows = x[begin:end], base[begin:end], lowest[begin:end], r[begin:end]
        fell |= ratio_sums(w, places, memory, K, *rows, counts)
    return fell


@inlined
def _set_lowest(x, r, lowest, margin):
    """How far each y = x / r of the last sweep may fall until topics return."""
    for j in range(len(x)):
        if x[j] > 0:
            lowest[j] = max(lowest[j], x[j] / (r[j] * margin))


@inlined
def _update(g, w, c, counts, active, prior):
    """The new gamma of active topics.

    Returns the sum of their changes, their sum, and the fewest counts of a topic.
    """
    moved, total, fewest = 0.0, 0.0, g.dtype.type(np.inf)
    for k in range(active):
        c[k] = w[k] * _total(counts[k])
        fresh = c[k] + g.dtype.type(prior)
        moved += np.float64(abs(fresh - g[k]))
        total += np.float64(fresh)
        g[k] = fresh
        fewest = min(fewest, c[k])
    return moved, total, fewest


@inlined
def _gather(indices, HT, memory, padded, lanes):
    """Copy the weights of terms into the parts of a tile."""
    K, begin = HT.shape[1], 0
    while begin < padded:
        width = part_width(padded - begin, lanes)
        part = memory[begin * K : (begin + width) * K].reshape(K, width)
        gather(indices[begin : begin + width], HT, 0, part)
        begin += width


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
    for k in range(stay, active):
        add_line(w[k], tile, len(places), places[k], base)
    return stay


@spliced
def _return(r, tile, g, w, counts, places, active, prior):
    """gamma of topics at rest, by the last ratios; returns its sum above prior."""
    K, above = len(places), 0.0
    for k in range(active, K):
        counts[k] = 0
        add_dots(r, tile, K, places[k], counts[k])
        fresh = w[k] * _total(counts[k])
        g[k] = fresh + g.dtype.type(prior)
        above += np.float64(fresh)
    return above


@inlined
def _total(lanes):
    total = lanes.dtype.type(0)
    for value in lanes:
        total += value
    return total
