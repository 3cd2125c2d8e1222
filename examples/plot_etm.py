"""
Embedded topics: terms and topics in one space
==============================================

The docstrings of scikit-learn, scipy and numpy once more, now with
:class:`~sklearn_topics.TorchETM`: every term and every topic has an embedding, and what
is near a topic is what the topic is about.
"""

# %%
# Fit
# ---
# A pipeline as ever. ``early_stopping=True`` holds a tenth of the documents out and
# keeps the weights with the best evidence lower bound on them.

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
# Topics, by probability and by distance
# --------------------------------------
# The most probable terms of a topic are common words first. The nearest ones, by the
# cosine of the embeddings, are those that hardly any other topic uses.

probable = model.components_.argsort(axis=1)[:, ::-1]
nearest = model.topic_neighbors(n_terms=6)
for k in theta.mean(axis=0).argsort()[::-1]:
    print(f"{k:>3}  probable: {' '.join(terms[probable[k, :6]])}")
    print(f"     nearest:  {' '.join(terms[nearest[k]])}")

# %%
# Neighbours of a term
# --------------------

for word in ("cluster", "matrix", "filter", "distribution"):
    (near,) = model.word_neighbors([list(terms).index(word)], n_terms=5)
    print(f"{word}: {' '.join(terms[near])}")

# %%
# Two scores
# ----------
# ``score`` is the mean log-probability of a held-out token, here of documents that were
# fitted on, with proportions by the encoder alone and refined.

for inference in ("encoder", "refined"):
    model.set_params(inference=inference)
    print(f"{inference}: perplexity {model.perplexity(X):.0f}")

# %%
# Documents at once
# -----------------
# Each column is a docstring, each colour a topic; side by side the packages that they
# come from.

from sklearn_topics.plot import StructureDisplay

packages = [docs.target_names[k].split(".")[0] for k in docs.target]
StructureDisplay.from_estimator(model, X, groups=packages, feature_names=terms)

# %%
# Look
# ----
# Left, the bound of training documents (during an epoch, with noise and hidden terms)
# and of validation documents (after it). Right, the embeddings seen along their two
# main directions: topics as numbers, and the nearest terms of each as dots of a color.

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
left.set(xlabel="epoch", ylabel="evidence lower bound a document, in nats")
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
