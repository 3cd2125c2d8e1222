"""Each package in a process of its own, so that neither meets the other's threads."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor


class Processes:
    """Calls of functions of a module, one at a time, each in the process named."""

    def __init__(self, names):
        spawn = multiprocessing.get_context("spawn")
        self._pools = {name: ProcessPoolExecutor(1, mp_context=spawn) for name in names}

    def __call__(self, name, function, *args, **kwargs):
        return self._pools[name].submit(function, *args, **kwargs).result()

    def close(self):
        """End the processes at once, which workers of joblib would not let end."""
        for pool in self._pools.values():
            pool.submit(os._exit, 0)
