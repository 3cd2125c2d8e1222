"""Rasterise stacked proportions: a pixel is the mean of the colours that it covers."""

import numpy as np


def paint(tops, shades, x, y0, y1, height: int) -> np.ndarray:
    """Average the colours of documents side by side, each one unit wide, in each pixel.

    Parameters
    ----------
    tops : ndarray of shape (n_documents, n_layers)
        Upper edge of each layer of a document, between 0 and 1, increasing.
    shades : ndarray of shape (n_layers, 3)
        RGB colours of the layers, between 0 and 1. The area above the last layer is
        white.
    x : ndarray of shape (width + 1,)
        Edges of the columns of pixels, in units of documents.
    y0, y1 : float
        Lower and upper edge of the picture.
    height : int
        Rows of pixels.

    Returns
    -------
    image : ndarray of shape (width, height, 3)
        RGB values, columns from left to right, rows from bottom to top.
    """
    if y0 > y1:
        return paint(tops, shades, x, y1, y0, height)[:, ::-1]
    pixel, document, part = _overlaps(x, len(tops))
    tops = ((tops - y0) / (y1 - y0) * height).clip(0, height)[document]
    # The part of each row that lies below a top is a cumulative sum, from the top row
    # down, of two numbers: one in the row of the top and one in the row under it.
    row = np.floor(tops).astype(np.intp)
    inside = tops - row
    steps = shades - np.vstack([shades[1:], [1, 1, 1]])  # difference to the next layer
    size = len(x) - 1, height + 2, 3
    image = np.zeros(size)
    for target_row, share in ((row, 1 - inside), (row + 1, inside)):
        cell = (pixel[:, None] * size[1] + target_row).ravel()
        for channel, step in enumerate(steps.T):
            weight = (part[:, None] * share * step).ravel()
            sums = np.bincount(cell, weight, size[0] * size[1])
            image[..., channel] += sums.reshape(size[:2])
    return 1 + image[:, ::-1].cumsum(axis=1)[:, -2:0:-1]


def _overlaps(x, n):
    """Columns of pixels, the documents in them, and the share of each document."""
    if x[0] > x[-1]:
        pixel, document, part = _overlaps(x[::-1], n)
        return len(x) - 2 - pixel, document, part
    cuts = np.unique(np.concatenate([np.clip(x, 0, n), np.arange(n + 1)]))
    middle, length = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    pixel = np.searchsorted(x, middle) - 1
    visible = (pixel >= 0) & (pixel < len(x) - 1)
    pixel = pixel[visible]
    document = middle[visible].astype(np.intp)
    return pixel, document, length[visible] / np.diff(x)[pixel]
