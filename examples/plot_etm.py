"""
Embedded topic model (ETM): topics and words in one space
=========================================================

This example fits an embedded topic model (:class:`~sklearn_topics.TorchETM`) to the
docstrings of scikit-learn, SciPy and NumPy. Each term and each topic has an embedding.
The nearest terms describe a topic, and the nearest neighbours of a term are related
terms.
"""

# %%
# Fit the model
# -------------
# ``early_stopping=True`` holds out a tenth of the documents and restores the weights
# with the best evidence lower bound (ELBO) on these documents.

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics import TorchETM
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(docs.data)
terms = vectorizer.get_feature_names_out()

model = TorchETM(
    n_components=12,
    max_iter=40,
    early_stopping=True,
    n_iter_no_change=8,
    random_state=0,
    verbose=1,
)
theta = model.fit_transform(X)

# %%
# Topics by probability and by distance
# -------------------------------------
# The most probable terms of a topic are common words. The nearest terms, by cosine
# similarity of the embeddings, are terms that few other topics use.

probable = model.components_.argsort(axis=1)[:, ::-1]
nearest = model.topic_neighbors(n_terms=6)
for k in theta.mean(axis=0).argsort()[::-1]:
    print(f"{k:>3}  probable: {' '.join(terms[probable[k, :6]])}")
    print(f"     nearest:  {' '.join(terms[nearest[k]])}")

# %%
# Nearest neighbours of a term
# ----------------------------

for word in ("cluster", "matrix", "filter", "distribution"):
    (near,) = model.word_neighbors([list(terms).index(word)], n_terms=5)
    print(f"{word}: {' '.join(terms[near])}")

# %%
# Encoder and refined inference
# -----------------------------
# ``perplexity`` measures how well the model predicts one half of each document, here of
# the training documents, with the proportions of the encoder and with refined
# proportions.

for inference in ("encoder", "refined"):
    model.set_params(inference=inference)
    print(f"{inference}: perplexity {model.perplexity(X):.0f}")

# %%
# Topic proportions of all documents
# ----------------------------------
# In the structure plot, each column is a docstring and each colour a topic. The
# documents are grouped by package.

from sklearn_topics.plot import StructureDisplay

packages = [docs.target_names[k].split(".")[0] for k in docs.target]
StructureDisplay.from_estimator(model, X, groups=packages, feature_names=terms)

# %%
# Plot the training and the embeddings
# ------------------------------------
# Left: the ELBO of the training documents (during the epoch, with noise and token
# dropout) and of the validation documents (after the epoch). Right: a two-dimensional
# projection of the embeddings, with topics as numbers and their nearest terms as dots.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from sklearn_topics import TorchTruncatedSVD

history = model.loss_history_
fig, (left, right) = plt.subplots(
    1, 2, figsize=(14, 6), width_ratios=(1, 1.6), layout="constrained"
)
for name, label in (("elbo", "training"), ("validation", "validation")):
    left.plot(history["iteration"], history[name], label=label)
left.set(xlabel="epoch", ylabel="ELBO per document, in nats")
left.legend()

shown = nearest[:, :3]
vectors = np.vstack([model.topic_embeddings_, model.embeddings_[shown.ravel()]])
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
places = TorchTruncatedSVD(2, random_state=0).fit_transform(vectors)
topic_places, term_places = np.split(places, [len(shown)])
halo = [withStroke(linewidth=3, foreground="white")]
for k, color in enumerate(plt.colormaps["tab20"](np.arange(len(shown)))):
    label = f"{k}: {', '.join(terms[shown[k]])}"
    right.scatter(*term_places[3 * k : 3 * k + 3].T, s=25, color=color, label=label)
    style = {"fontsize": 13, "weight": "bold", "path_effects": halo}
    right.annotate(str(k), topic_places[k], ha="center", va="center", **style)
right.margins(0.08)
right.set(xticks=[], yticks=[], title="topics (numbers) and their nearest terms (dots)")
right.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
fig.savefig("etm_topics.png", dpi=120)
