"""
TorchLDA: topics in batches, online and from a stream
=====================================================

This example fits latent Dirichlet allocation (LDA) to the docstrings of Python
packages with :class:`~sklearn_topics.TorchLDA` in three ways: in batches, online, and
with ``partial_fit``. It compares them with scikit-learn on held-out documents.
"""

# %%
# Data
# ----

import time

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_topics import TorchLDA
from sklearn_topics.datasets import load_docstrings
from sklearn_topics.inspection import top_terms
from sklearn_topics.metrics import perplexity

texts = load_docstrings().data
vectorizer = CountVectorizer(stop_words="english", token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(texts)
X = X[np.random.default_rng(0).permutation(X.shape[0])]
train, test = X[:-300], X[-300:]
print(f"{train.shape[0]} documents, {train.shape[1]} terms")

# %%
# The same results as scikit-learn
# --------------------------------
# Equal seeds give equal topics. The first fit compiles the kernels once.

TorchLDA(20, max_iter=1).fit(train[:50])
models = {}
for Class in (LatentDirichletAllocation, TorchLDA):
    begin = time.perf_counter()
    models[Class.__name__] = Class(20, random_state=0).fit(train)
    print(f"{Class.__name__:25} {time.perf_counter() - begin:.2f} s")
peer, model = models.values()
difference = np.abs(model.components_ / peer.components_ - 1).max()
print(f"largest relative difference of components_: {difference:.0e}")
names = vectorizer.get_feature_names_out()
for terms in top_terms(model, names, 6)[:5]:
    print(*(term for term, _ in terms))

# %%
# Iterations and passes
# ---------------------
# A callback is not needed to see the progress: ``evaluate_every`` records the
# perplexity of the training documents. One online pass updates the topics once per
# batch. The perplexity of held-out documents is by document completion.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
settings = {
    "batch": {"max_iter": 20},
    "online, 128 documents": {"learning_method": "online", "max_iter": 5},
    "online, 32 documents": {
        "learning_method": "online",
        "max_iter": 5,
        "batch_size": 32,
    },
}
held_out = {}
for name, options in settings.items():
    model = TorchLDA(20, random_state=0, evaluate_every=1, perp_tol=0, **options)
    history = model.fit(train).loss_history_
    axes[0].plot(history["iteration"], history["perplexity"], label=name)
    held_out[name] = perplexity(model, test)
axes[0].set(xlabel="passes over the documents", ylabel="perplexity by the bound")
axes[0].legend()
# sphinx_gallery_defer_figures

# %%
# Documents from a stream
# -----------------------
# ``partial_fit`` updates the topics with new documents and forgets the old ones.

model = TorchLDA(20, random_state=0, total_samples=train.shape[0])
scores = []
for start in range(0, train.shape[0], 200):
    model.partial_fit(train[start : start + 200])
    scores.append(perplexity(model, test))
held_out["partial_fit"] = scores[-1]
axes[1].plot(200 * np.arange(1, len(scores) + 1), scores)
axes[1].set(xlabel="documents seen", ylabel="held-out perplexity")
plt.show()
for name, value in held_out.items():
    print(f"{name:22} held-out perplexity {value:.0f}")
