"""TorchETM with pretrained vectors, and the time and memory of an optimiser step.

    python benchmarks/etm.py DATA [--only glove step]

DATA is the folder of the corpora. Prints

- glove: etm_20ng, K = 50, three seeds, with 25-dimensional GloVe vectors, frozen and
  trained: seconds of fit, perplexity of the second halves of the test documents from
  the first ones (per token) with the encoder alone and refined, NPMI of the top 10 and
  diversity of the top 25 terms (benchmarks/quality.py compares the models);
- step: an optimiser step at 20,000 terms, 1000 documents, 800 hidden units, beside the
  same model on dense tensors, and the memory that each adds.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch
from measures import CORPORA, completion_perplexity
from processes import Processes
from torch.profiler import profile

from sklearn_topics import TorchETM, embedding_matrix
from sklearn_topics.metrics import (
    coherence,
    topic_diversity,
)
from sklearn_topics.nn import ETM

COLUMNS = "seconds", "encoder", "refined", "NPMI", "diversity"


def show(label, values):
    print(f"{label:34s}", *(f"{value:>10}" for value in values), flush=True)


def measure(model, corpus):
    X, shown, held_out = corpus
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    topics = model.components_ / model.components_.sum(1, keepdims=True)
    perplexity = partial(completion_perplexity, held_out, topics=topics)
    refined = perplexity(theta=model.transform(shown))
    encoder = float("nan")
    if isinstance(model, TorchETM):
        model.set_params(inference="encoder")
        encoder = perplexity(theta=model.transform(shown))
    return seconds, encoder, refined, coherence(topics, X).mean, topic_diversity(topics)


def medians(label, make, corpus, seeds=(0, 1, 2)):
    rows = [measure(make(seed), corpus) for seed in seeds]
    found = [median(column) for column in zip(*rows, strict=True)]
    show(label, [f"{value:.3f}" if value < 1 else f"{value:.1f}" for value in found])


def glove(args):
    corpus = CORPORA["etm_20ng"](args.data)
    words = (args.data / "etm_20ng" / "vocab.txt").read_text().split("\n")
    with np.load(args.data / "embeddings" / "glove_twitter_25d_12k.npz") as file:
        vectors = dict(zip(file["words"].tolist(), file["vectors"], strict=True))
    words = words[: corpus[0].shape[1]]
    known = sum(word in vectors for word in words)
    show(f"GloVe, {known} of {len(words)} words", COLUMNS)
    matrix = embedding_matrix(words, vectors, random_state=0)
    for label, options in {
        "frozen": {"train_embeddings": False},
        "trained": {},
    }.items():
        make = partial(TorchETM, 50, embeddings=matrix, **options)
        medians(label, lambda seed, make=make: make(random_state=seed), corpus)


def steps(kind, m, n_steps=6):
    """Seconds of a step, and the MiB that loss and gradients add to their result."""
    counts = sp.random(1000, m, 100 / m, format="csr", dtype=np.float32, rng=0)
    counts.data[:] = 1
    if kind == "sparse":
        parts = map(torch.from_numpy, (counts.indptr, counts.indices, counts.data))
        X = torch.sparse_csr_tensor(*parts, counts.shape)
    else:
        X = torch.from_numpy(counts.toarray())
    model = ETM(m, 50)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002, fused=True)

    def loss():
        bound = model(X)
        return (bound.kl - bound.log_likelihood).mean()

    seconds = []
    for _ in range(n_steps):
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    with profile(profile_memory=True) as found:  # of torch's allocations
        loss().backward()
    live = peak = 0
    for event in found.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    return median(seconds[1:]), peak / 2**20


def step(args):
    kinds = "sparse", "dense"
    run = Processes(kinds)
    show("one step", ("sparse ms", "dense ms", "ratio", "sparse MiB", "dense MiB"))
    for m in (5_000, 20_000):
        rows = [
            [value for kind in kinds for value in run(kind, steps, kind, m)]
            for _ in range(3)
        ]
        sparse, own, dense, peer = (
            median(column) for column in zip(*rows, strict=True)
        )
        found = sparse * 1e3, dense * 1e3, dense / sparse, own, peer
        show(f"{m} terms", [f"{value:.1f}" for value in found])


PARTS = {"glove": glove, "step": step}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    for part in args.only:
        PARTS[part](args)


if __name__ == "__main__":
    main()
