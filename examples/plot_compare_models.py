"""
Compare topic models: LDA, NMF, Poisson NMF and ETM
===================================================

This example compares scikit-learn's NMF and LatentDirichletAllocation with the models
of this package. All models are fitted to the same counts, and
:mod:`sklearn_topics.metrics` computes time, held-out perplexity, coherence and
diversity.
"""

# %%
# Count the words
# ---------------

import time

from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.model_selection import train_test_split

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(docs.data)
train, test = train_test_split(X, train_size=0.3, test_size=0.2, random_state=0)

# %%
# Fit the models
# --------------
# All models use default settings, except that NMF minimises the Kullback-Leibler
# divergence, which suits counts. A first fit to few documents compiles the kernels, so
# that the measured time does not include compilation.

K = 12
models = {
    "sklearn NMF": NMF(
        K, beta_loss=1, solver="mu", init="nndsvda", max_iter=200, tol=1e-3
    ),
    "sklearn LDA": LatentDirichletAllocation(K, random_state=0),
    "TorchBetaNMF": TorchBetaNMF(K, beta_loss=1, solver="scd"),
    "TorchPoissonNMF": TorchPoissonNMF(K, random_state=0),
    "TorchETM": TorchETM(K, random_state=0, embedding_dim=50),
}
seconds = {}
for name, model in models.items():
    if name.startswith("Torch"):
        model.fit(train[:200])
    start = time.perf_counter()
    model.fit(train)
    seconds[name] = time.perf_counter() - start

# %%
# Evaluate the models
# -------------------
# Perplexity measures the prediction of held-out halves of documents (lower is better).
# Coherence and diversity evaluate the top terms. The topics of NMF give probability 0
# to some words, and these words increase its perplexity when they occur in new
# documents.

import pandas as pd

from sklearn_topics.metrics import coherence, perplexity, topic_diversity

table = pd.DataFrame(
    {
        name: {
            "seconds of fit": seconds[name],
            "perplexity": perplexity(model, test),
            "coherence (NPMI)": coherence(model, X).mean,
            "diversity": topic_diversity(model),
        }
        for name, model in models.items()
    }
).T
print(table.round(3).to_string())

# %%
# Plot the scores
# ---------------

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained", sharey=True)
colors = ["0.6" if name.startswith("sklearn") else "tab:blue" for name in table.index]
for ax, column in zip(axes, table, strict=True):
    ax.barh(table.index, table[column], color=colors)
    ax.set_title(column)
    ax.margins(x=0.25)
    for i, value in enumerate(table[column]):
        text = f" {value:,.0f}" if value > 100 else f" {value:.3g}"
        ax.annotate(text, (value, i), va="center", fontsize=8)
axes[0].invert_yaxis()
plt.show()

# %%
# Match the topics of two models
# ------------------------------
# :func:`~sklearn_topics.metrics.align_topics` matches the topics of two models one to
# one. These are the two most similar pairs:

from sklearn_topics.inspection import top_terms
from sklearn_topics.metrics import align_topics

terms = vectorizer.get_feature_names_out()
ours, theirs = (
    top_terms(models[name], terms, n_terms=6)
    for name in ("TorchPoissonNMF", "sklearn LDA")
)
pairs = align_topics(models["TorchPoissonNMF"], models["sklearn LDA"])
for i in pairs.distance.argsort()[:2]:
    print(f"distance {pairs.distance[i]:.2f}")
    print("  Poisson NMF: " + " ".join(term for term, _ in ours[pairs.reference[i]]))
    print("  LDA:         " + " ".join(term for term, _ in theirs[pairs.matched[i]]))
