"""nn.BetaMu: its rule written out, groups, frozen parameters, sparse targets."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_topics.nn import NMF, BetaMu

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")

EPS = float(np.finfo("f4").eps)


def chain(seed=0, sizes=((14, 5), 4, 6, 9), dtype=torch.float64):
    """A chain of three modules: 14 x 9 of four factors."""
    generator = torch.Generator().manual_seed(seed)
    made = {"generator": generator, "dtype": dtype}
    (n, first), rank, second, last = sizes
    return nn.Sequential(
        NMF((n, first), rank=rank, **made),
        NMF(W=(second, first), **made),
        NMF(W=(last, second), **made),
    )


@pytest.fixture
def V():
    rng = np.random.default_rng(0)
    return torch.tensor(rng.poisson(1.5, (14, 9)) * rng.gamma(2.0, 1.0, (14, 9)))


def divergence(V, Y, beta):
    if beta == 1:
        return float((torch.xlogy(V, V) - torch.xlogy(V, Y) - V + Y).sum())
    terms = V**beta + (beta - 1) * Y**beta - beta * V * Y ** (beta - 1)
    return float(terms.sum() / (beta * (beta - 1)))


def rule(V, factors, beta, l1=0.0, l2=0.0, apart=0.0):
    """One step of the chain [W1, H, W2, W3], Y = H W1' W2' W3', by its formulas."""
    W1, H, W2, W3 = (A.copy() for A in factors)
    gamma = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1

    def updated(A, gradient):
        Y = H @ W1.T @ W2.T @ W3.T
        Y = Y if beta in (1, 2) else Y + EPS
        shifted = Y + EPS if beta == 1 else Y
        above = gradient(V * shifted ** (beta - 2)) + EPS
        below = gradient(Y ** (beta - 1)) + EPS + l1 + l2 * A
        below += apart * (A.sum(1, keepdims=True) - A)
        return A * (above / below) ** gamma

    W1 = updated(W1, lambda G: W2.T @ W3.T @ G.T @ H)
    H = updated(H, lambda G: G @ W3 @ W2 @ W1)
    W2 = updated(W2, lambda G: W3.T @ G.T @ H @ W1.T)
    W3 = updated(W3, lambda G: G.T @ H @ W1.T @ W2.T)
    return W1, H, W2, W3


def run(trainer, target, model, n_steps=1):
    for _ in range(n_steps):
        trainer.step(lambda: (target, model(None)))


def values(model):
    return [parameter.detach().numpy().copy() for parameter in model.parameters()]


@pytest.mark.parametrize("penalties", [(0.0, 0.0, 0.0), (0.2, 0.1, 0.3)])
@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_steps_by_the_formulas(V, beta, penalties):
    V = V + 0.3
    model, expected = chain(), values(chain())
    trainer = BetaMu(model.parameters(), beta, *penalties)
    for _ in range(5):
        run(trainer, V, model)
        expected = rule(V.numpy(), expected, beta, *penalties)
    for found, one in zip(values(model), expected, strict=True):
        assert_allclose(found, one, rtol=1e-10)


def test_factors_that_torchnmf_itself_has_found():
    """Recorded: its BetaMu with the same options, float32, five steps."""
    W = torch.tensor([[1.0, 0.5], [0.2, 2.0], [1.5, 1.0]])
    H = torch.tensor([[1.0, 2.0], [0.5, 1.0], [2.0, 0.1], [1.0, 1.0]])
    last = torch.tensor([[1.0, 0.2, 0.4], [0.3, 1.0, 0.1]])
    model = nn.Sequential(NMF(W=W, H=H), NMF(W=last))
    V = torch.tensor([[3.0, 1], [0, 2], [4, 1], [1, 1]])
    options = {"beta": 1.5, "l1_reg": 0.1, "l2_reg": 0.2, "orthogonal": 0.3}
    trainer = BetaMu(model.parameters(), **options)
    for _ in range(5):
        run(trainer, V, model)
    recorded = (
        [[0.997796, 0.130735], [0.088369, 1.100332], [1.057557, 0.128146]],
        [[1.077125, 0.394793], [0.00214, 1.013926], [1.68371, 0.037653]]
        + [[0.330935, 0.461335]],
        [[1.510527, 0.056939, 0.61581], [0.214943, 1.371292, 0.081807]],
    )
    for found, expected in zip(values(model), recorded, strict=True):
        assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("beta", [1.0, 1.25, 1.5, 2.0])
def test_no_step_raises_the_divergence(V, beta):
    model = chain()
    trainer = BetaMu(model.parameters(), beta)
    found = [divergence(V, model(None).detach(), beta)]
    for _ in range(40):
        run(trainer, V, model)
        found.append(divergence(V, model(None).detach(), beta))
    assert (np.diff(found) <= 1e-9 * found[0]).all()
    assert found[-1] < 0.3 * found[0]


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_sparse_equals_dense(V, layout, beta):
    V[3] = 0
    sparse = V.to_sparse_coo() if layout == "coo" else V.to_sparse_csr()
    ends = []
    for target in (V, sparse):
        model = chain()
        trainer = BetaMu(model.parameters(), beta)
        run(trainer, target, model, 5)
        ends.append(values(model))
    for found, expected in zip(*ends, strict=True):
        assert_allclose(found, expected, rtol=1e-10)


def test_a_transposed_target_and_one_for_each_step(V):
    """What is known of a target is forgotten after the step."""
    models = [chain() for _ in range(2)]
    trainers = [BetaMu(model.parameters()) for model in models]
    turned = V.T.contiguous()
    for factor in (1.0, 2.0, 0.5):
        turned.copy_(V.T * factor)
        run(trainers[0], turned.T, models[0])
        run(trainers[1], V * factor, models[1])
    for found, expected in zip(*map(values, models), strict=True):
        assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("beta", [1, 1.5, 2])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_target_with_gradients_is_a_constant(V, sparse, beta):
    found = []
    for grad in False, True:
        target = V.clone().requires_grad_(grad)
        model = chain()
        trainer = BetaMu(model.parameters(), beta=beta)
        trainer.step(
            lambda target=target, model=model: (
                target.to_sparse() if sparse else target,
                model(None),
            )
        )
        found.append(model(None).detach())
        assert target.grad is None
    torch.testing.assert_close(*found)


def test_the_target_is_not_written_to(V):
    """Where the prediction is a parameter, gradients share memory with the target."""
    copy = V.clone()
    A = nn.Parameter(torch.ones_like(V))
    for beta in (1, 1.5, 2):
        BetaMu([A], beta).step(lambda: (V, A))
        assert torch.equal(V, copy)


def test_groups_have_their_own_options(V):
    model = chain()
    W1, H, W2, W3 = (A.copy() for A in values(model))
    (first, second, *_) = model.parameters()
    groups = [{"params": [first], "l1_reg": 1.0}, {"params": [second], "beta": 2.0}]
    run(BetaMu(groups, beta=1.0), V, model)
    W1 = rule(V.numpy(), (W1, H, W2, W3), 1.0, l1=1.0)[0]
    back = W3 @ W2 @ W1
    H = H * (V.numpy() @ back + EPS) / (H @ back.T @ back + EPS)
    for found, expected in zip(values(model), (W1, H, W2, W3), strict=True):
        assert_allclose(found, expected, rtol=1e-10)


def test_frozen_parameters_stay_and_flags_come_back(V):
    model = chain()
    frozen = model[1].W.requires_grad_(False)
    before = frozen.clone()
    flags = [parameter.requires_grad for parameter in model.parameters()]
    trainer = BetaMu(model.parameters())
    run(trainer, V, model)
    assert torch.equal(frozen, before)
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert flags.count(False) == 1

    def fails():
        raise RuntimeError("in the closure")

    with pytest.raises(RuntimeError, match="in the closure"):
        trainer.step(fails)
    assert [parameter.requires_grad for parameter in model.parameters()] == flags


def test_gradients_are_neither_used_nor_left(V):
    model = chain()
    kept = torch.full_like(model[0].W, 7.0)
    model[0].W.grad = kept.clone()
    run(BetaMu(model.parameters()), V, model)
    assert torch.equal(model[0].W.grad, kept)
    assert all(p.grad is None for p in list(model.parameters())[1:])


def test_parameters_that_do_not_enter_stay(V):
    model, other = chain(), nn.Parameter(torch.ones(3))
    trainer = BetaMu([other, *model.parameters()])
    run(trainer, V, model)
    assert bool((other == 1).all())
    with pytest.raises(ValueError, match="depends on no parameter"):
        run(BetaMu([other]), V, model)
    with pytest.raises(ValueError, match="with gradients"):
        trainer.step(lambda: (V, model(None).detach()))


def test_state_dict_round_trip(V):
    options = {"beta": 1.5, "l1_reg": 0.1, "l2_reg": 0.2, "orthogonal": 0.3}
    trainer = BetaMu(chain().parameters(), **options)
    other = BetaMu(chain().parameters())
    other.load_state_dict(trainer.state_dict())
    assert {name: other.param_groups[0][name] for name in options} == options


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtypes(V, dtype):
    model, exact = chain(dtype=dtype), chain()
    exact.load_state_dict(model.state_dict())
    for one in (model, exact):
        trainer = BetaMu(one.parameters())
        run(trainer, V.float(), one, 3)
    assert model(None).dtype == dtype
    precision = 60 * torch.finfo(dtype).eps
    for found, expected in zip(model.parameters(), exact.parameters(), strict=True):
        assert_allclose(found.detach().double(), expected.detach(), rtol=precision)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": float("nan")}, "beta must be a finite number"),
        ({"l1_reg": -1}, "l1_reg must be a nonnegative"),
        ({"l2_reg": float("inf")}, "l2_reg must be"),
        ({"orthogonal": -0.1}, "orthogonal must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        BetaMu(chain().parameters(), **options)


def test_bad_parameters_targets_and_predictions(V):
    negative = nn.Parameter(torch.tensor([[1.0, -2.0]]))
    with pytest.raises(ValueError, match=r"from -2 to 1\. .* nonnegative"):
        BetaMu([negative])
    model = chain()
    trainer = BetaMu(model.parameters())
    groups = len(trainer.param_groups)
    with pytest.raises(ValueError, match="nonnegative"):
        trainer.add_param_group({"params": [negative]})
    assert len(trainer.param_groups) == groups
    before = values(model)
    for target, message in (
        (V.T, r"target has shape \(9, 14\), but the prediction has shape \(14"),
        (-V, "negative values"),
        (V / 0, "NaN or infinity"),
        (-V.to_sparse_csr(), "negative values"),
    ):
        with pytest.raises(ValueError, match=message):
            run(trainer, target, model)
    with pytest.raises(ValueError, match="prediction must be dense"):
        trainer.step(lambda: (V, model(None).to_sparse_coo()))
    for found, expected in zip(values(model), before, strict=True):
        assert_allclose(found, expected, rtol=0)


def test_targets_made_for_inference(V):
    with torch.inference_mode():
        made = torch.as_tensor(V) + 0
    model, twin = chain(), chain()
    BetaMu(model.parameters()).step(lambda: (made, model(None)))
    BetaMu(twin.parameters()).step(lambda: (made.clone(), twin(None)))
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_orthogonality_is_of_matrices():
    with pytest.raises(ValueError, match="orthogonal=0.1 needs matrices, but par"):
        BetaMu([nn.Parameter(torch.ones(3))], orthogonal=0.1)
