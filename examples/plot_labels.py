"""
Topics as features of a classifier
==================================

Forty proportions of topics in place of thousands of counts: how much of what a
classifier needs is in them? They are few and can be read, and where few documents have
labels they are learned from all the others too.
"""

# %%
# The task
# --------
# Which package a docstring comes from. Only some documents have labels; topics are
# learned from the texts of all but those that are for the test.

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
# Proportions as a table
# ----------------------
# ``set_output`` makes pandas of what ``transform`` returns.

topics[-1].set_output(transform="pandas")
theta = topics.transform(test)
print(theta.iloc[:4, :5].round(3))

# %%
# With few labels
# ---------------
# A logistic regression on logarithms of the proportions, and one on logarithms of the
# counts, for a growing number of labelled documents. With a hundred labels or fewer
# topics are ahead: most words have not been seen with a label. With thousands of labels
# the counts win, for they still know every word.

counts = topics[0]
log = FunctionTransformer(np.log)
log1p = FunctionTransformer(np.log1p, accept_sparse=True)
features = {
    "40 topics": (log.transform(topics.transform(train)), log.transform(theta)),
    "counts": tuple(log1p.transform(counts.transform(x)) for x in (train, test)),
}
sizes = [10, 30, 100, 300, 1000, 3000]
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
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
    text = ", ".join(f"{value:.2f}" for value in accuracy)
    print(f"{name}: accuracy with {sizes} labels: {text}")
left.set(xlabel="labelled documents", ylabel="accuracy")
left.legend()
# sphinx_gallery_defer_figures

# %%
# Coefficients that can be read
# -----------------------------
# Forty coefficients for each package, each of a topic that has words.

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
right.set(xlabel="coefficient", title="What speaks for numpy")
plt.show()
