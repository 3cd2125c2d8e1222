"""nn.NMF: torchnmf's factors, chains in both spellings, sparse targets, bad inputs."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_topics._kernels import CSR
from sklearn_topics.nn import NMF, sparsity

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")

EPS = float(np.finfo("f4").eps)
BETAS = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def target(n=12, m=9, seed=0, positive=True):
    rng = np.random.default_rng(seed)
    V = rng.poisson(1.5, (n, m)) * rng.gamma(2.0, 1.0, (n, m))
    return V + 0.3 if positive else V


def peer(V, W, H, beta, n_iter, alpha=0.0, l1_ratio=0.0, fitted="WH"):
    """torchnmf's fit, written out: its 0.3.5 agrees to 1e-13 (benchmarks/torch_nmf)."""
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    gamma = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1
    W, H = W.copy(), H.copy()
    for _ in range(n_iter):
        for name in fitted:
            A, B, T = (W, H, V.T) if name == "W" else (H, W, V)
            Y = A @ B.T + (0 if beta == 2 else EPS)
            above = (T * Y ** (beta - 2)) @ B + EPS
            below = Y ** (beta - 1) @ B + (0 if beta == 1 else EPS)
            A *= (above / (below + l1 + l2 * A)) ** gamma
    return W, H


def divergence(V, Y, beta):
    if beta == 1:
        return (np.where(V > 0, V * np.log(np.where(V > 0, V, 1) / Y), 0) - V + Y).sum()
    if beta == 0:
        return (V / Y - np.log(V / Y) - 1).sum()
    terms = V**beta + (beta - 1) * Y**beta - beta * V * Y ** (beta - 1)
    return terms.sum() / (beta * (beta - 1))


def factors(model):
    return model.W.detach().numpy(), model.H.detach().numpy()


@pytest.mark.parametrize("penalty", [{}, {"alpha": 0.2, "l1_ratio": 0.3}])
@pytest.mark.parametrize("beta", BETAS)
def test_factors_of_torchnmf_by_its_formula(beta, penalty):
    V = target()
    model = NMF(V.shape, 3, dtype=torch.float64, generator=seeded())
    W, H = peer(V, *factors(model), beta, 30, **penalty)
    assert model.fit(torch.tensor(V), beta, tol=0, max_iter=30, **penalty) == 30
    for found, expected in zip(factors(model), (W, H), strict=True):
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_factors_that_torchnmf_itself_has_found():
    """Recorded: its NMF(W=..., H=...).fit(V, beta=1, max_iter=20, tol=0), float32."""
    V = torch.arange(1.0, 13).reshape(4, 3) % 7
    W = torch.tensor([[1.0, 0.5], [0.2, 2.0], [1.5, 1.0]])
    H = torch.tensor([[1.0, 2.0], [0.5, 1.0], [2.0, 0.1], [1.0, 1.0]])
    model = NMF(W=W, H=H)
    assert model.fit(V, beta=1, max_iter=20, tol=0) == RECORDED["n_iter"]
    assert_allclose(model.W.detach(), RECORDED["W"], atol=1e-5)
    assert_allclose(model.H.detach(), RECORDED["H"], atol=1e-5)


RECORDED = {
    "n_iter": 20,
    "W": [[0.0312408, 1.7697210], [1.0236347, 1.7902416], [2.2786806, 1.5783442]],
    "H": [
        [0.9188830, 0.5715601],
        [1.0867932, 2.2141755],
        [0.8908487, 0.0058979],
        [1.0477203, 1.6556748],
    ],
}


@pytest.mark.parametrize("beta", [1.0, 1.25, 1.5, 2.0])
def test_no_iteration_raises_the_divergence(beta):
    V = target(positive=False)
    model = NMF(V.shape, 4, dtype=torch.float64, generator=seeded())
    found = [divergence(V, model().detach().numpy(), beta)]
    for _ in range(25):
        model.fit(torch.tensor(V), beta, max_iter=1)
        found.append(divergence(V, model().detach().numpy(), beta))
    assert (np.diff(found) <= 1e-9 * found[0]).all()
    assert found[-1] < 0.5 * found[0]


def test_stops_by_torchnmfs_rule():
    """Looks every ten iterations; stops when the error falls by less than tol."""
    V = target(30, 20)
    model = NMF(V.shape, 3, dtype=torch.float64, generator=seeded())
    W, H = factors(model)
    errors = []
    for n in range(0, 400, 10):
        ours = peer(V, W, H, 1, n)
        Y = ours[1] @ ours[0].T
        errors.append(np.sqrt(2 * divergence(V, Y, 1)))
    falls = -np.diff(errors) / errors[0]
    expected = 10 * (1 + int(np.argmax(falls < 1e-3)))
    assert 20 <= expected < 390
    assert model.fit(torch.tensor(V), tol=1e-3, max_iter=400) == expected


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("layout", ["coo", "uncoalesced", "csr", "ours"])
def test_sparse_equals_dense(beta, layout):
    V = torch.tensor(target(positive=False))
    V[3], V[:, 2] = 0, 0
    model, same = (
        NMF(V.shape, 3, dtype=torch.float64, generator=seeded()) for _ in range(2)
    )
    sparse = V.to_sparse_coo()
    if layout == "uncoalesced":
        where, values = sparse.indices(), sparse.values() / 2
        twice = (
            torch.cat([where.flip(1), where], 1),
            torch.cat([values.flip(0), values]),
        )
        sparse = torch.sparse_coo_tensor(*twice, V.shape, check_invariants=True)
    elif layout != "coo":
        sparse = V.to_sparse_csr()
    if layout == "ours":
        parts = sparse.crow_indices(), sparse.col_indices().int(), sparse.values()
        sparse = CSR(*parts, tuple(V.shape))
    n_iter = model.fit(sparse, beta, tol=1e-3, alpha=0.1)
    assert n_iter == same.fit(V, beta, tol=1e-3, alpha=0.1)
    for found, expected in zip(factors(model), factors(same), strict=True):
        assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


class Chain(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.nmf1 = NMF((30, 10), rank=4, generator=generator)
        self.nmf2 = NMF(W=(7, 10), generator=generator)
        self.nmf3 = NMF(W=(8, 7), generator=generator)

    def forward(self):
        return self.nmf3(H=self.nmf2(H=self.nmf1()))


def test_chain_in_both_spellings():
    generator = seeded()
    sequence = nn.Sequential(
        NMF((30, 10), rank=4, generator=generator),
        NMF(W=(7, 10), generator=generator),
        NMF(W=(8, 7), generator=generator),
    )
    chain = Chain(seeded())
    assert torch.equal(chain(), sequence(None))
    product = sequence[0].H
    for module in sequence:
        product = product @ module.W.T
    torch.testing.assert_close(chain(), product)
    assert chain().shape == (30, 8)


@pytest.mark.parametrize("fitted", ["W", "H"])
@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_frozen_factors_stay(beta, fitted):
    V = target()
    W, H = factors(NMF(V.shape, 3, dtype=torch.float64, generator=seeded()))
    model = NMF(
        W=torch.tensor(W),
        H=torch.tensor(H),
        trainable_W=fitted == "W",
        trainable_H=fitted == "H",
    )
    model.fit(torch.tensor(V), beta, tol=0, max_iter=10)
    expected = peer(V, W, H, beta, 10, fitted=fitted)
    for found, one in zip(factors(model), expected, strict=True):
        assert_allclose(found, one, rtol=1e-9)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    assert names == {fitted}


def test_state_dict_round_trip():
    V = torch.tensor(target())
    model = NMF(V.shape, 3, dtype=torch.float64, generator=seeded())
    model.fit(V, max_iter=5)
    other = NMF(V.shape, 3, dtype=torch.float64)
    assert not torch.equal(other.W, model.W)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(), model())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtypes(dtype):
    V = torch.tensor(target())
    model = NMF(V.shape, 3, generator=seeded())
    assert model.W.dtype == torch.float32
    exact = NMF(W=model.W.double(), H=model.H.double())
    exact.fit(V, max_iter=20, tol=0)
    model = model.to(dtype)
    model.fit(V.to(torch.float32), max_iter=20, tol=0)
    assert model.W.dtype == model().dtype == dtype
    precision = torch.finfo(dtype).eps
    torch.testing.assert_close(
        model().double(), exact(), rtol=30 * precision, atol=30 * precision
    )


def test_counts_may_be_integers():
    counts = torch.tensor(np.random.default_rng(0).poisson(2.0, (6, 5)))
    models = [NMF((6, 5), 2, generator=seeded()) for _ in range(3)]
    for model, V in zip(
        models, (counts, counts.float(), counts.to_sparse_csr()), strict=True
    ):
        model.fit(V, max_iter=10)
    for model in models[1:]:
        torch.testing.assert_close(model(), models[0]())


def test_generators_leave_the_global_one_alone():
    before = torch.get_rng_state()
    first, second = (NMF((5, 4), 2, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first.W, second.W)
    assert not torch.equal(NMF((5, 4), 2).W, NMF((5, 4), 2).W)
    assert torch.equal(torch.get_rng_state(), before)
    double = NMF((5, 4), 2, generator=seeded(3), dtype=torch.float64)
    assert torch.equal(double.H, first.H.double())


def test_values_given_are_copied():
    W = torch.ones(4, 2, dtype=torch.float64)
    model = NMF((5, 4), W=W, generator=seeded())
    assert model.rank == 2
    assert model.H.dtype == torch.float64
    model.fit(torch.rand(5, 4, generator=seeded()).double(), max_iter=3)
    assert bool((W == 1).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "rank is missing"),
        ({"shape": (5, 4)}, "rank is missing"),
        ({"shape": (5, 4), "rank": 0}, "positive integer"),
        ({"shape": (5,), "rank": 2}, "two positive integers"),
        ({"shape": (5, 4), "W": (5, 2)}, "W has 5 rows, but .* needs 4"),
        ({"shape": (5, 4), "rank": 3, "W": (4, 2)}, "rank gives 3, W gives 2"),
        ({"W": (4, 2), "H": (5, 3)}, "W gives 2, H gives 3"),
        ({"W": -torch.ones(4, 2)}, "W must be nonnegative"),
        ({"H": torch.full((4, 2), torch.nan)}, "H must be nonnegative"),
        ({"H": torch.ones(4)}, "H.shape must be two"),
    ],
)
def test_bad_factors(arguments, message):
    with pytest.raises(ValueError, match=message):
        NMF(**arguments)


@pytest.mark.parametrize(
    ("V", "options", "message"),
    [
        (torch.ones(4, 5), {}, r"shape \(4, 5\), but H W\^T has shape \(5, 4\)"),
        (-torch.ones(5, 4), {}, "negative values; the minimum is -1"),
        (torch.full((5, 4), torch.inf), {}, "NaN or infinity"),
        (torch.full((5, 4), torch.nan).to_sparse_coo(), {}, "NaN or infinity"),
        (torch.eye(5)[:, :4], {"beta": 0}, "beta=0 needs a positive V"),
        (torch.eye(5)[:, :4].to_sparse_coo(), {"beta": -1}, "needs a positive V"),
        (torch.ones(5, 4), {"beta": torch.inf}, "beta must be a finite number"),
        (torch.ones(5, 4), {"tol": -1.0}, "tol must be"),
        (torch.ones(5, 4), {"max_iter": 0}, "max_iter must be"),
        (torch.ones(5, 4), {"alpha": -1.0}, "alpha must be"),
        (torch.ones(5, 4), {"l1_ratio": 1.1}, "l1_ratio must be"),
    ],
)
def test_bad_targets_and_options(V, options, message):
    model = NMF((5, 4), 2, generator=seeded())
    before = model().detach()
    with pytest.raises(ValueError, match=message):
        model.fit(V, **options)
    assert torch.equal(model(), before)


def test_what_cannot_be_fitted_or_chained():
    with pytest.raises(ValueError, match="fit needs H, but .*BetaMu"):
        NMF(W=(4, 2)).fit(torch.ones(5, 4))
    frozen = NMF((5, 4), 2, trainable_W=False, trainable_H=False)
    with pytest.raises(ValueError, match="Neither W nor H is trainable"):
        frozen.fit(torch.ones(5, 4))
    with pytest.raises(ValueError, match="This NMF has no H"):
        NMF(W=(4, 2))()
    chain = nn.Sequential(NMF((5, 4), 2), NMF(W=(3, 6)))
    with pytest.raises(ValueError, match=r"H has shape \(5, 4\), but the rank is 6"):
        chain(None)


def test_overflow_raises_and_changes_nothing():
    model = NMF((5, 4), 2, generator=seeded())
    before = model().detach()
    with pytest.raises(FloatingPointError, match="float32"):
        model.fit(torch.full((5, 4), 1e30), beta=2)
    assert torch.equal(model(), before)


def test_verbose_writes_to_standard_error(capsys):
    NMF((5, 4), 2, generator=seeded()).fit(torch.ones(5, 4), max_iter=10, verbose=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(":")[0] for line in said.err.splitlines()] == [
        "iteration 0",
        "iteration 10",
    ]


def test_sparsity_of_hoyer():
    assert float(sparsity(torch.full((3, 3), 2.0))) == pytest.approx(0, abs=1e-6)
    assert float(sparsity(torch.eye(9)[0])) == pytest.approx(1)
    x = torch.tensor([3.0, 0, 4, 0], requires_grad=True)
    assert sparsity(x).item() == pytest.approx((2 - 7 / 5) / 1)
    sparsity(x).backward()
    assert bool(x.grad.isfinite().all())
    with pytest.raises(ValueError, match="at least two entries"):
        sparsity(torch.ones(1))


@pytest.mark.filterwarnings("ignore:Sparse CSC tensor support is in beta")
def test_sparse_targets_by_columns():
    """Such as the transpose of one by rows."""
    V = torch.as_tensor(target(positive=False))
    factors = {"rank": 2, "dtype": torch.float64}
    for given in (V.T.to_sparse_csc(), V.to_sparse_csr().transpose(0, 1)):
        sparse = NMF((9, 12), generator=seeded(), **factors)
        dense = NMF((9, 12), generator=seeded(), **factors)
        sparse.fit(given, max_iter=5, tol=0)
        dense.fit(V.T, max_iter=5, tol=0)
        torch.testing.assert_close(sparse.W, dense.W)
