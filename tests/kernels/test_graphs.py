"""A step that is recorded and repeated gives what the step itself gives."""

import pytest
import torch

from sklearn_topics._kernels.graphs import RepeatedStep


def step(state):
    """Factors that exchange places, as those of extrapolation do."""
    W = state["W"] * 0.5 + state["previous"]
    return {
        **state,
        "W": W,
        "previous": state["W"],
        "beta": (state["beta"] * 1.1).clamp(max=2),
    }


def state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    W, previous = torch.rand(2, 7, 3, generator=generator)
    beta = torch.rand((), dtype=torch.float64, generator=generator)
    return {"W": W, "previous": previous, "beta": beta, "kept": W, "rate": 2}


@pytest.fixture
def recorded():
    """The step, and the calls of it, of which one is a recording."""
    calls, recordings = [], []

    def counted(state):
        calls.append(state)
        return step(state)

    def record(function, device):
        function()  # unlike CUDA, which only notes what would be launched
        recordings.append(function)
        # Repeating it must start from what is in the memory by then.
        return function

    return RepeatedStep(counted, record), calls, recordings


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name], value), name
            assert found[name].dtype == value.dtype
        else:
            assert found[name] == value


def test_repeated_steps_are_the_steps(recorded):
    repeated, _, recordings = recorded
    found = expected = state()
    for _ in range(6):
        found, expected = repeated(found), step(expected)
        assert_equal(found, expected)
    assert len(recordings) == 1


def test_states_before_stay(recorded):
    repeated, *_ = recorded
    found, kept, copies = state(), [], []
    for _ in range(6):
        kept.append(found)
        copies.append({k: torch.as_tensor(v).clone() for k, v in found.items()})
        found = repeated(found)
    for before, copy in zip(kept, copies, strict=True):
        for name, value in copy.items():
            assert torch.equal(torch.as_tensor(before[name]), value)


def test_another_start_and_an_older_state(recorded):
    repeated, _, recordings = recorded
    first = repeated(repeated(repeated(state())))
    assert_equal(repeated(state(1)), step(state(1)))
    assert_equal(repeated(first), step(first))
    assert len(recordings) == 1


@pytest.mark.parametrize("change", ["shape", "dtype", "plain", "names"])
def test_states_of_another_kind_are_recorded_anew(recorded, change):
    repeated, _, recordings = recorded
    repeated(repeated(state()))
    other = state()
    if change == "shape":
        other |= {name: other[name][:4] for name in ("W", "previous", "kept")}
    elif change == "dtype":
        other |= {name: other[name].double() for name in ("W", "previous", "kept")}
    elif change == "plain":
        other["rate"] = 3
    else:
        other["objective"] = None
    expected = other
    for _ in range(3):
        other, expected = repeated(other), step(expected)
        assert_equal(other, expected)
    assert len(recordings) == 2


def test_a_step_that_changes_plain_values_is_not_recorded():
    def count(state):
        return {**step(state), "rate": state["rate"] + 1}

    def refuse(function, device):
        raise AssertionError("recorded")

    repeated, found, expected = RepeatedStep(count, refuse), state(), state()
    for _ in range(4):
        found, expected = repeated(found), count(expected)
        assert_equal(found, expected)
