"""Protection from the torch modes (no_grad, autocast) of the caller."""

from contextlib import ExitStack
from functools import wraps

import torch

_AUTOCAST = "cpu", "cuda", "mps", "xpu"


def plain_torch(function):
    """Decorate a public function so that it ignores the torch modes of the caller.

    `no_grad` and `inference_mode` would prevent training, and `autocast` would compute
    in bfloat16 instead of float32. The default dtype and device need no protection,
    because no tensor of this package is created with them.
    """

    @wraps(function)
    def run(*args, **kwargs):
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for device in filter(torch.is_autocast_enabled, _AUTOCAST):
                stack.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    return run
