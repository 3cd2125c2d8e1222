"""The one place that knows matplotlib: axes, colours, and texts of the user's.

Displays import it when they draw.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Rectangle, StepPatch

from .._boundary.arguments import check_integer
from ._columns import paint

#: Colours that can be told apart, all with a contrast of 2 or more on white. The first
#: six are Okabe and Ito's; the first eight are distinct to readers of all kinds of
#: sight, and each later one is the farthest from those before it, in Oklab.
_PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#332288",
    "#6B3410",
    "#AA246D",
    "#8679FF",
    "#6D0055",
    "#006149",
    "#00CE6D",
    "#6D31B6",
    "#925500",
    "#F386FF",
    "#866D92",
    "#AA49C2",
    "#928649",
    "#F3556D",
)

#: Most topics that get a colour of their own.
MAX_TOPICS = len(_PALETTE)

#: Colour of the other topics, in all displays.
OTHER = "#B4B4B4"

_DASHES = "solid", "dashed", "dotted", "dashdot"

#: Documents without a topic.
_BLANK = {"facecolor": "white", "edgecolor": OTHER, "hatch": "////", "linewidth": 0}

#: Most characters of an entry of a legend.
_LEGEND = 40

#: For texts of the user's: "$" is a dollar, and a backslash no command of TeX.
PLAIN = {"parse_math": False, "usetex": False}


def axes(ax, *, figsize):
    """`ax`, or that of a new figure."""
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be one matplotlib Axes. Got {type(ax).__name__}.")
    if ax is not None:
        return ax
    _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def panels(ax, n_rows, n_columns, *, figsize):
    """A grid of axes in the place of `ax`, or in a new figure; row by row."""
    ax = axes(ax, figsize=figsize)
    ax.set_axis_off()
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "Several panels take the place of ax, which must be one of a grid: make it "
            "by plt.subplots or figure.add_subplot, not by add_axes."
        )
    grid = place.subgridspec(n_rows, n_columns)
    return [
        ax.figure.add_subplot(grid[row, column])
        for row in range(n_rows)
        for column in range(n_columns)
    ]


def colored_topics(sizes, max_topics=MAX_TOPICS) -> np.ndarray:
    """The topics with a colour of their own: all, or the largest, largest first."""
    if not 1 <= check_integer(max_topics, "max_topics") <= MAX_TOPICS:
        raise ValueError(
            f"max_topics must lie between 1 and {MAX_TOPICS}, as many colors as can be "
            f"told apart. Got {max_topics!r}."
        )
    if len(sizes) <= max_topics:
        return np.arange(len(sizes))
    return np.argsort(-np.asarray(sizes), kind="stable")[:max_topics]


def topic_colors(n_topics: int, sizes=None) -> list[str]:
    """A colour for each topic; beyond 20 topics for the largest, and grey for others.

    Where nobody knows which ones are the largest (`sizes` is None), more than 20 topics
    have one colour.
    """
    if n_topics <= MAX_TOPICS:
        return list(_PALETTE[:n_topics])
    if sizes is None:
        return [_PALETTE[0]] * n_topics
    colors = [OTHER] * n_topics
    for color, k in zip(_PALETTE, colored_topics(sizes), strict=True):
        colors[k] = color
    return colors


def line_styles(n_lines: int) -> list[dict]:
    """A style for each line: the colours of topics, dashed from the 21st on."""
    return [
        {
            "color": _PALETTE[i % MAX_TOPICS],
            "linestyle": _DASHES[i // MAX_TOPICS % len(_DASHES)],
        }
        for i in range(n_lines)
    ]


def one_line(text, width: int) -> str:
    """A text of the user's in one line of at most `width` characters.

    What is too long loses its middle: names often differ at the end.
    """
    text = "".join(c if c.isprintable() else " " for c in str(text))
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    end = (width - 1) // 3
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def add_legend(ax, handles, labels, **options):
    """A legend with any text, also such as begin with an underscore."""
    # matplotlib drops those, so that labels are set afterwards.
    legend = ax.legend(handles, [str(i) for i in range(len(labels))], **options)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=one_line(label, _LEGEND), **PLAIN)
    return legend


def line_legend(labels) -> tuple[dict, float]:
    """Options for a legend of lines, and the inches that it takes beside the axes.

    It stands among the lines, or to their right if it is long.
    """
    if len(labels) <= 6:
        return {"fontsize": "small"}, 0.0
    n_columns = -(-len(labels) // 15)
    longest = max(len(one_line(label, _LEGEND)) for label in labels)
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    return {"fontsize": "x-small", "ncols": n_columns, **place}, (
        0.5 + 0.07 * longest
    ) * n_columns


def lay_out(figure) -> None:
    """Find the places of all texts, as drawing does."""
    while figure.figure is not figure:  # a figure within a figure
        figure = figure.figure
    with warnings.catch_warnings():
        # Drawing will say it, where it is the user's to choose another font.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support")
        figure.draw_without_rendering()


def fit_tick_labels(ax, order, angle=60) -> None:
    """Turn the labels along x if they would touch, and leave the first that have room.

    Parameters
    ----------
    ax : matplotlib Axes
        Its ticks have labels.
    order : ndarray of int
        Which labels matter most.
    angle : float
        To which they are turned, in degrees.
    """
    labels = ax.get_xticklabels()
    lay_out(ax.figure)
    boxes = [label.get_window_extent() for label in labels]
    wide = [box.width + box.height / 2 for box in boxes]
    if not _crowded([(box.x0 + box.x1) / 2 for box in boxes], wide):
        return
    for label in labels:
        label.set(rotation=angle, ha="right", va="center", rotation_mode="anchor")
    # Turned texts are apart if the lines that they stand on are.
    room = max(box.height for box in boxes) / np.sin(np.radians(angle))
    lay_out(ax.figure)
    places = ax.transData.transform([(tick, 0) for tick in ax.get_xticks()])[:, 0]
    shown = []
    for i in order:
        labels[i].set_visible(all(abs(places[i] - places[j]) >= room for j in shown))
        if labels[i].get_visible():
            shown.append(i)


def _crowded(centers, widths) -> bool:
    gaps = np.diff(centers) - (np.array(widths[1:]) + widths[:-1]) / 2
    return bool((gaps < 0).any())


def keep_inside(ax, annotations) -> None:
    """Move texts at offsets in points sideways until they are within the axes."""
    lay_out(ax.figure)
    for text in annotations:
        box, room = text.get_window_extent(), ax.get_window_extent()
        move = max(room.x0 - box.x0, 0) + min(room.x1 - box.x1, 0)
        text.xyann = text.xyann[0] + move * 72 / ax.figure.dpi, text.xyann[1]


def hide_overlaps(texts, owners=None) -> None:
    """Leave only those texts that cover none of the earlier ones.

    A text that `owners` names one of (text -> text) is hidden with it.
    """
    owners = owners or {}
    if not texts:
        return
    lay_out(texts[0].get_figure())
    shown = []
    for text in texts:
        box = text.get_window_extent()
        orphaned = text in owners and not owners[text].get_visible()
        if orphaned or any(box.overlaps(other) for other in shown):
            text.set_visible(False)
        else:
            shown.append(box)


def color_handles(colors, *, blank: bool) -> list:
    """Boxes for a legend, the last one hatched if there is anything `blank`."""
    handles = [Patch(color=color) for color in colors]
    return [*handles, Patch(**_BLANK)] if blank else handles


def draw_columns(ax, layers, colors, blank) -> None:
    """Stack the layers of all documents, each document one unit wide.

    Parameters
    ----------
    ax : matplotlib Axes
        Its limits stay as they are.
    layers : ndarray of shape (n_documents, n_layers)
        Heights; at most 1 in all.
    colors : list of color
        Of the layers.
    blank : ndarray of bool of shape (n_documents,)
        Documents that are hatched.
    """
    tops = np.cumsum(layers, axis=1)
    ax.add_artist(_Pixels(tops, colors))
    edges, bottom = np.arange(len(tops) + 1), np.zeros(len(tops))
    for top, color in zip(tops.T, colors, strict=True):
        layer = _Layer(top, edges, baseline=bottom, fill=True, color=color, linewidth=0)
        layer.set_in_layout(False)
        # add_patch would look for the extent of every step, in a loop of Python's.
        ax.add_artist(layer)
        bottom = top
    changes = np.diff(blank.astype(int), prepend=0, append=0)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    for start, end in zip(starts, ends, strict=True):
        ax.add_artist(Rectangle((start, 0), end - start, 1, **_BLANK))


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
        self._tops, self._shades = tops, np.array([to_rgb(color) for color in colors])

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
        edges = np.linspace(x0, x1, width + 1)
        image = paint(self._tops, self._shades, edges, y0, y1, height)
        pixels = np.full((height, width, 4), 255, np.uint8)
        pixels[..., :3] = np.rint(255 * image.clip(0, 1)).transpose(1, 0, 2)
        gc = renderer.new_gc()
        self._set_gc_clip(gc)
        renderer.draw_image(gc, left, bottom, pixels)
        gc.restore()
