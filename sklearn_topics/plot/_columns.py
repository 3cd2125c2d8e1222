"""Stacked shares of many documents, in bitmaps without loss and in vector graphics."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.patches import StepPatch


def draw_columns(ax, tops, colors) -> None:
    """Stack the layers of all documents, each document one unit wide.

    Parameters
    ----------
    ax : matplotlib Axes
        Its limits stay as they are.
    tops : ndarray of shape (n_documents, n_layers)
        Where each layer of a document ends, between 0 and 1, increasing.
    colors : list of color
        Of the layers.
    """
    ax.add_artist(_Pixels(tops, colors))
    edges, bottom = np.arange(len(tops) + 1), np.zeros(len(tops))
    for top, color in zip(tops.T, colors, strict=True):
        layer = _Layer(top, edges, baseline=bottom, fill=True, color=color, linewidth=0)
        layer.set_in_layout(False)
        # add_patch would look for the extent of every step, in a loop of Python's.
        ax.add_artist(layer)
        bottom = top


class _Layer(StepPatch):
    """The shares of a topic, for renderers of vectors."""

    def draw(self, renderer):
        if renderer.option_scale_image():
            super().draw(renderer)


class _Pixels(Artist):
    """All layers, each pixel the mean of what lies in it.

    Polygons narrower than a pixel are blended one after the other: the background shows
    through, or the last one prevails. Under the polygons of vector graphics this image
    keeps the background from showing.
    """

    def __init__(self, tops, colors):
        super().__init__()
        self.set_in_layout(False)
        self._tops = tops
        # What changes from each layer to the next one; above the last it is white.
        shades = np.array([*map(to_rgb, colors), (1, 1, 1)])
        self._steps = shades[:-1] - shades[1:]  # [n_layers, 3]

    def draw(self, renderer):
        if not self.get_visible():
            return
        scale = renderer.get_image_magnification()
        box = self.axes.bbox
        left, bottom = np.floor((box.x0, box.y0))
        width = int(np.ceil((box.x1 - left) * scale))
        height = int(np.ceil((box.y1 - bottom) * scale))
        corners = (left, bottom), (left + width / scale, bottom + height / scale)
        (x0, y0), (x1, y1) = self.axes.transData.inverted().transform(corners)
        image = self._paint(np.linspace(x0, x1, width + 1), y0, y1, height)
        pixels = np.full((height, width, 4), 255, np.uint8)
        pixels[..., :3] = np.rint(255 * image.clip(0, 1)).transpose(1, 0, 2)
        gc = renderer.new_gc()
        self._set_gc_clip(gc)
        renderer.draw_image(gc, left, bottom, pixels)
        gc.restore()

    def _paint(self, x, y0, y1, height) -> np.ndarray:
        """Colours of shape (width, height, 3), between the edges x, from y0 to y1.

        The part of each row of pixels below a top is a sum from above over two numbers:
        one in the row of the top, one in the row under it.
        """
        if y0 > y1:
            return self._paint(x, y1, y0, height)[:, ::-1]
        pixel, document, part = _overlaps(x, len(self._tops))
        tops = ((self._tops - y0) / (y1 - y0) * height).clip(0, height)[document]
        row = np.floor(tops).astype(np.intp)
        inside = tops - row
        size = len(x) - 1, height + 2, 3
        image = np.zeros(size)
        for at, share in ((row, 1 - inside), (row + 1, inside)):
            place = (pixel[:, None] * size[1] + at).ravel()
            for channel, step in enumerate(self._steps.T):
                weight = (part[:, None] * share * step).ravel()
                sums = np.bincount(place, weight, size[0] * size[1])
                image[..., channel] += sums.reshape(size[:2])
        return 1 + image[:, ::-1].cumsum(axis=1)[:, -2:0:-1]


def _overlaps(x, n):
    """Pixels between two edges x, documents in them, and the part that each takes."""
    if x[0] > x[-1]:
        pixel, document, part = _overlaps(x[::-1], n)
        return len(x) - 2 - pixel, document, part
    cuts = np.unique(np.concatenate([np.clip(x, 0, n), np.arange(n + 1)]))
    middle, length = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    pixel = np.searchsorted(x, middle) - 1
    seen = (pixel >= 0) & (pixel < len(x) - 1)
    pixel = pixel[seen]
    return pixel, middle[seen].astype(np.intp), length[seen] / np.diff(x)[pixel]
