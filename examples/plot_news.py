"""
Topics of news articles
=======================

This example finds the topics of 300 news articles of the Australian Broadcasting
Corporation. The corpus (Lee background corpus) is small enough to check the topics by
reading. It is installed with gensim (``pip install gensim``).
"""

# %%
# Load the articles
# -----------------
# Each line of the file is an article.

from gensim.test.utils import datapath

with open(datapath("lee_background.cor"), encoding="utf-8") as file:
    articles = file.read().splitlines()
print(len(articles), "articles, for example:")
print(articles[0][:221])

# %%
# Fit the model
# -------------
# ``max_df=0.4`` removes words that more than 40 % of the articles contain. The summary
# lists the largest topics first.

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF, inspection

pipeline = make_pipeline(
    CountVectorizer(
        stop_words="english", token_pattern="[A-Za-z]{3,}", min_df=4, max_df=0.4
    ),
    TorchPoissonNMF(n_components=12, random_state=0),
)
theta = pipeline.fit_transform(articles)
print(inspection.summary(pipeline, articles, theta=theta))

# %%
# Read the most typical article of a topic
# ----------------------------------------
# ``dominant_topics`` returns the strongest topic of each article and its proportion.
# The article with the largest proportion shows what a topic is about.

dominant = inspection.dominant_topics(pipeline, articles, theta=theta)
typical = dominant.groupby("Topic").Proportion.idxmax()
for topic in inspection.topic_info(pipeline, articles, theta=theta).Topic[:6]:
    text = articles[typical[topic]]
    print(f"topic {topic}: {text[:85]}...")

# %%
# A new article
# -------------

headline = [
    "Firefighters battle blazes in the hills near Sydney as strong winds return"
]
(proportions,) = pipeline.transform(headline)
for topic in proportions.argsort()[::-1][:2]:
    terms = [term for term, _ in inspection.top_terms(pipeline, n_terms=5)[topic]]
    print(f"{proportions[topic]:.0%} topic {topic}: {' '.join(terms)}")

# %%
# Plot the topics
# ---------------

import matplotlib.pyplot as plt

from sklearn_topics.plot import TopTermsDisplay

TopTermsDisplay.from_estimator(pipeline, n_terms=7)
plt.show()
