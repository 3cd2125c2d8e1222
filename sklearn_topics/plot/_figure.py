"""Axes, colours, legends and labels; the only file that imports matplotlib.

Displays import this file when they draw.
"""

import io
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle, StepPatch
from matplotlib.ticker import PercentFormatter

from .._boundary.arguments import check_integer
from ._columns import paint

#: Distinguishable colours with a contrast of at least 2 on white. The first six are
#: from Okabe and Ito; the first eight stay distinct under colour blindness, and each
#: later one is farthest in Oklab from those before it.
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

#: Largest number of topics with their own colours.
MAX_TOPICS = len(_PALETTE)

#: Colour of all other topics, in all displays.
OTHER = "#B4B4B4"

_DASHES = "solid", "dashed", "dotted", "dashdot"

#: Style of documents without a topic.
_BLANK = {"facecolor": "white", "edgecolor": OTHER, "hatch": "////", "linewidth": 0}

#: Largest number of characters in a legend entry.
_LEGEND = 40

#: For user texts: "$" is a dollar sign, and a backslash starts no TeX command.
PLAIN = {"parse_math": False, "usetex": False}


def axes(ax, *, figsize):
    """Return `ax`, or the axes of a new figure."""
    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes. Got {type(ax).__name__}.")
    return ax


def panels(ax, n, n_columns, *, figsize):
    """Replace `ax`, or the axes of a new figure, by n axes in a grid, row by row."""
    ax = axes(ax, figsize=figsize)
    ax.set_axis_off()
    cell = ax.get_subplotspec()
    if cell is None:
        raise ValueError(
            "ax is not part of a grid of subplots, so it cannot be divided into "
            "panels. Create it with plt.subplots or figure.add_subplot, not with "
            "add_axes."
        )
    grid = cell.subgridspec(-(-n // n_columns), n_columns)
    return [ax.figure.add_subplot(grid[i]) for i in range(n)]


def to_svg(draw, *, figsize) -> bytes:
    """What `draw(ax)` draws, as SVG; the same drawing gives the same bytes."""
    figure = Figure(figsize=figsize, layout="constrained")
    draw(figure.subplots())
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sklearn_topics"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def few_dates(ax, n_ticks: int) -> None:
    """Label the x axis with at most this number of dates."""
    locator = AutoDateLocator(minticks=2, maxticks=n_ticks)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def in_percent(axis) -> None:
    """Label shares on an axis of axes or of a colour bar as percentages."""
    axis.set_major_formatter(PercentFormatter(1))


def colored_topics(sizes, max_topics=MAX_TOPICS) -> np.ndarray:
    """The topics with their own colours: all, or the largest ones, largest first."""
    if not 1 <= check_integer(max_topics, "max_topics") <= MAX_TOPICS:
        raise ValueError(
            f"max_topics must be between 1 and {MAX_TOPICS}, the number of "
            f"distinguishable colours. Got {max_topics!r}."
        )
    if len(sizes) <= max_topics:
        return np.arange(len(sizes))
    return np.argsort(-np.asarray(sizes), kind="stable")[:max_topics]


def topic_colors(n_topics: int, sizes=None) -> list[str]:
    """One colour per topic.

    Beyond 20 topics, the largest have their own colours and the others are grey. If
    their `sizes` are unknown, the colours repeat.
    """
    if n_topics <= MAX_TOPICS or sizes is None:
        return [_PALETTE[k % MAX_TOPICS] for k in range(n_topics)]
    colors = [OTHER] * n_topics
    for color, k in zip(_PALETTE, colored_topics(sizes), strict=True):
        colors[k] = color
    return colors


def line_styles(n_lines: int) -> list[dict]:
    """One style per line: the colours of topics, dashed from the 21st line on."""
    return [
        {"color": color, "linestyle": _DASHES[i // MAX_TOPICS % len(_DASHES)]}
        for i, color in enumerate(topic_colors(n_lines))
    ]


def one_line(text, width: int) -> str:
    """A user text in one line of at most `width` characters.

    Longer texts lose their middle, because names often differ at the end.
    """
    text = "".join(c if c.isprintable() else " " for c in str(text))
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    end = (width - 1) // 3
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def add_legend(ax, handles, labels, **options):
    """A legend with any texts, including those that begin with an underscore."""
    # matplotlib drops labels with an underscore, so they are set afterwards.
    legend = ax.legend(handles, [str(i) for i in range(len(labels))], **options)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=one_line(label, _LEGEND), **PLAIN)
    return legend


def line_legend(labels) -> tuple[dict, float]:
    """Options of a legend of lines, and the width in inches that it needs.

    A short legend is inside the axes, a long one to their right.
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
    """Compute the positions of all texts, as drawing does."""
    while figure.figure is not figure:  # a subfigure
        figure = figure.figure
    with warnings.catch_warnings():
        # Drawing repeats these warnings, where the user can choose another font.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support")
        figure.draw_without_rendering()


def fit_tick_labels(ax, order, angle=60) -> None:
    """Rotate the tick labels of the x axis if they would touch, and hide overlaps.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes with tick labels.
    order : ndarray of int
        The labels by priority, most important first.
    angle : float
        Rotation in degrees.
    """
    labels = ax.get_xticklabels()
    lay_out(ax.figure)
    boxes = [label.get_window_extent() for label in labels]
    wide = [box.width + box.height / 2 for box in boxes]
    if not _crowded([(box.x0 + box.x1) / 2 for box in boxes], wide):
        return
    for label in labels:
        label.set(rotation=angle, ha="right", va="center", rotation_mode="anchor")
    # Rotated labels do not overlap if their baselines are far enough apart.
    room = max(box.height for box in boxes) / np.sin(np.radians(angle))
    lay_out(ax.figure)
    x = ax.transData.transform([(tick, 0) for tick in ax.get_xticks()])[:, 0]
    shown = []
    for i in order:
        labels[i].set_visible(all(abs(x[i] - x[j]) >= room for j in shown))
        if labels[i].get_visible():
            shown.append(i)


def _crowded(centers, widths) -> bool:
    gaps = np.diff(centers) - (np.array(widths[1:]) + widths[:-1]) / 2
    return bool((gaps < 0).any())


def keep_inside(ax, annotations) -> None:
    """Move annotations horizontally until they are within the axes."""
    lay_out(ax.figure)
    for text in annotations:
        box, room = text.get_window_extent(), ax.get_window_extent()
        move = max(room.x0 - box.x0, 0) + min(room.x1 - box.x1, 0)
        text.xyann = text.xyann[0] + move * 72 / ax.figure.dpi, text.xyann[1]


def hide_overlaps(texts, owners=None) -> None:
    """Hide each text that covers an earlier one.

    A text is also hidden if its owner is; `owners` maps texts to their owners.
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
    """Colour patches for a legend; the last one is hatched if `blank`."""
    handles = [Patch(color=color) for color in colors]
    return [*handles, Patch(**_BLANK)] if blank else handles


def draw_columns(ax, layers, colors, blank) -> None:
    """Draw each document as a column of stacked layers, one unit wide.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes to draw on; their limits do not change.
    layers : ndarray of shape (n_documents, n_layers)
        Heights of the layers; each row sums to at most 1.
    colors : list of color
        Colours of the layers.
    blank : ndarray of bool of shape (n_documents,)
        Whether a document is hatched instead.
    """
    tops = np.cumsum(layers, axis=1)
    ax.add_artist(_Pixels(tops, colors))
    edges, bottom = np.arange(len(tops) + 1), np.zeros(len(tops))
    for top, color in zip(tops.T, colors, strict=True):
        layer = _Layer(top, edges, baseline=bottom, fill=True, color=color, linewidth=0)
        layer.set_in_layout(False)
        # add_patch would compute the extent of every step in a Python loop.
        ax.add_artist(layer)
        bottom = top
    changes = np.diff(blank.astype(int), prepend=0, append=0)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    for start, end in zip(starts, ends, strict=True):
        ax.add_artist(Rectangle((start, 0), end - start, 1, **_BLANK))


class _Layer(StepPatch):
    """The proportions of one topic, for vector graphics only."""

    def draw(self, renderer):
        if renderer.option_scale_image():
            super().draw(renderer)


class _Pixels(Artist):
    """An image of all layers: each pixel is the mean of the colours that it covers.

    A renderer blends polygons narrower than a pixel one after the other, so that the
    background shows through or the last polygon prevails. In vector graphics this
    image lies under the polygons and hides the background.
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
