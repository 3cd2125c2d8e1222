"""The sections of a report: summary, topics, map, quality and how it was fitted."""

import platform
from inspect import signature

import numpy as np
import scipy
import sklearn
import torch

from .._boundary.documents import count_tokens
from .._boundary.pipelines import last_step, split_pipeline
from .._boundary.topics import (
    topic_distributions,
    topic_labels,
    topic_names,
    total_variation,
)
from .._version import __version__
from ..metrics import topic_diversity
from ..plot import ConvergenceDisplay, TopicMapDisplay
from ..plot._documents import join_terms
from ..plot._figure import to_svg
from ._html import Markup, element, joined, picture, table

#: Number of characters of an example that are shown.
_EXCERPT = 400

#: Least width of the map in pixels.
_MAP = 560

#: Pairs of topics that are nearer than this are pointed out.
_NEAR = 0.5


def summary_section(info, counts, model) -> Markup:
    """Numbers of the corpus and of the model."""
    topics = info[info["Topic"] >= 0]
    without = int(info["Count"][info["Topic"] < 0].sum())
    figures = {
        "topics": f"{len(topics)}",
        "documents": f"{counts.shape[0]:,}",
        "terms": f"{counts.shape[1]:,}",
        "tokens": f"{count_tokens(counts, axis=1).sum():,.0f}",
        "coherence (NPMI)": f"{topics['Coherence'].mean():.3f}",
        "diversity": f"{topic_diversity(model):.2f}",
    }
    if hasattr(last_step(model), "stability_"):  # ConsensusTopics
        figures["stability"] = f"{last_step(model).stability_:.2f}"
    if without:
        figures["documents without known terms"] = f"{without:,}"
    pairs = (
        element("div", element("dt", name), element("dd", value))
        for name, value in figures.items()
    )
    note = element(
        "p",
        "A topic is a distribution over terms, and each document is a mixture of "
        "topics. A topic without a name is shown by its number and top terms.",
    )
    return joined([element("dl", *pairs, class_="figures"), note])


def topic_sections(info, common, special, examples, names, colors) -> Markup:
    """One card per topic, largest share first.

    `common` and `special` contain the pairs (term, weight) of each topic.
    """
    shares = info.set_index("Topic")["Share"]
    largest = max(shares.max(), 1e-12)
    cards = []
    for row in info[info["Topic"] >= 0].itertuples():
        k = row.Topic
        facts = f"{row.Share:.1%} of the tokens, main topic of {row.Count:,} documents"
        width = f"width: {100 * row.Share / largest:.1f}%"
        parts = [
            element("h3", names[k]),
            element("div", element("span", style=width), class_="share"),
            element("div", facts, class_="quiet"),
            _terms(common[k]),
            element(
                "div",
                "distinctive: " + ", ".join(str(term) for term, _ in special[k]),
                class_="quiet",
            ),
            _examples(examples.get(k, [])),
        ]
        style = f"--color: {colors[k]}"
        cards.append(element("article", *parts, class_="card", style=style))
    return element("div", joined(cards), class_="grid")


def _terms(pairs) -> Markup:
    """Terms with bars of their probabilities."""
    most = max((weight for _, weight in pairs), default=1)
    items = (
        element("li", str(term), style=f"--p: {100 * weight / most:.0f}%")
        for term, weight in pairs
    )
    return element("ul", *items, class_="terms")


def _examples(documents) -> Markup:
    """Excerpts of documents: pairs of a label (or None) and a text."""
    if not documents:
        return Markup()
    quotes = []
    for label, content in documents:
        excerpt = " ".join(str(content).split())
        if len(excerpt) > _EXCERPT:
            excerpt = excerpt[:_EXCERPT].rsplit(" ", 1)[0] + " …"
        source = [] if label is None else [element("div", str(label), class_="quiet")]
        quotes.append(element("blockquote", *source, excerpt))
    title = element("summary", f"examples ({len(documents)})")
    return Markup(element("details", title, *quotes))


def map_section(model, shares, labelling) -> Markup:
    """The topic map: similar topics are close to each other.

    `labelling` contains the pairs (term, weight) of each topic.
    """
    names = join_terms(topic_labels(model), [row[:2] for row in labelling])
    display = TopicMapDisplay._arranged(topic_distributions(model), shares, names)

    def draw(ax):
        display.plot(ax=ax)

    K = len(shares)
    size = 5.5 if K <= 12 else 7.5 if K <= 25 else 10
    note = "Similar topics are close to each other; the area of a circle is the share."
    svg = to_svg(draw, figsize=(size, size))
    return joined(
        [element("p", note, class_="quiet"), picture(svg, "Map of topics", least=_MAP)]
    )


def quality_section(info, model, names) -> Markup:
    """Coherence of each topic, pairs of similar topics, convergence."""
    rows = [
        [names[row.Topic], f"{row.Coherence:.3f}", f"{row.Share:.1%}", f"{row.Count:,}"]
        for row in info[info["Topic"] >= 0].sort_values("Coherence").itertuples()
    ]
    head = ["topic", "coherence (NPMI)", "share", "documents"]
    parts = [
        element(
            "p",
            "The coherence is high if the top terms of a topic occur in the same "
            "documents (between -1 and 1). Read the topics with the lowest coherence "
            "first, and consider dropping or merging them.",
        ),
        table(head, rows, numeric=(1, 2, 3)),
        *_similar(model, names),
    ]
    if len(getattr(model, "loss_history_", {}).get("objective", [])) > 1:

        def draw(ax):
            ConvergenceDisplay.from_estimators(model, x="iteration", ax=ax)

        svg = to_svg(draw, figsize=(5.5, 3))
        parts += [element("h3", "Convergence"), picture(svg, "Objective by iteration")]
    return joined(parts)


def _similar(model, names) -> list[Markup]:
    """The most similar pairs of topics, if some are similar."""
    topics = topic_distributions(model)
    distance = total_variation(topics, topics)
    pairs = np.argwhere(np.triu(distance < _NEAR, 1))
    if len(pairs) == 0:
        note = f"No two topics share more than {1 - _NEAR:.0%} of their probability."
        return [element("p", note)]
    order = np.argsort(distance[tuple(pairs.T)], kind="stable")[:10]
    rows = [
        [names[k], names[other], f"{1 - distance[k, other]:.0%}"]
        for k, other in pairs[order]
    ]
    note = "These topics share most of their probability; they may be one topic."
    return [
        element("h3", "Similar topics"),
        element("p", note),
        table(["topic", "topic", "shared"], rows, numeric=(2,)),
    ]


def fit_section(model) -> Markup:
    """Parameters of the steps, and versions."""
    before, _ = split_pipeline(model)
    steps = [step for _, step in before.steps] if before is not None else []
    parts = []
    for step in [*steps, last_step(model)]:
        if hasattr(step, "get_params"):  # "passthrough" has none
            parts += [element("h3", type(step).__name__), _parameters(step)]
    rows = [
        ("Python", platform.python_version()),
        ("sklearn_topics", __version__),
        *((m.__name__, m.__version__) for m in (sklearn, torch, np, scipy)),
    ]
    parts += [element("h3", "Versions"), table(["package", "version"], rows)]
    return joined(parts)


def _parameters(step) -> Markup:
    """Parameters that differ from their defaults, and the number of iterations."""
    defaults = signature(type(step)).parameters
    rows = [
        (name, _short(value))
        for name, value in step.get_params(deep=False).items()
        if name not in defaults or repr(value) != repr(defaults[name].default)
    ]
    if hasattr(step, "n_iter_"):
        rows.append(("iterations", str(step.n_iter_)))
    if not rows:
        return element("p", "default parameters", class_="quiet")
    note = element("p", "All other parameters have their defaults.", class_="quiet")
    return joined([table(["parameter", "value"], rows), note])


def _short(value) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 200 else f"{shown[:199]}…"


def names_of_topics(model, labelling) -> list[str]:
    """The name of each topic or, without one, its number and top terms."""
    numbered = join_terms(range(len(labelling)), [row[:3] for row in labelling])
    given = topic_names(model) or [""] * len(numbered)
    return [name or other for name, other in zip(given, numbered, strict=True)]
