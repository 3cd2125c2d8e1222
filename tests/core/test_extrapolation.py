"""Extrapolation: where iterations begin, and what a restart gives back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_topics._core.extrapolation import extrapolated_step
from sklearn_topics._core.solver import select
from sklearn_topics._kernels import ops, registry


def halfway(X, state):
    """A monotone update: half of the way to the maximum of `height`."""
    return {**state, "W": (state["W"] + X) / 2, "HT": (state["HT"] + X) / 2}


def height(X, state):
    return -((state["W"] - X).square().sum() + (state["HT"] - X).square().sum())


def begin(value):
    return {
        name: torch.full((2, 1), value, dtype=torch.float64) for name in ("W", "HT")
    }


def run(X, state, n_iter, advance=halfway, objective=height):
    def update(X, state):
        new = advance(X, state)
        value = objective(X, new)
        return new, torch.as_tensor(value, dtype=torch.float64)

    states = [state]
    for _ in range(n_iter):
        states.append(extrapolated_step(update, X, states[-1]))
    return states


def test_the_second_iteration_begins_beyond_the_first():
    X = torch.tensor(0.0, dtype=torch.float64)
    _, first, second = run(X, begin(8.0), 2)
    assert first["W"][0] == 4
    # From 4 - (8 - 4) / 2 = 2, half of the way.
    assert second["W"][0] == second["HT"][0] == 1
    assert float(second["beta"]) == pytest.approx(0.55)


@pytest.mark.parametrize(("fall", "kept"), [(5e-14, True), (1e-12, False)])
def test_a_fall_within_rounding_is_none(fall, kept):
    X, values = torch.tensor(0.0, dtype=torch.float64), iter((-1.0, -1.0, -1.0 - fall))
    *_, last = run(X, begin(8.0), 3, objective=lambda X, state: next(values))
    assert bool(last["moving"]) == kept


def test_no_entry_falls_to_zero_between_iterations():
    X = torch.tensor(1e-12, dtype=torch.float64)
    begun = []

    def advance(X, state):
        begun.append(state["W"])
        return halfway(X, state)

    run(X, begin(1.0), 20, advance)
    assert all((W > 0).all() for W in begun)


def test_a_fall_is_dropped_and_the_next_iteration_is_plain():
    # Beyond the second state lies a fall: the update is fine, the momentum is not.
    X = torch.tensor(0.0, dtype=torch.float64)
    cliff = iter([-1.0, -2.0, 3.0])  # objective of the new factors at each iteration
    one, dropped, plain = run(X, begin(8.0), 3, objective=lambda X, s: next(cliff))[1:]
    assert torch.equal(dropped["W"], one["W"])
    assert torch.equal(dropped["HT"], one["HT"])
    assert dropped["objective"] == -1
    assert float(dropped["beta"]) == pytest.approx(0.375)
    assert plain["W"][0] == one["W"][0] / 2
    assert plain["objective"] == 3


def test_what_else_the_update_notes_is_kept_after_a_fall():
    X = torch.tensor(0.0, dtype=torch.float64)

    def advance(X, state):
        return {**halfway(X, state), "count": state.get("count", 0) + 1}

    cliff = iter([-1.0, -2.0])
    last = run(X, begin(8.0), 2, advance, lambda X, s: next(cliff))[-1]
    assert last["count"] == 2


def test_an_objective_that_is_nan_is_a_fall():
    X = torch.tensor(0.0, dtype=torch.float64)
    values = iter([-1.0, float("nan")])
    one, after = run(X, begin(8.0), 2, objective=lambda X, s: next(values))[1:]
    assert torch.equal(after["W"], one["W"])
    assert after["objective"] == -1


@given(values=st.lists(st.floats(-10, 10), min_size=30, max_size=30))
def test_beta_keeps_its_bounds(values):
    X, state = torch.tensor(0.0, dtype=torch.float64), begin(8.0)
    values = iter(values)
    states = run(X, state, 30, objective=lambda X, s: next(values))
    for state in states[1:]:
        assert 0 < state["beta"] <= state["bound"] <= 1


def test_on_the_cpu_a_choice_copies_nothing():
    one, two = torch.ones(3), torch.zeros(3)
    assert select(torch.tensor(True), one, two) is one
    assert select(torch.tensor(False), one, two) is two


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_beta_is_a_number_or_a_tensor(dtype):
    A, previous = torch.rand(2, 5, 3, dtype=dtype)
    beta = torch.tensor(0.7, dtype=torch.float64)
    expected = torch.maximum(A + 0.7 * (A - previous), 0.5 * A)
    reference = registry.load("reference.dense:dense_extrapolate")
    for extrapolate in ops.extrapolate, reference:
        out = extrapolate(A, previous, beta, 0.5)
        assert out.dtype == dtype
        assert torch.equal(out, extrapolate(A, previous, 0.7, 0.5))
        torch.testing.assert_close(out, expected)
        assert torch.equal(extrapolate(A, A, beta, 0.5), A)  # where nothing moved
