"""
Guided topics: seed words, merging and naming
=============================================

This example steers a topic model with seed words, so that chosen topics exist and have
names, and then edits the fitted model: it splits a topic, merges similar topics and
saves the result with its names. The user guide explains the functions:
:ref:`curation`.
"""

# %%
# A topic model without guidance
# ------------------------------
# The documents are the docstrings of scikit-learn, SciPy and NumPy.

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings
from sklearn_topics.inspection import summary

docs = load_docstrings()
vectorizer = CountVectorizer(
    stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
    token_pattern="[a-z]{3,}",
    min_df=5,
)
X = vectorizer.fit_transform(docs.data)
words = vectorizer.get_feature_names_out()
plain = TorchPoissonNMF(n_components=20, random_state=0).fit(X)
print(summary(plain, X, feature_names=words, n_terms=7))

# %%
# Seed words
# ----------
# Name the topics that you look for and give each a few seed words.
# :func:`~sklearn_topics.curation.seed_pseudocounts` makes a prior of them: each seed
# counts as if it had occurred fifty times more in its topic. The other topics are free.

from sklearn_topics.curation import seed_pseudocounts

seeds = {
    "clustering": ["cluster", "clusters", "clustering", "centroids"],
    "trees": ["tree", "trees", "forest", "leaf", "boosting"],
    "signals": ["filter", "frequency", "signal", "spectrum"],
    "tests": ["hypothesis", "null", "pvalue", "statistic"],
}
prior = seed_pseudocounts(words, seeds, n_components=20)
guided = TorchPoissonNMF(
    20, topic_word_pseudocount=prior, topic_names=list(seeds), random_state=0
).fit(X)
print(summary(guided, X, feature_names=words, n_terms=7))

# %%
# The prior costs little: the held-out perplexity hardly changes.

import numpy as np
from sklearn.model_selection import train_test_split

train, test = train_test_split(X, random_state=0)
for name, b in (("without seeds", 0.2), ("with seeds", prior)):
    model = TorchPoissonNMF(20, topic_word_pseudocount=b, random_state=0).fit(train)
    print(f"{name:13}: perplexity {model.perplexity(test):.0f}")

# %%
# Edit the fitted model
# ---------------------
# The tree of topics shows which topics are similar. Each function returns a copy of the
# model with other topics; no documents are needed but to split a topic.

import matplotlib.pyplot as plt

from sklearn_topics.curation import rename_topics, split_topic, suggest_names
from sklearn_topics.plot import TopicHierarchyDisplay

TopicHierarchyDisplay.from_estimator(guided, feature_names=words)
plt.show()

# %%
# Merge the topics until fifteen are left, and split the largest one.

from sklearn_topics.curation import reduce_topics, reorder_topics

edited = reorder_topics(reduce_topics(guided, 15), "share")
edited = split_topic(edited, 0, X)
print(summary(edited, X, feature_names=words, n_terms=7))

# %%
# Name the topics
# ---------------
# :func:`~sklearn_topics.curation.suggest_names` calls any function of the top terms and
# the typical documents of a topic, for example one that asks a language model. Here it
# joins two terms. :func:`~sklearn_topics.curation.rename_topics` takes the names; those
# of seeded topics stay.

suggested = suggest_names(
    edited, lambda terms, documents: " and ".join(terms[:2]), feature_names=words
)
names = [own or new for own, new in zip(edited.topic_names_, suggested, strict=True)]
named = rename_topics(edited, names).set_output(transform="pandas")
print(named.transform(X[:3]).round(2).T.to_string())

# %%
# Tables, plots and saved files keep the names.

from sklearn_topics.plot import TopTermsDisplay

TopTermsDisplay.from_estimator(named, feature_names=words, n_terms=6)
plt.show()
print("largest proportion:", np.round(named.transform(X).max(axis=1).mean(), 2))
