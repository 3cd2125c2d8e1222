"""Fits in batches (`partial_fit`) of a topic model: checks, and what a model stores.

The topics, the tokens of each and the pseudocounts determine the expected counts of
terms in topics, so that a model stores nothing besides its public attributes: what has
been stored, merged or renamed continues, and a fit to all documents does too.
"""

import numpy as np
import torch

from .._boundary.transfer import agreed_array, numpy_dtype, to_device, to_numpy
from .._core.online import EARLY, OnlineEM
from .._core.solver import State
from .._kernels import CSR
from .._kernels.csr import accumulation_dtype
from .._kernels.threads import threads_for
from .first_rank import require_equal
from .steering import Steering

#: Iterations of the fit to the first batch.
_ITERATIONS = 20

#: Fitted attributes that belong to a fit to all documents.
_OF_A_FIT = "n_iter_", "loss_history_"


def require_online(estimator) -> bool:
    """Raise an AttributeError if the parameters do not allow `partial_fit`."""
    if estimator._solver_name == "adam":
        raise AttributeError(
            "partial_fit needs solver='scd' or 'em' for the fit to the first batch, "
            "but the parameters choose 'adam'. Use solver='auto', without "
            "learning_rate."
        )
    b = np.asarray(estimator.topic_word_pseudocount, np.float64)
    if (b == 0).any():
        raise AttributeError(
            "partial_fit needs topic_word_pseudocount > 0: with 0, a term that the "
            "first documents of a topic do not contain could never enter the topic. "
            "Use a positive number, such as the default of 0.2, or -1 for a term that "
            "is excluded from a topic."
        )
    return True


def update_online(estimator, X, X_device: CSR | torch.Tensor, steering: Steering):
    """Set the attributes of a model that has seen another batch.

    Parameters
    ----------
    estimator : TorchPoissonNMF
    X : array-like
        The batch, as passed by the user.
    X_device : CSR or Tensor
        X, validated, on the device.
    steering : Steering
    """
    total = estimator.total_samples
    solver = OnlineEM(
        float(estimator.doc_topic_pseudocount),
        steering.prior(X_device, estimator.n_components, 1.0),
        total_samples=None if total is None else float(total),
        offset=float(estimator.learning_offset),
        decay=float(estimator.learning_decay),
    )
    first = not hasattr(estimator, "components_")
    begin = _first_state if first else _last_state
    with threads_for(X_device):
        before, state = begin(estimator, X, X_device, solver)
        state = solver.step(X_device, state)
    tokens = agreed_array(to_numpy(state["counts"].sum(0)).astype(np.float64))
    if not np.isfinite(tokens).all():
        raise FloatingPointError(
            "The expected counts of the topics are not finite: values of X are too "
            f"large for {X_device.dtype}. Rescale X, or pass it as float64."
        )
    found = vars(estimator)
    for name in (*_OF_A_FIT, *estimator._of_the_fit):
        found.pop(name, None)
    found.update(
        before,
        components_=agreed_array(steering.topics(state)),
        topic_tokens_=tokens,
        n_samples_=state["n_samples"],
        n_batch_iter_=state["n_updates"],
    )


def _first_state(estimator, X, X_device, solver: OnlineEM) -> tuple[dict, State]:
    """Topics of a short fit of this batch, without counts."""
    short = {"max_iter": _ITERATIONS, "tol": 0, "warm_start": False}
    silent = {"verbose": 0, "checkpoint": None}
    parameters = {**estimator.get_params(deep=False), **short, **silent}
    fitted = type(estimator)(**parameters).fit(X)
    HT = _upload(fitted.components_, X_device)
    counts = torch.zeros_like(HT, dtype=accumulation_dtype(HT.device))
    names = {"init_": fitted.init_, "solver_": fitted.solver_}
    return names, {"HT": HT, "counts": counts, "n_samples": 0, "n_updates": 1}


def _last_state(estimator, X, X_device, solver: OnlineEM) -> tuple[dict, State]:
    """The state that the attributes describe."""
    topics, K = estimator._components(), int(estimator.n_components)
    if len(topics) != K:
        raise ValueError(
            f"partial_fit continues from {len(topics)} topics, but n_components is {K}."
            " Use the same number; or call fit, or clone the model, to begin anew."
        )
    tokens = getattr(estimator, "topic_tokens_", None)
    n_samples = getattr(estimator, "n_samples_", None)
    if n_samples is None or np.shape(tokens) != (K,):
        raise ValueError(
            "partial_fit continues from the tokens of each topic, but the model has no "
            f"valid topic_tokens_ and n_samples_ for its {K} topics: components_ was "
            "edited, or the model is of an earlier version. Edit topics with "
            "sklearn_topics.curation, or fit again."
        )
    require_equal("components_", topics)
    require_equal("topic_tokens_", tokens)
    require_equal("n_samples_", n_samples)
    HT = _upload(topics, X_device)
    wide = accumulation_dtype(HT.device)
    sizes = torch.as_tensor(np.asarray(tokens), dtype=wide, device=HT.device)
    counts = solver.counts_of(HT, sizes)
    # After a fit to all documents the topics are accurate.
    n_updates = getattr(estimator, "n_batch_iter_", EARLY + 1)
    return {}, {
        "HT": HT,
        "counts": counts,
        "n_samples": n_samples,
        "n_updates": n_updates,
    }


def _upload(topics: np.ndarray, X: CSR | torch.Tensor) -> torch.Tensor:  # [m, K]
    return to_device(np.ascontiguousarray(topics.T, numpy_dtype(X)), X.device)
