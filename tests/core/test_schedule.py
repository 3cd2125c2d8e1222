"""Learning rates: those of torch's own schedulers, whatever resumes in between."""

import pytest
import torch
from torch.optim import lr_scheduler

from sklearn_topics._core.schedule import SCHEDULERS, make_schedule

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
    state, rates = {}, []
    for epoch, loss in enumerate(LOSSES):
        # Nothing is kept but the state, as in a fit that resumes.
        schedule = make_schedule(name, PARAMS[name], 0.7, len(LOSSES))
        state = state or schedule.init_state()
        rates.append(schedule.rate(state, epoch))
        state = schedule.advance(state, lambda loss=loss: loss)
    assert rates == of_torch(name)
    assert len(set(rates)) > 1
    assert {type(value) for value in state.values()} <= {int, float}


@pytest.mark.parametrize("name", sorted({*SCHEDULERS} - {"ReduceLROnPlateau"}))
def test_most_schedules_need_neither_state_nor_loss(name):
    schedule = make_schedule(name, PARAMS[name], 0.7, 4)
    assert schedule.init_state() == schedule.advance({}, None) == {}
    # Within an epoch the rate of torch's schedulers stays.
    assert schedule.rate({}, 2.5) == schedule.rate({}, 2)


def test_schedules_of_our_own():
    constant = make_schedule("constant", None, 0.7, 10)
    assert [constant.rate({}, epochs) for epochs in (0, 5, 9.9)] == [0.7] * 3
    cosine = make_schedule("cosine", None, 0.7, 10)
    rates = [cosine.rate({}, epochs) for epochs in (0, 2.5, 5, 10, 11)]
    assert rates == pytest.approx([0.7, 0.35 * (1 + 0.5**0.5), 0.35, 0, 0])
    given = make_schedule(lambda epochs: 0.5**epochs, None, 0.7, 10)
    assert given.rate({}, 2) == 0.7 * 0.25


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
        make_schedule(name, params, 0.1, 10)
