"""Fit a topic model with several processes, each of which holds some of the documents.

Start it with torchrun, for example on two processes of this machine:

    torchrun --nproc-per-node 2 examples/torchrun_fit.py
"""

import torch.distributed as dist

from sklearn_topics import TorchPoissonNMF, inspection
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.distributed import process_group

# In place of your corpus: for example sklearn_topics.io.open_counts("corpus").
X, _, _ = make_topic_corpus(2000, 100, 4, random_state=0)
terms = [f"term{j}" for j in range(X.shape[1])]

with process_group():
    rank, size = dist.get_rank(), dist.get_world_size()
    begin, end = (X.shape[0] * r // size for r in (rank, rank + 1))
    model = TorchPoissonNMF(4, random_state=0, verbose=1).fit(X[begin:end])
    perplexity = model.perplexity(X[begin:end])  # of all documents
    theta = model.transform(X[begin:end])  # of the documents of this process

if rank == 0:
    print(f"{size} processes, {model.n_samples_} documents: {perplexity=:.2f}")
    for topic in inspection.top_terms(model, terms, n_terms=5):
        print(*(term for term, probability in topic))
