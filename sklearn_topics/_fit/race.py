"""The initialisation of a topic model: k-means, or for short texts a race.

With documents of a hundred tokens all good initialisations end alike. On short texts
it depends on the corpus which one is better, and a few iterations tell.
"""

import warnings
from dataclasses import replace
from functools import partial

import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from .._core.clusters import document_vectors, factors_of_clusters
from .._core.init import initial_factors
from .._core.poisson_nmf import SCD
from .._core.topic_model import document_sizes, even_weights
from .._kernels import CSR
from .._kernels.csr import take
from .._kernels.ranks import all_rows, current
from .._kernels.threads import one_torch_thread, threads_for
from .first_rank import drawn_rows, on_first_rank
from .starts import DrawByRuns

#: Steps of EM, and iterations in all, of each candidate. After so many steps of
#: coordinate descent the order of the objectives is nearly that of converged fits.
_EM_STEPS, _ITERATIONS = 2, 12

#: Mean number of different terms up to which documents count as short.
_SHORT = 30

#: The lead that NNDSVD needs, in nats per token: about one percent of the perplexity.
#: With a smaller lead, the topics of k-means are more coherent after convergence.
_LEAD = 0.01

#: Largest number of documents, drawn at random, in the race.
_DOCUMENTS = 3000

#: Documents, drawn at random, that the initialisation is computed from if there are
#: more. The others have all topics at first; EM gives them theirs.
_SAMPLE = 20_000

#: Runs of k-means; the best one is used.
_RUNS = 3


def raced_factors(
    X: CSR | Tensor, K: int, generator: torch.Generator, solver: SCD
) -> tuple[str, Tensor, Tensor]:
    """The name of the chosen initialisation, its W (n x K) and HT (m x K).

    k-means on the documents; if they are short, NNDSVD with the mean in place of zeros
    where it is clearly better. Random numbers begin with topics that are alike and lose
    each race of so few iterations: they serve only where X has fewer rows or columns
    than K.

    Parameters
    ----------
    X : CSR or Tensor
    K : int
    generator : torch.Generator
        On the host.
    solver : SCD
        The objective and its updates, in the unit of X.
    """
    solver, draw = replace(solver, em_steps=_EM_STEPS), DrawByRuns(generator)
    if K > min(all_rows(X.shape[0]), X.shape[1]):
        return "random", *initial_factors(X, K, "random", draw)
    if current() is not None:
        start = partial(raced_factors, K=K, generator=generator, solver=solver)
        return on_first_rank(start, X, K, generator, _SAMPLE)
    if X.shape[0] > _SAMPLE:
        some = drawn_rows(X.shape[0], _SAMPLE, generator)
        name, _, HT = raced_factors(take(X, some), K, generator, solver)
        return name, even_weights(X, K), HT
    candidates = {"kmeans": kmeans_factors(X, K, generator)}
    if _entries(X) > _SHORT * X.shape[0]:
        return "kmeans", *candidates["kmeans"]
    candidates["nndsvda"] = initial_factors(X, K, "nndsvda", draw)
    some = drawn_rows(X.shape[0], _DOCUMENTS, generator)
    objectives = {
        name: _objective(take(X, some), W[some.to(W.device)], HT, generator, solver)
        for name, (W, HT) in candidates.items()
    }
    tokens = float(document_sizes(take(X, some)).sum())
    lead = (objectives["nndsvda"] - objectives["kmeans"]) / max(tokens, 1)
    name = "nndsvda" if lead > _LEAD else "kmeans"
    return name, *candidates[name]


def _entries(X: CSR | Tensor) -> int:
    return X.nnz if isinstance(X, CSR) else int((X > 0).sum())


def _objective(X, W, HT, generator, solver) -> float:
    """The objective after some iterations."""
    with threads_for(X):
        state = solver.init_state(X, W, HT, generator)
        for _ in range(_ITERATIONS):
            state = solver.step(X, state)
        return float(solver.objective(X, state))


def kmeans_factors(
    X: CSR | Tensor, K: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """W (n x K) and HT (m x K) from clusters by k-means of documents' LSA vectors."""
    if current() is not None:

        def start(whole):
            return "kmeans", *kmeans_factors(whole, K, generator)

        return on_first_rank(start, X, K, generator, _SAMPLE)[1:]
    if X.shape[0] > _SAMPLE:
        some = drawn_rows(X.shape[0], _SAMPLE, generator)
        return even_weights(X, K), kmeans_factors(take(X, some), K, generator)[1]
    vectors = document_vectors(X, K, DrawByRuns(generator))
    seed = int(
        torch.randint(2**31 - 1, (), generator=generator, device=generator.device)
    )
    kmeans = KMeans(K, n_init=_RUNS, random_state=seed)
    # On one thread k-means adds in one order, so that equal seeds have equal clusters.
    with one_torch_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer than K clusters
        clusters = kmeans.fit_predict(vectors.cpu().numpy())
    labels = torch.from_numpy(clusters).to(X.device, torch.int64)
    return factors_of_clusters(X, labels, K)
