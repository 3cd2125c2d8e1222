"""Extrapolation of alternating updates, with restarts (Ang and Gillis 2019).

Each iteration begins not at the last factors but beyond them, on the line from the
ones before. Where that lowers the objective, the iteration is dropped and the next one
begins at the last factors: with updates that never lower the objective, the
extrapolated ones do not either.
"""

from collections.abc import Callable

from torch import Tensor

from .._kernels import CSR, ops
from .solver import State

# How far beyond: at first; the factors of growth and of decay; the bound's growth, and
# its own bound. These are the paper's values.
_FIRST, _GROWTH, _DECAY = 0.5, 1.1, 0.75
_BOUND_GROWTH, _BOUND = 1.05, 0.99

#: No entry falls below this share of itself: an EM step could not leave zero again.
_LEAST = 0.5

_FACTORS = "W", "HT"


def extrapolated_step(
    update: Callable[[CSR | Tensor, State], tuple[State, Tensor]],
    X: CSR | Tensor,
    state: State,
) -> State:
    """`update`, which gives a state and its objective, from beyond W and HT of `state`.

    The state gains "objective", that of its factors, "beta" and "bound" (the step
    beyond and its limit), and the previous factors, unless they led nowhere.
    """
    previous = [state.get(f"previous_{name}") for name in _FACTORS]
    beta, bound = state.get("beta", _FIRST), state.get("bound", 1.0)
    momentum = previous[0] is not None
    begin = state
    if momentum:
        beyond = (
            ops.extrapolate(state[name], old, beta, _LEAST)
            for name, old in zip(_FACTORS, previous, strict=True)
        )
        begin = {**state, **dict(zip(_FACTORS, beyond, strict=True))}
    new, objective = update(X, begin)
    old = {name: state[name] for name in _FACTORS}
    if momentum and not bool(objective >= state["objective"]):  # the step's one read
        kept = {f"previous_{name}": None for name in _FACTORS}
        decayed = {"beta": beta * _DECAY, "bound": beta}
        return {**new, **old, **kept, **decayed, "objective": state["objective"]}
    if momentum:
        bound = min(_BOUND, _BOUND_GROWTH * bound)
        beta = min(bound, _GROWTH * beta)
    kept = {f"previous_{name}": factor for name, factor in old.items()}
    return {**new, **kept, "beta": beta, "bound": bound, "objective": objective}
