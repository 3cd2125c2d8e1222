"""Sort entries by their rows on disk, in bounded memory: the external transpose."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from .npy import NpyFile

#: Entries that are in memory at once; about 60 bytes each.
ENTRIES = 1 << 21
#: At most this many regions, into each of which every chunk writes one piece.
_REGIONS = 512


def sort_by_rows(chunks, indptr, indices: NpyFile, data: NpyFile, folder) -> None:
    """Write entries in the order of their rows; within a row the order is kept.

    The rows are divided into regions of about `ENTRIES` entries, whose places in the
    files are known. The first pass appends each entry to its region, the second sorts
    one region after the other in memory. A row that is longer is a region of its own,
    which needs no sorting.

    Parameters
    ----------
    chunks : iterable of (rows, columns, values)
        All entries, in any order; arrays of equal length.
    indptr : ndarray of shape (n + 1,)
        Where each row starts among the sorted entries.
    indices, data : NpyFile
        Empty files for columns and values.
    folder : path-like
        Folder for a temporary file.
    """
    size = max(ENTRIES, int(indptr[-1]) // _REGIONS)
    bounds = _region_bounds(indptr, size)
    place = Path(folder, "rows.tmp")
    try:
        with NpyFile(place, np.int64) as rows:
            _distribute(chunks, indptr, bounds, (rows, indices, data))
            for first, last in pairwise(bounds):
                if last - first > 1:
                    part = int(indptr[first]), int(indptr[last])
                    _sort_region(part, first, last, rows, (indices, data))
    finally:
        place.unlink(missing_ok=True)


def _region_bounds(indptr, size) -> np.ndarray:
    """Row numbers between regions of at most 2 * `size` entries, or one long row."""
    targets = np.arange(0, indptr[-1] + 1, size)
    cuts = np.searchsorted(indptr[:-1], targets, side="left")
    (long,) = np.nonzero(np.diff(indptr) > size)
    return np.unique(np.concatenate([[0, len(indptr) - 1], cuts, long, long + 1]))


def _distribute(chunks, indptr, bounds, files):
    region_of = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds)).astype(np.uint16)
    ends = indptr[bounds[:-1]].copy()
    for chunk in chunks:
        regions = region_of[chunk[0]]
        order = np.argsort(regions, kind="stable")
        counts = np.bincount(regions, minlength=len(ends))
        parts = [values[order] for values in chunk]
        stops = np.cumsum(counts)
        for region in np.flatnonzero(counts):
            piece = slice(stops[region] - counts[region], stops[region])
            for file, values in zip(files, parts, strict=True):
                file.put(int(ends[region]), values[piece])
        ends += counts


def _sort_region(part, first, last, rows, files):
    found = rows.take(*part) - first
    if last - first <= np.iinfo(np.uint16).max:
        found = found.astype(np.uint16)  # numpy sorts these by counting
    order = np.argsort(found, kind="stable")
    for file in files:
        file.put(part[0], file.take(*part)[order])
