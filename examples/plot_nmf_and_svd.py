"""
NMF and truncated SVD, compatible with scikit-learn
===================================================

This example factorises TF-IDF weights of text with NMF, truncated SVD and gradient
steps. ``TorchBetaNMF`` and ``TorchTruncatedSVD`` give the same numbers as
scikit-learn's ``NMF`` and ``TruncatedSVD``.
"""

# %%
# Load the documents
# ------------------
# The documents are posts of four newsgroups if ``SKLEARN_TOPICS_DATA`` names a folder
# with this corpus, and the docstrings of scikit-learn, SciPy and NumPy otherwise.

import gzip
import json
import os
from pathlib import Path

from sklearn_topics.datasets import load_docstrings

file = Path(os.environ.get("SKLEARN_TOPICS_DATA", "."), "newsgroups4", "texts.jsonl.gz")
if file.exists():
    with gzip.open(file, "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
else:
    texts = load_docstrings().data
print(f"{len(texts)} documents")

# %%
# Replace NMF by TorchBetaNMF
# ---------------------------
# The pipelines differ only in the class of the last step.

from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchBetaNMF, TorchTruncatedSVD

for Class in (NMF, TorchBetaNMF):
    vectorizer = TfidfVectorizer(stop_words="english")
    pipeline = make_pipeline(vectorizer, Class(n_components=5, random_state=0))
    pipeline.fit(texts)
    print(f"{Class.__name__:14s} error {pipeline[-1].reconstruction_err_:.4f}")

# %%
# Each line shows the terms with the largest weights in a component:

terms = pipeline[0].get_feature_names_out()


def show(components):
    for weights in components:
        print("  " + " ".join(terms[weights.argsort()[::-1][:8]]))


show(pipeline[-1].components_)

# %%
# Truncated SVD
# -------------
# Truncated SVD has a smaller error, because its weights may be negative. The components
# are orthonormal, so the coordinates give the error. More power iterations reduce the
# error further.

X = pipeline[0].transform(texts)
svd = TorchTruncatedSVD(n_components=5, n_iter=4, random_state=0)
coordinates = svd.fit_transform(X)
error = (X.multiply(X).sum() - (coordinates**2).sum()) ** 0.5
print(f"SVD error {error:.4f}, smallest weight {svd.components_.min():.2f}")

# %%
# Gradient steps
# --------------
# ``solver="adam"`` uses Adam and keeps all weights nonnegative. It works for every
# ``beta_loss``. For squared errors, coordinate descent ("cd") is faster.

import matplotlib.pyplot as plt

histories = {}
for solver in ("cd", "mu", "adam"):
    model = TorchBetaNMF(
        n_components=6, solver=solver, random_state=0, max_iter=200, tol=0
    )
    W = model.fit_transform(X)
    error, least = model.reconstruction_err_, min(W.min(), model.components_.min())
    print(f"{solver:4s} error {error:.4f}, smallest weight {least:.1g}")
    histories[solver] = model.loss_history_

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
lowest = min(history["error"].min() for history in histories.values())
for solver, history in histories.items():
    above = history["error"] - lowest + 1e-6
    ax.semilogy(history["iteration"], above, label=f'solver="{solver}"')
ax.set(xlabel="iteration", ylabel=f"error minus {lowest:.4f}", title="Six components")
ax.legend()
plt.show()

# %%
# The six components of ``solver="adam"``:

show(model.components_)
