"""The one place that knows matplotlib: axes and colours."""

#: Okabe and Ito's colours, which readers of all kinds of sight tell apart.
_BASE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7F7F7F",
)

#: Mixtures with white (positive) or black for topics beyond the eighth. Black first:
#: light blue would pass for the fifth color.
_SHADES = 0.0, -0.4, 0.5, -0.65, 0.75, -0.2, 0.25


def axes(ax, *, figsize):
    """`ax`, or that of a new figure."""
    import matplotlib.pyplot as plt

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


def topic_colors(n_topics: int) -> list:
    """A colour for each topic: eight hues, then lighter and darker ones of them."""
    from matplotlib.colors import to_rgb

    found = []
    for number in range(n_topics):
        hue, shade = number % len(_BASE), _SHADES[number // len(_BASE) % len(_SHADES)]
        towards = 1.0 if shade > 0 else 0.0
        mixed = (c + abs(shade) * (towards - c) for c in to_rgb(_BASE[hue]))
        found.append(tuple(mixed))
    return found


def hide_overlaps(texts) -> None:
    """Leave only those texts that cover none of the earlier ones."""
    if not texts:
        return
    figure = texts[0].get_figure()
    while figure.figure is not figure:  # a figure within a figure
        figure = figure.figure
    figure.draw_without_rendering()
    shown = []
    for text in texts:
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in shown):
            text.set_visible(False)
        else:
            shown.append(box)
