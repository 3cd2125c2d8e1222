"""Denormal numbers count as zero in the kernels, and nowhere else."""

import numpy as np
import pytest
import torch

from sklearn_topics import TorchBetaNMF, TorchDeepNMF, TorchPoissonNMF
from sklearn_topics._kernels import ops
from sklearn_topics._kernels.cpu import denormals as _denormals
from sklearn_topics._kernels.cpu.blocks import run_blocks
from sklearn_topics.nn import NMF, BetaMu

pytestmark = pytest.mark.skipif(
    not torch.set_flush_denormal(False), reason="this processor has no such mode"
)


@pytest.fixture(params=[False, True], autouse=True)
def mode(request):
    """That of the user's thread."""
    torch.set_flush_denormal(request.param)
    yield request.param
    torch.set_flush_denormal(False)


def test_the_mode_of_the_caller_is_put_back(mode, monkeypatch):
    seen = []

    def kernel(first, last, indptr):
        seen.append(_denormals._flushes())
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    indptr = np.arange(0, 1 << 22, 1 << 18)
    with pytest.raises(KeyboardInterrupt):
        run_blocks(kernel, indptr, 100)
    assert len(seen) >= 3
    assert all(seen)
    assert _denormals._flushes() == mode


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernels_leave_none(dtype):
    tiny = torch.finfo(dtype).tiny
    A = torch.full((6, 3), 2 * tiny, dtype=dtype)
    ones, cost = torch.ones_like(A), torch.ones(3, dtype=dtype)
    assert not ops.ratio_step(A, ones / 4, cost, zero_denominator=1.0).any()
    assert not ops.multiplicative_step(A, ones / 4, cost, 0.0).any()
    assert not ops.extrapolate(A, A, 0.0, 0.25).any() or A.min() >= tiny


def denormal(A):
    A = np.abs(np.asarray(A))
    return ((A > 0) & (A < np.finfo(A.dtype).tiny)).any()


def counts():
    """Two groups with words of their own: what belongs to the other one vanishes."""
    rng = np.random.default_rng(0)
    X = rng.poisson(2.0, (30, 40)).astype(np.float32)
    X[:15, :20] = 0
    X[15:, 20:] = 0
    return X


PLAIN = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
MODELS = [
    TorchPoissonNMF(2, solver="em", **PLAIN),
    TorchPoissonNMF(2, solver="scd", **PLAIN),
    *(TorchBetaNMF(2, solver="mu", init="random", beta_loss=b) for b in (1, 1.5, 2)),
    TorchBetaNMF(
        2,
        solver="adam",
        init="random",
        beta_loss=1,
        learning_rate_schedule="constant",
    ),
    TorchDeepNMF((3, 2)),
]


@pytest.mark.filterwarnings("ignore:.*(max_iter|number of iterations)")
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_fits_leave_none(model):
    model.set_params(random_state=0, tol=0, max_iter=400)
    W = model.fit_transform(counts())
    assert not denormal(model.components_)
    assert not denormal(W)


@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_modules_leave_none(beta):
    V, generator = torch.from_numpy(counts()), torch.Generator().manual_seed(0)
    for train in (
        lambda model: model.fit(V, beta, tol=0, max_iter=400),
        lambda model: [
            BetaMu(model.parameters(), beta=beta).step(lambda: (V, model()))
            for _ in range(400)
        ],
    ):
        model = NMF(V.shape, rank=2, generator=generator)
        train(model)
        for A in model.parameters():
            assert not denormal(A.detach())
