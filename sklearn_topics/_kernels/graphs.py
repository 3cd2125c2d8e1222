"""A step of an iteration as a CUDA graph: its launches recorded once, then repeated.

An iteration on a small corpus is a hundred launches of some microseconds of work each,
and Python needs longer to launch them. A graph launches them all at once.
"""

import threading
from collections.abc import Callable, Mapping
from functools import cache

import torch
from torch import Tensor

from .csr import CSR
from .ranks import current

#: Most stored entries, or cells of a dense X, and numbers of a state, for which
#: launches matter.
_MOST = 1 << 23
#: Where a tensor may begin in memory that holds several.
_ALIGNMENT = 256


#: CUDA records one graph at a time.
_RECORDING = threading.Lock()


def is_worth_recording(X: CSR | Tensor, state: Mapping) -> bool:
    """Whether launches take much of an iteration over X, and can be recorded.

    Other work than launches, and other memory, must be small: what a recorded step
    needs for a while it keeps as long as it lives.
    """
    if X.device.type != "cuda" or current() is not None:
        return False
    size = X.nnz if isinstance(X, CSR) else X.numel()
    factors = sum(A.numel() for A in state.values() if isinstance(A, Tensor))
    return max(size, factors) <= _MOST


class RepeatedStep:
    """A function of states that repeats one recording while states are alike.

    States are alike if their tensors have the same shapes and dtypes, and their other
    values are equal. The first of them is stepped from as it is, which compiles what
    is missing; the second is recorded.

    Parameters
    ----------
    step : callable
        State -> state, a dict of tensors on one device and of plain values. It does
        the same operations for states that are alike, on the same other tensors, and
        neither reads from the device nor draws random numbers.
    record : callable
        () -> None, a function, and a device -> a function that repeats what it has
        launched there.
    """

    def __init__(self, step: Callable[[dict], dict], record: Callable | None = None):
        self._step, self._record = step, record or record_graph
        self._kind, self._repeat = None, None

    def __call__(self, state: Mapping) -> dict:
        kind = _kind(state)
        if kind != self._kind:
            new = self._step(state)
            # Only a step that leads to a state that is alike can be repeated.
            self._kind = kind if _kind(new) == kind else None
            self._repeat = None
            return new
        if self._repeat is None:
            self._begin(state)
        if state is not self._last:
            for name, tensor in self._inside.items():
                tensor.copy_(state[name])
        self._repeat()
        memory = self._memory.clone()
        plain = {k: v for k, v in state.items() if not isinstance(v, Tensor)}
        self._last = plain | _views(memory, self._inside)
        return self._last

    def _begin(self, state) -> None:
        """Record the step, from tensors in one piece of memory to these tensors."""
        tensors = {k: v for k, v in state.items() if isinstance(v, Tensor)}
        device = next(iter(tensors.values())).device
        self._memory = torch.empty(_size(tensors), dtype=torch.uint8, device=device)
        self._inside, self._last = _views(self._memory, tensors), None
        plain = {k: v for k, v in state.items() if not isinstance(v, Tensor)}

        def step():
            new = self._step(plain | self._inside)
            # One tensor may become another: no result is written before all are read.
            new = {name: new[name] for name in tensors}
            moved = {
                name: A.clone() if any(A is B for B in self._inside.values()) else A
                for name, A in new.items()
                if A is not self._inside[name]
            }
            for name, A in moved.items():
                self._inside[name].copy_(A)

        self._repeat = self._record(step, device)


def _kind(state: Mapping) -> dict:
    """Shape and dtype of tensors, and the other values: equal if states are alike."""
    return {
        name: (value.shape, value.dtype) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def _places(tensors: Mapping[str, Tensor]):
    """Name, tensor, and its first and its last byte in memory that holds all."""
    begin = 0
    for name, A in tensors.items():
        end = begin + A.numel() * A.element_size()
        yield name, A, begin, end
        begin = -(-end // _ALIGNMENT) * _ALIGNMENT


def _size(tensors) -> int:
    return max((end for *_, end in _places(tensors)), default=0)


def _views(memory: Tensor, tensors) -> dict[str, Tensor]:
    """Tensors of these shapes and dtypes in this memory."""
    return {
        name: memory[begin:end].view(A.dtype).view(A.shape)
        for name, A, begin, end in _places(tensors)
    }


@cache
def _side_stream(device: torch.device) -> "torch.cuda.Stream":
    """A stream to record on: each new one would keep memory for matrix products."""
    return torch.cuda.Stream(device)


def record_graph(function: Callable[[], None], device) -> Callable[[], None]:
    """Record what a function launches on a CUDA device."""
    with _RECORDING, torch.cuda.device(device):
        graph, stream = torch.cuda.CUDAGraph(), _side_stream(device)
        # Memory of graphs that are gone, which cannot be reclaimed while recording.
        torch.cuda.empty_cache()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                function()
            finally:
                graph.capture_end()
        torch.cuda.current_stream().wait_stream(stream)
    return graph.replay
