"""
TorchBetaNMF: effect of the parameters
======================================

This example shows the effect of the divergence, the solver and the penalties of
:class:`~sklearn_topics.TorchBetaNMF`, on counts and TF-IDF weights of the docstrings of
NumPy, SciPy and scikit-learn.
"""

# %%
# Load the documents
# ------------------

import numpy as np
from sklearn.feature_extraction.text import (
    ENGLISH_STOP_WORDS,
    CountVectorizer,
    TfidfTransformer,
)

from sklearn_topics import TorchBetaNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(
    stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=20, dtype=np.float32
)
counts = vectorizer.fit_transform(docs.data[::3])
terms = vectorizer.get_feature_names_out()
tfidf = TfidfTransformer().fit_transform(counts)
print(f"{counts.shape[0]} documents, {counts.shape[1]} terms")

# %%
# ``beta_loss``
# -------------
# The cost of an entry that is reconstructed by half of its value grows as the value to
# the power of beta. With 2, the largest entries dominate. With 1 (the likelihood of
# counts), a word that occurs ten times has the weight of ten words that occur once.
# With 0, only ratios matter.

import matplotlib.pyplot as plt

x = np.array([1, 2, 5, 10, 20, 50])
costs = {
    "2 (Frobenius)": (x / 2) ** 2 / 2,
    "1 (Kullback-Leibler)": x * np.log(2) - x / 2,
    "0 (Itakura-Saito)": np.full(len(x), 2 - np.log(2) - 1),
}
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for beta, cost in costs.items():
    axes[0].loglog(x, cost, "o-", label=f"beta_loss={beta}")
axes[0].set(xlabel="value of a cell", ylabel="cost of reconstructing half of it")
axes[0].set_title("beta_loss")
axes[0].legend()
# sphinx_gallery_defer_figures

# %%
# On counts, the components differ slightly: with squared errors, the top terms are
# words that some documents repeat often.

for beta, solver in ((2, "cd"), (1.5, "mu"), (1, "scd")):
    model = TorchBetaNMF(
        6, beta_loss=beta, solver=solver, init="nndsvda", max_iter=60, tol=1e-3
    ).fit(counts)
    print(f"beta_loss={beta}:")
    for weights in model.components_:
        print("   " + " ".join(terms[weights.argsort()[::-1][:7]]))
# sphinx_gallery_defer_figures

# %%
# ``solver``
# ----------
# For the Kullback-Leibler divergence, "scd" has a much lower error than "mu" after the
# same number of iterations. "adam" runs all ``max_iter`` iterations while its learning
# rate decreases to zero.

import warnings

from sklearn.exceptions import ConvergenceWarning

for solver in ("scd", "mu", "adam"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # tol=0 is never reached
        model = TorchBetaNMF(
            6, beta_loss=1, solver=solver, init="random", random_state=0, tol=0
        ).set_params(max_iter=100)
        history = model.fit(counts).loss_history_
    axes[1].plot(history["iteration"], history["error"], label=f'solver="{solver}"')
    print(f'solver="{solver}": error {model.reconstruction_err_:.2f}')
axes[1].set(xlabel="iteration", ylabel="error", title="solver (beta_loss=1)")
axes[1].set_ylim(0.99 * model.reconstruction_err_, 1.1 * model.reconstruction_err_)
axes[1].legend()
# sphinx_gallery_defer_figures

# %%
# ``alpha_W``, ``alpha_H`` and ``l1_ratio``
# -----------------------------------------
# The penalties, here on TF-IDF weights: an L1 penalty (``l1_ratio=1``) makes the
# weights sparse, an L2 penalty (``l1_ratio=0``) makes them more even. ``alpha_H``
# defaults to ``alpha_W``. A small penalty increases the error only slightly. A large
# penalty makes all weights zero.

alphas = [0, 1e-5, 3e-5, 1e-4, 3e-4]
for l1_ratio in (0, 0.5, 1):
    zeros = []
    for alpha in alphas:
        model = TorchBetaNMF(6, alpha_W=alpha, l1_ratio=l1_ratio, tol=1e-3)
        W = model.fit_transform(tfidf)
        zeros.append((W == 0).mean())
        if alpha == alphas[-2]:
            print(f"l1_ratio={l1_ratio}: error {model.reconstruction_err_:.2f}")
    axes[2].plot([f"{a:g}" for a in alphas], zeros, "o-", label=f"l1_ratio={l1_ratio}")
axes[2].set(xlabel="alpha_W", ylabel="share of zeros in W", title="penalties")
axes[2].legend()
plt.show()
