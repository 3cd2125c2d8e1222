"""
Topics seen from all sides
==========================

Twenty topics of the docstrings of scikit-learn, scipy and numpy: how they lie to each
other, which of them are alike, and what tells each from the rest.
"""

# %%
# Fit
# ---

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
# A map
# -----
# Circles are near where topics use the same terms, and as large as the topics' shares
# of all tokens.

from sklearn_topics.plot import TopicMapDisplay

TopicMapDisplay.from_estimator(pipe, docs.data)

# %%
# Who is like whom
# ----------------
# A plane cannot show all distances of twenty topics. The heat map does; a clustering
# puts like beside like.

from sklearn_topics.plot import TopicSimilarityDisplay

TopicSimilarityDisplay.from_estimator(pipe)

# %%
# What tells them apart
# ---------------------
# The most probable terms of a topic may be common everywhere. ``differential_terms``
# compares the rate of a term with that in the nearest other topic (LFC, in powers of
# two) and says how sure that is (Z).

from sklearn_topics.inspection import differential_terms, top_terms

probable = top_terms(pipe, n_terms=5)
table = differential_terms(pipe, docs.data, n_terms=5)
for k, rows in table.groupby("Topic"):
    print(f"{k:>3}  probable:  {' '.join(term for term, _ in probable[k])}")
    print(f"     different: {' '.join(rows['Term'])}")

# %%
# For one topic in numbers.

print(table[table["Topic"] == 0].round(2).to_string(index=False))

# %%
# Another model
# -------------
# The same number of topics by scikit-learn's LatentDirichletAllocation, matched one to
# one: the brighter the diagonal, the better the two agree.

from sklearn.decomposition import LatentDirichletAllocation

X = pipe[0].transform(docs.data)
lda = LatentDirichletAllocation(20, random_state=0, max_iter=5).fit(X)
TopicSimilarityDisplay.from_estimator(
    pipe, lda, labels=("TorchPoissonNMF", "LatentDirichletAllocation")
)
