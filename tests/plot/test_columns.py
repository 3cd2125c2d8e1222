"""The pixels of structure plots are the proportions, at every size."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch
from numpy.testing import assert_allclose

from sklearn_topics.plot import StructureDisplay
from sklearn_topics.plot._figure import OTHER, topic_colors


def bare_axes(width, height, dpi=100):
    figure = plt.figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    return figure.add_axes([0, 0, 1, 1])


def pixels(ax):
    """Colours (rows from above, columns, 3) of the columns alone, between 0 and 1."""
    ax.set_axis_off()
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba())[..., :3] / 255


def draw(theta, width, height, **options):
    return StructureDisplay.from_predictions(
        theta, ax=bare_axes(width, height), **options
    )


@pytest.mark.parametrize(("n", "width"), [(2000, 800), (2000, 317), (60, 800), (7, 90)])
def test_no_document_is_lost(n, width):
    theta = np.random.default_rng(0).dirichlet([0.1] * 5, n)
    display = draw(theta, width, 300)
    found = pixels(display.ax_).mean(axis=(0, 1))
    colors = np.array([to_rgb(color) for color in topic_colors(5)])
    assert_allclose(found, theta.mean(axis=0) @ colors, atol=2e-3)


def test_each_pixel_is_the_mean_of_what_lies_in_it():
    theta = np.random.default_rng(0).dirichlet([0.3] * 5, 900)
    display = draw(theta, 300, 200)
    colors = np.array([to_rgb(color) for color in topic_colors(5)])
    # Twenty heights a pixel, three documents a pixel.
    heights = 1 - (np.arange(4000) + 0.5) / 4000
    layer = (np.cumsum(display.theta, axis=1)[:, :, None] < heights).sum(axis=1)
    expected = colors[np.minimum(layer, 4)].reshape(300, 3, 200, 20, 3).mean((1, 3))
    assert_allclose(pixels(display.ax_), expected.transpose(1, 0, 2), atol=0.02)


@pytest.mark.parametrize("flipped", [False, True])
def test_zoomed_and_flipped(flipped):
    theta = np.random.default_rng(0).dirichlet([0.3] * 3, 50)
    ax = draw(theta, 200, 100).ax_
    whole = pixels(ax)
    if flipped:
        ax.invert_xaxis()
        ax.invert_yaxis()
        assert_allclose(pixels(ax), whole[::-1, ::-1], atol=1e-8)
    else:
        ax.set(xlim=(0, 25), ylim=(0.5, 1))
        halves = pixels(ax).reshape(50, 2, 100, 2, 3).mean((1, 3))
        assert_allclose(halves, whole[:50, :100], atol=0.01)
        ax.set(xlim=(-50, 50), ylim=(0, 1))
        assert (pixels(ax)[:, :100] == 1).all()


@pytest.mark.parametrize("K", [21, 50])
def test_other_topics_are_one_grey_area(K):
    theta = np.random.default_rng(0).dirichlet(np.linspace(0.02, 0.2, K), 400)
    display = draw(theta, 200, 200, max_topics=8)
    *layers, other = display.ax_.patches
    largest = np.argsort(-theta.mean(axis=0))[:8]
    names = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert names == [*map(str, largest), f"other ({K - 8} topics)"]
    for layer, k in zip(layers, largest, strict=True):
        heights = layer.get_data().values - layer.get_data().baseline
        assert_allclose(heights, display.theta[:, k], atol=1e-12)
    assert to_rgb(other.get_facecolor()) == to_rgb(OTHER)
    assert_allclose(other.get_data().values, 1)
    dominant = display.theta.argmax(axis=1)
    rank = {k: i for i, k in enumerate(largest)}
    assert (np.diff([rank.get(k, 8) for k in dominant]) >= 0).all()


@pytest.mark.parametrize("max_topics", [0, 21, 50])
def test_there_are_not_more_colors(max_topics):
    with pytest.raises(ValueError, match="max_topics must"):
        StructureDisplay.from_predictions(np.eye(3), max_topics=max_topics)


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_vector_graphics_have_every_document(suffix, tmp_path, monkeypatch):
    theta = np.random.default_rng(0).dirichlet([0.3] * 3, 400)
    drawn = {}

    def draw(self, renderer):
        drawn[self] = self.get_path()

    monkeypatch.setattr(PathPatch, "draw", draw)
    display = StructureDisplay.from_predictions(theta)
    display.figure_.savefig(tmp_path / f"picture.{suffix}")
    assert len(drawn) == 3
    for path in drawn.values():
        assert len(np.unique(path.vertices[:, 0])) == 401
