"""
Models side by side, ours and scikit-learn's
============================================

The functions of :mod:`sklearn_topics.metrics` take scikit-learn's models as well. Here
NMF, latent Dirichlet allocation and the models of this package are fitted to the same
counts, and judged by the same scores on documents that none of them has seen.
"""

# %%
# The data
# --------

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
# Fit
# ---
# Default settings, but for what belongs to counts (the Kullback-Leibler divergence of
# the factorisations). A fit to few documents first, so that nothing is compiled while
# the clock runs.

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
# Judge
# -----
# Prediction of held-out halves of documents (less is better), coherence of the first
# words of topics, and how many of these words are different. Topics of a plain
# factorisation give probability 0 to words that they did not need, which costs it much
# where such a word comes up.

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
# See
# ---

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained", sharey=True)
colors = ["0.6" if name.startswith("sklearn") else "tab:blue" for name in table.index]
for ax, column in zip(axes, table, strict=True):
    ax.barh(table.index, table[column], color=colors)
    ax.set_title(column)
    ax.margins(x=0.25)
    for i, value in enumerate(table[column]):
        ax.annotate(f" {value:.3g}", (value, i), va="center", fontsize=8)
axes[0].invert_yaxis()
plt.show()

# %%
# The same subject
# ----------------
# :func:`~sklearn_topics.metrics.align_topics` finds which topic of one model is which
# of another. The two pairs that are most alike:

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
    print("  ours: " + " ".join(term for term, _ in ours[pairs.reference[i]]))
    print("  LDA:  " + " ".join(term for term, _ in theirs[pairs.matched[i]]))
