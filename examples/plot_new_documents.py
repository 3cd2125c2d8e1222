"""
Infer the topics of new documents
=================================

This example infers the topic proportions of documents that were not part of the fit
("fold-in") with ``transform``. It also measures how the uncertainty of the proportions
depends on the length of a document.
"""

# %%
# Fit the model
# -------------
# Fit the model to three quarters of the documents. The other quarter serves as new
# documents.

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.model_selection import train_test_split

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
known, unseen = train_test_split(docs.data, test_size=0.25, random_state=0)
vectorizer = CountVectorizer(
    stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
    token_pattern="[a-z]{3,}",
    min_df=5,
)
model = TorchPoissonNMF(n_components=12, random_state=0)
model.fit(vectorizer.fit_transform(known))

# %%
# Infer topics of sentences
# -------------------------
# The vectorizer ignores unknown words. A document without known words gets uniform
# proportions.

from sklearn_topics.inspection import top_terms

terms = top_terms(model, vectorizer.get_feature_names_out(), n_terms=5)
names = [" ".join(term for term, _ in row) for row in terms]
sentences = [
    "Solve a sparse linear system whose matrix is symmetric.",
    "The p-value of a test whether two samples have the same mean.",
    "Fit a spline to noisy points, and test the coefficients.",
    "Nessun dorma.",
]
for sentence, row in zip(
    sentences, model.transform(vectorizer.transform(sentences)), strict=True
):
    print(sentence)
    for k in row.argsort()[::-1][:2]:
        print(f"   {row[k]:4.0%}  {names[k]}")

# %%
# Dominant topics of documents
# ----------------------------
# :func:`~sklearn_topics.inspection.dominant_topics` returns the strongest topic of each
# document.

from sklearn_topics.inspection import dominant_topics

X = vectorizer.transform(unseen)
table = dominant_topics(model, X)
table["Words"] = [names[k] for k in table["Topic"]]
table["Text"] = [" ".join(text.split())[:40] for text in unseen]
print(table.head(8).to_string())

# %%
# Uncertainty by document length
# ------------------------------
# Split the words of each document into two random halves and infer the proportions of
# both. If the inference is certain, both halves have the same proportions. The
# difference (total variation distance) is 0 for identical proportions and 1 for
# proportions without a common topic.

import matplotlib.pyplot as plt

rng = np.random.default_rng(0)
first = X.copy()
first.data = rng.binomial(X.data, 0.5)
second = X - first
length = np.asarray(X.sum(axis=1)).ravel()


def disagreement(model):
    one, other = model.transform(first), model.transform(second)
    return 0.5 * np.abs(one - other).sum(axis=1)


edges = [2, 8, 16, 32, 64, 128, 256, 1024]
bins = np.digitize(length, edges)
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
between = disagreement(model)
groups = [between[bins == b] for b in range(1, len(edges))]
labels = [f"{a}-{b - 1}" for a, b in zip(edges, edges[1:], strict=False)]
left.boxplot(groups, showfliers=False)
left.set_xticks(range(1, len(edges)), labels)
left.set(xlabel="words of the document", ylabel="difference between its halves")
for label, group in zip(labels, groups, strict=True):
    print(f"{label:>9} words: median {np.median(group):.2f} of {len(group)} documents")
# sphinx_gallery_defer_figures

# %%
# Smoothing
# ---------
# ``transform_pseudocount`` adds tokens to every topic of a document. With more
# smoothing, the halves agree better but contain less information: with one token per
# topic, the proportions of short documents are nearly uniform.

for pseudocount in (0, 0.1, 1):
    model.set_params(transform_pseudocount=pseudocount)
    between = disagreement(model)
    medians = [np.median(between[bins == b]) for b in range(1, len(edges))]
    right.plot(labels, medians, "o-", label=f"{pseudocount}")
right.legend(title="transform_pseudocount")
right.set(xlabel="words of the document", ylabel="median difference")
for ax in (left, right):
    ax.tick_params(axis="x", labelsize=8)
plt.show()
