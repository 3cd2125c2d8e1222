"""Every display beside a picture that somebody has looked at.

The comparison is coarse, so that fonts and renderers may differ: areas, colours and
places are what it sees. ``python tests/plot/test_images.py`` draws the pictures anew.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread

from sklearn_topics.plot import (
    ConvergenceDisplay,
    StructureDisplay,
    TopicMapDisplay,
    TopicNumberDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
)

BASELINE = Path(__file__).parent / "baseline"

#: Mean difference of 16 x 16 pixels, of 1, that is allowed at worst. A circle in
#: another place differs by .3 and more.
_TOLERANCE = 0.15


def axes():
    """Axes whose place does not depend on the widths of texts, that is, on fonts."""
    return plt.figure(figsize=(8, 5)).subplots()


def topics(K):
    return np.random.default_rng(0).dirichlet([0.1] * 60, K)


def structure(K):
    rng = np.random.default_rng(0)
    theta = rng.dirichlet([0.2] * K, 120)
    groups = ["early", "late"] * 60
    return StructureDisplay.from_predictions(theta, groups=groups, ax=axes())


def top_terms(K):
    return TopTermsDisplay.from_estimator(topics(K), n_terms=5, ax=axes())


def topic_map(K):
    rng = np.random.default_rng(0)
    places, shares = rng.standard_normal((K, 2)), rng.dirichlet([3] * K)
    names = [f"{k}: term term" for k in range(K)]
    display = TopicMapDisplay(places, shares, topic_names=names, correlation=0.9)
    return display.plot(ax=axes())


def similarity(K):
    return TopicSimilarityDisplay.from_estimator(topics(K), ax=axes())


def convergence(K):
    x = np.arange(1.0, 30)
    traces = {f"fit {k}": (x, 100 * np.exp(-x / (k + 2)) + 0.1) for k in range(K)}
    return ConvergenceDisplay(traces).plot(ax=axes())


def topic_number(K):
    numbers = 2 ** np.arange(5.0)
    mean = -((numbers - 4) ** 2)
    rows = np.column_stack([numbers, mean, mean - 9, mean + 9])
    lines = {f"rate={k}": rows - [0, 5 * k, 5 * k, 5 * k] for k in range(K)}
    curves = {"completion": lines, "npmi": lines}
    best = {"completion": 4, "npmi": 4}
    display = TopicNumberDisplay(curves, best=best, parameter="n_components")
    return display.plot(ax=axes())


PICTURES = {
    "structure": structure,
    "top_terms": top_terms,
    "topic_map": topic_map,
    "similarity": similarity,
    "convergence": convergence,
    "topic_number": topic_number,
}
SIZES = 3, 12


def save(display, path):
    """Without legends, whose sizes are those of fonts."""
    for ax in display.figure_.axes:
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    with matplotlib.rc_context({"figure.dpi": 50, "savefig.dpi": 50}):
        display.figure_.savefig(path)


def coarse(path, block=16):
    """Mean colours of squares of the picture."""
    pixels = imread(path)[..., :3]
    n, m = (size // block * block for size in pixels.shape[:2])
    blocks = pixels[:n, :m].reshape(n // block, block, m // block, block, 3)
    return blocks.mean(axis=(1, 3))


def difference(path, other):
    a, b = coarse(path), coarse(other)
    assert a.shape == b.shape, "pictures of other sizes"
    return np.abs(a - b).max()


@pytest.mark.parametrize("K", SIZES)
@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_as_it_was(name, K, tmp_path):
    path = tmp_path / "found.png"
    save(PICTURES[name](K), path)
    assert difference(path, BASELINE / f"{name}_{K}.png") < _TOLERANCE


def test_another_picture_is_noticed(tmp_path):
    path = tmp_path / "found.png"
    theta = np.random.default_rng(1).dirichlet([0.2] * 3, 120)
    groups = ["early", "late"] * 60
    save(StructureDisplay.from_predictions(theta, groups=groups, ax=axes()), path)
    assert difference(path, BASELINE / "structure_3.png") > 2 * _TOLERANCE


if __name__ == "__main__":
    matplotlib.use("agg")
    for name, draw in PICTURES.items():
        for K in SIZES:
            save(draw(K), BASELINE / f"{name}_{K}.png")
