"""
Semantic search with latent semantic analysis (LSA)
===================================================

This example builds a search engine for the docstrings of NumPy, SciPy and scikit-learn.
:class:`~sklearn_topics.TorchTruncatedSVD` maps each document to a vector with 100
dimensions. Texts about the same subject have similar vectors even if they share no
words.
"""

# %%
# Build the index
# ---------------
# The pipeline computes TF-IDF weights, applies truncated SVD and normalises the rows,
# so that a scalar product is a cosine similarity.

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sklearn_topics import TorchTruncatedSVD
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
lsa = make_pipeline(
    TfidfVectorizer(
        stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
        token_pattern="[a-z]{3,}",
        min_df=3,
        sublinear_tf=True,
    ),
    TorchTruncatedSVD(n_components=100, random_state=0),
    Normalizer(copy=False),
)
places = lsa.fit_transform(docs.data)
share = lsa[1].explained_variance_ratio_.sum()
print(f"{len(places)} documents in 100 dimensions, with {share:.0%} of the variance")

# %%
# Search
# ------
# The pipeline transforms a query like a document. The output shows the cosine
# similarity and how many words of the query the document contains. A keyword search
# cannot find documents that contain none of these words.

words_of = lsa[0].build_analyzer()


def search(query, n_found=5):
    cosines = places @ lsa.transform([query])[0]
    print(query)
    for i in cosines.argsort()[::-1][:n_found]:
        shared = set(words_of(query)) & set(words_of(docs.data[i]))
        print(f"  {cosines[i]:.2f}  {docs.names[i]}  (words shared: {len(shared)})")


search("remove noise from a signal")
search("smooth noisy measurements")
search("find a minimum under constraints")

# %%
# Similar words
# -------------
# The columns of ``components_``, scaled by the singular values, are vectors of words.
# Words that occur in the same documents have similar vectors.

import numpy as np

terms = lsa[0].get_feature_names_out()
word_places = (lsa[1].components_ * lsa[1].singular_values_[:, None]).T
word_places /= np.linalg.norm(word_places, axis=1, keepdims=True)
for word in ("cluster", "matrix", "filter", "probability"):
    near = (word_places @ word_places[terms == word][0]).argsort()[::-1][1:7]
    print(f"{word}: {' '.join(terms[near])}")

# %%
# Choose the number of dimensions
# -------------------------------
# The singular values decrease smoothly and do not suggest a number of dimensions.
# Evaluate the search instead: use the first sentence of each document as a query,
# search the remaining text of the other documents, and compute how many of the ten
# results come from the same subpackage (precision at 10). Few dimensions are too
# coarse. TF-IDF weights without SVD find only the words of the query and have a lower
# precision than LSA with 50 or more dimensions.

import matplotlib.pyplot as plt

first = [text.split(".")[0] for text in docs.data]
rest = [text[len(query) :] for text, query in zip(docs.data, first, strict=True)]
A, B = lsa[0].transform(first), lsa[0].transform(rest)
asked = A.getnnz(axis=1) > 0


def precision(queries, texts, n_found=10):
    cosines = queries @ texts.T
    cosines = cosines.toarray() if hasattr(cosines, "toarray") else cosines
    np.fill_diagonal(cosines, -1)  # exclude the document of the query
    found = np.argpartition(-cosines, n_found, axis=1)[:, :n_found]
    return (docs.target[found] == docs.target[:, None])[asked].mean()


sizes = [5, 10, 20, 50, 100]
found = []
for size in sizes:
    rows = (lsa[1].transform(part)[:, :size] for part in (A, B))
    found.append(precision(*map(Normalizer().transform, rows)))
without = precision(A, B)
for size, value in zip(sizes, found, strict=True):
    print(f"precision at 10: {value:.2f} (LSA, {size} dimensions)")
print(f"precision at 10: {without:.2f} (TF-IDF)")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(np.arange(1, 101), lsa[1].singular_values_, ".-")
left.set(xlabel="component", ylabel="singular value", ylim=(0, None))
right.semilogx(sizes, found, "o-", label="LSA")
right.axhline(without, ls="--", color="0.5", label="TF-IDF")
right.set_xticks(sizes, [str(size) for size in sizes])
right.minorticks_off()
right.set(xlabel="dimensions", ylabel="precision at 10")
right.legend()
plt.show()
