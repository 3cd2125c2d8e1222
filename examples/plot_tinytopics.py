"""
The article of tinytopics, replayed
===================================

tinytopics begins with 5000 documents that were drawn from known topics. Here are the
same data, model and pictures with :class:`~sklearn_topics.TorchPoissonNMF`.
"""

# %%
# Data
# ----
# Ten topics over 1000 terms; documents of about 65,536 tokens. All proportions come
# from flat Dirichlet distributions, so that every document has a bit of every topic.

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
# Fit
# ---
# No learning rate, and no epochs: a hundred iterations of coordinate descent. Documents
# as long as these tell topics apart that are alike, and so are worth more iterations
# than the default ``tol``, a thousandth of a nat a token, would spend.

from time import perf_counter

from sklearn_topics import TorchPoissonNMF

begin = perf_counter()
model = TorchPoissonNMF(n_components=10, max_iter=100, tol=0, random_state=0)
theta = model.fit_transform(X)
print(f"{model.n_iter_} iterations in {perf_counter() - begin:.1f} s")

# %%
# How it went on, by the sum over all documents of the log-likelihood and by the
# residual of the optimality (KKT) conditions, which is zero at an optimum.

import matplotlib.pyplot as plt

from sklearn_topics.plot import ConvergenceDisplay

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for ax, y in zip(axes, ("objective", "kkt"), strict=True):
    ConvergenceDisplay.from_estimators(model, x="iteration", y=y, ax=ax)

# %%
# Align with the truth
# --------------------
# Topics come in any order; they are matched one to one, at the least total distance.

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
        f"{name}: mean correlation with the truth {np.mean(r):.4f}, least {min(r):.4f}"
    )

# %%
# Structure plots
# ---------------
# Documents in the order of their true dominant topics; first the truth, then the fit.

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
# First terms
# -----------
# The terms have no names but their numbers. Truth above, fit below.

from sklearn_topics.plot import TopTermsDisplay

fig = plt.figure(figsize=(12, 9), layout="constrained")
for half, weights, title in zip(
    fig.subfigures(2, 1), (true_topics, topics), ("truth", "fit"), strict=True
):
    half.suptitle(title)
    TopTermsDisplay.from_estimator(weights, n_terms=8, ax=half.subplots())
