"""Write two million documents to disk block by block, and fit a topic model to them.

    python examples/two_million_documents.py [NUMBER_OF_DOCUMENTS]

The folder "counts" takes 16 bytes a count, with its transpose: about 1 GB.
"""

import sys

import numpy as np

from sklearn_topics import TorchPoissonNMF, inspection, io
from sklearn_topics.datasets import make_topic_corpus

n_documents, n_topics = int((sys.argv[1:] or [2_000_000])[0]), 20

# In place of your documents: some that are repeated, in another order each time.
drawn, _, _ = make_topic_corpus(50_000, 20_000, n_topics, doc_length=30, random_state=0)
terms = [f"term{j}" for j in range(drawn.shape[1])]
rng = np.random.default_rng(0)


def blocks():
    """Counts of some documents at a time."""
    for begin in range(0, n_documents, drawn.shape[0]):
        rows = rng.permutation(drawn.shape[0])
        yield drawn[rows[: n_documents - begin]]


X = io.write_counts("counts", blocks(), feature_names=terms, dtype="float32")
model = TorchPoissonNMF(n_topics, max_iter=30, random_state=0, verbose=1).fit(X)

shape = n_documents, n_topics
theta = np.lib.format.open_memmap("theta.npy", "w+", dtype=np.float32, shape=shape)
model.transform(X, out=theta)

for topic in inspection.top_terms(model, terms, n_terms=5):
    print(*(term for term, probability in topic))
