"""Passes over the lines of tiles agree with NumPy's."""

import numpy as np
import pytest

from sklearn_topics._kernels.cpu import lines as passes
from sklearn_topics._kernels.cpu.jit import inlined, kernel
from sklearn_topics._kernels.cpu.vectors import aligned, lanes, padded


@kernel
def _passes(weights, topics, tile, rows, sums, found):
    n_lines = len(found) - 1
    x, base, lowest, ratios, more = rows[0], rows[1], rows[2], rows[3], rows[4]
    row = x, base, lowest, ratios
    found[n_lines] = passes.ratio_sums(weights, topics, tile, n_lines, *row, sums)
    for k in range(n_lines):
        passes.add_line(weights[0], tile, n_lines, k, more)
        dots = sums[len(topics)]
        dots[:] = 0
        passes.add_dots(ratios, tile, n_lines, k, dots)
        found[k] = dots.sum()


@inlined
def _fill(part, begin, lines):
    for k in range(len(lines)):
        for j in range(len(part) // len(lines)):
            part[k * (len(part) // len(lines)) + j] = lines[k, begin + j]


@kernel
def _store(lines, tile, lanes):
    begin, (n_lines, length) = 0, lines.shape
    while begin < length:
        width = passes.part_width(length - begin, lanes)
        _fill(tile[begin * n_lines : (begin + width) * n_lines], begin, lines)
        begin += width


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_vectors", [0, 1, 2, 3, 4, 7, 13])
def test_passes_over_all_widths_of_parts(dtype, n_vectors):
    rng, L, n_lines = np.random.default_rng(n_vectors), lanes(dtype), 5
    length, topics = n_vectors * L, np.array([3, 0, 4])
    lines = rng.random((n_lines, length)).astype(dtype)
    tile, rows = aligned((lines.size,), dtype), aligned((5, length), dtype)
    weights, sums = rng.random(3).astype(dtype), aligned((4, L), dtype)
    found = np.empty(n_lines + 1)
    _store(lines, tile, L)
    rows[:], sums[:3] = rng.random(rows.shape), 0
    before = rows.copy()
    y = before[1] + weights @ lines[topics]
    rows[2] = 0.9 * y
    _passes(weights, topics, tile, rows, sums, found)
    close = {"rtol": 1e-5 if dtype == "float32" else 1e-13}
    np.testing.assert_allclose(rows[3], before[0] / y, **close)
    dots = lines @ (before[0] / y)
    np.testing.assert_allclose(sums[:3].sum(1), dots[topics], **close)
    np.testing.assert_allclose(found[:n_lines], dots, **close)
    np.testing.assert_allclose(rows[4], before[4] + weights[0] * lines.sum(0), **close)
    assert not found[n_lines]


@pytest.mark.parametrize("place", [0, 319, 320, 335, 336, 343])
def test_one_low_reconstruction_is_found(place):
    """In parts of four vectors, of two and of one."""
    tile, rows = aligned((43 * 8 * 2,), "float64"), aligned((5, 43 * 8), "float64")
    tile[:], rows[:], rows[2] = 1, 1, 0.5
    args = np.ones(1), np.zeros(1, int), tile, rows, aligned((2, 8), "float64")
    found = np.empty(3)
    for lowest, fell in (3.0, True), (2.0, False):
        rows[1:3], args[4][:], rows[2, place] = [[1.0], [0.5]], 0, lowest
        _passes(*args, found)
        assert found[2] == fell


def test_memory_begins_with_a_cache_line():
    for dtype in "float32", "float64":
        assert aligned((3, 2 * lanes(dtype)), dtype).ctypes.data % 64 == 0
        assert [padded(n, dtype) for n in (0, 1, lanes(dtype))] == [
            0,
            *[lanes(dtype)] * 2,
        ]
