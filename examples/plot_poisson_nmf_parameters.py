"""
TorchPoissonNMF: effect of the parameters
=========================================

This example changes one parameter of :class:`~sklearn_topics.TorchPoissonNMF` at a time
and shows its effect on convergence and on the perplexity of held-out documents. The
documents are docstrings of NumPy, SciPy and scikit-learn.
"""

# %%
# Load the documents
# ------------------

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
# All solvers maximise the same objective. "scd" starts with 15 iterations of "em" and
# then converges faster than "em". ("adam" has a different initialisation, because its
# factors are softmaxes.) An iteration of "em" takes about half the time of the others,
# so "em" runs twice as many iterations here.

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
# Each initialisation leads to a different local optimum. The default, "auto", chooses
# "kmeans" or "nndsvda". These begin with a better objective than random ones, but all
# end within about one percent of each other here; on short texts random ones fail.
# ``n_init`` keeps the best objective of several initialisations, which does not always
# have the best held-out perplexity.

starts = {
    f"random {seed}": fit(init="random", random_state=seed, tol=0, max_iter=60)
    for seed in range(2)
}
for init in ("kmeans", "nndsvd", "nndsvda"):
    starts[init] = fit(init=init, tol=0, max_iter=60)
ConvergenceDisplay.from_estimators(starts, x="iteration", ax=right)
lowest = min(model.loss_history_["objective"][1] for model in starts.values())
right.set(title="init", ylim=(lowest, None))
for init, model in starts.items():
    objective = model.loss_history_["objective"][-1]
    perplexity = model.perplexity(test)
    print(f"{init:9s} objective {objective:.0f}, held-out perplexity {perplexity:.0f}")

# %%
# ``tol``
# -------
# A fit stops when the objective improves by less than ``tol`` per token in ten
# iterations. A smaller tolerance needs more iterations but does not improve the
# held-out perplexity.

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
# The pseudocounts add tokens to every topic of a document and to every term of a topic.
# With 0 and 0, the fit is maximum likelihood, and a topic gives probability zero to
# words that do not occur in the topic. In this example, ``topic_word_pseudocount=0.1``
# improves the perplexity, and 0.5 is too large.

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
# The smoothing of new documents. ``transform`` and ``score`` use it, so one fit is
# enough. Large values make all documents alike.

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
# More topics predict held-out documents better, as long as there are enough documents
# to learn the topics. More topics also share more of their top terms (lower diversity).

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
diversity.set_ylabel("diversity of the 25 top terms", color="C1")
plt.show()
