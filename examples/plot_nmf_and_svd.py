"""
NMF and SVD of TF-IDF weights, as in scikit-learn
=================================================

The classical exercise: documents of four newsgroups as TF-IDF weights, factorised
without negatives (NMF), by a truncated SVD, and by gradient steps. Each line with
``TorchBetaNMF`` or ``TorchTruncatedSVD`` works with scikit-learn's ``NMF`` or
``TruncatedSVD`` in its place, and gives the same numbers.
"""

# %%
# The text
# --------
# Four newsgroups, if ``SKLEARN_TOPICS_DATA`` names a folder that has them; otherwise
# the docstrings of scikit-learn, scipy and numpy, which are on every machine.

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
# One import replaced
# -------------------
# The same pipeline, with either class at its end.

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
# The terms with the largest weights, the first one included:

terms = pipeline[0].get_feature_names_out()


def show(components):
    for weights in components:
        print("  " + " ".join(terms[weights.argsort()[::-1][:8]]))


show(pipeline[-1].components_)

# %%
# Truncated SVD
# -------------
# It comes closer, being free to use negative weights. Its error follows from the
# coordinates, since the components are orthonormal. More power iterations would come
# closer still.

X = pipeline[0].transform(texts)
svd = TorchTruncatedSVD(n_components=5, n_iter=4, random_state=0)
coordinates = svd.fit_transform(X)
error = (X.multiply(X).sum() - (coordinates**2).sum()) ** 0.5
print(f"SVD error {error:.4f}, smallest weight {svd.components_.min():.2f}")

# %%
# Gradient steps
# --------------
# ``solver="adam"`` takes Adam's steps, by which no weight becomes negative. They are a
# way for every ``beta_loss``; for this one coordinate descent is faster.

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
ax.set(xlabel="iteration", ylabel=f"error above {lowest:.4f}", title="Six components")
ax.legend()
plt.show()

# %%
# The six components of the gradient steps:

show(model.components_)
