"""Fits that processes of a group make, and one process for comparison."""

import warnings
from datetime import timedelta

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist

from sklearn_topics import (
    TorchBetaNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._fit import race
from sklearn_topics._kernels import ops, ranks
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.distributed import process_group

COUNTS = make_topic_corpus(90, 40, 3, doc_length=30, random_state=0)[0].astype("f8")
#: Rows of the ranks by their number: uneven, and one without documents.
BOUNDS = {1: (0, 90), 2: (0, 61, 90), 3: (0, 50, 50, 90)}
SEED = {"random_state": 0}
RANDOM = {"init": "random", **SEED}
TOPICS = np.random.default_rng(5).random((3, 40))
SEEDED = np.full((3, 40), 0.2)
SEEDED[0, :5], SEEDED[1, 7] = 30, -1

#: Past the optimum of COUNTS, where objectives differ by no more than their rounding.
LONG = {"tol": 0, "max_iter": 50}
#: Name -> model, arguments of fit.
CASES = {
    "em": (TorchPoissonNMF(3, solver="em", **RANDOM), {}),
    "em 50": (TorchPoissonNMF(3, solver="em", **LONG, **RANDOM), {}),
    "scd": (TorchPoissonNMF(3, **RANDOM), {}),
    "scd 50": (TorchPoissonNMF(3, **LONG, **RANDOM), {}),
    "scd, likelihood": (
        TorchPoissonNMF(
            3, doc_topic_pseudocount=0, topic_word_pseudocount=0, **LONG, **RANDOM
        ),
        {},
    ),
    "scd, documents' prior": (
        TorchPoissonNMF(3, doc_topic_pseudocount=2, **LONG, **RANDOM),
        {},
    ),
    "auto": (TorchPoissonNMF(3, **LONG, **SEED), {}),
    "two starts": (
        TorchPoissonNMF(3, init="kmeans", n_init=2, max_iter=17, tol=0, **SEED),
        {},
    ),
    "auto, from a sample": (TorchPoissonNMF(3, max_iter=17, tol=0, **SEED), {}),
    "custom": (TorchPoissonNMF(3, init="custom", max_iter=17), {"H": TOPICS}),
    "seeded": (
        TorchPoissonNMF(3, topic_word_pseudocount=SEEDED, max_iter=17, **SEED),
        {},
    ),
}
for name, model in {
    "beta cd": TorchBetaNMF(3, shuffle=True, **RANDOM),
    "beta cd 50": TorchBetaNMF(3, **LONG, **SEED),
    "beta mu": TorchBetaNMF(3, solver="mu", alpha_H=0.01, **SEED),
    "beta mu 50": TorchBetaNMF(3, solver="mu", **LONG, **RANDOM),
    "beta mu, kl": TorchBetaNMF(
        3, solver="mu", beta_loss=1, alpha_W=0.01, l1_ratio=0.5, **RANDOM
    ),
    "beta mu, kl 50": TorchBetaNMF(3, solver="mu", beta_loss=1, **LONG, **SEED),
    "beta scd": TorchBetaNMF(3, solver="scd", beta_loss=1, alpha_W=0.01, **RANDOM),
    "beta scd 50": TorchBetaNMF(3, solver="scd", beta_loss=1, **LONG, **SEED),
    "svd": TorchTruncatedSVD(3, n_iter=20, **SEED),
    "lda": TorchLDA(3, evaluate_every=2, perp_tol=1, **SEED),
    "lda 50": TorchLDA(3, max_iter=50, **SEED),
    "etm": TorchETM(3, max_iter=3, **SEED),
    "etm 50": TorchETM(3, max_iter=50, **SEED),
    "etm, without norms": TorchETM(
        3,
        max_iter=3,
        batch_norm=False,
        dropout=0.2,
        batch_size=7,
        kl_warmup=2,
        max_grad_norm=0.1,
        **RANDOM,
    ),
    "etm, single documents": TorchETM(3, max_iter=1, batch_size=1, **RANDOM),
    "etm, held out": TorchETM(
        3,
        max_iter=6,
        early_stopping=True,
        n_iter_no_change=1,
        validation_fraction=0.3,
        learning_rate_schedule="ReduceLROnPlateau",
        schedule_params={"patience": 0},
        **SEED,
    ),
}.items():
    CASES[name] = model, {}
#: Cases that are fitted to dense X too.
DENSE = "em", "scd 50", "auto", "beta mu, kl", "svd", "lda", "etm"
#: Cases that are fitted to fewer documents than terms too.
WIDE = "beta mu", "svd"
ATTRIBUTES = (
    "components_",
    "topic_tokens_",
    "n_iter_",
    "n_samples_",
    "log_likelihood_",
    "deviance_",
    "init_",
    "reconstruction_err_",
    "feature_means_",
    "singular_values_",
    "explained_variance_",
    "explained_variance_ratio_",
    "embeddings_",
    "topic_embeddings_",
    "bound_",
)


def join(name, rank, size):
    """Make the default group, of processes that meet at a file with this name."""
    options = {"rank": rank, "world_size": size, "timeout": timedelta(seconds=90)}
    dist.init_process_group("gloo", store=dist.FileStore(name, size), **options)


def shard(rank, size, name=""):
    """The rows of a rank for a case."""
    X = sp.csr_array(COUNTS.T if name.endswith("wide") else COUNTS)
    begin, end = (b * X.shape[0] // 90 for b in BOUNDS[size][rank : rank + 2])
    return X[begin:end].toarray() if name.endswith("dense") else X[begin:end]


def fitted(name, X):
    """What a fit sets, as JSON."""
    model, arguments = CASES[name.removesuffix(", dense").removesuffix(", wide")]
    race._SAMPLE = 50 if name.endswith("sample") else 20_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        model.fit(X, **arguments)
        theta = model.transform(X) if X.shape[0] else np.empty((0, 3))
        score = model.score(X) if hasattr(model, "score") else 0.0
        if isinstance(model, TorchLDA):
            score += model.perplexity(X, sub_sampling=True)
            score += model.random_state_.random_sample()  # as after all draws
    found = {key: getattr(model, key) for key in ATTRIBUTES if hasattr(model, key)}
    if "n_iter_" in found:
        found["objective"] = model.loss_history_["objective"]
    found |= {"transformed": theta, "score": score}
    return {key: np.asarray(value).tolist() for key, value in found.items()}


def names():
    dense, wide = (
        (f"{name}, dense" for name in DENSE),
        (f"{name}, wide" for name in WIDE),
    )
    return [*CASES, *dense, *wide]


def thirds(X):
    n = X.shape[0]
    return [X[b * n // 3 : (b + 1) * n // 3] for b in range(3)]


def fitted_in_batches(batches):
    """What partial_fit sets, for all ways to count documents."""
    found = {}
    for total in None, 90:
        model = TorchPoissonNMF(3, total_samples=total, **SEED)
        for X in batches:
            model.partial_fit(X)
        for name in "components_", "topic_tokens_", "n_samples_", "n_batch_iter_":
            found[f"{name}, {total}"] = np.asarray(getattr(model, name)).tolist()
    return found


def fitted_online(batches):
    """What an online fit to all and partial_fit set."""
    options = {"batch_size": 16, **SEED}
    whole = TorchLDA(3, learning_method="online", max_iter=2, **options)
    whole.fit(sp.vstack(batches, format="csr"))
    parts = TorchLDA(3, total_samples=90, **options)
    for X in batches:
        parts.partial_fit(X)
    return [
        [model.components_.tolist(), model.n_batch_iter_, float(bound)]
        + [model.random_state_.random_sample()]  # as after all draws
        for model, bound in ((whole, whole.bound_), (parts, 0))
    ]


def continued_from_others(rank, size):
    """The errors of partial_fit where rank 0 has another model."""
    found = []
    for before in (0, 2), (1, 2):
        model = TorchLDA(3, total_samples=90, **SEED)
        with ranks.alone():
            for X in thirds(COUNTS)[: before[min(rank, 1)]]:
                model.partial_fit(X)
        try:
            model.partial_fit(shard(rank, size))
        except ValueError as error:
            found.append(str(error))
    return found


def fit_all(rank, size):
    found = {}
    with process_group():
        found["online"] = fitted_online(thirds(shard(rank, size)))
        found["other models"] = continued_from_others(rank, size)
        found["partial_fit"] = fitted_in_batches(thirds(shard(rank, size)))
        for name in names():
            before = ranks.current().messages
            found[name] = fitted(name, shard(rank, size, name))
            found[name]["messages"] = ranks.current().messages - before
    return found


#: Cases of which each rank must have the same bits on any processor.
SAME_BITS = (
    "em",
    "scd",
    "auto",
    "seeded",
    "beta cd",
    "beta mu",
    "beta mu, wide",
    "beta mu, kl",
    "beta scd",
    "svd",
    "svd, wide",
    "lda",
    "etm",
    "etm, held out",
)


#: Operations whose results another processor may round in another way.
ROUNDED = (
    "column_sums",
    "combine_columns",
    "exp_digamma",
    "extrapolate",
    "gram",
    "multiplicative_step",
    "ratio_step",
    "sddmm",
)


def round_otherwise(rank, size):
    """Fits with a processor in rank 1 that rounds, and decomposes, in another way."""
    if rank == 1:
        torch.linalg.cholesky_ex = rounding(torch.linalg.cholesky_ex)
        torch.linalg.svd = rounding(torch.linalg.svd, sign=-1)
        torch.linalg.qr = rounding(torch.linalg.qr, sign=-1)
        for name in ROUNDED:
            setattr(ops, name, rounding(getattr(ops, name)))
    with process_group():
        found = {name: fitted(name, shard(rank, size, name)) for name in SAME_BITS}
        found["online"] = {"found": fitted_online(thirds(shard(rank, size)))}
        return found


def rounding(function, sign=1):
    """The function with other last bits, and another sign of matrices."""

    def changed(A):
        if not A.is_floating_point():
            return A
        return A * (1 + 2**-51) * (sign if A.ndim > 1 else 1)

    def patched(*args, **kwargs):
        found = function(*args, **kwargs)
        return changed(found) if torch.is_tensor(found) else tuple(map(changed, found))

    return patched
