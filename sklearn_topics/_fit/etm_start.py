"""Where the training of an embedded topic model begins, and on which documents."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from .._boundary.containers import readable
from .._boundary.counts import require_tokens
from .._boundary.inputs import check_counts
from .._boundary.transfer import to_device
from .._core import etm
from .progress import Progress

#: Documents in a batch: at most, at least, and batches in an epoch of few documents.
MAX_BATCH, _LEAST_BATCH, _BATCHES = 250, 16, 20

#: Of init="nmf": iterations of Poisson NMF and its pseudocounts, epochs in which the
#: encoder learns its proportions, and their learning rate.
_NMF_ITERATIONS, _NMF_PSEUDOCOUNTS = 60, (0.02, 0.2)
_TEACHING_EPOCHS, _TEACHING_RATE = 4, 0.01


def batch_size(model, X):
    """Documents in a batch."""
    if model.batch_size is not None:
        return int(model.batch_size)
    return min(MAX_BATCH, max(_LEAST_BATCH, X.shape[0] // _BATCHES))


def training_and_validation(model, data, X, X_val):
    """The documents to train on and those to validate with, or None, on the device.

    `data` are the checked counts, and `X` the same on the device.
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
            "early_stopping=True holds documents out, but X has n_samples=1; pass "
            "X_val."
        )
    parts = train_test_split(
        np.arange(X.shape[0]),
        test_size=model.validation_fraction,
        random_state=model.random_state,
    )
    train, test = (torch.from_numpy(np.sort(part)).to(X.device) for part in parts)
    return etm.take(X, train), etm.take(X, test)


def begin_from_nmf(model, module, X, generator, given):
    """Set the module to the topics of Poisson NMF.

    Returns how far the topics are from those: they may not fit into the embeddings.
    """
    with Progress(_NMF_ITERATIONS, "iterations of the start", model.verbose) as nmf:
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
        documents, "documents shown to the encoder", model.verbose
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
