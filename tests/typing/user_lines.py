"""Lines as users write them, for type checkers: `.ci/run` runs mypy on this file.

mypy --config-file tests/typing/mypy.ini tests/typing/user_lines.py
"""

from typing import assert_type

import numpy as np

from sklearn_topics import TorchETM, TorchLDA, TorchPoissonNMF
from sklearn_topics.curation import merge_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import summary, top_terms
from sklearn_topics.metrics import coherence, perplexity
from sklearn_topics.plot import ConvergenceDisplay

X, theta, topics = make_topic_corpus(200, 50, 3, random_state=0)
model = TorchPoissonNMF(n_components=3, random_state=0).fit(X)
assert_type(model, TorchPoissonNMF)
assert_type(model.components_, np.ndarray)
assert_type(model.transform(X), np.ndarray)
assert_type(model.n_iter_, int)
assert_type(model.perplexity(X), float)
assert_type(coherence(model, X).mean, float)
assert_type(TorchLDA(3).fit(X), TorchLDA)
assert_type(TorchETM(3).fit_transform(X), np.ndarray)
print(perplexity(merge_topics(model, [[0, 1]]), X), model.topic_tokens_.sum())
assert_type(summary(model, X), str)
assert_type(top_terms(model), list[list[tuple[str, float]]])
assert_type(ConvergenceDisplay.from_estimators(model).plot(), ConvergenceDisplay)
