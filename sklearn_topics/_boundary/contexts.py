"""The modes of torch that a user may call us in, and which are not meant for us."""

from contextlib import ExitStack
from functools import wraps

import torch

_AUTOCAST = "cpu", "cuda", "mps", "xpu"


def plain_torch(function):
    """Decorate a public function that computes: the caller's modes do not reach it.

    Without gradients (`no_grad`, `inference_mode`) nothing could be trained, and
    `autocast` would compute in bfloat16 what was asked for in float32. Nothing is to be
    done about the default dtype and device: no tensor of ours is made by them.
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
