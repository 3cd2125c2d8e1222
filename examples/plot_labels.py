"""
Text classification with topics as features
===========================================

This example classifies documents with a logistic regression on 40 topic proportions
instead of thousands of word counts. Topics help if few documents have labels, because
the topic model also learns from documents without labels. The coefficients are easy to
interpret.
"""

# %%
# Fit the topic model
# -------------------
# The task is to predict the package of a docstring. The topic model is fitted to all
# training documents, with and without labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
labels = np.array([docs.target_names[k].split(".")[0] for k in docs.target])
train, test, y_train, y_test = train_test_split(
    docs.data, labels, test_size=0.25, random_state=0
)
topics = make_pipeline(
    CountVectorizer(
        stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
        token_pattern="[a-z]{3,}",
        min_df=5,
    ),
    TorchPoissonNMF(n_components=40, random_state=0),
).fit(train)

# %%
# Topic proportions as a DataFrame
# --------------------------------
# With ``set_output``, ``transform`` returns a pandas DataFrame.

topics[-1].set_output(transform="pandas")
theta = topics.transform(test)
print(theta.iloc[:4, :5].round(3).to_string())

# %%
# Accuracy by number of labels
# ----------------------------
# Fit one logistic regression to the logarithms of the proportions and one to the
# logarithms of the counts, for an increasing number of labelled documents. With up to a
# hundred labels, topics are better, because most words do not occur in a labelled
# document. With thousands of labels, counts are better, because they contain every
# word.

counts = topics[0]
log = FunctionTransformer(np.log)
log1p = FunctionTransformer(np.log1p, accept_sparse=True)
features = {
    "40 topics": (log.transform(topics.transform(train)), log.transform(theta)),
    "counts": tuple(log1p.transform(counts.transform(x)) for x in (train, test)),
}
sizes = [10, 30, 100, 300, 1000, 3000]
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
print("labels    ", *[f"{size:4}" for size in sizes])
for name, (A, B) in features.items():
    accuracy = []
    for size in sizes:
        found = []
        for seed in range(3):
            rows = np.random.default_rng(seed).permutation(len(train))[:size]
            part = A.iloc[rows] if hasattr(A, "iloc") else A[rows]
            classifier = LogisticRegression(C=0.1, max_iter=3000)
            found.append(classifier.fit(part, y_train[rows]).score(B, y_test))
        accuracy.append(np.mean(found))
    left.semilogx(sizes, accuracy, "o-", label=name)
    print(f"{name:10}", *[f"{value:.2f}" for value in accuracy])
left.set(xlabel="labelled documents", ylabel="accuracy")
left.legend()
# sphinx_gallery_defer_figures

# %%
# Interpret the coefficients
# --------------------------
# The classifier has forty coefficients per package, one for each topic. The figure
# names the topics by their top terms.

from sklearn_topics.inspection import top_terms

A, _ = features["40 topics"]
classifier = LogisticRegression(C=0.1, max_iter=3000).fit(A, y_train)
names = [" ".join(term for term, _ in row) for row in top_terms(topics, n_terms=3)]
numpy_coefficients = classifier.coef_[list(classifier.classes_).index("numpy")]
order = np.argsort(numpy_coefficients)
shown = np.r_[order[:6], order[-6:]]
right.barh([names[k] for k in shown], numpy_coefficients[shown])
right.axvline(0, color="black", linewidth=0.8)
right.tick_params(axis="y", labelsize=8)
right.set(xlabel="coefficient", title="Coefficients for numpy")
plt.show()
