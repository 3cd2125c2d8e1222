"""TorchETM: quality, time and memory, beside other topic models and a dense ETM.

    python benchmarks/etm.py DATA [--only quality glove labels step]

DATA is the folder of the corpora. Prints

- quality: etm_20ng, K = 50, three seeds, default settings: seconds of fit, perplexity
  of the second halves of the test documents from the first ones (per token) with the
  encoder alone and refined, NPMI of the top 10 and diversity of the top 25 terms;
  beside it TorchPoissonNMF, scikit-learn's LDA, and topmost's ETM, trained for
  --peer-seconds;
- glove: the same with 25-dimensional GloVe vectors, frozen and trained;
- labels: newsgroups20, K = 50: purity and normalised mutual information of the test
  documents' dominant topics and their groups;
- step: an optimiser step at 20,000 terms, 1000 documents, 800 hidden units, beside the
  same model on dense tensors, and the memory that each adds.
"""

import argparse
import importlib.util
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch
from measures import CORPORA, completion_perplexity
from processes import Processes
from sklearn.decomposition import LatentDirichletAllocation
from torch.profiler import profile

from sklearn_topics import TorchETM, TorchPoissonNMF, embedding_matrix
from sklearn_topics.metrics import (
    coherence,
    label_agreement,
    purity,
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


class TopmostETM:
    """Its model, trained as its trainer does (Adam 0.002, batches of 200).

    The file alone: the package imports torchvision, to download data sets.
    """

    def __init__(self, K, seed, seconds):
        self.K, self.seed, self.seconds = K, seed, seconds

    def fit(self, X):
        folder = Path(importlib.util.find_spec("topmost").origin).parent
        path = folder / "models" / "basic" / "ETM.py"
        spec = importlib.util.spec_from_file_location("topmost_etm", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(self.seed)
        options = {"embed_size": 300, "num_topics": self.K, "train_WE": True}
        self.model = module.ETM(X.shape[1], **options)
        data = torch.from_numpy(X.toarray()).float()
        data = data[data.sum(1) > 0]
        optimizer = torch.optim.Adam(self.model.parameters(), lr=0.002)
        begin, self.epochs = time.perf_counter(), 0
        while time.perf_counter() - begin < self.seconds:
            for rows in torch.randperm(len(data)).split(200):
                loss = self.model(data[rows])["loss"]
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            self.epochs += 1
        self.components_ = self.model.get_beta().detach().numpy()

    @torch.no_grad()
    def transform(self, X):
        self.model.eval()
        counts = torch.from_numpy(X.toarray()).float()
        theta = self.model.get_theta(counts)
        return theta.nan_to_num(1 / self.K).numpy()


def quality(args):
    corpus = CORPORA["etm_20ng"](args.data)
    show("etm_20ng, K = 50", COLUMNS)
    medians("TorchETM", lambda seed: TorchETM(50, random_state=seed), corpus)
    medians(
        "TorchPoissonNMF", lambda seed: TorchPoissonNMF(50, random_state=seed), corpus
    )
    lda = partial(LatentDirichletAllocation, 50)
    medians("scikit-learn LDA", lambda seed: lda(random_state=seed), corpus)
    if importlib.util.find_spec("topmost") is None:
        print("topmost is not installed: left out")
        return
    peer = TopmostETM(50, 0, args.peer_seconds)
    found = measure(peer, corpus)
    label = f"topmost's ETM, {peer.epochs} epochs (encoder)"
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


def labels(args):
    folder = args.data / "newsgroups20"
    train, test = (
        sp.load_npz(folder / name).tocsr() for name in ("counts.npz", "counts_test.npz")
    )
    groups = (folder / "labels_test.txt").read_text().splitlines()
    show("newsgroups20, K = 50", ("purity", "NMI"))
    for Model in (TorchETM, TorchPoissonNMF):
        rows = []
        for seed in range(3):
            theta = Model(50, random_state=seed).fit(train).transform(test)
            rows.append((purity(groups, theta), label_agreement(groups, theta)))
        found = [median(column) for column in zip(*rows, strict=True)]
        show(Model.__name__, [f"{value:.3f}" for value in found])


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


PARTS = {"quality": quality, "glove": glove, "labels": labels, "step": step}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peer-seconds", type=float, default=120)
    args = parser.parse_args()
    for part in args.only:
        PARTS[part](args)


if __name__ == "__main__":
    main()
