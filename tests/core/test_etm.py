"""Training of the embedded topic model: an epoch, its bound, refinement."""

import numpy as np
import pytest
import torch

from sklearn_topics._core import etm
from sklearn_topics._core.fold_in import fold_in_around
from sklearn_topics._core.schedule import make_schedule
from sklearn_topics._core.solver import Diverged
from sklearn_topics._kernels.csr import take
from sklearn_topics.nn import ETM


def make_module(m=25, K=3, **options):
    sizes = {"embedding_dim": 8, "hidden_layer_sizes": (16,)}
    generator = torch.Generator().manual_seed(0)
    return ETM(m, K, dtype=torch.float64, generator=generator, **{**sizes, **options})


def make_trainer(module, **options):
    defaults = {
        "schedule": make_schedule("constant", None, 0.01, 1),
        "topic_learning_rate": 0.01,
        "weight_decay": 0.0,
        "batch_size": 10,
        "kl_warmup": 0,
        "max_grad_norm": None,
    }
    return etm.ETMTrainer(module, **{**defaults, **options})


def run(trainer, X, n_epochs=2, state=None):
    state = state or trainer.init_state(X, torch.Generator().manual_seed(0))
    for _ in range(n_epochs):
        state = trainer.step(X, state)
    return state


def assert_same_states(a, b):
    assert a.keys() == b.keys()
    tensors = [name for name, value in a.items() if isinstance(value, torch.Tensor)]
    assert all(torch.equal(a[name], b[name]) for name in tensors)
    assert len(tensors) > 10


def test_state_holds_all_that_a_resumed_run_needs(load, counts):
    X = load(counts())
    through = run(make_trainer(make_module(batch_norm=True, dropout=0.2)), X, 4)
    half = run(make_trainer(make_module(batch_norm=True, dropout=0.2)), X, 2)
    other = make_trainer(make_module(batch_norm=True, dropout=0.2))
    assert_same_states(run(other, X, 2, state=half), through)


def test_step_leaves_its_argument_as_it_was(load, counts):
    X = load(counts())
    trainer = make_trainer(make_module(batch_norm=True))
    state = run(trainer, X, 1)
    before = {k: v.clone() for k, v in state.items() if isinstance(v, torch.Tensor)}
    trainer.step(X, state)
    assert all(torch.equal(state[name], value) for name, value in before.items())


def test_a_step_is_adam_on_the_bound(load, counts):
    """One batch, against a loop as anyone would write it."""
    X = load(counts())
    state = run(make_trainer(make_module(), batch_size=30, weight_decay=0.1), X, 1)
    module, generator = make_module(), torch.Generator().manual_seed(0)
    order = torch.randperm(30, generator=generator)
    bound = module(take(X, order), generator)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01, weight_decay=0.1)
    (bound.kl - bound.log_likelihood).mean().backward()
    optimizer.step()
    for name, value in module.named_parameters():
        torch.testing.assert_close(state[f"module.{name}"], value.detach())
    assert state["elbo"] == pytest.approx(
        float((bound.log_likelihood - bound.kl).mean().detach())
    )
    assert state["elbo"] == pytest.approx(-state["nll"] - state["kl"])


def test_rates_and_schedule(load, counts):
    """Adam's first step is the rate itself."""
    X = load(counts())
    start = make_module()
    trainer = make_trainer(
        make_module(),
        batch_size=30,
        topic_learning_rate=0.001,
        schedule=make_schedule(lambda epoch: 0.5 if epoch == 0 else 0.0, None, 0.01, 2),
    )
    first = run(trainer, X, 1)
    moved = {
        name: float((first[f"module.{name}"] - value.detach()).abs().max())
        for name, value in start.named_parameters()
    }
    assert moved["encoder.mean.weight"] == pytest.approx(0.005, rel=1e-3)
    assert moved["topic_embeddings"] == pytest.approx(0.0005, rel=1e-3)
    second = run(trainer, X, 1, state=first)
    assert torch.equal(second["module.embeddings"], first["module.embeddings"])
    assert second["learning_rate"] == 0.0


def test_frozen_embeddings_stay(load, counts):
    module = make_module()
    before = module.embeddings.detach().clone()
    module.embeddings.requires_grad_(False)
    state = run(make_trainer(module), load(counts()))
    assert torch.equal(state["module.embeddings"], before)
    assert not any(name.endswith(".embeddings") for name in state if "first." in name)


def test_kl_warmup_weighs_the_divergence(load, counts):
    """With no weight yet the divergence is let grow."""
    X = load(counts())
    free = run(make_trainer(make_module(), kl_warmup=10**6), X, 30)
    full = run(make_trainer(make_module()), X, 30)
    assert free["kl"] > 1.5 * full["kl"]


@pytest.mark.parametrize(("epoch", "weight"), [(0, 0.25), (2, 0.75), (3, 1), (9, 1)])
def test_kl_warmup_grows_to_the_whole(load, counts, epoch, weight):
    """One batch an epoch, against the gradient of the weighed loss."""
    X = load(counts())
    trainer = make_trainer(make_module(), batch_size=30, kl_warmup=4)
    start = trainer.init_state(X, torch.Generator().manual_seed(0))
    state = trainer.step(X, {**start, "epoch": epoch})
    module, generator = make_module(), torch.Generator().manual_seed(0)
    order = torch.randperm(30, generator=generator)
    bound = module(take(X, order), generator)
    (weight * bound.kl - bound.log_likelihood).mean().backward()
    gradient = module.encoder.log_variance.bias.grad
    first = state["first.encoder.log_variance.bias"]
    torch.testing.assert_close(first, 0.1 * gradient)


def test_clipped_gradients(load, counts):
    """Adam's second moments are those of gradients of this norm at most."""
    X = load(counts())
    trainer = make_trainer(make_module(), batch_size=30, max_grad_norm=1e-3)
    state = run(trainer, X, 1)
    squares = sum(
        float(value.sum())
        for name, value in state.items()
        if name.startswith("second.")
    )
    assert squares == pytest.approx(1e-6 * 0.001, rel=1e-2)


def test_divergence_is_an_error_and_loses_nothing(load, counts):
    X = load(counts())
    schedule = make_schedule("constant", None, 1e200, 1)
    trainer = make_trainer(make_module(), schedule=schedule)
    state = trainer.init_state(X, torch.Generator().manual_seed(0))
    with pytest.raises(Diverged, match=r"epoch 1: .*learning_rate=1e\+200"):
        trainer.step(X, state)
    trainer.load(state)
    assert all(bool(p.isfinite().all()) for p in trainer.module.parameters())


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "token_dropout": 0.5}])
def test_validation_bound_is_the_objective(load, counts, options):
    X, held_out = load(counts()), load(counts(seed=1))
    trainer = make_trainer(make_module(dropout=0.5, **options), held_out=held_out)
    state = run(trainer, X)
    found = trainer.evaluate(X, state)
    trainer.load(trainer.settled(X, state))
    bound = trainer.module.eval()(held_out)
    expected = float((bound.log_likelihood - bound.kl).mean().detach())
    assert found["objective"] == found["validation"] == pytest.approx(expected)


def test_bounds_and_proportions_do_not_depend_on_batches(load, counts):
    X, module = load(counts()), make_module()
    torch.testing.assert_close(etm.bounds(module, X, 30), etm.bounds(module, X, 7))
    torch.testing.assert_close(etm.encode(module, X, 30), etm.encode(module, X, 1))


@pytest.mark.parametrize("tokens", [3, 60, 200_000])
@pytest.mark.parametrize("weight", [0.5, 20.0])
def test_refinement_is_the_maximum_of_its_objective(load, counts, tokens, weight):
    """Slopes are equal at the maximum: x B / y + c p / theta = its mean."""
    rng = np.random.default_rng(0)
    X = counts(n=20, tokens=tokens)
    topics = rng.dirichlet(np.full(25, 0.5), 3)
    proposed = rng.dirichlet(np.full(3, 0.5), 20)
    parts = map(torch.from_numpy, (topics, proposed))
    theta = fold_in_around(load(X), *parts, weight=weight, tol=1e-10).numpy()
    slope = (X / (theta @ topics)) @ topics.T + weight * proposed / theta
    total = X.sum(1, keepdims=True) + weight
    np.testing.assert_allclose(theta * (slope - total) / total, 0, atol=1e-6)


def test_refinement_without_tokens_is_the_proposal(load):
    topics = torch.full((3, 5), 0.2, dtype=torch.float64)
    proposed = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    theta = fold_in_around(load(np.zeros((1, 5))), topics, proposed, weight=2.0)
    torch.testing.assert_close(theta, proposed)
