"""Extrapolation of alternating updates, with restarts (Ang and Gillis 2019).

Each iteration begins not at the last factors but beyond them, on the line from the
ones before. Where that lowers the objective, the iteration is dropped and the next one
begins at the last factors: with updates that never lower the objective, the
extrapolated ones do not either, but for rounding.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .solver import State, select

# How far beyond: at first; the factors of growth and of decay; the bound's growth, and
# its own bound. These are the paper's values.
_FIRST, _GROWTH, _DECAY = 0.5, 1.1, 0.75
_BOUND_GROWTH, _BOUND = 1.05, 0.99

#: Relative rounding error of an objective in float64. A smaller fall is ignored:
#: near the optimum, the order of its sums would decide whether an iteration is dropped,
#: and several processes would go on otherwise than one.
_ROUNDING = 1e-13

#: No entry falls below this share of itself: an EM step could not leave zero again.
_LEAST = 0.5

_FACTORS = "W", "HT"


def extrapolated_step(
    update: Callable[[CSR | Tensor, State], tuple[State, Tensor]],
    X: CSR | Tensor,
    state: State,
    *,
    factors: tuple[str, ...] = _FACTORS,
) -> State:
    """`update`, which gives a state and its objective, from beyond W and HT of `state`.

    `factors` are those that the update finds moved in the state that it gets; it moves
    the others itself, by `beyond`, a block of rows at a time.

    The state gains "objective", that of its factors, the previous factors, and tensors
    of shape (): "beta" and "bound", the step beyond and its limit, and "moving",
    whether the next iteration begins beyond the factors. After a dropped iteration the
    previous factors are the factors themselves. Nothing is read from a device.
    """
    old = {name: state[name] for name in _FACTORS}
    begin = {name: beyond(state, name) for name in factors}
    new, objective = update(X, {**state, **begin})
    if "moving" not in state:
        state = {**state, **_first_step(objective)}
    beta, bound, moving = (state[name] for name in ("beta", "bound", "moving"))
    before = state["objective"]
    least = torch.sub(before, before.abs(), alpha=_ROUNDING)
    rose = (objective >= least) | ~moving  # NaN has not risen
    limit = select(moving, (bound * _BOUND_GROWTH).clamp(max=_BOUND), bound)
    grown = select(moving, torch.minimum(limit, beta * _GROWTH), beta)
    return {
        **new,
        **{name: select(rose, new[name], old[name]) for name in _FACTORS},
        **{f"previous_{name}": factor for name, factor in old.items()},
        "beta": select(rose, grown, beta * _DECAY),
        "bound": select(rose, limit, beta),
        "moving": rose,
        "objective": select(rose, objective, before),
    }


def _first_step(objective: Tensor) -> State:
    return {
        "beta": objective.new_full((), _FIRST),
        "bound": objective.new_full((), 1.0),
        "moving": objective.new_full((), False, dtype=torch.bool),
        "objective": objective,
    }


def beyond(state: State, name: str, rows: slice | None = None) -> Tensor:
    """Where the iteration begins: a factor itself where it is also the previous one."""
    factor = state[name]
    previous = state.get(f"previous_{name}", factor)
    moves = previous is not factor
    if rows is not None:
        factor, previous = factor[rows], previous[rows]
    return ops.extrapolate(factor, previous, state["beta"], _LEAST) if moves else factor
