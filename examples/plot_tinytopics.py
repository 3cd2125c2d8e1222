"""
The tinytopics article with sklearn_topics
==========================================

This example repeats the article of tinytopics with
:class:`~sklearn_topics.TorchPoissonNMF`: the same synthetic corpus of 5000 documents
with known topics, the same model and the same figures. It shows how closely the fit
recovers the true topics.
"""

# %%
# Generate the corpus
# -------------------
# The corpus has ten topics over 1000 terms and about 65,536 tokens per document. Topics
# and proportions come from uniform Dirichlet distributions, so every document contains
# every topic.

from sklearn_topics.datasets import make_topic_corpus

X, true_theta, true_topics = make_topic_corpus(
    n_samples=5000,
    n_features=1000,
    n_topics=10,
    doc_length=256 * 256,
    vocabulary="dirichlet",
    doc_topic_prior=1,
    topic_word_prior=1,
    random_state=42,
)

# %%
# Fit the model
# -------------
# Coordinate descent needs no learning rate. The documents are long enough to separate
# similar topics, so the fit runs 100 iterations with ``tol=0``, more than the default
# ``tol`` would run.

from time import perf_counter

from sklearn_topics import TorchPoissonNMF

begin = perf_counter()
model = TorchPoissonNMF(n_components=10, max_iter=100, tol=0, random_state=0)
theta = model.fit_transform(X)
print(f"{model.n_iter_} iterations in {perf_counter() - begin:.1f} s")

# %%
# Plot the convergence
# --------------------
# The figure shows the objective and the KKT residual, which is zero at an optimum.

import matplotlib.pyplot as plt

from sklearn_topics.plot import ConvergenceDisplay

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for ax, y in zip(axes, ("objective", "kkt"), strict=True):
    ConvergenceDisplay.from_estimators(model, x="iteration", y=y, ax=ax)

# %%
# Align with the true topics
# --------------------------
# The order of the topics is arbitrary. ``align_topics`` matches them one to one with
# the smallest total distance.

import numpy as np

from sklearn_topics.metrics import align_topics

order = align_topics(true_topics, model).matched
topics, theta = model.components_[order], theta[:, order]
for name, true, found in [
    ("topics", true_topics, topics),
    ("proportions", true_theta.T, theta.T),
]:
    pairs = zip(true, found, strict=True)
    r = [np.corrcoef(a, b)[0, 1] for a, b in pairs]
    print(
        f"{name}: correlation with the truth: mean {np.mean(r):.4f}, min {min(r):.4f}"
    )

# %%
# Structure plots
# ---------------
# The documents are sorted by their true dominant topics. Top: true proportions. Bottom:
# fitted proportions.

from sklearn_topics.metrics import sort_documents
from sklearn_topics.plot import StructureDisplay

shown = sort_documents(true_theta)[::4]
names = [str(k) for k in range(10)]
fig, (upper, lower) = plt.subplots(2, 1, figsize=(11, 7), layout="constrained")
for ax, proportions, title in [
    (upper, true_theta[shown], "truth"),
    (lower, theta[shown], "fit"),
]:
    StructureDisplay(proportions, topic_names=names).plot(ax=ax)
    ax.set_title(title)

# %%
# Top terms
# ---------
# The terms are numbers. Top: true topics. Bottom: fitted topics.

from sklearn_topics.plot import TopTermsDisplay

fig = plt.figure(figsize=(12, 9), layout="constrained")
for half, weights, title in zip(
    fig.subfigures(2, 1), (true_topics, topics), ("truth", "fit"), strict=True
):
    half.suptitle(title)
    TopTermsDisplay.from_estimator(weights, n_terms=8, ax=half.subplots())
