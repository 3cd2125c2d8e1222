"""Texts of the user's: drawn as they are, and inside the picture, in every display."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.plot import (
    ConvergenceDisplay,
    StructureDisplay,
    TermDotsDisplay,
    TopicEffectsDisplay,
    TopicGroupsDisplay,
    TopicMapDisplay,
    TopicNumberDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
    VolcanoDisplay,
)

#: Texts that matplotlib would read as mathematics, drop, or fail on.
NASTY = [
    "$AAPL $MSFT",
    "$x_{1$",
    r"$\frac$",
    r"\alpha $\alpha$ \$",
    "100 % & #1 ~ ^ {a}",
    "_hidden",
    "",
    " ",
    "a\nb\n\nc",
    "Donaudampfschifffahrtsgesellschaftskapitän" * 5,
    "中文 日本語",
    "שלום עולם",
    "\x00\ud800",
    7,
    3.5,
    None,
]


def topics(K, n_terms):
    return np.random.default_rng(0).dirichlet([0.1] * n_terms, K)


def structure(K, names, ax):
    theta = np.random.default_rng(0).dirichlet([0.2] * K, 20 * len(names))
    labels = np.array([str(name) for name in names] * 20, dtype=object)
    options = {"groups": labels, "topic_names": (names * K)[:K], "ax": ax}
    return StructureDisplay.from_predictions(theta, **options)


def fitted_structure(K, names, ax):
    X = np.random.default_rng(0).poisson(1.0, (30, len(names)))
    model = TorchPoissonNMF(2, random_state=0).fit(X)
    return StructureDisplay.from_estimator(model, X, feature_names=names, ax=ax)


def top_terms(K, names, ax):
    return TopTermsDisplay.from_estimator(topics(K, len(names)), names, ax=ax)


def topic_map(K, names, ax):
    found = topics(K, len(names))
    return TopicMapDisplay.from_estimator(found, feature_names=names, ax=ax)


def similarity(K, names, ax):
    options = {"feature_names": names, "labels": (names[0], names[-1]), "ax": ax}
    return TopicSimilarityDisplay.from_estimator(topics(K, len(names)), **options)


def convergence(K, names, ax):
    x = np.arange(1.0, 9)
    # The same name twice is one line.
    traces = {name: (x, x + i) for i, name in enumerate((names * K)[:K])}
    return ConvergenceDisplay(traces, x=names[0], y=names[-1]).plot(ax=ax)


def topic_number(K, names, ax):
    rows = np.array([[2, 1, 0.5, 1.5], [4, 2, 1, 3]])
    lines = dict.fromkeys((names * K)[:K], rows)
    curves = {names[0]: lines, names[-1]: lines}
    best = dict.fromkeys(curves, 4)
    return TopicNumberDisplay(curves, best=best, parameter=names[0]).plot(ax=ax)


def topic_groups(K, names, ax, kind="bar"):
    groups = np.empty(len(names), dtype=object)
    groups[:] = names
    shares = np.random.default_rng(0).dirichlet([1] * K, len(names))
    limits = {"lower": shares / 2, "upper": shares * 1.1}
    display = TopicGroupsDisplay(
        groups, shares, **limits, topic_names=(names * K)[:K], kind=kind
    )
    return display.plot(ax=ax)


def topic_heat_map(K, names, ax):
    return topic_groups(K, names, ax, kind="heatmap")


def topic_effects(K, names, ax):
    names = names[:16]  # a panel each, in rows of a few
    effects = np.random.default_rng(0).standard_normal((K, len(names)))
    limits = {"lower": effects - 1, "upper": effects + 1}
    options = {"topic_names": (names * K)[:K], "covariates": names}
    return TopicEffectsDisplay(effects, **limits, **options).plot(ax=ax)


def term_dots(K, names, ax):
    shares = topics(K, len(names)).T
    options = {"terms": names, "topic_names": (names * K)[:K]}
    return TermDotsDisplay(shares, exclusivity=shares, **options).plot(ax=ax)


def volcano(K, names, ax):
    z = topics(K, len(names))
    options = {"terms": names, "topic_names": (names * K)[:K]}
    return VolcanoDisplay(z, z=z, **options).plot(ax=ax)


DISPLAYS = [
    structure,
    fitted_structure,
    top_terms,
    topic_map,
    similarity,
    convergence,
    topic_number,
    topic_groups,
    topic_heat_map,
    topic_effects,
    term_dots,
    volcano,
]


def texts(display):
    return [text for text in display.figure_.findobj(Text) if text.get_text()]


def plain(text):
    """As it is drawn: in one line, without what cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


@pytest.mark.filterwarnings("ignore:Glyph .* missing", "ignore:.*Matplotlib currently")
@pytest.mark.parametrize("draw", DISPLAYS)
def test_nasty_texts_are_drawn_as_they_are(draw, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = draw(5, NASTY, None)
    for text in texts(display):
        if set(text.get_text()) & set("$\\{#"):
            assert not text.get_parse_math() or text.get_text().startswith("$\\mathdef")
    for suffix in ("png", "pdf", "svg"):
        display.figure_.savefig(tmp_path / f"picture.{suffix}")


@pytest.mark.parametrize("draw", DISPLAYS)
@pytest.mark.parametrize("name", ["$AAPL $MSFT", "_hidden", r"\alpha", 7])
def test_each_text_is_there(draw, name):
    display = draw(3, [name, "b", "c", "d"], None)
    found = [t for t in texts(display) if str(name) in t.get_text()]
    assert found
    assert not any(text.get_usetex() for text in found)


@pytest.mark.parametrize("draw", [structure, convergence, topic_number])
def test_legends_have_every_text(draw):
    names = ["_a", "$b$", "", "c"]
    display = draw(4, names, None)
    axes = getattr(display, "axes_", None) or [display.ax_]
    legend = axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == names


@pytest.mark.parametrize("draw", DISPLAYS)
def test_texts_of_the_users_never_go_through_tex(draw):
    with plt.rc_context({"text.usetex": True}):
        try:
            display = draw(3, ["$a_{", "b & c", "50 %"], None)
        except (RuntimeError, FileNotFoundError):  # LaTeX is not installed
            pytest.skip("texts of matplotlib's own need LaTeX")
        for text in texts(display):
            if set(text.get_text()) & set("_&%"):
                assert not text.get_usetex()


# ------------------------------------------------------------------- cut off?


def overhang(figure):
    """How far anything stands out of the figure, in inches."""
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)


SHORT = [f"term{i}" for i in range(30)]
LONG = [f"a rather long-winded multi-word expression {i}" for i in range(30)]


@pytest.mark.parametrize("draw", DISPLAYS)
@pytest.mark.parametrize(
    ("K", "names"), [(1, LONG), (5, SHORT), (12, LONG), (50, LONG[:10])]
)
def test_nothing_is_cut_off(draw, K, names):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of layouts without room
        warnings.filterwarnings("ignore", message=".*deprecated")  # pyparsing's
        display = draw(K, names, None)
        assert overhang(display.figure_) <= 0.02


@pytest.mark.parametrize("draw", DISPLAYS)
@pytest.mark.parametrize("K", [2, 12])
def test_nothing_is_cut_off_in_axes_that_are_given(draw, K):
    figure, (left, _) = plt.subplots(1, 2, figsize=(18, 9), layout="constrained")
    draw(K, SHORT[:12], left)
    assert overhang(figure) <= 0.02
