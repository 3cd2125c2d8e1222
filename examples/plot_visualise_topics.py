"""
Visualise and compare topics
============================

This example visualises twenty topics of the docstrings of scikit-learn, SciPy and
NumPy: a map of the topics, a heat map of their similarities, and the terms that
distinguish each topic from the others. It then compares the topics with those of LDA.
"""

# %%
# Fit a model
# -----------

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
vectorizer = CountVectorizer(
    stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
    token_pattern="[a-z]{3,}",
    min_df=5,
)
pipe = make_pipeline(vectorizer, TorchPoissonNMF(20, random_state=0)).fit(docs.data)

# %%
# Map of the topics
# -----------------
# Topics that use the same terms are close. The area of a circle is the share of the
# topic in all tokens.

from sklearn_topics.plot import TopicMapDisplay

TopicMapDisplay.from_estimator(pipe, docs.data)

# %%
# Similarity of the topics
# ------------------------
# Two dimensions cannot represent all distances between twenty topics. The heat map
# shows all similarities; hierarchical clustering places similar topics next to each
# other.

from sklearn_topics.plot import TopicSimilarityDisplay

TopicSimilarityDisplay.from_estimator(pipe)

# %%
# Distinctive terms
# -----------------
# The most probable terms of a topic may be probable in every topic.
# ``differential_terms`` finds the terms that distinguish a topic from the others.

from sklearn_topics.inspection import differential_terms, top_terms

probable = top_terms(pipe, n_terms=5)
table = differential_terms(pipe, docs.data, n_terms=5)
for k, rows in table.groupby("Topic"):
    print(f"{k:>3}  top terms:   {' '.join(term for term, _ in probable[k])}")
    print(f"     distinctive: {' '.join(rows['Term'])}")

# %%
# The table contains the log fold change (LFC, base 2) of the rate of a term against the
# nearest other topic, its standard error (SE) and a z-score (Z). These are the rows of
# topic 0:

print(table[table["Topic"] == 0].round(2).to_string(index=False))

# %%
# Compare with LDA
# ----------------
# Fit scikit-learn's LatentDirichletAllocation with the same number of topics. The
# display matches the topics one to one: a bright diagonal means that the two models
# agree.

from sklearn.decomposition import LatentDirichletAllocation

X = pipe[0].transform(docs.data)
lda = LatentDirichletAllocation(20, random_state=0, max_iter=5).fit(X)
TopicSimilarityDisplay.from_estimator(
    pipe, lda, labels=("TorchPoissonNMF", "LatentDirichletAllocation")
)
