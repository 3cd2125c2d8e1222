"""
Quickstart: topics of real text
===============================

Text in, topics out: the docstrings of scikit-learn, scipy and numpy (they are on every
machine that runs this package) are counted, factorised and shown. The model never
learns which subpackage a docstring comes from; it finds the subjects by itself.
"""

# %%
# A pipeline from text to topics
# ------------------------------
# ``verbose=1`` shows the objective while the model is fitted.

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
# The topics
# ----------
# Every row of ``components_`` is a distribution over terms, every row of ``theta`` one
# over topics. The share of a topic is its mean proportion in the documents.

terms = pipeline[0].get_feature_names_out()
topics = pipeline[-1].components_
share = theta.mean(axis=0)
order = share.argsort()[::-1]

print(f"{'topic':>5} {'share':>6}  most probable terms")
for k in order:
    best = topics[k].argsort()[::-1][:8]
    print(f"{k:>5} {share[k]:>6.1%}  {' '.join(terms[best])}")

# %%
# The subpackages were never shown to the model. The strongest topic of each document
# agrees with them all the same.

from sklearn.metrics import normalized_mutual_info_score

agreement = normalized_mutual_info_score(docs.target, theta.argmax(axis=1))
print(f"normalised mutual information with the subpackages: {agreement:.2f}")

# %%
# A score that can be trusted
# ---------------------------
# ``score`` is the mean log-probability of a held-out token, given the other half of its
# document; here for a quarter of the documents, with a model fitted on the others. The
# perplexity ``exp(-score)`` of the uniform distribution is the number of terms.

from sklearn.base import clone
from sklearn.model_selection import train_test_split

train, test = train_test_split(docs.data, test_size=0.25, random_state=0)
held_out = clone(pipeline).set_params(torchpoissonnmf__verbose=0).fit(train)
counts = held_out[0].transform(test)
print(f"held-out log-likelihood per token: {held_out.score(test):.3f}")
print(
    f"held-out perplexity: {held_out[-1].perplexity(counts):.0f} "
    f"(uniform: {counts.shape[1]})"
)

# %%
# A picture of the topics
# -----------------------

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
