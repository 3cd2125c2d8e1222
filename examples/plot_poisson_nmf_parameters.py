"""
TorchPoissonNMF: what each parameter does
=========================================

Docstrings of numpy, scipy and scikit-learn, fitted again and again with one parameter
changed. What a fit reaches is seen in its own history; whether that is of any use, in
the perplexity of documents that were held out.
"""

# %%
# The data
# --------

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.model_selection import train_test_split

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(docs.data)
train, test = train_test_split(X, train_size=0.35, test_size=0.2, random_state=0)
print(f"{train.shape[0]} documents to fit, {test.shape[0]} held out")


def fit(**parameters):
    return TorchPoissonNMF(**{"n_components": 10, "random_state": 0} | parameters).fit(
        train
    )


# %%
# ``solver``
# ----------
# The same objective, the same start, three ways up. "scd" begins with 15 iterations of
# "em" and leaves it behind from there. ("adam" has another start: its factors are
# softmaxes.) An iteration of "em" takes about half the time of one of the others, so it
# gets twice as many, and needs them.

import matplotlib.pyplot as plt

from sklearn_topics.plot import ConvergenceDisplay

solvers = {
    solver: fit(solver=solver, max_iter=max_iter, tol=0)
    for solver, max_iter in (("scd", 60), ("em", 120), ("adam", 60))
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
ConvergenceDisplay.from_estimators(solvers, x="iteration", ax=left)
left.set(title="solver")
for solver, model in solvers.items():
    print(f"{solver:5s} held-out perplexity {model.perplexity(test):.0f}")
# sphinx_gallery_defer_figures

# %%
# ``init``, ``random_state`` and ``n_init``
# -----------------------------------------
# Each start ends in an optimum of its own; that of the singular values is not better
# than others. ``n_init`` keeps the best of several random starts, by the
# objective; held-out documents may see it differently.

starts = {
    f"random {seed}": fit(random_state=seed, tol=0, max_iter=60) for seed in range(3)
}
for init in ("nndsvd", "nndsvda"):
    starts[init] = fit(init=init, tol=0, max_iter=60)
ConvergenceDisplay.from_estimators(starts, x="iteration", ax=right)
lowest = min(model.loss_history_["objective"][1] for model in starts.values())
right.set(title="init", ylim=(lowest, None))
for init, model in starts.items():
    objective = model.loss_history_["objective"][-1]
    print(
        f"{init:9s} {objective:.0f}, held-out perplexity {model.perplexity(test):.0f}"
    )

# %%
# ``tol``
# -------
# A fit stops when ten iterations gain less than ``tol`` per token. Held-out documents
# have nothing from the last digits of the objective: a smaller tolerance buys
# iterations, not perplexity.

tols = [3e-2, 1e-2, 1e-3, 1e-4]
by_tol = [fit(tol=tol, max_iter=1000) for tol in tols]
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
axes[0].semilogx(tols, [model.perplexity(test) for model in by_tol], "o-")
axes[0].set(xlabel="tol", ylabel="held-out perplexity", title="tol")
for tol, model in zip(tols, by_tol, strict=True):
    axes[0].annotate(
        f"{model.n_iter_}\niterations",
        (tol, model.perplexity(test)),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
axes[0].margins(0.2)
# sphinx_gallery_defer_figures

# %%
# ``doc_topic_pseudocount`` and ``topic_word_pseudocount``
# --------------------------------------------------------
# Tokens that are added to every topic of a document and to every term of a topic. With
# 0 and 0 the fit is maximum likelihood, and a held-out word that a topic has never seen
# is impossible there. Here a tenth of a token helps, and half a token for each of
# thousands of terms is too much.

grid = [0, 0.02, 0.1, 0.5]
perplexity = np.array(
    [
        [
            fit(doc_topic_pseudocount=a, topic_word_pseudocount=b).perplexity(test)
            for b in grid
        ]
        for a in grid
    ]
)
image = axes[1].imshow(perplexity, cmap="viridis_r", origin="lower")
for (i, j), value in np.ndenumerate(perplexity):
    color = "white" if image.norm(value) > 0.5 else "black"  # large values are dark
    axes[1].text(j, i, f"{value:.0f}", ha="center", va="center", color=color)
ticks = range(len(grid)), [str(value) for value in grid]
axes[1].set_xticks(*ticks)
axes[1].set_yticks(*ticks)
axes[1].set(
    xlabel="topic_word_pseudocount",
    ylabel="doc_topic_pseudocount",
    title="held-out perplexity",
)
# sphinx_gallery_defer_figures

# %%
# ``transform_pseudocount``
# -------------------------
# How much new documents are smoothed. It is read by ``transform`` and ``score``, so one
# fit is enough. A little is no worse than none; much makes all documents alike.

model = fit()
values = [0, 0.01, 0.03, 0.1, 0.3, 1, 3]
folded = [
    model.set_params(transform_pseudocount=value).perplexity(test) for value in values
]
axes[2].plot([str(value) for value in values], folded, "o-")
axes[2].set(
    xlabel="transform_pseudocount",
    ylabel="held-out perplexity",
    title="transform_pseudocount",
)

# %%
# ``n_components``
# ----------------
# More topics predict better, as long as there are documents to learn them from, and
# share more of their words.

from sklearn_topics.metrics import topic_diversity

sizes = [2, 5, 10, 20, 40]
by_size = [fit(n_components=size) for size in sizes]
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.semilogx(sizes, [model.perplexity(test) for model in by_size], "o-")
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.minorticks_off()
ax.set(xlabel="n_components", ylabel="held-out perplexity", title="Number of topics")
diversity = ax.twinx()
diversity.plot(sizes, [topic_diversity(model) for model in by_size], "s--", c="C1")
diversity.set_ylabel("diversity of the first 25 terms", color="C1")
plt.show()
