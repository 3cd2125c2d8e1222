"""Protection from the torch modes (no_grad, autocast) of the caller."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

import torch

from .memory import out_of_memory

F = TypeVar("F", bound=Callable[..., Any])
_AUTOCAST = "cpu", "cuda", "mps", "xpu"


def plain_torch(function: F) -> F:
    """Decorate a public function so that it ignores the torch modes of the caller.

    `no_grad` and `inference_mode` would prevent training, and `autocast` would compute
    in bfloat16 instead of float32. The default dtype and device need no protection,
    because no tensor of this package is created with them.

    An error of torch about a device's memory says what needs how much.
    """

    @wraps(function)
    def run(*args, **kwargs):
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for device in filter(torch.is_autocast_enabled, _AUTOCAST):
                stack.enter_context(torch.autocast(device, enabled=False))
            try:
                return function(*args, **kwargs)
            except torch.OutOfMemoryError as error:
                if isinstance(error.__cause__, torch.OutOfMemoryError):
                    raise  # explained by a function that this one has called
                given = signature(function).bind(*args, **kwargs).arguments
                name, owner = function.__name__, given.get("self")
                if owner is not None:
                    name = f"{type(owner).__name__}.{name}"
                raise out_of_memory(error, name, owner, given.get("X")) from error

    return run
