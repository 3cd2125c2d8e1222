"""Initialisation of the embedded topic model: topics of Poisson NMF, the encoder."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sklearn_topics._core.etm import encode
from sklearn_topics._core.etm_init import init_from_nmf, pretrain_encoder, set_topics
from sklearn_topics._core.init import initial_factors
from sklearn_topics._fit.starts import DrawByRuns
from sklearn_topics.nn import ETM


def make_module(m=25, K=3, **options):
    sizes = {"embedding_dim": 8, "hidden_layer_sizes": (16,)}
    generator = torch.Generator().manual_seed(0)
    return ETM(m, K, dtype=torch.float64, generator=generator, **{**sizes, **options})


@pytest.mark.parametrize("dim", [3, 8])
def test_embeddings_are_set_to_topics(dim):
    """Up to the share spread over all terms; K dimensions hold K topics."""
    topics = torch.from_numpy(np.random.default_rng(0).dirichlet(np.full(25, 0.3), 3))
    module = make_module(embedding_dim=dim)
    set_topics(module, topics, keep_embeddings=False)
    expected = 0.999 * topics + 0.001 / 25
    torch.testing.assert_close(module.topics().detach(), expected, rtol=1e-8, atol=0)


def test_topics_nearest_to_given_embeddings():
    """Exact where the embeddings can hold the topics; else nearer than any other."""
    topics = torch.from_numpy(np.random.default_rng(0).dirichlet(np.full(25, 0.3), 3))
    target = 0.999 * topics + 0.001 / 25
    module = make_module(embedding_dim=25)
    before = module.embeddings.detach().clone()
    set_topics(module, topics, keep_embeddings=True)
    assert torch.equal(module.embeddings, before)
    torch.testing.assert_close(module.topics().detach(), target, rtol=0, atol=2e-3)
    module = make_module(embedding_dim=4)
    set_topics(module, topics, keep_embeddings=True)
    loss = -(target * module.log_topics().T).sum()
    (slope,) = torch.autograd.grad(loss, module.topic_embeddings)
    assert float(slope.abs().max()) < 1e-4


def test_pretraining_brings_the_encoder_to_the_proportions(load, counts):
    """Proportions that the terms of a document decide."""
    X, module = load(counts()), make_module()
    shares = torch.tensor(counts() / counts().sum(1, keepdims=True))
    theta = torch.softmax(20 * (shares[:, :24].reshape(30, 3, 8).sum(2) - 1 / 3), 1)
    others = {n: v.detach().clone() for n, v in module.named_parameters()}
    options = {"n_epochs": 300, "learning_rate": 0.01, "batch_size": 10}
    pretrain_encoder(module, X, theta, torch.Generator().manual_seed(0), **options)
    torch.testing.assert_close(encode(module, X, 30), theta, rtol=0, atol=0.05)
    assert torch.equal(module.embeddings, others["embeddings"])
    assert torch.equal(module.topic_embeddings, others["topic_embeddings"])


@pytest.mark.parametrize("keep", [False, True])
def test_all_of_the_start(load, counts, keep):
    X, module, done = load(counts()), make_module(), []
    before = module.embeddings.detach().clone()

    def progress(total, unit):
        done.append([total])
        return nullcontext(SimpleNamespace(show=done[-1].append))

    generator = torch.Generator().manual_seed(0)

    def start(X, K, generator, solver):
        factors = initial_factors(X, K, "random", DrawByRuns(generator))
        return "random", *factors

    options = {"keep_embeddings": keep, "batch_size": 10, "progress": progress}
    options["start"] = start
    topic_error = init_from_nmf(module, X, generator, **options)
    assert torch.equal(module.embeddings, before) == keep
    # Eight random dimensions do not hold the topics of 25 terms; learned ones do.
    assert (topic_error > 0.05) == keep
    for total, *shown in done:
        assert shown == sorted(shown)
        assert shown[-1] == total
    assert len(done) == 2
