"""Initialisation of an embedded topic model, and its training documents."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from .._boundary.containers import readable
from .._boundary.counts import require_tokens
from .._boundary.inputs import check_counts
from .._boundary.transfer import to_device
from .._core import etm
from .progress import Progress

#: Documents in a batch, maximum and minimum; batches per epoch of a small corpus.
MAX_BATCH, _LEAST_BATCH, _BATCHES = 250, 16, 20

#: init="nmf": iterations and pseudocounts of Poisson NMF, then epochs and learning rate
#: of pretraining the encoder on its proportions.
_NMF_ITERATIONS, _NMF_PSEUDOCOUNTS = 60, (0.02, 0.2)
_TEACHING_EPOCHS, _TEACHING_RATE = 4, 0.01


def batch_size(model, X):
    """Maximum number of documents in a batch."""
    if model.batch_size is not None:
        return int(model.batch_size)
    return min(MAX_BATCH, max(_LEAST_BATCH, X.shape[0] // _BATCHES))


def training_and_validation(model, data, X, X_val):
    """Training documents and validation documents (or None), on the device.

    `data` are the validated counts, `X` the same on the device.
    """
    if X_val is not None:
        X_val = readable(X_val, "X_val")
        shape = getattr(X_val, "shape", None) or np.shape(X_val)
        if tuple(shape[1:]) != X.shape[1:]:
            raise ValueError(
                f"X_val has the shape {tuple(shape)}, but X has {X.shape[1]} columns."
            )
        held_out = check_counts(model, X_val, reset=False, method="fit")
        require_tokens(held_out, "X_val")
        held_out = held_out.astype(data.dtype, copy=False)
        return X, to_device(held_out, X.device)
    if not model.early_stopping:
        return X, None
    if X.shape[0] < 2:
        raise ValueError(
            "early_stopping=True needs held-out documents, but X has n_samples=1. "
            "Pass X_val."
        )
    parts = train_test_split(
        np.arange(X.shape[0]),
        test_size=model.validation_fraction,
        random_state=model.random_state,
    )
    train, test = (torch.from_numpy(np.sort(part)).to(X.device) for part in parts)
    return etm.take(X, train), etm.take(X, test)


def begin_from_nmf(model, module, X, generator, given):
    """Initialise the module from the topics and proportions of Poisson NMF.

    Returns the distance of the topics of the module from those of the NMF, which given
    embeddings may not be able to represent.
    """
    with Progress(_NMF_ITERATIONS, "iterations of Poisson NMF", model.verbose) as nmf:
        theta, topics = etm.nmf_topics(
            X,
            model.n_components,
            generator,
            n_iter=_NMF_ITERATIONS,
            pseudocounts=_NMF_PSEUDOCOUNTS,
            watch=nmf.show,
        )
    miss = etm.set_topics(module, topics, given=given)
    documents = _TEACHING_EPOCHS * X.shape[0]
    with Progress(
        documents, "documents to pretrain the encoder", model.verbose
    ) as teaching:
        etm.teach(
            module,
            X,
            theta,
            generator,
            n_epochs=_TEACHING_EPOCHS,
            learning_rate=_TEACHING_RATE,
            batch_size=batch_size(model, X),
            watch=teaching.show,
        )
    return miss
