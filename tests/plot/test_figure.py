"""Colours that can be told apart, and labels that do not cover each other."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from sklearn_topics.plot import StructureDisplay
from sklearn_topics.plot._figure import (
    MAX_TOPICS,
    OTHER,
    fit_tick_labels,
    line_styles,
    one_line,
    topic_colors,
)

#: Views of people without one kind of cones, on linear RGB (Machado et al. 2009).
_VIEWS = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}

#: Linear RGB -> the responses of Oklab, and their cube roots -> Oklab.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colors):
    c = np.array([to_rgb(color) for color in colors])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def least_distance(colors, view="all"):
    """The least distance of two colours in Oklab; 1 from black to white."""
    seen = np.clip(linear(colors) @ np.transpose(_VIEWS[view]), 0, 1)
    places = np.cbrt(seen @ _CONES.T) @ _OKLAB.T
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    return apart[np.triu_indices(len(colors), 1)].min()


def test_every_color_stands_out_from_white():
    luminance = linear([*topic_colors(MAX_TOPICS), OTHER]) @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() >= 2  # the contrast of WCAG


def test_colors_can_be_told_apart():
    assert least_distance([*topic_colors(MAX_TOPICS), OTHER, "white"]) > 0.1


@pytest.mark.parametrize("view", _VIEWS)
def test_the_first_eight_colors_are_safe_for_all_kinds_of_sight(view):
    assert least_distance([*topic_colors(8), OTHER], view) > 0.07


def test_the_largest_of_many_topics_have_colors():
    sizes = np.random.default_rng(0).permutation(50)
    colors = topic_colors(50, sizes)
    colored = [k for k in range(50) if colors[k] != OTHER]
    assert sorted(sizes[colored]) == list(range(30, 50))
    assert colors[sizes.argmax()] == topic_colors(1)[0]
    assert len({colors[k] for k in colored}) == MAX_TOPICS
    assert topic_colors(50) == (topic_colors(MAX_TOPICS) * 3)[:50]  # sizes are unknown
    assert topic_colors(20, sizes[:20]) == topic_colors(20)


def test_fifty_lines_differ():
    assert len({tuple(style.values()) for style in line_styles(50)}) == 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\t c", "a b c"),
        ("abcdefgh", "abcd…h"),
        ("abcdef", "abcdef"),
        ("", ""),
        (7, "7"),
        (None, "None"),
        ("\x00a\ud800", "a"),
        ("$x_{1$", "$x_{1$"),
    ],
)
def test_texts_become_one_line(text, expected):
    assert one_line(text, 6) == expected


# ------------------------------------------------------------------- tick labels


def lines_apart(display):
    """Least distance of the lines on which turned labels stand, in their heights."""
    display.figure_.draw_without_rendering()
    labels = display.ax_.get_xticklabels()  # without hidden ones
    x = np.sort([display.ax_.transData.transform(t.get_position())[0] for t in labels])
    apart = np.diff(x) * np.sin(np.radians(labels[0].get_rotation()))
    return apart.min() / (labels[0].get_fontsize() * display.figure_.dpi / 72)


def groups_of(names, sizes):
    theta = np.random.default_rng(0).dirichlet([0.3] * 5, sum(sizes))
    groups = np.repeat(names, sizes)
    return StructureDisplay.from_predictions(theta, groups=groups)


@pytest.mark.parametrize("n", [7, 20, 60])
def test_turned_names_end_at_their_groups(n):
    names = [f"a group with a long name {i:02d}" for i in range(n)]
    display = groups_of(names, [10] * n)
    labels = display.ax_.get_xticklabels()
    assert {label.get_rotation() for label in labels} == {60}
    assert lines_apart(display) >= 1
    assert len(labels) >= min(n, 30)
    for label in labels:
        box = label.get_window_extent()
        x = display.ax_.transData.transform(label.get_position())[0]
        height = label.get_fontsize() * display.figure_.dpi / 72
        assert box.x1 == pytest.approx(x, abs=0.6 * height)
        assert box.x0 < x - 50


def test_names_that_have_room_stay_level():
    display = groups_of(["a", "b", "c", "d", "e", "f", "g", "h"], [10] * 8)
    assert {label.get_rotation() for label in display.ax_.get_xticklabels()} == {0}


def test_the_largest_groups_keep_their_names():
    names = [f"group {i}" for i in range(9)]
    display = groups_of(names, [500, 1, 1, 1, 1, 1, 1, 1, 500])
    shown = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert shown[0] == "group 0"
    assert shown[-1] == "group 8"
    assert len(shown) < 9
    assert lines_apart(display) >= 1


def test_labels_of_other_axes_fit_too():
    _, (ax, _) = plt.subplots(1, 2)
    ax.set_xticks(range(30), [str(k) for k in range(30)])
    fit_tick_labels(ax, np.arange(30), angle=90)
    shown = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert not any(a.overlaps(b) for i, a in enumerate(shown) for b in shown[:i])
