"""Learning rates: those of torch's own schedulers, whatever resumes in between."""

import pytest
import torch
from torch.optim import lr_scheduler

from sklearn_topics._core.schedule import SCHEDULERS, Scheduler, make_schedule

PARAMS = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [2, 5], "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.9},
    "LinearLR": {"start_factor": 0.25, "total_iters": 4},
    "PolynomialLR": {"total_iters": 6, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 2},
    "ReduceLROnPlateau": {"patience": 1, "factor": 0.1, "cooldown": 1},
}
LOSSES = [3.0, 2.0, 2.0, 2.5, 2.1, 2.2, 1.0, 1.5, 1.5, 1.5, 1.5]


def of_torch(name):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.7)
    scheduler = getattr(lr_scheduler, name)(optimizer, **PARAMS[name])
    rates = []
    for loss in LOSSES:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*[loss] * (name == "ReduceLROnPlateau"))
    return rates


@pytest.mark.parametrize("name", SCHEDULERS)
def test_rates_are_those_of_torch(name):
    state = Scheduler(name, PARAMS[name], 0.7).begin()
    rates = []
    for loss in LOSSES:
        scheduler = Scheduler(name, PARAMS[name], 0.7)  # nothing is kept but the state
        rates.append(scheduler.rate(state))
        state = scheduler.advance(state, loss)
    assert rates == of_torch(name)
    assert len(set(rates)) > 1
    assert {type(value) for value in state.values()} <= {int, float}


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("StepLR", {}, "torch's StepLR refuses .*step_size"),
        ("StepLR", {"step_size": 2, "gama": 1}, "has 'gama', but .* are step_size, ga"),
        ("StepLR", {"step_size": 0}, "torch's StepLR refuses"),
        ("ReduceLROnPlateau", {"mode": "max"}, "has 'mode', but the parameters of"),
        ("ReduceLROnPlateau", {"factor": 2.0}, "refuses .*Factor should be < 1"),
        ("cosine", {"T_max": 3}, "are those of torch's schedulers, .* is 'cosine'"),
    ],
)
def test_wrong_parameters_are_named(name, params, message):
    with pytest.raises(ValueError, match=message):
        make_schedule(name, params, 0.1)


def test_other_names_are_left_to_the_solvers():
    assert make_schedule("constant", None, 0.1) == "constant"
