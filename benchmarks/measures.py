"""Corpora with held-out halves, and what is measured on them, in plain numpy."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

_BACKGROUND = 1e-3


def _halves(X):
    """Every count split Binomial(x, 1/2)."""
    first = X.copy()
    first.data = np.random.default_rng(0).binomial(X.data, 0.5).astype(X.data.dtype)
    return first, X - first


def _load(folder, name):
    return sp.load_npz(Path(folder) / name).tocsr()


def newsgroups20(folder):
    folder = Path(folder) / "newsgroups20"
    return _load(folder, "counts.npz"), *_halves(_load(folder, "counts_test.npz"))


def nips(folder):
    X = _load(Path(folder) / "nips", "counts.npz")
    return X[:2200], *_halves(X[2200:])


def etm_20ng(folder):
    names = "counts.npz", "counts_test_h1.npz", "counts_test_h2.npz"
    return tuple(_load(Path(folder) / "etm_20ng", name) for name in names)


def docstrings(folder=None):
    stop_words = sorted(ENGLISH_STOP_WORDS | set(API_STOP_WORDS))
    vectorizer = CountVectorizer(stop_words=stop_words, min_df=5)
    X = vectorizer.fit_transform(load_docstrings().data).tocsr()
    order = np.random.default_rng(0).permutation(X.shape[0])
    return X[np.sort(order[500:])], *_halves(X[order[:500]])


def snippets(folder, name="snippets"):
    folder = Path(folder) / name
    return _load(folder, "counts.npz"), *_halves(_load(folder, "counts_test.npz"))


def tweets(folder):
    return snippets(folder, "tweets")


#: name -> function of the data folder: fitted counts, first and second held-out half
CORPORA = {
    function.__name__: function
    for function in (etm_20ng, newsgroups20, nips, docstrings)
}
SHORT = {function.__name__: function for function in (snippets, tweets)}


def labels(folder, name):
    """Subjects of the documents of a corpus of short texts."""
    return (Path(folder) / name / "labels.txt").read_text().splitlines()


def random_start(X, K, seed):
    """W and H as scikit-learn draws them, from one generator."""
    rng = np.random.RandomState(seed)
    scale = np.sqrt(X.mean() / K)
    H = np.abs(scale * rng.standard_normal((K, X.shape[1])))
    return np.abs(scale * rng.standard_normal((X.shape[0], K))), H


def product_at(X, W, H):
    """(W H) at the stored entries of X, float64."""
    coo, values = X.tocoo(), np.zeros(X.nnz)
    for w, h in zip(np.asarray(W).T, np.asarray(H), strict=True):
        values += w[coo.row] * h[coo.col]
    return values


def completion_perplexity(held_out, theta, topics):
    """exp of minus the mean log-probability of a token of the second halves."""
    p = product_at(held_out, theta, topics)
    p = (1 - _BACKGROUND) * p + _BACKGROUND / topics.shape[1]
    tokens = held_out.tocoo().data
    return float(np.exp(-(tokens @ np.log(p)) / tokens.sum()))
