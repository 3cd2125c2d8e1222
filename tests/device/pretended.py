"""A pretended device, to find device mistakes and to count launches without a GPU.

Its tensors lie on the host and say that they are on the device "meta". An operation
raises where a tensor of the host and one of the device meet, as it would on CUDA. Every
operation on the device counts as one launch, views included. Whatever makes Python wait
for the device counts as one read of the host: a number, a copy to the host, and a copy
to the device without ``non_blocking``, which CUDA ends with a wait for the copy.
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass, field

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import sklearn_topics
from sklearn_topics._boundary import transfer
from sklearn_topics._core import etm_init
from sklearn_topics._kernels import transfer as uploads

DEVICE = torch.device("meta")
_PACKAGE = os.path.dirname(sklearn_topics.__file__) + os.sep

#: These take a tensor of each device, on CUDA too.
_COPIES = {"aten::_to_copy", "aten::copy_"}
_INDEXING = {"aten::index", "aten::index_put", "aten::index_put_"}

#: The size of what they return depends on values: the host waits for it.
_SIZED_BY_VALUES = {
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::unique_consecutive",
    "aten::bincount",
}


@dataclass
class Traffic:
    """What went to the device and came back, by the line of the package that asked.

    `launches` and `reads` count operations; `uploaded` and `downloaded` count numbers,
    and `largest` is the most that one operation has copied either way.
    """

    launches: Counter = field(default_factory=Counter)
    reads: Counter = field(default_factory=Counter)
    uploaded: Counter = field(default_factory=Counter)
    downloaded: Counter = field(default_factory=Counter)
    largest: int = 0

    def count(self, counter: Counter, name: str, number: int = 1) -> None:
        frame = sys._getframe()
        while frame and not frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        file = frame.f_code.co_filename.removeprefix(_PACKAGE) if frame else "?"
        counter[f"{file}:{frame.f_lineno if frame else 0} {name}"] += number
        if counter is self.uploaded or counter is self.downloaded:
            self.largest = max(self.largest, number)


class PretendedTensor(torch.Tensor):
    """A tensor of the host that says it is on the device."""

    @staticmethod
    def __new__(cls, held, traffic):
        kind = {"dtype": held.dtype, "device": DEVICE}
        if held.layout == torch.strided:
            kind |= {"strides": held.stride(), "storage_offset": held.storage_offset()}
        self = torch.Tensor._make_wrapper_subclass(cls, held.shape, **kind)
        self.held, self.traffic = held, traffic
        return self

    # A module leaves the parameters of the true "meta" device without values.
    is_meta = property(lambda self: False)
    layout = property(lambda self: self.held.layout)

    def tolist(self):
        self.traffic.count(self.traffic.reads, "tolist")
        self.traffic.count(self.traffic.downloaded, "tolist", self.numel())
        return self.held.tolist()

    def numpy(self, *args, **kwargs):
        raise TypeError("A tensor of the device is no array of the host.")

    def __repr__(self):
        return f"PretendedTensor({self.held})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        leaves = _leaves(args, kwargs or {})
        traffic = next(a.traffic for a in leaves if isinstance(a, cls))
        return _run(traffic, function, args, kwargs or {})


class _Uploads(TorchFunctionMode):
    """`torch.tensor` by way of the host: on "meta" it would lose the values unseen.

    Page-locked memory is any memory. torch looks for itself at what `coalesce` gets.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.Tensor.pin_memory:
            return args[0]
        if function is torch.Tensor.coalesce and isinstance(args[0], PretendedTensor):
            return PretendedTensor(args[0].held.coalesce(), args[0].traffic)
        if function is torch.Tensor.new_tensor:
            like, *args = args
            kwargs = {"dtype": like.dtype, "device": like.device, **kwargs}
            function = torch.tensor
        if function is torch.tensor and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return torch.tensor(*args, **kwargs, device="cpu").to(device)
        return function(*args, **kwargs)


class _Generator(torch.Generator):
    """A generator of the host that says it is on the device it is asked for."""

    def __new__(cls, device="cpu"):
        self = super().__new__(cls)
        self.place = torch.device(device)
        return self

    device = property(lambda self: self.place)


def pretend(monkeypatch) -> None:
    """Let models use the device, with the abilities of CUDA."""
    monkeypatch.setattr(transfer, "available_devices", lambda: ["cpu", DEVICE.type])
    monkeypatch.setattr(uploads, "ASYNCHRONOUS", {"cuda", DEVICE.type})
    monkeypatch.setattr(torch, "Generator", _Generator)
    # ETM begins with them; coordinate descent comes after 15 of EM.
    monkeypatch.setattr(etm_init, "_NMF_ITERATIONS", 18)


class PretendedDevice(TorchDispatchMode):
    """Within it tensors may be on the device; `traffic` is what was counted."""

    def __init__(self):
        super().__init__()
        self.traffic, self._uploads = Traffic(), _Uploads()

    def __enter__(self):
        self._uploads.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._uploads.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _run(self.traffic, function, args, kwargs or {})


def _run(traffic, function, args, kwargs):
    """The operation on what the tensors hold; the result is where it would be."""
    name = function._schema.name
    leaves = _leaves(args, kwargs)
    ours = [a for a in leaves if isinstance(a, PretendedTensor)]
    _refuse_mixing(name, ours, leaves)
    target = kwargs.get("device")
    target = None if target is None else torch.device(target)
    on_device = bool(ours) if target is None else target == DEVICE
    if target == DEVICE:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if ours and (name == "aten::_local_scalar_dense" or not on_device):
        traffic.count(traffic.reads, name)
        traffic.count(traffic.downloaded, name, ours[0].numel())
    elif on_device:
        traffic.count(traffic.launches, name)
        uploaded = _numbers_uploaded(name, leaves)
        if uploaded:
            traffic.count(traffic.uploaded, name, uploaded)
        blocks = uploaded > 0 and not _is_asynchronous(args, kwargs)
        if blocks or _waits(name, args, kwargs):
            traffic.count(traffic.reads, name)
    args = [_map(_held, value) for value in args]
    kwargs = {key: _map(_held, value) for key, value in kwargs.items()}
    if name == "aten::_to_copy":  # of a sparse tensor: torch knows the wrapper's layout
        kwargs = {k: v for k, v in kwargs.items() if k != "layout"}
    out = function(*args, **kwargs)
    if not on_device:
        return out
    known = {id(a.held): a for a in ours}  # of an operation in place, its argument

    def wrap(value):
        if id(value) in known or not isinstance(value, torch.Tensor):
            return known.get(id(value), value)
        return PretendedTensor(value, traffic)

    return _map(wrap, out)


def _leaves(args, kwargs) -> list:
    """Arguments of an operation, of which none is nested deeper than a list.

    torch's own function is for any tree, and takes longer than the operations here.
    """
    leaves = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, list | tuple):
            leaves.extend(value)
        else:
            leaves.append(value)
    return leaves


def _map(function, value):
    if isinstance(value, list | tuple):
        return type(value)(map(function, value))
    return function(value)


def _held(value):
    return value.held if isinstance(value, PretendedTensor) else value


def _refuse_mixing(name, ours, leaves) -> None:
    if not ours or name in _COPIES | _INDEXING:
        return
    tensors = [a for a in leaves if isinstance(a, torch.Tensor)]
    theirs = [a for a in tensors if not isinstance(a, PretendedTensor)]
    if any(a.ndim > 0 for a in theirs):  # a number of the host may go along
        raise RuntimeError(f"{name}: tensors of the device and of the host meet.")


def _numbers_uploaded(name, leaves) -> int:
    """Numbers of the host that an operation on the device copies there."""
    if name not in _COPIES | _INDEXING:
        return 0  # a number that goes along is an argument of the launch
    host = (a for a in leaves if isinstance(a, torch.Tensor))
    return sum(a.numel() for a in host if not isinstance(a, PretendedTensor))


def _is_asynchronous(args, kwargs) -> bool:
    return kwargs.get("non_blocking", len(args) > 2 and args[2] is True)


def _waits(name, args, kwargs) -> bool:
    if name in _INDEXING:
        indices = [i for i in args[1] if i is not None]
        return any(i.dtype in (torch.bool, torch.uint8) for i in indices)
    if name == "aten::repeat_interleave":
        return kwargs.get("output_size") is None
    return name in _SIZED_BY_VALUES
