"""
Quickstart: fit a topic model to text
=====================================

This example fits a topic model to the docstrings of scikit-learn, SciPy and NumPy. It
prints the topics, evaluates the model on held-out documents, and plots the top terms.
The model does not use the subpackage of a docstring: it finds the subjects by itself.
"""

# %%
# Fit a pipeline from text to topics
# ----------------------------------
# ``verbose=1`` reports the progress of the fit.

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
pipeline = make_pipeline(
    CountVectorizer(stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS), min_df=5),
    TorchPoissonNMF(n_components=12, random_state=0, verbose=1),
)
theta = pipeline.fit_transform(docs.data)

# %%
# Print the topics
# ----------------
# Each row of ``components_`` is a topic: a distribution over terms. Each row of
# ``theta`` contains the topic proportions of a document. The share of a topic is its
# mean proportion.

terms = pipeline[0].get_feature_names_out()
topics = pipeline[-1].components_
share = theta.mean(axis=0)
order = share.argsort()[::-1]

print(f"{'topic':>5} {'share':>6}  most probable terms")
for k in order:
    best = topics[k].argsort()[::-1][:8]
    print(f"{k:>5} {share[k]:>6.1%}  {' '.join(terms[best])}")

# %%
# Compare the topics with the subpackages
# ---------------------------------------
# Assign each document to its strongest topic and compare with the labels (0: no
# relation, 1: identical groups).

from sklearn.metrics import normalized_mutual_info_score

agreement = normalized_mutual_info_score(docs.target, theta.argmax(axis=1))
print(f"Normalised mutual information with the subpackages: {agreement:.2f}")

# %%
# Evaluate on held-out documents
# ------------------------------
# Fit the model to three quarters of the documents. ``score`` is the mean
# log-probability per token of one half of each held-out document, given the other half.
# ``perplexity`` is ``exp(-score)``; lower is better. A uniform distribution has a
# perplexity equal to the number of terms.

from sklearn.base import clone
from sklearn.model_selection import train_test_split

train, test = train_test_split(docs.data, test_size=0.25, random_state=0)
held_out = clone(pipeline).set_params(torchpoissonnmf__verbose=0).fit(train)
counts = held_out[0].transform(test)
print(f"Held-out log-likelihood per token: {held_out.score(test):.3f}")
print(
    f"Held-out perplexity: {held_out[-1].perplexity(counts):.0f} "
    f"(uniform: {counts.shape[1]})"
)

# %%
# Plot the topics
# ---------------

import matplotlib.pyplot as plt

figure, axes = plt.subplots(3, 4, figsize=(13, 9), layout="constrained", sharex=True)
for ax, k in zip(axes.flat, order, strict=True):
    best = topics[k].argsort()[::-1][:8]
    ax.barh(terms[best], topics[k, best])
    ax.invert_yaxis()
    ax.set_title(f"topic {k}: {share[k]:.1%} of the text", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
figure.supxlabel("probability of the term in the topic")
figure.suptitle("Topics of the docstrings of scikit-learn, scipy and numpy")
figure.savefig("quickstart_topics.png", dpi=100)
plt.show()
