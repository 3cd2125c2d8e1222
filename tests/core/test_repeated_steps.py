"""Solvers whose steps can be recorded: repeating a record is stepping."""

from functools import partial

import numpy as np
import pytest
import torch

from sklearn_topics._core import beta_nmf, deep_nmf, etm, lda, online, softmax_adam
from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._kernels.graphs import RepeatedStep, is_worth_recording

MU = beta_nmf.MultiplicativeUpdate
SOLVERS = {
    "em": EM(),
    "em, pseudocounts": EM(0.1, 0.2),
    "em, not extrapolated": EM(extrapolate=False),
    "scd": SCD(em_steps=3),
    "scd, pseudocounts": SCD(0.1, 0.2, em_steps=3),
    "mu, beta 1": MU(1.0),
    "mu, beta 2": MU(2.0),
    "mu, beta 2, H fixed": MU(2.0, update_H=False),
    "scd, beta 1": beta_nmf.KLCoordinateDescent(1.0),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_recorded_step_is_the_step(name, counts, load):
    solver, X = SOLVERS[name], load(counts())
    rng = np.random.default_rng(0)
    W, HT = (torch.from_numpy(rng.random((size, 3)) + 0.1) for size in X.shape)
    generator = [torch.Generator()] * (not name.endswith(("1", "2", "fixed")))
    found = expected = solver.init_state(X, W, HT, *generator)
    recordings = []

    def record(function, device):
        recordings.append(function)
        return function

    assert solver.repeatable
    step = partial(solver.step, X)
    repeated = RepeatedStep(step, record)
    for _ in range(12):
        found, expected = repeated(found), step(expected)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(found[key], value), key
            else:
                assert found[key] == value, key
    assert len(recordings) == 1


@pytest.mark.parametrize(
    "solver",
    [
        beta_nmf.CoordinateDescent,
        MU(0.5),  # on a sparse X, it goes through all cells
        MU(2.0, masked=True),
        beta_nmf.ProjectedAdam,
        deep_nmf.DeepNMF,
        etm.ETMTrainer,
        lda.VariationalBayes,
        online.OnlineEM,
        softmax_adam.SoftmaxAdam,
    ],
)
def test_what_draws_or_counts_is_not_recorded(solver):
    assert not solver.repeatable


def test_nothing_is_recorded_on_the_cpu():
    assert not is_worth_recording(torch.ones(3, 2), {"W": torch.ones(3, 2)})
